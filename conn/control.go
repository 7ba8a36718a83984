package conn

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/rfc6455/ws/frame"
)

// control acts on a control frame of the peer (RFC 6455 section 5.5). Its error
// is final: the peer's Close frame.
func (c *Conn) control(ev frame.Event) error {
	switch ev.Opcode {
	case frame.Ping:
		c.pong(ev.Data)
	case frame.Pong:
		c.ponged(ev.Data)
	case frame.Close:
		c.peerClosed(ev.Data)
		return c.readError()
	}
	return nil
}

// canAnswer reports whether control frames may still be sent. Call with c.mu
// held.
func (c *Conn) canAnswer() bool { return c.lifecycle() == frame.Open && c.wr.err == nil }

// pong queues the answer to a ping. All are answered, in order, up to
// maxPongBytes that the transport does not take; of those beyond only the
// latest is (section 5.5.3 allows it), so that a flood of pings costs no
// memory.
func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.wr
	if !c.canAnswer() {
		return
	}
	c.rd.answered = true
	if !c.roomForPong(payload) && !w.owned {
		c.flushSoon() // a burst, of which nothing has left yet
		if !c.canAnswer() {
			return
		}
	}
	if !c.roomForPong(payload) {
		w.makeQueue().keepLate(payload)
		return
	}
	c.putControl(frame.Pong, payload).pongs += len(payload) + frame.MaxHeaderSize
	w.urgent = w.urgent || w.owned // the owner sends it; else this reader does before it waits
}

// roomForPong reports whether a pong may wait in order. Call with c.mu held.
func (c *Conn) roomForPong(payload []byte) bool {
	w := &c.wr
	full := w.out.pongBytes()+w.batch.pongBytes()+len(payload) > maxPongBytes
	return !full && (w.queue == nil || w.queue.late == nil)
}

// keepLate keeps the payload of a pong in the place of the one before it.
func (q *queue) keepLate(payload []byte) {
	if q.late == nil {
		q.late = new([]byte)
	}
	*q.late = append((*q.late)[:0], payload...)
}

// pingWait is a Ping that waits for its Pong.
type pingWait struct {
	next    *pingWait // sent after this one
	payload [8]byte
	sent    time.Time
	pong    chan struct{} // closed at the end of the connection
}

// Ping sends a Ping frame and returns how long the peer took to answer it (RFC
// 6455 section 5.5.2). Someone must be reading meanwhile, since the Pong is
// found by the reader: Read, NextReader or Serve. If ctx ends first, Ping
// returns its error, which says so where nobody read. It may be called
// concurrently.
func (c *Conn) Ping(ctx context.Context) (rtt time.Duration, err error) {
	if ctx.Err() != nil {
		return 0, contextError(ctx)
	}
	p := &pingWait{pong: make(chan struct{}, 1)}
	_, _ = rand.Read(p.payload[:]) // a peer can't guess it and answer early
	c.mu.Lock()
	if err := c.mayWrite(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	*c.pingPlace(nil) = p
	p.sent = time.Now()
	c.putControl(frame.Ping, p.payload[:])
	c.flushSoon()
	c.mu.Unlock()
	select {
	case _, ok := <-p.pong:
		if !ok {
			return 0, c.readError()
		}
		return time.Since(p.sent), nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	if place := c.pingPlace(p); *place != nil {
		*place = p.next
	}
	c.mu.Unlock()
	if c.rd.taken.Load() == uint32(readFree) {
		return 0, fmt.Errorf("websocket: no pong came because no goroutine was reading the connection: %w", contextError(ctx))
	}
	return 0, contextError(ctx)
}

// ponged tells the Ping that this Pong answers. One that answers none is
// ignored (section 5.5.3); one that answers a later Ping stands for all before
// it.
func (c *Conn) ponged(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(payload) == 0 && c.keep != nil && c.keep.asked.Load() != 0 {
		c.cfg.Trace.roundTrip(c, time.Duration(now()-c.keep.asked.Swap(0)))
	}
	if c.rare == nil {
		return
	}
	answered := c.rare.pings
	for answered != nil && !bytes.Equal(answered.payload[:], payload) {
		answered = answered.next
	}
	if answered == nil {
		return
	}
	for p := c.rare.pings; p != answered.next; p = p.next {
		p.pong <- struct{}{}
		c.cfg.Trace.roundTrip(c, time.Since(p.sent))
	}
	c.rare.pings = answered.next
}

// pingPlace is where the list of pings has p, or its end. Call with c.mu held.
func (c *Conn) pingPlace(p *pingWait) **pingWait {
	place := &c.makeRare().pings
	for *place != nil && *place != p {
		place = &(*place).next
	}
	return place
}
