package conn

import (
	"context"
	"slices"

	"github.com/rfc6455/ws/frame"
)

// mayWriteLocked returns the error of a message that comes too late.
func (c *Conn) mayWriteLocked() error {
	switch {
	case c.err != nil:
		return c.err
	case c.unread != nil:
		return c.unread
	case c.state != StateOpen:
		return errClosing
	}
	return nil
}

// clearLocked reports whether a message may leave at once.
func (c *Conn) clearLocked() bool {
	return len(c.out.entries) == 0 && c.socket.Buffered() < browserRoom
}

// checkMessage reports whether t and p form a message that may be sent.
func checkMessage(t MessageType, p []byte) error {
	switch t &^ Uncompressed {
	case Binary:
		return nil
	case Text:
		if !frame.ValidUTF8(p) {
			return frame.ErrInvalidUTF8
		}
		return nil
	}
	return ErrMessageType
}

// Write sends one message and returns when the browser has taken it.
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	if err := checkMessage(t, p); err != nil {
		return err
	}
	return c.write(ctx, newEntry(waiting, t, p))
}

// write sends e, and waits until the socket has taken it.
func (c *Conn) write(ctx context.Context, e *entry) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	c.mu.Lock()
	err := c.mayWriteLocked()
	if err == nil {
		c.pushLocked(e)
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.await(ctx, e)
}

// await waits for e. If ctx ends first, it takes e back.
func (c *Conn) await(ctx context.Context, e *entry) error {
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
	}
	c.mu.Lock()
	in := c.out.remove(e)
	if in {
		c.kickLocked()
	}
	c.mu.Unlock()
	if in {
		return contextError(ctx)
	}
	return <-e.done
}

// Append queues a copy of one message and returns. In a browser the message leaves as soon as that
// takes it.
func (c *Conn) Append(t MessageType, p []byte) error { return c.Send(t, p) }

// Send queues a copy of one message that leaves at once, without waiting for it.
func (c *Conn) Send(t MessageType, p []byte) error {
	if err := checkMessage(t, p); err != nil {
		return err
	}
	return c.enqueue(t, p)
}

// enqueue is Send for a message that was checked.
func (c *Conn) enqueue(t MessageType, p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.mayWriteLocked(); err != nil {
		return err
	}
	if c.clearLocked() {
		return c.handOverLocked(t, p)
	}
	if taken, err := c.makeRoomLocked(t, len(p)); !taken || err != nil {
		return err
	}
	e := &entry{kind: queued, t: t, p: slices.Clone(p)}
	c.pushLocked(e)
	if tr := c.cfg.Trace; tr != nil && tr.Queued != nil {
		tr.Queued(c, c.bufferedLocked())
	}
	return nil
}

// Dropped returns how many messages Config.QueuePolicy has dropped.
func (c *Conn) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.dropped
}

// Buffered returns how many bytes wait to be sent, here and in the browser.
func (c *Conn) Buffered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bufferedLocked()
}

// Drained returns a channel that is closed when no more than bytes bytes wait to be sent, or when
// the connection ends.
func (c *Conn) Drained(bytes int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := drain{max(bytes, 0), make(chan struct{})}
	if c.state == StateClosed {
		close(d.done)
		return d.done
	}
	c.out.drained = append(c.out.drained, d)
	c.kickLocked()
	return d.done
}

// Flush returns when everything that was queued before it has left the browser.
func (c *Conn) Flush(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	e := newEntry(flush, 0, nil)
	c.mu.Lock()
	var err error
	switch {
	case c.err != nil:
		err = c.err
	case c.unread != nil:
		err = c.unread
	default:
		c.pushLocked(e)
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.await(ctx, e)
}

// Prepared is a message that is to be sent over many connections.
type Prepared struct {
	t MessageType // 0: Prepare did not make it
	p []byte
}

// Prepare makes a Prepared of one message. It keeps a copy of p.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	if err := checkMessage(t, p); err != nil {
		return nil, err
	}
	return &Prepared{t, slices.Clone(p)}, nil
}

// WritePrepared is Write for a prepared message.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if p == nil || p.t == 0 {
		return errNotPrepared
	}
	return c.write(ctx, newEntry(waiting, p.t, p.p))
}

// SendPrepared is Send for a prepared message.
func (c *Conn) SendPrepared(p *Prepared) error {
	if p == nil || p.t == 0 {
		return errNotPrepared
	}
	return c.enqueue(p.t, p.p)
}
