package conn

import (
	"context"
	"slices"

	"github.com/rfc6455/ws/frame"
)

// MessageWriter sends one message in pieces. A browser takes whole messages alone, so that it puts
// the pieces together, and Close sends the message.
type MessageWriter struct {
	c      *Conn
	ctx    context.Context
	e      *entry
	buf    []byte
	text   frame.UTF8 // how far the text is valid
	closed bool
	err    error // the first error that a retry can't mend
}

// NextWriter begins a message that is written in pieces. Other messages wait for its end.
func (c *Conn) NextWriter(ctx context.Context, t MessageType) (*MessageWriter, error) {
	if err := checkMessage(t, nil); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.mayWriteLocked(); err != nil {
		return nil, err
	}
	m := &MessageWriter{c: c, ctx: ctx, e: newEntry(unfinished, t, nil)}
	c.pushLocked(m.e)
	return m, nil
}

// Write adds p to the message.
func (m *MessageWriter) Write(p []byte) (int, error) {
	switch {
	case m.closed:
		return 0, ErrWriterClosed
	case m.err != nil:
		return 0, m.err
	}
	select {
	case m.err = <-m.e.done: // the connection has ended
		return 0, m.err
	default:
	}
	if m.ctx.Err() != nil {
		m.err = contextError(m.ctx)
		return 0, m.err
	}
	if m.e.t&^Uncompressed == Text {
		text := m.text
		if !text.Write(p) {
			return 0, frame.ErrInvalidUTF8
		}
		m.text = text
	}
	m.buf = append(m.buf, p...)
	return len(p), nil
}

// Close sends the message. If a Write has failed, or text ends inside a character, nothing of the
// message is sent.
func (m *MessageWriter) Close() error {
	if m.closed {
		return ErrWriterClosed
	}
	m.closed = true
	if m.err == nil && m.e.t&^Uncompressed == Text && !m.text.Done() {
		m.err = frame.ErrInvalidUTF8
	}
	m.finish()
	if m.err == nil {
		m.err = m.c.await(m.ctx, m.e)
	}
	m.buf = nil
	return m.err
}

// Abandon gives the message up. Nothing of it is sent.
func (m *MessageWriter) Abandon() {
	if m.closed {
		return
	}
	m.closed = true
	if m.err == nil {
		m.err = errAbandoned
	}
	m.finish()
	m.buf = nil
}

// finish lets the message leave, or takes it out if there is an error.
func (m *MessageWriter) finish() {
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.err != nil {
		c.out.remove(m.e)
	} else if slices.Contains(c.out.entries, m.e) {
		m.e.kind, m.e.p = waiting, m.buf
		c.out.count(m.e, 1)
	}
	if c.state != StateClosed {
		c.kickLocked()
	}
}
