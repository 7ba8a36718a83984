package conn

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/rfc6455/ws/conn/internal/browser"
)

// inbox holds the messages that have come and have not been read.
type inbox struct {
	messages []browser.Message
	bytes    int
	arrived  chan struct{} // gets a value when there is something new for the reader
}

// readAhead is how many bytes are taken from a WebSocketStream before anybody asks for them.
const readAhead = 64 << 10

func (in *inbox) len() int { return len(in.messages) }

func (in *inbox) push(m browser.Message) {
	in.messages = append(in.messages, m)
	in.bytes += m.Len()
	in.signal()
}

func (in *inbox) pop() browser.Message {
	m := in.messages[0]
	in.messages[0] = browser.Message{} // JavaScript may free it
	in.messages = in.messages[1:]
	in.bytes -= m.Len()
	return m
}

func (in *inbox) drop() { in.messages, in.bytes = nil, 0 }

// signal wakes the reader.
func (in *inbox) signal() {
	select {
	case in.arrived <- struct{}{}:
	default:
	}
}

// received is called when a message has come.
func (c *Conn) received(m browser.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != StateOpen { // the message is dropped, and so will be the next one
		c.socket.Want()
		return
	}
	if n := int64(m.Len()); c.limit > 0 && n > c.limit {
		c.failLocked(CloseMessageTooBig, &sizedError{ErrMessageTooBig, fmt.Sprintf(
			"websocket: the peer sent a message of %d bytes, and the limit is %d (Config.MaxMessageSize): "+
				"raise that, or have the peer send less at a time", n, c.limit)})
		c.in.signal()
		return
	}
	c.idle.message()
	c.in.push(m)
	if c.in.bytes < readAhead {
		c.socket.Want()
	}
}

// next waits for the next message. The caller has the reading half.
func (c *Conn) next(ctx context.Context) (browser.Message, error) {
	for {
		m, ok, err := c.take()
		if ok || err != nil {
			return m, err
		}
		if err := c.wait(ctx); err != nil {
			return m, err
		}
	}
}

// take returns the next message, if there is one, or how the connection ends.
func (c *Conn) take() (m browser.Message, ok bool, err error) {
	c.mu.Lock()
	switch unread := c.unread; {
	case c.err != nil:
		err = c.err
	case c.in.len() > 0:
		m, ok = c.in.pop(), true
		if c.in.bytes < readAhead {
			c.socket.Want()
		}
	case unread != nil:
		c.mu.Unlock()
		c.end(*unread)
		return m, false, unread
	}
	c.mu.Unlock()
	return m, ok, err
}

// wait waits until there is something to take.
func (c *Conn) wait(ctx context.Context) error {
	timer := c.waitIdle()
	defer c.endWaitIdle(timer)
	select {
	case <-c.in.arrived:
	case <-c.done:
	case <-ctx.Done():
		return contextError(ctx)
	case <-timer.c():
		c.checkIdle()
	}
	return nil
}

// report tells Trace.MessageReceived that the reader has a whole message.
func (c *Conn) report(m *browser.Message) {
	if t := c.cfg.Trace; t != nil && t.MessageReceived != nil {
		n := int64(m.Len())
		t.MessageReceived(c, MessageInfo{Type: typeOf(m), Size: n, Wire: n})
	}
}

func typeOf(m *browser.Message) MessageType {
	if m.Text {
		return Text
	}
	return Binary
}

// beginRead takes the reading half for a call under ctx.
func (c *Conn) beginRead(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	taken := c.reading.CompareAndSwap(false, true)
	if taken && c.State() == StateOpen {
		c.began.Store(true)
		return nil
	}
	if taken {
		c.endRead()
	}
	return c.refuseRead(ctx)
}

// refuseRead is the answer to a second reader, and to one that comes too late.
func (c *Conn) refuseRead(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	// The callback may be the caller: it can't wait for itself.
	if c.State() == StateOpen || c.calling.Load() {
		return ErrConcurrentRead
	}
	select {
	case <-c.done:
		return c.Err()
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// beginMessage is beginRead for a call that wants a whole message.
func (c *Conn) beginMessage(ctx context.Context) error {
	if err := c.beginRead(ctx); err != nil {
		return err
	}
	if c.open != nil {
		c.endRead()
		return ErrMessageOpen
	}
	return nil
}

func (c *Conn) endRead() { c.reading.Store(false) }

// Read returns the next message. The slice is the caller's.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	t, p, err := c.ReadInto(ctx, []byte{})
	if err != nil {
		return 0, nil, err
	}
	return t, p, nil
}

// ReadInto is Read that appends the message to buf and returns the longer slice.
func (c *Conn) ReadInto(ctx context.Context, buf []byte) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx); err != nil {
		return 0, buf, err
	}
	defer c.endRead()
	m, err := c.next(ctx)
	if err != nil {
		return 0, buf, err
	}
	c.report(&m)
	return typeOf(&m), appendMessage(buf, &m), nil
}

// appendMessage appends the bytes of m to buf.
func appendMessage(buf []byte, m *browser.Message) []byte {
	n := len(buf)
	if room := m.Len(); cap(buf)-n < room {
		buf = append(make([]byte, 0, n+room), buf...)
	}
	buf = buf[:n+m.Len()]
	m.Copy(buf[n:], 0)
	return buf
}

// MessageReader reads one message in pieces. In a browser the whole message has come before its
// first byte can be read.
type MessageReader struct {
	c      *Conn
	ctx    context.Context
	m      browser.Message
	offset int
	err    error
}

// NextReader waits for the next message and returns a reader of its bytes.
func (c *Conn) NextReader(ctx context.Context) (MessageType, *MessageReader, error) {
	if err := c.beginRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.endRead()
	if m := c.open; m != nil {
		if m.ctx.Err() == nil {
			return 0, nil, ErrMessageOpen
		}
		m.ctx = ctx
		return typeOf(&m.m), m, nil
	}
	m, err := c.next(ctx)
	if err != nil {
		return 0, nil, err
	}
	c.open = &MessageReader{c: c, ctx: ctx, m: m}
	return typeOf(&m), c.open, nil
}

// Read reads the next bytes of the message. It returns io.EOF after the last byte.
func (m *MessageReader) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	c := m.c
	if err := c.beginRead(m.ctx); err != nil {
		return 0, err
	}
	defer c.endRead()
	if err := c.Err(); err != nil {
		m.finish(err)
		return 0, err
	}
	if m.offset == m.m.Len() {
		c.report(&m.m)
		m.finish(io.EOF)
		return 0, io.EOF
	}
	n := m.m.Copy(p, m.offset)
	m.offset += n
	return n, nil
}

// Discard drops the rest of the message.
func (m *MessageReader) Discard() error {
	_, err := io.Copy(io.Discard, m)
	return err
}

// Unread gives p back, which has to be what was read last.
func (m *MessageReader) Unread(p []byte) error {
	if m.err != nil {
		return m.err
	}
	if err := m.c.beginRead(context.Background()); err != nil {
		return err
	}
	m.offset -= len(p)
	m.c.endRead()
	return nil
}

// finish ends the reader with err. The connection can then read the next message.
func (m *MessageReader) finish(err error) {
	m.err = err
	m.m = browser.Message{}
	m.c.open = nil
}

// idleClock measures how long readers have waited since the last message. Conn.mu guards it.
type idleClock struct {
	since  time.Time     // when the wait began, or the last message passed in it
	before time.Duration // of the waits since the last message that are over
}

// message records that a message has passed, in either direction.
func (k *idleClock) message() { k.before, k.since = 0, time.Now() }

// left returns what is left of the time d.
func (k *idleClock) left(d time.Duration) time.Duration {
	return d - k.before - time.Since(k.since)
}

// idleTimer is a timer, or nil.
type idleTimer struct{ *time.Timer }

func (t idleTimer) c() <-chan time.Time {
	if t.Timer == nil {
		return nil
	}
	return t.C
}

// waitIdle starts the clock, and returns a timer for Config.IdleTimeout.
func (c *Conn) waitIdle() idleTimer {
	d := setting(c.cfg.IdleTimeout, 0, 0)
	if d == 0 {
		return idleTimer{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != StateOpen {
		return idleTimer{}
	}
	c.idle.since = time.Now()
	return idleTimer{time.NewTimer(c.idle.left(d))}
}

// endWaitIdle stops the clock.
func (c *Conn) endWaitIdle(t idleTimer) {
	if t.Timer == nil {
		return
	}
	t.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.before += time.Since(c.idle.since)
}

// checkIdle closes the connection if no message has passed for Config.IdleTimeout.
func (c *Conn) checkIdle() {
	c.mu.Lock()
	idle := c.idle.left(setting(c.cfg.IdleTimeout, 0, 0)) <= 0
	c.mu.Unlock()
	if idle {
		c.closeSoon(CloseGoingAway, "idle")
	}
}
