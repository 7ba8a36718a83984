package conn

import (
	"context"

	"github.com/rfc6455/ws/frame"
)

// Who writes.
//
// Two things are handed out, both in the order of asking. The wire belongs to
// one goroutine at a time, its owner, which writes one batch of frames: what
// lay encoded in out, then messages of the queue. The turn belongs to a message
// of several frames from its first to its last; meanwhile other messages wait
// in the queue while control frames pass through out.
//
//	Write ──────┐                    ┌─ out: encoded frames ─┐
//	Append ─────┤ nothing is ahead ──┤  (control frames too) ├─ batch ─ transport
//	Send ───────┘                    │                       │    by the owner
//	   └─ something is ahead ────────┴─ queue: entries ──────┘
//
// A message is encoded, and compressed against the window, only when it moves
// to out or to a batch, so that the order of encoding is the order on the wire
// and a message that still waits can be withdrawn.
//
// All of this is guarded by Conn.mu, except the bytes of the batch, which are
// the owner's.
type writeHalf struct {
	// In an order that leaves no gaps, like all of Conn: see TestSizeOfConn.

	enc    frame.Encoder
	urgent bool   // out must leave now; else it may wait for a Write, a Flush or a waiting reader
	owned  bool   // the wire has an owner
	out    *batch // nil while nothing is in it
	batch  *batch // what the owner writes; nil: nothing yet
	*queue        // nil until something has to wait

	err *CloseError // the first error of the transport's write side
}

// queue is what waits. Most connections have none: what they send leaves at once.
type queue struct {
	head, tail *entry
	queued     int    // bytes of the entries that nobody waits for
	waiting    int    // how many these are
	taken      *entry // of the messages in the batch, to be told when it is out

	turn     *MessageWriter // the message that has the turn
	turnWait *entry         // its wait for the wire

	late   *[]byte // payload of the latest pong beyond maxPongBytes; nil: none
	spare  *entry
	spares uint8 // how many entries spare has
}

// makeQueue makes the queue, unless there is one. Call with c.mu held.
func (w *writeHalf) makeQueue() *queue {
	if w.queue == nil {
		w.queue = new(queue)
	}
	return w.queue
}

// Sizes of batches, in bytes.
const (
	batchSize    = 64 << 10      // no further message is added to a batch of this size
	writeMax     = 2 * batchSize // of one write: Config.WriteTimeout bounds each, and a slow peer may have much to read
	vecMin       = 32 << 10      // a payload from here on is written from where it is, where that can be
	maxPongBytes = 4 << 10       // of pongs in order that wait; beyond, only the latest is kept
)

// entryKind says what an entry of the queue is for.
type entryKind uint8

const (
	entryMessage entryKind = iota // a message of one frame
	entryTurn                     // a message of several asks for the turn
	entryFlush                    // waits until everything ahead is out
	entryClose                    // the Close frame of this side's Close
)

// entryState is how far an entry has come.
type entryState uint8

const (
	entryWaiting entryState = iota // in the queue: can be withdrawn
	entryGranted                   // has what it asked for: the turn, or the wire
	entryTaken                     // in a batch
	entryDone                      // out, or failed with err
)

// entry is one place in the queue.
type entry struct {
	next     *entry
	kind     entryKind
	state    entryState
	t        MessageType
	p        []byte
	prepared *Prepared
	writer   *MessageWriter // of an entryTurn
	wake     chan struct{}  // nil where nobody waits; p is the queue's own then, pooled
	err      error
}

// maxSpares bounds the entries that are kept for the next waits. They are the
// connection's own: a channel of a sync.Pool could come from another
// testing/synctest bubble.
const maxSpares = 4

// newWaiter returns an entry whose end somebody waits for. Call with c.mu held.
func (w *writeHalf) newWaiter(kind entryKind) *entry {
	q := w.makeQueue()
	e := q.spare
	if e == nil {
		return &entry{kind: kind, wake: make(chan struct{}, 1)}
	}
	q.spare, e.next = e.next, nil
	q.spares--
	e.kind = kind
	return e
}

// free gives back an entry whose wake has been received and that no list holds.
// Call with c.mu held.
func (q *queue) free(e *entry) {
	if q.spares == maxSpares {
		return
	}
	*e = entry{wake: e.wake, next: q.spare}
	q.spare = e
	q.spares++
}

// tell moves e on and wakes its waiter.
func (e *entry) tell(s entryState, err error) {
	e.state, e.err = s, err
	if e.wake != nil {
		e.wake <- struct{}{} // never full: one token for each wait
	}
}

// busy reports whether a message has to wait: for the wire, for its turn, or
// for those that asked before.
func (w *writeHalf) busy() bool { return w.owned || w.ahead() }

// ahead reports whether a message may not go straight into out.
func (q *queue) ahead() bool { return q != nil && (q.head != nil || q.turn != nil) }

func (w *writeHalf) buffered() int { return w.out.rest() + w.batch.rest() + w.queue.size() }

// ready reports whether the entry at the head may leave, or have the turn.
func (q *queue) ready() bool { return q != nil && q.turn == nil && q.head != nil }

// size is how many bytes wait in the queue.
func (q *queue) size() int {
	switch {
	case q == nil:
		return 0
	case q.late != nil:
		return q.queued + len(*q.late)
	}
	return q.queued
}

// push puts an entry at the end of the queue.
func (w *writeHalf) push(e *entry) {
	q := w.makeQueue()
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
}

func (q *queue) pop() *entry {
	e := q.head
	q.head, e.next = e.next, nil
	if q.head == nil {
		q.tail = nil
	}
	return e
}

// size is what an entry that nobody waits for counts for Config.Queue.
func (e *entry) size() int { return len(e.p) + e.prepared.size() }

// drop lets go of an entry that nobody waits for and that is out of the queue.
func (q *queue) drop(e *entry) {
	q.queued -= e.size()
	q.waiting--
	if e.p != nil {
		putBuffer(e.p)
	}
}

// remove takes an entry out of where it waits.
func (q *queue) remove(e *entry) {
	if q.turnWait == e {
		q.turnWait = nil
		return
	}
	var prev *entry
	for x := q.head; x != e; x = x.next {
		if x == nil {
			return
		}
		prev = x
	}
	q.unlink(prev, e)
}

// unlink takes e, which follows prev, out of the queue; prev is nil at the
// head.
func (q *queue) unlink(prev, e *entry) {
	switch {
	case prev == nil:
		q.pop()
		return
	case q.tail == e:
		q.tail = prev
	}
	prev.next, e.next = e.next, nil
}

// dispatch hands out the turn and the wire to whoever is next. Call with c.mu
// held after anything became free or was queued.
func (c *Conn) dispatch() {
	w := &c.wr
	q := w.queue
	if q.ready() && q.head.kind == entryTurn {
		c.grantTurn()
	}
	if w.owned {
		return
	}
	switch {
	case q != nil && q.turnWait != nil:
		e := q.turnWait
		q.turnWait, w.owned = nil, true
		e.tell(entryGranted, nil)
	case q.ready() && q.head.wake != nil:
		w.owned = true
		q.head.tell(entryGranted, nil) // stays at the head until its goroutine gathers
	case w.urgent || q.ready():
		w.owned = true
		go c.flusher()
	}
}

// grantTurn gives the turn to the entry at the head.
func (c *Conn) grantTurn() {
	e := c.wr.pop()
	c.wr.turn = e.writer
	e.tell(entryGranted, nil)
}

// gather fills the owner's batch: all of out, then messages of the queue as
// far as they may go. Call with c.mu held, by the owner, with the batch empty.
func (c *Conn) gather() {
	c.gatherOut()
	c.gatherQueue()
}

func (c *Conn) gatherOut() {
	w := &c.wr
	w.urgent = false
	w.batch, w.out = w.out, nil
}

func (c *Conn) gatherQueue() {
	w := &c.wr
	q := w.queue
	for q.ready() && w.batch.size() < c.batchLimit() {
		if q.head.kind == entryTurn {
			c.grantTurn()
			return
		}
		e := q.pop()
		c.encode(e)
		if e.wake != nil {
			e.p = nil
			q.take(e)
		} else {
			q.drop(e)
		}
	}
}

// take counts an entry that somebody waits for to those of the batch.
func (q *queue) take(e *entry) {
	e.state = entryTaken
	e.next, q.taken = q.taken, e
}

// gatherOwn fills the batch with out, then e, which is at the head of the
// queue and whose goroutine owns the wire, then what may follow.
func (c *Conn) gatherOwn(e *entry) span {
	c.wr.pop()
	c.gatherOut()
	n := c.wr.batch.size()
	own := span{start: n, end: n, before: c.wr.enc}
	if e.kind == entryMessage {
		own = c.addOwn(e.t, e.p, e.prepared)
	}
	if !c.wr.batch.vectored() {
		c.gatherQueue()
	}
	c.wr.free(e)
	return own
}

// encode adds what the entry stands for to the batch.
func (c *Conn) encode(e *entry) {
	switch e.kind {
	case entryMessage:
		b := made(&c.wr.batch)
		b.buf = c.appendMessage(b.buf, e.t, e.p, e.prepared)
	case entryClose:
		b := made(&c.wr.batch)
		b.buf = c.appendControl(b.buf, frame.Close, e.p)
	}
}

// settle ends the owner's batch, whose bytes are out, and tells its waiters.
// Call with c.mu held.
func (c *Conn) settle() {
	w := &c.wr
	if w.batch != nil {
		putBatch(w.batch)
		w.batch = nil
	}
	if q := w.queue; q != nil {
		q.tellTaken(nil)
		if q.late != nil && c.canAnswer() {
			c.putControl(frame.Pong, *q.late).pongs += len(*q.late)
			w.urgent = true
		}
		q.late = nil
	}
	c.tellDrained()
}

// tellTaken tells those whose messages are in the batch that it is out, or that
// it failed with err.
func (q *queue) tellTaken(err error) {
	e := q.taken
	q.taken = nil
	for e != nil {
		next := e.next
		e.next = nil
		e.tell(entryDone, err)
		e = next
	}
}

// release gives the wire back, and on. Call with c.mu held, by the owner, with
// the batch settled.
func (c *Conn) release() {
	w := &c.wr
	w.owned = false
	if q := w.queue; w.urgent || q != nil && (q.head != nil || q.turnWait != nil) {
		c.dispatch()
	}
}

// flusher owns the wire for as long as there is something to write: a
// transient goroutine for what callers left behind that do not wait.
func (c *Conn) flusher() {
	for {
		c.mu.Lock()
		if c.wr.batch.rest() == 0 {
			c.settle()
			c.gather()
		}
		if c.wr.batch.rest() == 0 {
			c.settle() // entries without bytes
			c.release()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		n, err := c.transmit(context.Background())
		if err != nil {
			c.writeFailed(err)
			return
		}
		c.mu.Lock()
		c.wr.batch.off += n
		c.mu.Unlock()
	}
}

// discard empties the queue and tells its waiters err: nothing follows a Close
// frame. What is in out and in the batch still leaves. Call with c.mu held.
func (c *Conn) discard(err error) {
	q := c.wr.queue
	if q == nil {
		c.tellDrained()
		return
	}
	for q.head != nil {
		e := q.pop()
		if e.wake == nil {
			q.drop(e)
			continue
		}
		if e.state == entryGranted { // its goroutine has the wire and is about to see that its entry is gone
			e.err = err
			continue
		}
		e.tell(entryDone, err)
	}
	if q.turn != nil {
		q.turn.lost = err
		q.turn = nil
	}
	q.late = nil
	c.tellDrained()
}

// writeFailed ends the write side for good, gives the wire back and returns
// the error that stays. It is the owner's last act.
func (c *Conn) writeFailed(cause error) error {
	c.mu.Lock()
	w := &c.wr
	if w.err == nil {
		w.err = &CloseError{Code: CloseAbnormal, Err: c.addressed(cause)}
	}
	err := c.writeError()
	w.batch, w.out = nil, nil // not pooled: it may be half written
	w.urgent, w.owned = false, false
	c.failWaiters(err)
	c.mu.Unlock()
	if cause == ErrWriteTimeout {
		c.abort(cause)
	}
	return err
}

// failWaiters tells everybody who waits for the wire, the turn or a batch that
// it is over. Call with c.mu held.
func (c *Conn) failWaiters(err error) {
	if q := c.wr.queue; q != nil {
		q.tellTaken(err)
		if e := q.turnWait; e != nil {
			q.turnWait = nil
			e.tell(entryDone, err)
		}
	}
	c.discard(err)
}
