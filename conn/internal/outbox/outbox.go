package outbox

import (
	"sync/atomic"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// Outbox is what a connection sends: a machine without a lock, a clock, goroutines or I/O. Its
// caller holds the connection's lock for every method but [Outbox.Lifecycle], and does what the
// returned [Action] asks for. The fields are set once by Init.
type Outbox struct {
	life    atomic.Uint32 // frame.Lifecycle; changes under the connection's lock
	enc     frame.Encoder
	wire    Wire
	policy  Policy
	vectors bool // the transport writes a payload from where it lies
	elastic bool // one message may exceed the bound
	bound   int32

	out   *Batch // encoded, and nobody writes it yet; nil: nothing
	batch *Batch // what the owner of the wire writes
	*line        // nil until something has to wait

	extras *Extras
}

// Settings are what an Outbox is made of.
type Settings struct {
	Role    frame.Role
	Bound   int    // of the bytes that wait: see SetBound
	Policy  Policy // for a message that finds no room
	Vectors bool   // a server's long payload is written from where it lies, as a second slice
	Extras  *Extras
}

// Extras are what few connections have. A nil Extras means plain frames that nobody observes.
type Extras struct {
	Zip   *Zip // permessage-deflate; nil: not agreed
	Hooks *Hooks
}

// Hooks observe what is sent, each when it gets its place in the order of the wire. They are called
// with the connection's lock held.
type Hooks struct {
	Frame   func(h frame.Header)
	Message func(m Info)
	Close   func(payload []byte)
	Queued  func(buffered int)
	Dropped func(t Type, size int)
}

// Info describes a message for Hooks.
type Info struct {
	Type       Type
	Compressed bool
	Size, Wire int64 // of the message, and of the payload of its frames
}

// Init makes the zero Outbox ready.
func (o *Outbox) Init(s Settings) {
	o.enc = frame.Encoder{Role: s.Role, AllowRSV1: s.Extras != nil && s.Extras.Zip != nil}
	o.policy, o.vectors, o.extras = s.Policy, s.Vectors && s.Role == frame.Server, s.Extras
	o.SetBound(s.Bound, false)
}

// SetBound sets how many bytes may wait. If it is elastic, a message of any length is taken while
// less than that wait.
func (o *Outbox) SetBound(n int, elastic bool) {
	o.bound, o.elastic = int32(min(n, unbounded)), elastic
}

// unbounded is a bound from which on there is none.
const unbounded = 1<<31 - 1

// limit is the bound of what waits, in bytes.
func (o *Outbox) limit() int {
	if o.bound == unbounded {
		return int(^uint(0) >> 1)
	}
	return int(o.bound)
}

// Role returns this side's role.
func (o *Outbox) Role() frame.Role { return o.enc.Role }

// Wire says who writes to the transport.
type Wire uint8

// The states of the wire.
const (
	Idle   Wire = iota // nobody
	Owned              // one goroutine, the owner, which has a batch with bytes to write
	Urgent             // as Owned, and what is encoded meanwhile has to follow at once
	Broken             // nobody, for good; an owner that is still writing gives up when it comes back
)

// Action is what the caller of a method has to do next.
type Action uint8

// The actions.
const (
	// None: nothing. If the caller was the owner of the wire, it is not any more.
	None Action = iota

	// Write: the wire is owned, and its owner has to write the batch: the caller, or a goroutine
	// that it starts.
	Write

	// Cut: the wire is broken, because a message that was begun can't be finished, or because of a
	// fault of this package's. The caller ends the connection.
	Cut
)

// Sizes, in bytes.
const (
	batchSize    = 64 << 10      // no further message is added to a batch of this size
	WriteMax     = 2 * batchSize // of one write, which Config.WriteTimeout bounds: a peer may be slow
	vectorMin    = 32 << 10      // a payload from here on is written from where it lies, if it can be
	maxPongBytes = 4 << 10       // of pongs in order that wait; beyond, only the latest is kept
)

// Lifecycle returns how far the connection is on its way to its end. It may be called without the
// lock.
func (o *Outbox) Lifecycle() frame.Lifecycle { return frame.Lifecycle(o.life.Load()) }

// Signal moves the Lifecycle on and returns what is to be done. For this side's and the peer's
// Close frames, for failures and for the loss of the transport, use [Outbox.Close],
// [Outbox.PeerClosed], [Outbox.Fail] and [Outbox.Lose], which do it.
func (o *Outbox) Signal(s frame.Signal) frame.Action {
	next, action := frame.Next(o.Lifecycle(), s)
	o.life.Store(uint32(next))
	return action
}

// Batch returns what the owner of the wire writes. The owner may use it without the lock.
func (o *Outbox) Batch() *Batch { return o.batch }

// Wire returns who writes.
func (o *Outbox) Wire() Wire { return o.wire }

// Clear reports whether a message may be encoded and written at once: nobody writes, and nothing is
// ahead.
func (o *Outbox) Clear() bool { return o.wire == Idle && !o.ahead() }

// Pending reports whether something is encoded that nobody writes yet. It leaves with what is
// written next, or with [Outbox.Kick].
func (o *Outbox) Pending() bool { return o.out != nil }

// Buffered returns how many bytes wait to be sent, headers of encoded frames included.
func (o *Outbox) Buffered() int {
	if o.wire == Broken {
		return 0
	}
	return o.out.rest() + o.batch.rest() + o.line.size()
}

// Quiet reports whether nothing is to be written: nobody writes, and nothing waits.
func (o *Outbox) Quiet() bool {
	return o.out == nil && o.wire != Owned && o.wire != Urgent && !o.ahead()
}

// Reserve makes room for a short message of n bytes that [Outbox.Begin] will encode next. It is a
// call of its own because taking a buffer of the pool needs more stack than there is below Begin.
func (o *Outbox) Reserve(n int) {
	if n < vectorMin {
		b := batchAt(&o.out)
		b.buf = pool.Grow(b.buf, frame.MaxHeaderSize+n)
	}
}

// Begin takes the wire, which is [Outbox.Clear], for a message of one frame. Its caller is the
// owner, and writes the batch.
func (o *Outbox) Begin(t Type, p []byte, prepared *Prepared) {
	o.wire = Owned
	o.batch, o.out = o.out, nil
	if b := o.batch; b != nil && o.extras == nil && prepared == nil && len(p) < vectorMin {
		b.own.start, b.own.before = len(b.buf), o.enc
		// As in appendContent. One more function would cost each message of either a call.
		buf, err := o.enc.AppendMessage(b.buf, t.Opcode(), o.maskingKey(), p)
		b.buf = buf
		o.check(err)
		b.own.end = len(b.buf)
		return
	}
	o.beginOther(t, p, prepared)
}

// beginOther is Begin for what is not a short plain message. It is a function of its own so that
// Begin needs little stack.
//
//go:noinline
func (o *Outbox) beginOther(t Type, p []byte, prepared *Prepared) {
	o.encodeOwn(&Content{t, p, prepared})
}

// Add puts a message of one frame into the line and returns its entry. If passive is true, its
// goroutine never becomes the owner of the wire: the transport's writes can't be interrupted.
func (o *Outbox) Add(t Type, p []byte, prepared *Prepared, passive bool) (*Entry, Action) {
	e := o.newEntry(message)
	e.content, e.passive = Content{t, p, prepared}, passive
	o.push(e)
	return e, o.next(false)
}

// Flush puts an entry into the line that is done when everything ahead of it is out.
func (o *Outbox) Flush(passive bool) (*Entry, Action) {
	e := o.newEntry(flush)
	e.passive = passive
	o.push(e)
	if o.wire == Owned {
		o.wire = Urgent
	}
	return e, o.next(true)
}

// Kick lets what is encoded leave now.
func (o *Outbox) Kick() Action {
	if o.wire == Owned && o.out != nil {
		o.wire = Urgent
	}
	return o.next(o.out != nil)
}

// next hands the idle wire on, if something may leave: to the goroutine of the first entry, which
// is told, or else, with Action Write, to one that the caller provides. must says that what is
// encoded has to leave even if the line is empty.
func (o *Outbox) next(must bool) Action {
	if o.ready() && o.piece == nil {
		o.grantTurn()
	}
	for o.wire == Idle && (must || o.ready()) {
		must = false
		owner := o.gather()
		switch {
		case o.wire == Broken:
			if owner != nil {
				o.batch.take(owner)
			}
			o.dropBatch()
			return Cut
		case o.batch.rest() == 0: // entries without bytes
			if owner != nil {
				owner.tell(Done, nil)
			}
			must = o.settle()
			continue
		}
		o.wire = Owned
		if owner == nil {
			return Write
		}
		owner.tell(Owner, nil)
		return None
	}
	if o.wire == Broken {
		return Cut
	}
	return None
}

// gather moves what may leave into the empty batch: all of out, then as much of the line as fits.
// It returns the entry whose goroutine has to write the batch, or nil.
func (o *Outbox) gather() (owner *Entry) {
	o.batch, o.out = o.out, nil
	if o.mayFollow() {
		if e := o.pop(); e != nil && e.wake != nil && !e.passive {
			owner = e
			o.encodeOwner(e)
		} else if e != nil {
			o.encode(e)
		}
	}
	o.gatherMore()
	return owner
}

// gatherMore adds to the batch as much of the line as fits.
func (o *Outbox) gatherMore() {
	for o.mayFollow() {
		if e := o.pop(); e != nil {
			o.encode(e)
		}
	}
}

// mayFollow reports whether what comes next in the line may go into the batch.
func (o *Outbox) mayFollow() bool {
	switch {
	case !o.ready():
		return false
	case o.piece == nil && o.head.kind == flush: // it has no bytes
		return true
	}
	return !o.batch.full() && o.batch.size() < o.batchLimit()
}

// pop takes the entry out of the line that is encoded next: a piece of the message with the turn,
// or the head. It returns nil if that asks for the turn, which is granted.
func (o *Outbox) pop() *Entry {
	l := o.line
	if e := l.piece; e != nil {
		l.piece = nil
		return e
	}
	if o.grantTurn() {
		return nil
	}
	e := l.head
	l.unlink(nil, e)
	return e
}

// grantTurn gives the turn, which is free, to the entry at the head of the line, if that asks for
// it.
func (o *Outbox) grantTurn() bool {
	l := o.line
	e := l.head
	if e.kind != turn {
		return false
	}
	l.unlink(nil, e)
	l.turn = e.msg
	e.tell(Done, nil)
	return true
}

// FinishWrite records that a write of the owner has ended, and that n more bytes of the batch are
// out. Write says that the caller still owns the wire, and has to write what is left of this batch
// or the next one.
func (o *Outbox) FinishWrite(n int) Action {
	o.batch.off += n
	if o.wire == Broken {
		o.dropBatch()
		return Cut
	}
	if o.batch.rest() > 0 {
		return Write
	}
	must := o.settle() || o.out != nil && (o.wire == Urgent || o.awaited())
	o.wire = Idle
	if o.line == nil && !must { // what most writes come to: next would find nothing
		return None
	}
	return o.next(must)
}

// Advance records that n more bytes of the batch are out, whose owner goes on with the rest.
func (o *Outbox) Advance(n int) { o.batch.off += n }

// Leave is the end of a write whose owner does not wait any longer, after n more bytes. Its own
// frame is taken back if nothing of it is out, and nothing counts on it. Else the frame stays, and
// left reports that. Write then says that somebody has to write the rest of the batch. If more than
// the bound is left of the frame, it is not kept for a caller that has gone: Cut.
func (o *Outbox) Leave(n int) (left bool, act Action) {
	b := o.batch
	b.off += n
	switch {
	case o.wire == Broken:
		o.dropBatch()
		return true, Cut
	case o.canTakeBack():
		o.enc = b.own.before
		b.takeBack()
	case b.ownRest() > o.limit():
		o.wire = Broken
		o.dropBatch()
		return true, Cut
	default:
		left = true
		b.copyPayload()
	}
	return left, o.FinishWrite(0)
}

// canTakeBack reports whether the owner's frame may be taken out of the batch again.
func (o *Outbox) canTakeBack() bool {
	own := o.batch.own
	return own.end > own.start && o.batch.off <= own.start && !own.fixed && o.Lifecycle() == frame.Open
}

// settle ends the batch, whose bytes are out, and tells those who wait for it. It reports whether
// what it has encoded has to follow.
func (o *Outbox) settle() (must bool) {
	if b := o.batch; b != nil {
		b.tellTaken(nil)
		putBatch(b)
		o.batch = nil
	}
	if l := o.line; l != nil && l.late != nil {
		if o.canAnswer() {
			o.control(frame.Pong, *l.late).pongs += len(*l.late)
			must = true
		}
		l.late = nil
	}
	o.tellMarks()
	return must
}

// dropBatch lets go of the batch of a broken wire, which nobody writes any more. If somebody still
// waits for it, Break tells them, and lets go of it.
func (o *Outbox) dropBatch() {
	b := o.batch
	switch {
	case b == nil:
	case b.taken != nil:
		b.ownerless = true
	default:
		putBatch(b)
		o.batch = nil
	}
}

// Withdraw takes e back, whose goroutine does not wait any longer. done reports that e was done
// before, with Err. Otherwise left reports whether its frame is on its way.
func (o *Outbox) Withdraw(e *Entry) (done, left bool, act Action) {
	switch e.state {
	case Waiting:
		o.remove(e)
		return false, false, o.next(false)
	case Owner:
		<-e.wake
		left, act = o.Leave(0)
		return false, left, act
	case Done:
		<-e.wake
		return true, false, None
	}
	return false, true, None
}

// Held returns how many bytes of buffers the outbox holds.
func (o *Outbox) Held() int {
	n := o.line.size()
	for _, b := range []*Batch{o.out, o.batch} {
		if b != nil {
			n += cap(b.buf) + cap(b.vec)
		}
	}
	return n
}
