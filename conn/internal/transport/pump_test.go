package transport

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

var errBroken = errors.New("broken")

// piecewise is a stream whose Reads return these pieces. An empty piece is a Read of no bytes. The
// error comes with the last piece.
type piecewise struct {
	pieces []string
	err    error
	closed chan struct{}
}

func (p *piecewise) Read(b []byte) (int, error) {
	if len(p.pieces) == 0 {
		<-p.closed
		return 0, io.ErrClosedPipe
	}
	n := copy(b, p.pieces[0])
	if p.pieces = p.pieces[1:]; len(p.pieces) == 0 {
		return n, p.err
	}
	return n, nil
}

func (p *piecewise) Write(b []byte) (int, error) { return len(b), nil }
func (p *piecewise) Close() error                { close(p.closed); return nil }

// TestPump: a pump reads what the stream gives, whatever the pieces on either side, and the last
// bytes before the error.
func TestPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPump(&piecewise{pieces: []string{"ab", "", "", "cde", "f"}, err: errBroken, closed: make(chan struct{})})
		var got []byte
		var err error
		b := make([]byte, 2)
		for err == nil {
			var n int
			n, err = p.Read(b)
			if got = append(got, b[:n]...); n == 0 && err == nil {
				t.Fatal("a Read of nothing")
			}
		}
		if err != errBroken || string(got) != "abcdef" {
			t.Fatalf("%q, %v", got, err)
		}
		if _, err := p.Read(b); err != errBroken {
			t.Errorf("the error did not stay: %v", err)
		}
		_ = p.SetReadDeadline(LongAgo)
		_ = p.SetReadDeadline(LongAgo) // again changes nothing
		_ = p.Close()
	})
}

// TestPumpEnds: Close ends the pump, wherever it is, and a Read that waits.
func TestPumpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine stays
		holding := newPump(&piecewise{pieces: []string{"ab", "cd"}, closed: make(chan struct{})})
		if _, err := holding.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = holding.Close()

		reading := newPump(&piecewise{closed: make(chan struct{})})
		time.AfterFunc(time.Second, func() { _ = reading.Close() })
		if n, err := reading.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatal(n, err)
		}
	})
}

// TestSizeOfStream: how much of this package's types a connection over HTTP/2 holds while it waits.
func TestSizeOfStream(t *testing.T) {
	if size := unsafe.Sizeof(pump{}) + unsafe.Sizeof(ServerStream{}); size > 1024 {
		t.Errorf("a stream is %d bytes, want at most 1024", size)
	}
}
