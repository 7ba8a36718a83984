package interop

import (
	"bytes"
	"context"
	"net"
	"sync"

	"github.com/rfc6455/ws/frame"
)

// wiretap counts the fragments that come from a peer. It listens to one
// connection from its handshake on.
type wiretap struct {
	mu    sync.Mutex
	head  bool   // the handshake is over
	skip  int64  // bytes of the current frame's payload
	held  []byte // bytes of the handshake, or of an incomplete header
	count int    // data frames without FIN
}

// fragments returns how many frames came so far that did not end their message.
func (w *wiretap) fragments() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func (w *wiretap) listen(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.head {
		w.held = append(w.held, p...)
		_, after, found := bytes.Cut(w.held, []byte("\r\n\r\n"))
		if !found {
			return
		}
		w.head, w.held, p = true, nil, after
	}
	for len(p) > 0 {
		if n := min(w.skip, int64(len(p))); n > 0 {
			w.skip -= n
			p = p[n:]
			continue
		}
		w.held = append(w.held, p...)
		h, n, err := frame.Parse(w.held)
		if err != nil || n == 0 {
			return
		}
		if !h.Fin {
			w.count++
		}
		p, w.held, w.skip = bytes.Clone(w.held[n:]), nil, h.Length
	}
}

type tappedListener struct {
	net.Listener
	raw *wiretap
}

func (l tappedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return tapped{nc, l.raw}, err
}

// dial is for Dialer.NetDial.
func (w *wiretap) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	return tapped{nc, w}, err
}

type tapped struct {
	net.Conn
	raw *wiretap
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.raw.listen(p[:n])
	return n, err
}
