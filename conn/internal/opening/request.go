package opening

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/handshake"
)

// OverStream reports whether the request came on a stream of a shared connection, as in HTTP/2.
// Then there is nothing to hijack.
func OverStream(r *http.Request) bool { return r.ProtoMajor >= 2 }

// Hijack takes the connection over from net/http. early holds what the client sent behind its
// request. Hijack frees the two buffers of 4 KiB each. net/http holds the Reader and the Writer
// until the handler returns, but has no use for their buffers.
func Hijack(w http.ResponseWriter) (nc net.Conn, early []byte, err error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrHijacked) {
		return nil, nil, fmt.Errorf("websocket: the connection was taken over before: upgrade a request once: %w", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("websocket: the connection can't be taken over from net/http "+
			"(is there a middleware's ResponseWriter without Unwrap, or an http.TimeoutHandler?): %w", err)
	}
	early, _ = rw.Reader.Peek(rw.Reader.Buffered())
	*rw.Reader = bufio.Reader{}
	if rw.Writer != nil {
		*rw.Writer = bufio.Writer{}
	}
	return nc, early, nil
}

// ReadRequest reads a request. early holds its first bytes, and the others come from nc. buf holds
// the request in its first n bytes, and then the bytes that came after it. buf is of package pool,
// and the caller has to put it back, after an error too. If the bytes are no request, ReadRequest
// calls Refuse.
func ReadRequest(nc net.Conn, early []byte, timeout time.Duration) (req *handshake.Request, buf []byte, n int, err error) {
	buf = append(pool.Get(max(len(early), readSize)), early...)
	var parser handshake.Parser
	req, n, err = parser.Request(buf)
	for n == 0 && err == nil {
		buf = pool.Grow(buf, 1)
		m, readErr := nc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if m > 0 {
			req, n, err = parser.Request(buf)
		} else if readErr != nil {
			return nil, buf, 0, fmt.Errorf("websocket: handshake: the request did not arrive whole: %w", readErr)
		}
	}
	if err != nil {
		Refuse(nc, err, timeout)
		return nil, buf, 0, err
	}
	req.RemoteAddr = AddressText(nc.RemoteAddr())
	if t, ok := nc.(*tls.Conn); ok {
		state := t.ConnectionState()
		req.TLS = &state
	}
	return req, buf, n, nil
}

// AddressText returns a.String(), for TCP in one allocation. It returns "" if a is nil.
func AddressText(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		if ap := t.AddrPort(); ap.IsValid() {
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()
		}
	}
	if a == nil {
		return ""
	}
	return a.String()
}

// Write writes p within the timeout. A timeout of 0 means no bound.
func Write(nc net.Conn, p []byte, timeout time.Duration) error {
	if timeout > 0 {
		_ = nc.SetWriteDeadline(time.Now().Add(timeout))
	}
	_, err := nc.Write(p)
	_ = nc.SetWriteDeadline(time.Time{})
	return err
}
