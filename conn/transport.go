package conn

import (
	"io"
	"net"
	"syscall"
	"time"
)

// stream is a transport whose blocked reads can be interrupted: by a deadline
// in the past, and again allowed by the zero deadline.
type stream interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}

// plainStream is what a connection needs whose transport is no socket.
type plainStream struct {
	first [firstBytes]byte // what is read before a buffer is taken
	timer *writeTimer      // nil where there is no limit
}

// firstBytes is enough for a small message's frame header.
const firstBytes = 16

// aLongTimeAgo interrupts what is blocked.
var aLongTimeAgo = time.Unix(1, 0)

// newStream fits rwc to what Conn needs of a transport.
func newStream(rwc io.ReadWriteCloser) (stream, syscall.RawConn) {
	if s, ok := rwc.(stream); ok {
		return s, newRawConn(rwc)
	}
	return newPumpStream(rwc), nil
}

// closeWrite half-closes the transport and reports whether it can: the peer
// reads its end after everything that was written.
func closeWrite(s stream) bool {
	h, ok := s.(interface{ CloseWrite() error })
	return ok && h.CloseWrite() == nil
}

// closeHard closes the transport without waiting for the peer. crypto/tls
// would first try for five seconds to send an alert. A stream of HTTP/2 is
// reset.
func closeHard(s stream) {
	if a, ok := s.(interface{ Abort() }); ok {
		a.Abort()
	}
	if t, ok := s.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
	}
	_ = s.Close()
}
