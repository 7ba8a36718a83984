//go:build linux

package loop

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// addTo adds nc to h, and returns a channel that gets a token for each call.
func addTo(t *testing.T, h *Hangups, nc *net.TCPConn) (Hangup, chan bool) {
	t.Helper()
	called := make(chan bool, 10)
	raw, err := nc.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var u Hangup
	var failed error
	err = raw.Control(func(fd uintptr) { u, failed = h.Add(fd, func() { called <- true }) })
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return u, called
}

// wantCall waits for a call.
func wantCall(t *testing.T, called chan bool) {
	t.Helper()
	select {
	case <-called:
	case <-time.After(time.Minute):
		t.Fatal("nobody was told of the end")
	}
}

// TestHangups tells once of each end, whether bytes lie before it or not, and of nothing else. What
// comes after Remove, or after the descriptor was closed, is told to nobody.
func TestHangups(t *testing.T) {
	var h Hangups
	ends := map[string]func(far *net.TCPConn){
		"FIN": func(far *net.TCPConn) { _ = far.CloseWrite() },
		"RST": func(far *net.TCPConn) { _, _ = far.SetLinger(0), far.Close() },
	}
	for name, end := range ends {
		for _, when := range []string{"before", "after"} {
			t.Run(name+" "+when, func(t *testing.T) {
				near, far := wstest.TCP(t)
				_, _ = io.WriteString(far, "bytes")
				if when == "before" {
					end(far)
				}
				u, called := addTo(t, &h, near)
				defer h.Remove(u)
				if when == "after" {
					_, _ = io.WriteString(far, "more bytes")
					if n, err := near.Read(make([]byte, 5)); n != 5 || err != nil {
						t.Errorf("Read = %d, %v", n, err)
					}
					if len(called) > 0 {
						t.Error("called for bytes")
					}
					end(far)
				}
				wantCall(t, called)
				_ = far.Close()
				last, far := wstest.TCP(t) // an event behind all others
				v, calledLast := addTo(t, &h, last)
				_ = far.Close()
				wantCall(t, calledLast)
				h.Remove(v)
				if len(called) > 0 {
					t.Error("called twice for one end")
				}
			})
		}
	}
	near, far := wstest.TCP(t)
	u, called := addTo(t, &h, near)
	h.Remove(u) // the last one: the goroutine ends, as TestMain checks
	_ = far.Close()
	gone, _ := wstest.TCP(t)
	v, calledGone := addTo(t, &h, gone)
	_ = gone.Close()
	near, far = wstest.TCP(t) // as a rule with the descriptor of gone
	w, calledLast := addTo(t, &h, near)
	_ = far.Close()
	wantCall(t, calledLast)
	h.Remove(v)
	h.Remove(w)
	h.Remove(w)
	if len(called) > 0 || len(calledGone) > 0 {
		t.Errorf("%d calls after Remove, %d after Close, want none", len(called), len(calledGone))
	}
	if h.poll != nil || h.tell != nil {
		t.Error("something is left without sockets")
	}
}
