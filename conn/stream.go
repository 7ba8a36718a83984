package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Stream returns a net.Conn whose bytes travel in messages of type t: for
// protocols that want a byte stream, such as SSH, and for net/rpc. The
// boundaries of messages mean nothing to it. Its Read returns io.EOF once the
// peer has closed with 1000 or 1001, its Close is Close(1000, ""), and its
// deadlines harm the connection as little as contexts do. A message of the
// other type is refused with 1003 (RFC 6455 section 7.4.1).
//
// ctx bounds all its calls, until Close. Its reads are the connection's one
// reader.
func Stream(ctx context.Context, c *Conn, t MessageType) net.Conn {
	return &streamConn{c: c, t: t, read: newLimit(ctx), write: newLimit(ctx)}
}

type streamConn struct {
	c           *Conn
	t           MessageType
	read, write *limit

	mu  sync.Mutex // one Read at a time
	msg *MessageReader
}

// Read reads from the current message, or waits for the next one that has
// bytes.
func (s *streamConn) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx := s.read.context()
	for len(p) > 0 {
		if err := s.next(ctx); err != nil {
			return 0, readStreamError(ctx, err)
		}
		n, err := s.msg.Read(p)
		if err == io.EOF {
			s.msg, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, readStreamError(ctx, err)
		}
	}
	return 0, nil
}

// next makes msg the message to read from, under ctx.
func (s *streamConn) next(ctx context.Context) error {
	if s.msg != nil && s.msg.ctx == ctx {
		return nil
	}
	t, m, err := s.c.NextReader(ctx) // the same message again, where the former context ended in it
	if err != nil {
		return err
	}
	if t != s.t&^Uncompressed {
		err := errors.New("websocket: the peer sent a " + t.String() + " message over a stream of the other type")
		s.c.failWith(CloseUnsupportedData, err)
		return s.c.readError()
	}
	s.msg = m
	return nil
}

// Write sends p as one message.
func (s *streamConn) Write(p []byte) (int, error) {
	ctx := s.write.context()
	if err := s.c.Write(ctx, s.t, p); err != nil {
		return 0, streamError(ctx, err)
	}
	return len(p), nil
}

// streamError is err as a net.Conn has it.
func streamError(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err != nil && (errors.Is(cause, os.ErrDeadlineExceeded) || cause == net.ErrClosed) {
		return cause
	}
	return err
}

// readStreamError is streamError for Read, to which a peer that has closed in
// peace is the end of the stream.
func readStreamError(ctx context.Context, err error) error {
	var end *CloseError
	if errors.As(err, &end) && end.Remote && (end.Code == CloseNormal || end.Code == CloseGoingAway) {
		return io.EOF
	}
	return streamError(ctx, err)
}

// Close is the closing handshake. After it nothing of the stream is left with
// its context.
func (s *streamConn) Close() error {
	err := s.c.Close(CloseNormal, "")
	s.read.close()
	s.write.close()
	return err
}

func (s *streamConn) LocalAddr() net.Addr  { return s.c.LocalAddr() }
func (s *streamConn) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

func (s *streamConn) SetDeadline(t time.Time) error {
	if err := s.read.set(t); err != nil {
		return err
	}
	return s.write.set(t)
}

func (s *streamConn) SetReadDeadline(t time.Time) error  { return s.read.set(t) }
func (s *streamConn) SetWriteDeadline(t time.Time) error { return s.write.set(t) }

// limit is a deadline that can be moved while a call waits under it, as a
// context: the same one until it has ended, then a new one.
type limit struct {
	parent context.Context

	mu     sync.Mutex
	ctx    context.Context // its cause is os.ErrDeadlineExceeded or net.ErrClosed, or the parent's
	cancel context.CancelCauseFunc
	timer  *time.Timer
	moves  uint64 // how often the deadline was moved
}

func newLimit(parent context.Context) *limit {
	l := &limit{parent: parent}
	l.ctx, l.cancel = context.WithCancelCause(parent)
	return l
}

func (l *limit) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ctx
}

// set moves the deadline to t. Its error is that of a closed stream.
func (l *limit) set(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	switch context.Cause(l.ctx) {
	case net.ErrClosed:
		return net.ErrClosed
	case os.ErrDeadlineExceeded:
		l.ctx, l.cancel = context.WithCancelCause(l.parent)
	}
	if t.IsZero() {
		return nil
	}
	d := time.Until(t)
	if d <= 0 {
		l.cancel(os.ErrDeadlineExceeded)
		return nil
	}
	moves := l.moves
	l.timer = time.AfterFunc(d, func() { l.passed(moves) })
	return nil
}

// passed ends the context when the deadline has passed, unless that was moved
// at the very moment, when the timer could not be stopped any more.
func (l *limit) passed(moves uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.moves == moves {
		l.cancel(os.ErrDeadlineExceeded)
	}
}

// stop makes the timer count no more. Call with l.mu held.
func (l *limit) stop() {
	l.moves++
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// close ends the context for good, and the parent's knowledge of it.
func (l *limit) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	l.cancel(net.ErrClosed)
	if context.Cause(l.ctx) != net.ErrClosed { // a deadline or the parent came first
		l.ctx, l.cancel = context.WithCancelCause(context.Background())
		l.cancel(net.ErrClosed)
	}
}
