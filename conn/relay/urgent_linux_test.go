package relay

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// sendUrgent sends one byte of urgent data (RFC 9293 section 3.8.5), which is no part of the stream
// that a WebSocket reads.
func sendUrgent(t *testing.T, nc net.Conn) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.Sendto(int(fd), []byte("!"), syscall.MSG_OOB, nil)
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// TestUrgent: a read stops before urgent data, and so does splice(2), which never goes on by
// itself. The bytes behind it arrive nevertheless, and the end behind them. So a peer can't keep a
// session that nobody ends.
func TestUrgent(t *testing.T) {
	for name, size := range map[string]int{"short": 100, "spliced": 4 * spliceMin} {
		m := appendFrame(nil, frame.Binary, false, true, bytes.Repeat([]byte("ab"), size/2))
		half := len(m) / 2
		send := func(e *socketEnds) {
			_, _ = e.backend.Write(m[:half])
			sendUrgent(t, e.backend)
			_, _ = e.backend.Write(m[half:])
		}
		want := func(t *testing.T, e *socketEnds) {
			t.Helper()
			got := make([]byte, len(m))
			if n, err := io.ReadFull(e.client, got); err != nil || !bytes.Equal(got, m) {
				t.Fatalf("%d of %d bytes have arrived, %v", n, len(m), err)
			}
		}
		t.Run(name+"/before", func(t *testing.T) {
			e := socketSession(t, patient(), tcpPair, send)
			want(t, e)
			send(e)
			want(t, e)
		})
		t.Run(name+"/later", func(t *testing.T) {
			e := socketSession(t, patient(), tcpPair, nil)
			for range 100 {
				send(e)
				want(t, e)
			}
		})
		t.Run(name+"/FIN", func(t *testing.T) {
			e := socketSession(t, patient(), tcpPair, func(e *socketEnds) {
				send(e)
				_ = e.backend.(*net.TCPConn).CloseWrite()
			})
			want(t, e)
			if n, err := e.client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client reads %d, %v, want the end", n, err)
			}
		})
	}
}
