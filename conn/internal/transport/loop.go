package transport

import (
	"net"

	"github.com/rfc6455/ws/conn/internal/loop"
)

// InLoop moves a socket of l into lp, or the socket under TLS if its listener or dialer has used
// [NewWire]. Then the stream that l was made of is closed or must not be used. If l is something
// else, or its system has no poller, or too many files are open, InLoop returns l.
func (l Link) InLoop(lp *loop.Loop) Link {
	switch nc := l.stream.(type) {
	case *net.TCPConn:
		return l.moved(lp, nc)
	case *net.UnixConn:
		if l.raw != nil {
			return l.moved(lp, nc)
		}
	}
	if s := secureInLoop(l.stream, lp); s != nil {
		return Link{stream: s}
	}
	return l
}

// moved is InLoop for a socket.
func (l Link) moved(lp *loop.Loop, nc loop.Conn) Link {
	s, err := lp.Take(nc, GiveWay)
	if err != nil {
		return l
	}
	raw, _ := s.SyscallConn()
	return Link{s, raw}
}

// LoopSocket returns the socket in a loop that l or the TLS of l uses. It is nil if l is in no
// loop.
func (l *Link) LoopSocket() *loop.Socket {
	switch s := l.stream.(type) {
	case *loop.Socket:
		return s
	case *secure:
		return s.socket
	}
	return nil
}

// BeginReads begins the reads of one call of a loop. hup is that of [loop.Reader].
func (l *Link) BeginReads(hup bool) {
	if s, ok := l.stream.(*secure); ok {
		s.dry, s.hup = false, hup
	}
}

// ReadNow is [ReadFD] for the connections of a loop, which may use TLS.
func (l *Link) ReadNow(fd uintptr, p []byte) (n int, err error) {
	if s, ok := l.stream.(*secure); ok {
		return s.readNow(fd, p)
	}
	return ReadFD(fd, p)
}

// Empties reports whether a read that gets less than it has asked for has emptied the socket. It
// has not under TLS, which returns a record at a time.
func (l *Link) Empties() bool { return l.raw != nil }

// WriteNow is [WriteFD] for the connections of a loop, which may use TLS.
func (l *Link) WriteNow(fd uintptr, p []byte) (n int, err error) {
	if s, ok := l.stream.(*secure); ok {
		return s.writeNow(p)
	}
	return WriteFD(fd, p)
}

// WhenWritable makes the loop call w when more may be written. If l is closed, it calls w.Closed.
// It returns false if l is in no loop.
func (l *Link) WhenWritable(w loop.Writer) bool {
	switch s := l.stream.(type) {
	case *loop.Socket:
		if !s.WhenWritable(w) {
			w.Closed()
		}
	case *secure:
		s.whenWritable(w)
	default:
		return false
	}
	return true
}
