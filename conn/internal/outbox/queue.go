package outbox

import (
	"slices"

	"github.com/rfc6455/ws/frame"
)

// Policy says what becomes of a message that nobody waits for and for which the queue has no room.
// Its values are those of conn's QueuePolicy.
type Policy uint8

// The policies.
const (
	Close Policy = iota
	Refuse
	DropNewest
	DropOldest
)

// Verdict is what became of a message that nobody waits for.
type Verdict uint8

// The verdicts.
const (
	Accepted Verdict = iota // queued, or dropped as the policy wants
	Full                    // nothing was taken
	TooLarge                // nothing was taken, and never will be: the message is larger than the bound
	TooSlow                 // nothing was taken, and the policy wants the connection to end
)

// Haste says when a queued message leaves.
type Haste uint8

// The hastes.
const (
	Later  Haste = iota // with what leaves next
	AtOnce              // now, or as soon as the transport takes it
)

// entryCost is what an entry of the line costs beside its payload, in bytes. It counts for the
// bound, so that messages of one byte are bounded, too.
const entryCost = 128

// Enqueue takes a copy of a message that nobody waits for.
func (o *Outbox) Enqueue(c *Content, h Haste) (_ Verdict, act Action) {
	if n := c.Size() + frame.MaxHeaderSize; !o.mayHold(o.held(), n) {
		if verdict, fits := o.overflow(c, n); !fits {
			return verdict, None
		}
	}
	waits := o.wire != Idle
	if o.ahead() || o.keepsPlain() {
		act = o.pushCopy(c)
	} else {
		b := batchAt(&o.out)
		o.appendContent(b, c)
		if h == AtOnce || b.size() >= o.appendLimit() {
			act = o.Kick()
		}
	}
	if hooks := o.hooks(); hooks != nil && waits {
		hooks.Queued(o.Buffered())
	}
	return Accepted, act
}

// Offer takes the wire for a long message that nobody waits for, if nothing is ahead of it. Its caller
// is the owner then: it writes what the transport takes at once, from where the payload lies, and
// calls [Outbox.Keep]. If Offer returns false, nothing has happened, and the message is one for
// [Outbox.Enqueue].
func (o *Outbox) Offer(c *Content, h Haste) bool {
	switch {
	case !o.Clear(), !o.staysInPlace(c), !o.fits(c.Size() + frame.MaxHeaderSize):
		return false
	case h == Later && o.out.size()+c.Size() < o.appendLimit():
		return false
	}
	o.wire = Owned
	o.batch, o.out = o.out, nil
	o.encodeOwn(c)
	return true
}

// Keep records that n bytes of the batch of an Offer are out, and copies the rest: the payload is
// its caller's again. Write says that the caller still owns the wire, and that somebody has to write
// what is left.
func (o *Outbox) Keep(n int) Action {
	o.batch.off += n
	if o.wire != Broken {
		o.batch.copyPayload()
	}
	return o.FinishWrite(0)
}

// overflow does what the policy says about a message of n bytes for which there is no room. fits
// reports whether there is room now; if not, the verdict says what became of the message.
func (o *Outbox) overflow(c *Content, n int) (_ Verdict, fits bool) {
	switch {
	case !o.mayHold(0, n): // it never would fit, whatever the peer does
		return TooLarge, false
	case o.policy == Refuse:
		return Full, false
	case o.policy == Close:
		return TooSlow, false
	case o.policy == DropOldest && o.makeRoom(n):
		return Accepted, true
	}
	o.drop(c)
	return Accepted, false
}

// fits reports whether there is room for n bytes more.
func (o *Outbox) fits(n int) bool { return o.mayHold(o.held(), n) }

// mayHold reports whether n bytes more may wait beside those that are held.
func (o *Outbox) mayHold(held, n int) bool {
	return held+n <= o.limit() || o.elastic && held < o.limit()
}

// held is what counts for the bound.
func (o *Outbox) held() int {
	if o.line == nil {
		return o.Buffered()
	}
	return o.Buffered() + o.waiting*entryCost
}

// pushCopy puts a copy of a message into the line, behind those that are ahead.
func (o *Outbox) pushCopy(c *Content) Action {
	e := &Entry{content: *c}
	e.content.Payload = slices.Clone(c.Payload) // of its own size: the line may hold many
	o.makeLine().push(e)
	return o.next(false)
}

// keepsPlain reports whether a message has to wait in the line although it could be encoded: what
// is encoded can't be dropped any more, since later messages may refer to it (RFC 7692 section
// 7.1.1).
func (o *Outbox) keepsPlain() bool {
	return o.policy == DropOldest && (o.wire != Idle || o.out.size() >= o.batchLimit())
}

// batchLimit is the size of a batch from which on no message is added to it. If the oldest are
// dropped, small batches leave something to drop.
func (o *Outbox) batchLimit() int {
	if o.policy == DropOldest {
		return max(1, min(batchSize, o.limit()/4))
	}
	return batchSize
}

// appendLimit is how much may be appended before it begins to leave: what one write takes. To wait
// any longer would save no packet, and a peer that sends without a pause, so that the reader never
// has to wait, would fill the queue however fast it reads.
func (o *Outbox) appendLimit() int { return min(WriteMax, o.limit()/2) }

// makeRoom drops the oldest messages that nobody waits for until n bytes fit, or none if all of
// them would not do.
func (o *Outbox) makeRoom(n int) bool {
	l := o.line
	if l == nil || !o.mayHold(o.held()-l.queued-l.waiting*entryCost, n) {
		return false
	}
	var prev *Entry
	for e := l.head; e != nil && !o.fits(n); {
		next := e.next
		if e.kind != message || e.wake != nil {
			prev = e
		} else {
			l.unlink(prev, e)
			o.drop(&e.content)
		}
		e = next
	}
	return o.fits(n)
}

// drop counts a message that the policy drops.
func (o *Outbox) drop(c *Content) {
	o.makeLine().dropped++
	if hooks := o.hooks(); hooks != nil {
		t := c.Type
		if c.Prepared != nil {
			t = c.Prepared.Type
		}
		hooks.Dropped(t&^Uncompressed, c.Size())
	}
}

// Dropped returns how many messages the policy has dropped.
func (o *Outbox) Dropped() uint64 {
	if o.line == nil {
		return 0
	}
	return o.dropped
}

// mark is a size of the queue that somebody wants to be told of.
type mark struct {
	bytes   int
	reached chan struct{} // closed when no more than bytes wait
}

// Drained returns a channel that is closed when no more than bytes bytes wait to be sent, or when
// nothing will ever be sent again.
func (o *Outbox) Drained(bytes int) <-chan struct{} {
	l := o.makeLine()
	i := slices.IndexFunc(l.marks, func(m mark) bool { return m.bytes == bytes })
	if i < 0 {
		i = len(l.marks)
		l.marks = append(l.marks, mark{bytes, make(chan struct{})})
	}
	reached := l.marks[i].reached
	o.tellMarks()
	return reached
}

// awaited reports whether somebody waits for a mark, so that what is encoded has to leave.
func (o *Outbox) awaited() bool { return o.line != nil && len(o.marks) > 0 }

// tellMarks tells those whose mark is reached.
func (o *Outbox) tellMarks() {
	if !o.awaited() {
		return
	}
	buffered := o.Buffered()
	o.marks = slices.DeleteFunc(o.marks, func(m mark) bool {
		if o.wire != Broken && buffered > m.bytes {
			return false
		}
		close(m.reached)
		return true
	})
}
