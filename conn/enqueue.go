package conn

import (
	"slices"

	"github.com/rfc6455/ws/frame"
)

// QueuePolicy says what becomes of a message of Append, Send, SendPrepared or
// Group.Broadcast for which Config.Queue has no room, because the peer reads
// more slowly than the program sends. Messages of Write and NextWriter wait
// instead, and are never dropped.
type QueuePolicy uint8

// The policies.
const (
	// QueueRefuse returns ErrQueueFull and takes nothing of the message. It is
	// the default: only the program knows what its messages are worth.
	QueueRefuse QueuePolicy = iota

	// QueueClose fails the connection with 1008 (policy violation, RFC 6455
	// section 7.4.1) and ErrQueueFull as its cause: for messages of which none
	// may be missed, and peers that connect again.
	QueueClose

	// QueueDropNewest drops the message and returns nil.
	QueueDropNewest

	// QueueDropOldest drops the messages that have waited longest, as many as
	// make room for the new one, and returns nil: for messages that a later one
	// supersedes. What is on its way already, up to a quarter of Config.Queue
	// and 64 KiB at the most, stays, and the new message is dropped where
	// dropping all the others would not make room. With this policy messages
	// wait as they are and are compressed only when they leave.
	QueueDropOldest
)

// haste says when a queued message leaves.
type haste uint8

const (
	later  haste = iota // with what leaves next
	atOnce              // now, or as soon as the transport takes it
)

// entryCost is what an entry of the queue costs beside its payload, in bytes:
// it counts for Config.Queue, so that messages of one byte are bounded too.
const entryCost = 128

// enqueue is Append, Send and SendPrepared.
func (c *Conn) enqueue(t MessageType, p []byte, prepared *Prepared, h haste) error {
	if prepared == nil {
		if err := checkMessage(t, p); err != nil {
			return err
		}
	}
	c.mu.Lock()
	if err := c.mayWrite(); err != nil {
		c.mu.Unlock()
		return err
	}
	switch n := len(p) + prepared.size() + frame.MaxHeaderSize; {
	case c.fits(n):
		c.put(t, p, prepared, h)
	case c.cfg.QueuePolicy == QueueRefuse || n > c.cfg.queue(): // or it never would, whatever the peer does
		c.mu.Unlock()
		return ErrQueueFull
	case c.cfg.QueuePolicy == QueueClose:
		c.mu.Unlock()
		c.failWith(ClosePolicyViolation, ErrQueueFull)
		return c.readError()
	case c.cfg.QueuePolicy == QueueDropOldest && c.makeRoom(n):
		c.put(t, p, prepared, h)
	default:
		if prepared != nil {
			t, p = prepared.t, prepared.p
		}
		c.dropped(t, len(p))
	}
	c.mu.Unlock()
	return nil
}

// fits reports whether the queue has room for n bytes more. Call with c.mu
// held.
func (c *Conn) fits(n int) bool { return c.wr.held()+n <= c.cfg.queue() }

// held is what counts for Config.Queue.
func (w *writeHalf) held() int {
	if w.queue == nil {
		return w.buffered()
	}
	return w.buffered() + w.waiting*entryCost
}

// put takes a message in. Call with c.mu held.
func (c *Conn) put(t MessageType, p []byte, prepared *Prepared, h haste) {
	w := &c.wr
	c.keep.message()
	if w.ahead() || c.keepsPlain() {
		c.pushMessage(t, p, prepared)
	} else {
		b := made(&w.out)
		if prepared == nil && c.plain() {
			b.buf = c.room(b.buf, frame.MaxHeaderSize+len(p)) // here, where there is stack for it
			b.buf = c.appendPlain(b.buf, t, p)
		} else {
			b.buf = c.appendMessage(b.buf, t, p, prepared)
		}
		if h == atOnce || b.size() >= c.appendLimit() {
			w.urgent = true
			c.flushSoon()
		}
	}
	if w.owned {
		c.cfg.Trace.queued(c)
	}
}

// pushMessage queues a copy of a message behind those that are ahead. Call with
// c.mu held.
func (c *Conn) pushMessage(t MessageType, p []byte, prepared *Prepared) {
	w := &c.wr
	e := &entry{t: t, prepared: prepared}
	if prepared == nil {
		e.p = slices.Clone(p) // of its own size: the queue may hold many
	}
	w.push(e)
	w.queued += e.size()
	w.waiting++
	c.dispatch()
}

// keepsPlain reports whether a message has to wait in the queue although it
// could be encoded: what is encoded can't be dropped any more, since later
// messages may refer to it (RFC 7692 section 7.1.1). Call with c.mu held.
func (c *Conn) keepsPlain() bool {
	return c.cfg.QueuePolicy == QueueDropOldest && (c.wr.owned || c.wr.out.size() >= c.batchLimit())
}

// batchLimit is the size of a batch from which on no message is added to it.
// Where the oldest are dropped, small batches leave something to drop.
func (c *Conn) batchLimit() int {
	if c.cfg.QueuePolicy == QueueDropOldest {
		return min(batchSize, c.cfg.queue()/4)
	}
	return batchSize
}

// appendLimit is how much may be appended before it begins to leave: what one
// write takes. To wait any longer would save no packet, and a peer that sends without a pause, so
// that the reader never has to wait, would fill the queue however fast it reads.
func (c *Conn) appendLimit() int { return min(writeMax, c.cfg.queue()/2) }

// makeRoom drops the oldest messages that nobody waits for until n bytes fit,
// or none where all of them would not do. Call with c.mu held.
func (c *Conn) makeRoom(n int) bool {
	q := c.wr.queue
	if q == nil || c.wr.held()-q.queued-q.waiting*entryCost+n > c.cfg.queue() {
		return false
	}
	var prev *entry
	for e := q.head; e != nil && !c.fits(n); {
		next := e.next
		if e.kind != entryMessage || e.wake != nil {
			prev = e
		} else {
			q.unlink(prev, e)
			if e.prepared != nil {
				e.t = e.prepared.t
			}
			c.dropped(e.t, e.size())
			q.drop(e)
		}
		e = next
	}
	return c.fits(n)
}

// mark is where somebody wants to be told that the queue is down to.
type mark struct {
	bytes   int
	reached chan struct{} // closed then
}

// dropped counts a message that the policy drops. Call with c.mu held.
func (c *Conn) dropped(t MessageType, size int) {
	c.makeRare().dropped++
	c.cfg.Trace.dropped(c, t, size)
}

// Dropped returns how many messages Config.QueuePolicy has dropped. It may be
// called concurrently.
func (c *Conn) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return 0
	}
	return c.rare.dropped
}

// Drained returns a channel that is closed when no more than bytes bytes wait
// to be sent, as Buffered counts them, or when the connection ends: for a
// program that has been told ErrQueueFull, or that has found that much was
// Dropped, and wants to know when the peer has caught up. What was appended
// begins to leave at once. To wait for a while only, see Flush. It may be called
// concurrently.
func (c *Conn) Drained(bytes int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wr.out != nil {
		c.wr.urgent = true
		c.flushSoon()
	}
	bytes = max(bytes, 0)
	r := c.makeRare()
	i := slices.IndexFunc(r.marks, func(m mark) bool { return m.bytes == bytes })
	if i < 0 {
		i = len(r.marks)
		r.marks = append(r.marks, mark{bytes, make(chan struct{})})
	}
	reached := r.marks[i].reached
	c.tellDrained()
	return reached
}

// tellDrained tells those whose mark is reached. Call with c.mu held after
// bytes have left the queue, or with the end.
func (c *Conn) tellDrained() {
	if c.rare == nil || len(c.rare.marks) == 0 {
		return
	}
	buffered := c.wr.buffered()
	ended := c.cl.ended || c.wr.err != nil
	c.rare.marks = slices.DeleteFunc(c.rare.marks, func(m mark) bool {
		if !ended && buffered > m.bytes {
			return false
		}
		close(m.reached)
		return true
	})
}
