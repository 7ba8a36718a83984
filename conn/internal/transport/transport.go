// Package transport is what the bytes of a connection travel over. On a socket of package net it
// waits for bytes without holding a buffer. It makes brief system calls on the descriptor, inside
// the functions of a [syscall.RawConn]. It reads any other stream by its Read. If a deadline can't
// interrupt that, a pump reads ahead. A stream of HTTP/2 is such a stream, and ends in its own way.
package transport

import (
	"context"
	"io"
	"net"
	"sync/atomic"

	"github.com/rfc6455/ws/conn/internal/pool"
)

// Transport is what the bytes of one connection travel over. One goroutine may read while another
// one writes. Any goroutine may close it. Init or InitPlain makes the zero Transport ready.
type Transport struct {
	Link
	side atomic.Pointer[side]
	read readDeadline
}

// Init makes t the transport over l, which is a socket.
func (t *Transport) Init(l Link) { t.Link = l }

// InitPlain makes t the transport over l, which is no socket. limiter bounds each write; nil: there
// is no limit.
func (t *Transport) InitPlain(l Link, limiter WriteLimiter) {
	t.Link = l
	t.side.Store(&side{limiter: limiter})
}

// Read waits for bytes until ctx ends or the read deadline passes, and reads once into p. If p is
// nil, it takes a buffer from the pool when there are bytes, reads into that, and sets in. The
// caller has to give the buffer back. Read may return no bytes and no error. If it returns no
// bytes, why is the reason of the read deadline.
func (t *Transport) Read(ctx context.Context, p []byte, in **pool.ReadBuffer) (n int, why Reason, err error) {
	if !t.Arm(ctx) {
		return 0, Context, nil
	}
	switch {
	case t.raw != nil:
		n, err = readRaw(t.raw, p, in)
	case p != nil:
		n, err = t.readStream(ctx, p)
	default:
		n, err = t.readFirst(ctx, in)
	}
	why = t.Why()
	t.Disarm(ctx)
	return n, why, err
}

// readFirst reads a few bytes of a stream into a buffer. It takes the buffer from the pool when the
// bytes are there.
func (t *Transport) readFirst(ctx context.Context, in **pool.ReadBuffer) (n int, err error) {
	first := t.side.Load().first[:]
	n, err = t.readStream(ctx, first)
	if n > 0 {
		*in = pool.GetRead()
		copy((*in).Room[:], first[:n])
	}
	return n, err
}

// readStream reads from a stream. A deadline interrupts the read only if ctx can end.
func (t *Transport) readStream(ctx context.Context, p []byte) (int, error) {
	if pump, ok := t.stream.(*pump); ok && pump.direct && ctx.Done() == nil {
		return pump.read(p, plainly)
	}
	return t.stream.Read(p)
}

// Loop is RawConn.Read of a socket: it calls f whenever there may be bytes, until f returns true. f
// may use fd for [ReadFD], [ReadToPass] and [WriteFD] alone.
func (t *Transport) Loop(f func(fd uintptr) bool) error { return t.raw.Read(f) }

// Close closes the transport in good order.
func (t *Transport) Close() { _ = t.stream.Close() }

// Abort closes the transport without waiting for the peer.
func (t *Transport) Abort() { CloseHard(t.stream) }

// Shut ends both directions of a socket without closing the descriptor. The goroutine inside Loop
// wakes up, and closes the descriptor after Loop.
func (t *Transport) Shut() {
	if h, ok := t.stream.(interface {
		CloseRead() error
		CloseWrite() error
	}); ok {
		_ = h.CloseRead()
		_ = h.CloseWrite()
	}
}

// CloseWrite half-closes the transport. The peer reads everything that was written, and then the
// end. It reports whether the transport can do that.
func (t *Transport) CloseWrite() bool {
	h, ok := t.stream.(interface{ CloseWrite() error })
	return ok && h.CloseWrite() == nil
}

// Conclude makes sure that the peer gets the last frame, which has been written, even if Abort
// follows. Only a stream of HTTP/3 needs that, where a reset overtakes what was written before. It
// does not wait.
func (t *Transport) Conclude() {
	if _, ok := t.stream.(interface{ ResetOvertakes() }); ok {
		t.CloseWrite()
	}
}

// EndsAlone reports whether this side may end the transport after its last frame without waiting
// for the peer. It may on a client's stream of HTTP/2 or HTTP/3, which ends in order. It
// should, since some servers wait for the client's END_STREAM as long as the client waits for
// theirs.
func (t *Transport) EndsAlone() bool {
	e, ok := t.stream.(interface{ EndsAlone() bool })
	return ok && e.EndsAlone()
}

// WhenIdle calls f when no write uses the closed transport any more. As a rule that is at once.
func (t *Transport) WhenIdle(f func()) {
	if b, ok := t.stream.(interface{ WhenIdle(f func()) }); ok {
		b.WhenIdle(f)
		return
	}
	f()
}

// CloseHard closes a stream without waiting for the peer. Under TLS it closes the inner connection
// first, since crypto/tls would try for five seconds to send an alert. It resets a stream of
// HTTP/2.
func CloseHard(s io.Closer) {
	if a, ok := s.(interface{ Abort() }); ok {
		a.Abort()
	}
	inner := s
	if p, ok := s.(*pump); ok {
		inner = p.ReadWriteCloser
	}
	if t, ok := inner.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
	}
	_ = s.Close()
}
