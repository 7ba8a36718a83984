package transport

import (
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"time"
)

// stream is a transport whose blocked reads can be interrupted. A deadline in the past interrupts
// them. The zero deadline allows reads again.
type stream interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}

// LongAgo is the deadline that interrupts what is blocked.
var LongAgo = time.Unix(1, 0)

// Link is a stream over which a [Transport] can be made: its reads can be interrupted.
type Link struct {
	stream stream
	raw    syscall.RawConn // the stream's descriptor if it is a socket, else nil
}

// Fit makes a Link of any stream. To find out whether the deadlines of an unknown type work, it
// reads once, for 50 ms at most. If they do not work, the Link reads ahead through a goroutine,
// which lives until the stream is closed.
func Fit(rwc io.ReadWriteCloser) Link {
	rwc = unwire(rwc)
	s, ok := rwc.(stream)
	switch {
	case !ok:
		return Link{stream: newPump(rwc)}
	case HasDeadlines(rwc):
		return Link{s, rawConn(rwc)}
	}
	return Link{stream: probeDeadlines(s)}
}

// FitNet makes a Link of a net.Conn whose deadlines work.
func FitNet(nc net.Conn) Link {
	if w, ok := nc.(*Wire); ok {
		nc = w.Conn // nothing uses the Wire but TLS
	}
	return Link{nc, rawConn(nc)}
}

// Socket reports whether l is a socket of package net that is used as a descriptor. On such a
// socket Read holds no buffer while it waits, TryWrite works, and the end of a context interrupts a
// Write.
func (l *Link) Socket() bool { return l.raw != nil }

// Unwrap returns the stream that Fit was given. In a loop a socket is the loop's.
func (l *Link) Unwrap() io.ReadWriteCloser {
	switch s := l.stream.(type) {
	case *pump:
		return s.ReadWriteCloser
	case *secure:
		return s.tls
	}
	return l.stream
}

// HasDeadlines reports whether deadlines are known to end the reads of rwc. A type of this module
// says so by its method WorkingDeadlines. If it passes the deadlines on, its method DeadlinesOf
// says to what.
func HasDeadlines(rwc io.ReadWriteCloser) bool {
	switch t := rwc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	case *tls.Conn:
		return HasDeadlines(t.NetConn())
	case interface{ DeadlinesOf() net.Conn }:
		return HasDeadlines(t.DeadlinesOf())
	case interface{ WorkingDeadlines() bool }:
		return t.WorkingDeadlines()
	}
	return false
}

// LocalAddr returns the local address. It is nil if there is none.
func (l *Link) LocalAddr() net.Addr {
	if a, ok := l.stream.(interface{ LocalAddr() net.Addr }); ok {
		return a.LocalAddr()
	}
	return nil
}

// RemoteAddr returns the remote address. It is nil if there is none.
func (l *Link) RemoteAddr() net.Addr {
	if a, ok := l.stream.(interface{ RemoteAddr() net.Addr }); ok {
		return a.RemoteAddr()
	}
	return nil
}
