package transport

import (
	"net"

	"github.com/rfc6455/ws/conn/internal/loop"
)

// hangups has the sockets whose readers want to be told of the end.
var hangups loop.Hangups

// WhenHungUp calls f once, when the peer has ended its direction or has sent urgent data, or the
// connection is broken. f must not block. So a reader inside [Transport.Loop] that gets less than
// it has asked for may wait at once: what comes later wakes it, and f tells of the end. From then
// on it has to read until there is nothing. It has to call stop before the transport
// is closed. If stop is nil, l is not watched: a reader has to read until there is nothing.
func (l *Link) WhenHungUp(f func()) (stop func()) {
	if _, ok := l.stream.(*net.TCPConn); !ok {
		return nil
	}
	var u loop.Hangup
	var failed error
	err := l.raw.Control(func(fd uintptr) { u, failed = hangups.Add(fd, f) })
	if err != nil || failed != nil {
		return nil
	}
	return func() { hangups.Remove(u) }
}
