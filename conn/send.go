//go:build !js

package conn

import (
	"context"
	"fmt"

	"github.com/rfc6455/ws/conn/internal/outbox"
)

// Append queues a copy of one message and returns. It never blocks, and may be called concurrently.
//
// The message leaves with the next [Conn.Write], [Conn.Send] or [Conn.Flush], or when a reader of
// this connection is about to wait for the peer. It also leaves when 128 KiB, or half of
// Config.Queue if that is less, have come together. So a handler that appends its answers and reads
// on sends all the answers to one packet in one packet.
//
// If more than Config.Queue bytes would wait, the peer reads too slowly, and Config.QueuePolicy
// says what happens. By default the connection fails with 1013 (RFC 6455 section 7.1.7). Append
// then returns its [*CloseError], whose cause is [ErrQueueFull]. A callback of [Conn.Serve] may
// ignore that error, since Events.Close gets it, too.
//
// A message that is longer than Config.Queue can never be queued. Append returns
// [ErrQueueTooSmall], and the connection is unharmed. Other errors are those of [Conn.Write].
func (c *Conn) Append(t MessageType, p []byte) error {
	if err := checkMessage(t, p); err != nil {
		return err
	}
	return c.enqueue(&outbox.Content{Type: outbox.Type(t), Payload: p}, outbox.Later)
}

// Send queues a copy of one message, which begins to leave at once. Send writes as much as the
// transport takes now, and a goroutine of the connection writes the rest. Send never blocks, and
// may be called concurrently. Its errors are those of [Conn.Append].
func (c *Conn) Send(t MessageType, p []byte) error {
	if err := checkMessage(t, p); err != nil {
		return err
	}
	return c.enqueue(&outbox.Content{Type: outbox.Type(t), Payload: p}, outbox.AtOnce)
}

// enqueue queues m for [Conn.Append], [Conn.Send] and [Conn.SendPrepared].
func (c *Conn) enqueue(m *outbox.Content, h outbox.Haste) error {
	c.mu.Lock()
	if err := c.mayWriteLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	if c.box.Offer(m, h) {
		c.keep.message()
		c.mu.Unlock()
		owner{c}.offer()
		return nil
	}
	verdict, act := c.box.Enqueue(m, h)
	if verdict == outbox.Accepted {
		c.keep.message()
		c.mu.Unlock()
		if act != outbox.None {
			c.do(act)
		}
		return nil
	}
	c.mu.Unlock()
	switch verdict {
	case outbox.TooLarge:
		return tooLong(m.Size(), c.queueSize())
	case outbox.TooSlow:
		c.failWith(CloseTryAgainLater, ErrQueueFull)
		return c.endError()
	}
	return ErrQueueFull
}

// tooLong returns [ErrQueueTooSmall] with the sizes: those of a message and of the queue, in bytes.
func tooLong(n, size int) error {
	return &sizedError{ErrQueueTooSmall, fmt.Sprintf("websocket: a message of %d bytes is longer "+
		"than the queue of %d bytes: use Write, which does not queue, or raise Config.Queue",
		n, size)}
}

// Dropped returns how many messages Config.QueuePolicy has dropped. It may be called concurrently.
func (c *Conn) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.box.Dropped()
}

// Buffered returns how many bytes wait to be sent, the headers of encoded frames included. A
// browser calls this bufferedAmount. It may be called concurrently.
func (c *Conn) Buffered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.box.Buffered()
}

// Drained returns a channel that is closed when no more bytes wait to be sent than the argument
// says, as [Conn.Buffered] counts them, or when the connection ends. It is for a program that got
// [ErrQueueFull] or found that messages were dropped ([Conn.Dropped]), and wants to know when the
// peer has caught up. What [Conn.Append] has queued begins to leave at once, and so does what it
// queues until then. To wait under a context, use [Conn.Flush]. Drained may be called concurrently.
func (c *Conn) Drained(bytes int) <-chan struct{} {
	c.mu.Lock()
	act := outbox.None
	if c.box.Pending() {
		act = c.box.Kick()
	}
	reached := c.box.Drained(max(bytes, 0))
	c.mu.Unlock()
	c.do(act)
	return reached
}

// Prepared is a message that is to be sent over many connections, as in a broadcast. It is checked,
// framed and, if that pays, compressed once. [Prepare] makes one. Any number of goroutines may use
// it at the same time. It has a compressed form for each size of window that connections have
// agreed on. Each form is made when it is first needed.
type Prepared struct {
	m outbox.Prepared
}

// Prepare makes a [Prepared] of one message. It keeps a copy of p. Its errors are those of
// [Conn.Write] for t and p.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	if err := checkMessage(t, p); err != nil {
		return nil, err
	}
	prepared := new(Prepared)
	prepared.m.Prepare(outbox.Type(t), p)
	return prepared, nil
}

// usable reports whether [Prepare] made p. It did not if p is nil or the zero value.
func (p *Prepared) usable() bool { return p != nil && p.m.Type != 0 }

// WritePrepared is [Conn.Write] for a prepared message, which is sent as one frame.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if !p.usable() {
		return errNotPrepared
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return c.writeFrame(ctx, p.m.Type, nil, &p.m)
}

// SendPrepared is [Conn.Send] for a prepared message, which is sent as one frame.
func (c *Conn) SendPrepared(p *Prepared) error {
	if !p.usable() {
		return errNotPrepared
	}
	return c.enqueue(&outbox.Content{Prepared: &p.m}, outbox.AtOnce)
}
