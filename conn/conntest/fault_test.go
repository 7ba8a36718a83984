package conntest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/internal/wstest"
)

// faulty returns the two ends of a pipe, the first with faults.
func faulty(t *testing.T, f conntest.Faults) (*conntest.FaultyConn, *wstest.PipeConn) {
	a, b := wstest.Pipe(1 << 10)
	c := conntest.Faulty(a, f)
	t.Cleanup(func() { c.Close(); b.Close() })
	return c, b
}

// TestFaultyPieces checks that what is written arrives whole, late and in pieces, and that the same
// seed makes the same pieces.
func TestFaultyPieces(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 30)
	pieces := func(seed uint64) (sizes []int) {
		synctest.Test(t, func(t *testing.T) {
			c, b := faulty(t, conntest.Faults{Seed: seed, Piece: 7, Delay: time.Second})
			start := time.Now()
			if n, err := c.Write(want); n != len(want) || err != nil {
				t.Fatal(n, err)
			}
			if b.Buffered() != len(want) || time.Since(start) < 10*time.Second {
				t.Fatal(b.Buffered(), time.Since(start))
			}
			go io.Copy(b, b)
			var got []byte
			for p := make([]byte, 100); len(got) < len(want); {
				n, err := c.Read(p)
				if err != nil || n > 7 {
					t.Fatal(n, err)
				}
				got, sizes = append(got, p[:n]...), append(sizes, n)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("got %q, want what was written", got)
			}
			c.Close()
		})
		return sizes
	}
	a, again, other := pieces(1), pieces(1), pieces(2)
	if string(toBytes(a)) != string(toBytes(again)) || string(toBytes(a)) == string(toBytes(other)) {
		t.Fatalf("seed 1: %v and %v, want the same; seed 2: %v, want other pieces", a, again, other)
	}
}

func toBytes(a []int) (b []byte) {
	for _, n := range a {
		b = append(b, byte(n))
	}
	return b
}

// TestFaultyBreaks checks that each direction ends at its byte, in its way.
func TestFaultyBreaks(t *testing.T) {
	mine := errors.New("mine")
	for _, tt := range []struct {
		name      string
		end       conntest.Break
		here      error
		otherEnds error // what the other end's Read then says
	}{
		{"error", conntest.Break{How: conntest.BreakError, After: 5}, conntest.ErrBroken, os.ErrDeadlineExceeded},
		{"own error", conntest.Break{How: conntest.BreakError, After: 5, Err: mine}, mine, os.ErrDeadlineExceeded},
		{"reset", conntest.Break{How: conntest.BreakReset, After: 5}, syscall.ECONNRESET, syscall.ECONNRESET},
		{"stall", conntest.Break{How: conntest.BreakStall, After: 5}, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := faulty(t, conntest.Faults{Write: tt.end})
				c.SetDeadline(time.Now().Add(time.Minute))
				b.SetReadDeadline(time.Now().Add(time.Hour))
				if n, err := c.Write([]byte("12345678")); n != 5 || !errors.Is(err, tt.here) {
					t.Errorf("Write: %d, %v, want 5, %v", n, err, tt.here)
				}
				if n, err := c.Write([]byte("9")); n != 0 || !errors.Is(err, tt.here) {
					t.Errorf("another Write: %d, %v, want 0, %v", n, err, tt.here)
				}
				got, err := io.ReadAll(b)
				if !errors.Is(err, tt.otherEnds) || tt.name != "reset" && string(got) != "12345" {
					t.Errorf("the other end: %q, %v, want %q, %v", got, err, "12345", tt.otherEnds)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				c, b := faulty(t, conntest.Faults{Read: tt.end})
				c.SetReadDeadline(time.Now().Add(time.Minute))
				b.Write([]byte("12345678"))
				if got, err := io.ReadAll(c); string(got) != "12345" || !errors.Is(err, tt.here) {
					t.Errorf("Read: %q, %v, want %q, %v", got, err, "12345", tt.here)
				}
			})
		})
	}
}

// TestFaultyReset checks that the other end notices a reset over TCP.
func TestFaultyReset(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := conntest.Faulty(a, conntest.Faults{Write: conntest.Break{How: conntest.BreakReset}})
	if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// TestFaultyInterrupted checks that Close, or a deadline that is set meanwhile, ends a stall, and
// that a deadline that was lifted does nothing.
func TestFaultyInterrupted(t *testing.T) {
	stall := conntest.Break{How: conntest.BreakStall}
	synctest.Test(t, func(t *testing.T) {
		c, _ := faulty(t, conntest.Faults{Read: stall, Write: stall})
		c.SetDeadline(time.Unix(1, 0))
		c.SetWriteDeadline(time.Time{})
		c.SetReadDeadline(time.Time{})
		ended := make(chan error, 2)
		go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
		go func() { _, err := c.Write([]byte("x")); ended <- err }()
		synctest.Wait()
		if len(ended) > 0 {
			t.Fatal(<-ended)
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		c.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestFaultyCloseWrite checks that CloseWrite does what the connection below does.
func TestFaultyCloseWrite(t *testing.T) {
	c, b := faulty(t, conntest.Faults{})
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	p, q := net.Pipe()
	defer q.Close()
	plain := conntest.Faulty(p, conntest.Faults{Write: conntest.Break{How: conntest.BreakReset}})
	if err := plain.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := plain.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// TestBreakageNames: each value has a name of its own, and so does what is no value.
func TestBreakageNames(t *testing.T) {
	for v, want := range map[conntest.Breakage]string{
		conntest.NoBreak:    "none",
		conntest.BreakError: "error",
		conntest.BreakReset: "reset",
		conntest.BreakStall: "stall",
		4:                   "unknown",
	} {
		if got := v.String(); got != want {
			t.Errorf("Breakage %d is named %q, want %q", uint8(v), got, want)
		}
	}
}
