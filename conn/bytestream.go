//go:build !js

package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

// Stream returns a net.Conn whose bytes travel in messages of type t. It is for protocols that want
// a byte stream, such as SSH, and for net/rpc. The boundaries of messages mean nothing to it.
//
// Read returns io.EOF once the peer has closed with 1000 or 1001. Read takes messages of any size,
// since it holds no more of a message than a buffer: Stream switches c's MaxMessageSize off.
// Config.MaxFragments still counts. A message of the other type is refused with 1003 (RFC 6455
// section 7.4.1).
//
// Write sends messages of at most 32 KiB, which no sensible limit of a peer refuses. Each Write
// makes one message at least: put a bufio.Writer before it if a program writes in small pieces. A
// message of Text ends with a whole character, so that up to three bytes may wait for the next
// Write.
//
// Close is [Conn.Close] with 1000. After it Read returns a [*CloseError], which is net.ErrClosed to
// errors.Is, and not io.EOF. There is no CloseWrite: a WebSocket has no half close. A deadline that
// passes leaves the connection unharmed, as the end of a context does.
//
// ctx bounds all calls of the net.Conn, until Close. Its reads are the connection's one reader.
func Stream(ctx context.Context, c *Conn, t MessageType) net.Conn {
	c.SetMaxMessageSize(-1)
	return &streamConn{c: c, t: t, read: newStreamDeadline(ctx), write: newStreamDeadline(ctx)}
}

// WorkingDeadlines tells a connection over this stream that deadlines end its reads.
func (s *streamConn) WorkingDeadlines() bool { return true }

type streamConn struct {
	c           *Conn
	t           MessageType
	read, write *streamDeadline

	mu  sync.Mutex // one Read at a time
	msg *MessageReader

	writing sync.Mutex // one Write at a time
	begun   []byte     // of Text: the beginning of a character that the next Write ends
}

// streamPiece is the size of the largest message that Write sends, in bytes. It is the smallest
// limit that a known library sets by default.
const streamPiece = 32 << 10

// Read reads from the current message. If that has no bytes left, it waits for the next message
// that has some.
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
	t, m, err := s.c.NextReader(ctx) // the same message again, if the former context ended in it
	if err != nil {
		return err
	}
	if t != s.t&^Uncompressed {
		err := errors.New("websocket: the peer sent a " + t.String() + " message over a stream of the other type")
		s.c.failWith(CloseUnsupportedData, err)
		return s.c.endError()
	}
	s.msg = m
	return nil
}

// Write sends p, in as many messages as it takes. It returns the number of bytes in those messages
// that were sent whole.
func (s *streamConn) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	ctx := s.write.context()
	n := 0
	for {
		piece := p[n:min(len(p), n+streamPiece)]
		if err := s.writePiece(ctx, piece); err != nil {
			return n, streamError(ctx, err)
		}
		if n += len(piece); n == len(p) {
			return n, nil
		}
	}
}

// writePiece sends p as one message. If p is text and ends within a character, it keeps the
// beginning of that character for the next message.
func (s *streamConn) writePiece(ctx context.Context, p []byte) error {
	if s.t&^Uncompressed != Text {
		return s.c.Write(ctx, s.t, p)
	}
	if len(s.begun) > 0 {
		p = append(s.begun[:len(s.begun):len(s.begun)], p...)
	}
	whole := len(p) - begunRune(p)
	if whole > 0 || len(p) == 0 {
		if err := s.c.Write(ctx, s.t, p[:whole]); err != nil {
			return err
		}
	}
	s.begun = append([]byte(nil), p[whole:]...)
	return nil
}

// begunRune returns the number of bytes at the end of p that begin a character which more bytes may
// complete.
func begunRune(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		last := p[len(p)-n:]
		switch {
		case !utf8.RuneStart(last[0]):
		case utf8.FullRune(last):
			return 0
		default:
			return n
		}
	}
	return 0
}

// streamError returns err in the form of a net.Conn's error.
func streamError(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err != nil && (errors.Is(cause, os.ErrDeadlineExceeded) || cause == net.ErrClosed) {
		return cause
	}
	return err
}

// readStreamError is streamError for Read. If the peer has closed with 1000 or 1001, the stream
// ends there with io.EOF.
func readStreamError(ctx context.Context, err error) error {
	end, ok := errors.AsType[*CloseError](err)
	if ok && end.Remote && (end.Code == CloseNormal || end.Code == CloseGoingAway) {
		return io.EOF
	}
	return streamError(ctx, err)
}

// Close does the closing handshake. After it the stream's context keeps nothing of the stream.
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

// streamDeadline is a deadline in the form of a context. It can be moved while a call waits under
// it. The context stays the same until it has ended. Then a new one takes its place.
type streamDeadline struct {
	parent context.Context

	mu     sync.Mutex
	ctx    context.Context // its cause is os.ErrDeadlineExceeded or net.ErrClosed, or the parent's
	cancel context.CancelCauseFunc
	timer  *time.Timer
	moves  uint64 // how often the deadline was moved
}

func newStreamDeadline(parent context.Context) *streamDeadline {
	d := &streamDeadline{parent: parent}
	d.ctx, d.cancel = context.WithCancelCause(parent)
	return d
}

func (d *streamDeadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

// set moves the deadline to t. On a closed stream it returns net.ErrClosed.
func (d *streamDeadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopLocked()
	switch context.Cause(d.ctx) {
	case net.ErrClosed:
		return net.ErrClosed
	case os.ErrDeadlineExceeded:
		d.ctx, d.cancel = context.WithCancelCause(d.parent)
	}
	if t.IsZero() {
		return nil
	}
	left := time.Until(t)
	if left <= 0 {
		d.cancel(os.ErrDeadlineExceeded)
		return nil
	}
	moves := d.moves
	d.timer = time.AfterFunc(left, func() { d.expire(moves) })
	return nil
}

// expire ends the context because its timer has fired. It does nothing if the deadline was moved at
// that very moment, too late to stop the timer.
func (d *streamDeadline) expire(moves uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moves == moves {
		d.cancel(os.ErrDeadlineExceeded)
	}
}

// stopLocked stops the timer. If the timer fires all the same, it has no effect.
func (d *streamDeadline) stopLocked() {
	d.moves++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// close ends the context for good, so that the parent context keeps nothing of the stream.
func (d *streamDeadline) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopLocked()
	d.cancel(net.ErrClosed)
	if context.Cause(d.ctx) != net.ErrClosed { // a deadline or the parent came first
		d.ctx, d.cancel = context.WithCancelCause(context.Background())
		d.cancel(net.ErrClosed)
	}
}

// NetConn returns the transport. It is for what this package has no method for: socket options, the
// state of TLS, deadlines of the caller's own. NetConn returns nil if the connection runs over
// something that is no net.Conn. It may be called concurrently.
//
// To read from the transport, or to write to it, breaks the framing. Its Close is [Conn.CloseNow].
// If a read deadline passes that was set on it, reads return os.ErrDeadlineExceeded and the
// connection is unharmed. On a connection that [Upgrader.Handler] serves, the read deadline is the
// package's own: do not set it. A write deadline that passes fails the connection.
func (c *Conn) NetConn() net.Conn {
	nc, ok := c.transport.Unwrap().(net.Conn)
	if !ok {
		return nil
	}
	return transportConn{nc, c}
}

// transportConn is the transport as users see it. Only the Conn closes the descriptor.
type transportConn struct {
	net.Conn
	c *Conn
}

// SetReadDeadline sets the user's read deadline, beside the ones that the Conn itself needs.
func (t transportConn) SetReadDeadline(at time.Time) error { return t.c.transport.SetUser(at) }

// SetDeadline sets both deadlines.
func (t transportConn) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}

// Close is [Conn.CloseNow].
func (t transportConn) Close() error { return t.c.CloseNow() }

// NetConn returns the transport itself, for a type assertion to *net.TCPConn or *tls.Conn. The
// method of tls.Conn has the same name and meaning.
func (t transportConn) NetConn() net.Conn { return t.Conn }
