package outbox

import (
	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// actor is a goroutine that sends one message.
type actor struct {
	id      byte
	does    way
	cancels bool // its context may end
	passive bool
	ender   bool // it flushes at the end of the connection

	pc    place
	e     *Entry
	m     *Message
	left  []byte // of a long message: what is not sent yet
	piece int    // the next piece
	asked int    // its place in the order of asking
	whole bool   // its message has come out of the transport as a whole
	fate  fate   // what its caller was told
}

// way is how a message is sent.
type way uint8

const (
	write    way = iota // a message of one frame
	long                // a message of pieces that are all there
	stream              // a message of pieces as they come
	send                // a message that nobody waits for, at once
	append_             // the same, later
	prepared            // a prepared message that nobody waits for, at once
	flushes
)

func (w way) String() string {
	return [...]string{"write", "long", "stream", "send", "append", "prepared", "flush"}[w]
}

// place is where a goroutine is.
type place uint8

const (
	before   place = iota
	waiting        // for its entry
	writing        // owns the wire
	offering       // owns the wire, and keeps the rest of its message after one try
	between        // has the turn, and is about to send the next piece
	failed         // a stream with an error that has not been closed yet
	after
)

// fate is what a caller knows of its message.
type fate uint8

const (
	unknown   fate = iota
	delivered      // all of it is out
	withdrawn      // nothing of it is out, nor ever will be
	kept           // it is on its way
	lost           // the connection ends
)

func (a *actor) events(s *system, who int8, all []event) []event {
	may := func(w what, must bool, n int) { all = append(all, event{w, must, who, int32(n)}) }
	switch a.pc {
	case before:
		may(begins, true, 0)
	case waiting:
		if len(a.e.wake) > 0 {
			may(wakes, true, 0)
		}
		if a.cancels {
			may(contextEnds, false, 0)
		}
	case writing:
		all = s.writerEvents(who, all)
		if a.cancels {
			for n := range min(2, s.o.batch.rest()) {
				may(contextEnds, false, n)
			}
		}
	case offering:
		rest := s.o.batch.rest()
		may(takes, true, rest)
		for _, n := range []int{0, 1, len(s.o.batch.buf), rest - 1} {
			may(takes, false, n)
		}
		may(writeFails, false, 0)
	case between:
		may(sends, true, 0)
		if a.does == stream && a.cancels {
			may(givesUp, false, 0)
		}
	case failed:
		may(closes, true, 0)
	}
	return all
}

func (a *actor) do(s *system, e event) {
	switch e.what {
	case begins:
		a.start(s)
	case wakes:
		<-a.e.wake
		a.woken(s)
	case contextEnds:
		if a.pc == waiting {
			a.cancelled(s)
		} else {
			s.transmit(int(e.n))
			a.interrupted(s, int(e.n))
		}
	case takes:
		a.keep(s, int(e.n))
	case sends:
		a.sendPiece(s)
	case givesUp:
		a.pc, a.fate = failed, lost
	case closes:
		a.abandon(s)
	}
}

// text is the text of a piece of the actor's message. It tells whose it is.
func (a *actor) text(s *system, piece int) []byte {
	return append([]byte{a.id, byte('0' + piece)}, s.sc.pad...)
}

// allText is the text of the actor's message from a piece on.
func (a *actor) allText(s *system, from int) (text []byte) {
	n := 1
	if a.does == long || a.does == stream {
		n = s.sc.pieces
	}
	for i := from; i < n; i++ {
		text = append(text, a.text(s, i)...)
	}
	return text
}

// start is the beginning of a call.
func (a *actor) start(s *system) {
	o := &s.o
	if (o.Lifecycle() != frame.Open || o.wire == Broken) && !a.ender {
		a.finish(lost)
		return
	}
	s.asked++
	a.asked = s.asked
	act := None
	switch a.does {
	case write:
		text := a.text(s, 0)
		if o.Clear() && !a.passive {
			o.Reserve(len(text))
			o.Begin(2, text, nil)
			a.pc = writing
			return
		}
		a.e, act = o.Add(2, text, nil, a.passive)
	case flushes:
		if o.Quiet() || o.wire == Broken {
			a.flushed(s)
			return
		}
		a.e, act = o.Flush(a.passive)
	case send, append_, prepared:
		a.enqueue(s)
		return
	case long, stream:
		a.m = &Message{Type: 2, Whole: a.does == long}
		a.m.Zipped = s.sc.zips && !a.m.Whole
		a.e, act = o.TakeTurn(a.m)
	}
	a.pc = waiting
	if a.e == nil {
		a.began(s)
	}
	s.handle(act)
}

// enqueue is the call that sends a message nobody waits for.
func (a *actor) enqueue(s *system) {
	o := &s.o
	haste := AtOnce
	if a.does == append_ {
		haste = Later
	}
	text := a.text(s, 0)
	c := &Content{Type: 2, Payload: text}
	if a.does == prepared {
		p := new(Prepared)
		p.Prepare(2, c.Payload)
		c = &Content{Prepared: p}
	}
	if o.Offer(c, haste) {
		if n := o.held(); n > s.sc.bound {
			s.fault("%d bytes are offered", n)
		}
		a.pc, a.left = offering, text
		return
	}
	held, dropped, fixed, busy := o.held(), o.Dropped(), o.held(), o.wire != Idle
	if l := o.line; l != nil {
		fixed -= l.queued + l.waiting*entryCost
	}
	verdict, act := o.Enqueue(c, haste)
	if n := o.held(); verdict == Accepted && n > held && n > s.sc.bound+entryCost+frame.MaxHeaderSize {
		s.fault("%d bytes are queued", n)
	}
	switch f := c.Size() + frame.MaxHeaderSize; {
	case verdict == TooLarge && f <= s.sc.bound, verdict != Accepted && held+f <= s.sc.bound:
		s.fault("%c is refused with verdict %d though there is room", a.id, verdict)
	case verdict != Accepted && dropped != o.Dropped():
		s.fault("a message is dropped for one that is refused")
	case s.sc.policy == DropOldest && dropped != o.Dropped():
		s.checkDrop(a, fixed+f <= s.sc.bound, held)
	case s.sc.policy == DropOldest && busy && verdict == Accepted && (o.line == nil || o.tail == nil):
		s.fault("the message of %c is encoded too early to be dropped", a.id)
	}
	clear(text) // it is the caller's again
	a.finish([...]fate{kept, withdrawn, withdrawn, withdrawn}[verdict])
	if verdict == TooSlow && s.ended == open {
		s.end(fails)
	}
	s.handle(act)
}

// keep follows the try to write an offered message: the transport has taken n bytes, and the text is
// the caller's again.
func (a *actor) keep(s *system, n int) {
	s.transmit(n)
	act := s.o.Keep(n)
	if b := s.o.batch; b != nil && b.vec != nil && &b.vec[0] == &a.left[0] {
		s.fault("the text of %c is not copied, though it is its caller's again", a.id)
	}
	a.left = nil
	a.finish(kept)
	s.handle(act)
}

// checkDrop holds a drop of the oldest against what it is for: helps says that it makes room for
// the actor's message, and held is how much was held before.
func (s *system) checkDrop(a *actor, helps bool, held int) {
	tail := s.o.line.tail
	queued := tail != nil && tail.wake == nil &&
		(tail.content.Prepared != nil || tail.content.Payload[0] == a.id)
	switch {
	case helps && !queued:
		s.fault("the message of %c is dropped, though dropping older ones makes room", a.id)
	case !helps && s.o.held() != held:
		s.fault("messages are dropped, which does not make room")
	}
}

func (a *actor) finish(f fate) { a.pc, a.fate = after, f }

// began follows the grant of the turn: a long message is compressed as a whole.
func (a *actor) began(s *system) {
	a.e, a.pc = nil, between
	if a.does != long {
		return
	}
	a.left = a.allText(s, 0)
	if a.m.Zipped = s.sc.zips; a.m.Zipped {
		s.zips = append(s.zips, a.id)
		a.left = s.o.Compress(nil, a.left, deflate.Last)
	}
}

// nextPiece returns the payload of the next frame.
func (a *actor) nextPiece(s *system) []byte {
	switch {
	case a.does == long && a.piece == s.sc.pieces-1:
		return a.left
	case a.does == long:
		return a.left[:a.size(s)]
	case a.m.Zipped:
		s.zips = append(s.zips, a.id)
		part := deflate.More
		if a.piece == s.sc.pieces-1 {
			part = deflate.Last
		}
		return s.o.Compress(nil, a.text(s, a.piece), part)
	}
	return a.text(s, a.piece)
}

// size is how long the frames of a long message are, but for the last one.
func (a *actor) size(s *system) int {
	switch {
	case s.sc.pieces == 1:
		return 1 << 20
	case s.sc.zips:
		return 2
	}
	return 2 + len(s.sc.pad)
}

// sendPiece is the call that sends the next piece.
func (a *actor) sendPiece(s *system) {
	if a.m.Lost() != nil || s.o.wire == Broken {
		a.stop(s, lost)
		return
	}
	e, act := s.o.Piece(a.m, a.nextPiece(s), a.piece == s.sc.pieces-1, a.passive)
	if e == nil {
		a.pc = writing
		return
	}
	a.e, a.pc = e, waiting
	s.handle(act)
}

// woken follows the wake-up of a waiting goroutine.
func (a *actor) woken(s *system) {
	switch {
	case a.e.State() == Owner:
		a.pc = writing
	case a.e.State() != Done:
		s.fault("%c was woken in state %d", a.id, a.e.State())
	case a.e.Err() != nil:
		a.recycle(s)
		a.stop(s, lost)
	default:
		a.went(s)
	}
}

// recycle gives the actor's entry back, whose wait is over.
func (a *actor) recycle(s *system) {
	if a.e != nil && a.e.kind != turn {
		s.o.Recycle(a.e)
		a.e = nil
	}
}

// finishWrite follows a write of the actor's, of n bytes.
func (a *actor) finishWrite(s *system, n int) {
	broken := s.o.wire == Broken
	act := s.o.FinishWrite(n)
	a.recycle(s)
	if broken {
		a.stop(s, lost)
	} else {
		a.went(s)
	}
	s.handle(act)
}

// went follows the success of a wait.
func (a *actor) went(s *system) {
	turned := a.e != nil && a.e.kind == turn
	a.recycle(s)
	switch {
	case a.does == flushes:
		a.flushed(s)
	case turned:
		a.began(s)
	case a.m == nil:
		a.finish(delivered)
	default:
		a.advance(s)
		if a.piece == s.sc.pieces {
			a.finish(delivered)
		} else {
			a.e, a.pc = nil, between
		}
	}
}

// advance counts a piece that is out, or on its way.
func (a *actor) advance(s *system) {
	if a.does == long {
		a.left = a.left[min(a.size(s), len(a.left)):]
		if a.piece == s.sc.pieces-1 {
			a.left = nil
		}
	}
	a.piece++
}

// flushed is the end of a Flush: all that was asked for before is out.
func (a *actor) flushed(s *system) {
	a.finish(delivered)
	missing := uint64(0)
	for _, b := range s.actors {
		begun := b.pc != before && b.asked < a.asked && b.does != flushes && b.does != stream
		gone := b.whole || b.fate == withdrawn || b.fate == lost ||
			s.ended != open && s.ended != lastCall || s.o.wire == Broken
		if begun && !gone {
			missing++
		}
	}
	if missing > s.o.Dropped() && (!a.ender || s.o.Lifecycle() < frame.Failed) {
		s.fault("%c has flushed, and %d messages before it are not out", a.id, missing)
	}
}

// cancelled is the end of the context of a goroutine that waits.
func (a *actor) cancelled(s *system) {
	if a.e.kind == turn {
		done, _, act := s.o.Withdraw(a.e)
		if done && a.e.Err() == nil {
			s.zips = append(s.zips, '!')
			act = s.o.Abandon(a.m)
		}
		a.finish(withdrawn)
		if done && a.e.Err() != nil {
			a.fate = lost
		}
		s.handle(act)
		return
	}
	owner, own := a.e.state == Owner, s.own(0)
	done, left, act := s.o.Withdraw(a.e)
	if owner {
		s.checkLeave(own, left, act)
	}
	switch {
	case done && a.e.Err() != nil:
		a.recycle(s)
		a.stop(s, lost)
	case done:
		a.went(s)
	default:
		if !left {
			a.recycle(s)
		}
		a.gone(s, left)
	}
	s.handle(act)
}

// interrupted is the end of the context of a goroutine that writes, after n bytes.
func (a *actor) interrupted(s *system, n int) {
	broken, own := s.o.wire == Broken, s.own(n)
	left, act := s.o.Leave(n)
	if broken {
		a.stop(s, lost)
	} else {
		s.checkLeave(own, left, act)
		a.gone(s, left)
	}
	s.handle(act)
}

// own is how many bytes of the owner's own frame are not out after n more of the batch; -1 if the
// wire is broken.
func (s *system) own(n int) int {
	b := s.o.batch
	if b == nil || s.o.wire == Broken {
		return -1
	}
	return max(0, b.own.end-max(b.own.start, b.off+n))
}

// checkLeave holds the end of a wait against the bound: only a message that was begun and is too
// long to be kept may end the connection.
func (s *system) checkLeave(own int, left bool, act Action) {
	switch tooMuch := own > s.sc.bound; {
	case own < 0:
	case left && tooMuch && act != Cut:
		s.fault("%d bytes are kept for a caller that has gone", own)
	case act == Cut && !(left && tooMuch):
		s.fault("a caller that has left no more than %d bytes has ended the connection", own)
	}
}

// gone follows the end of the context: left says that the frame is on its way.
func (a *actor) gone(s *system, left bool) {
	if left {
		a.advance(s)
	}
	f := withdrawn
	if a.piece > 0 {
		f = kept
	}
	if a.m == nil {
		a.finish(f)
		return
	}
	a.stop(s, f)
}

// stop is the end of a call that failed.
func (a *actor) stop(s *system, f fate) {
	switch {
	case a.does == stream && a.pc != failed:
		a.pc, a.fate = failed, f
	case a.does == long:
		s.zips = append(s.zips, '!')
		tooMuch := s.o.HasTurn(a.m) && s.o.enc.InMessage() && s.o.Buffered()+len(a.left) > s.sc.bound
		act := s.o.Rest(a.m, a.left, a.size(s))
		if tooMuch != (act == Cut) && s.o.wire != Broken {
			s.fault("%c leaves %d bytes: %v", a.id, len(a.left), act)
		}
		a.finish(f)
		if act == Cut {
			a.fate = lost
		}
		s.handle(act)
	default:
		a.finish(f)
	}
}

// abandon is the Close of a stream that has failed.
func (a *actor) abandon(s *system) {
	s.zips = append(s.zips, '!')
	act := s.o.Abandon(a.m)
	begun := a.piece > 0
	a.finish(a.fate)
	if begun && a.piece < s.sc.pieces {
		a.fate = lost
	}
	if act == Cut {
		if s.ended == open {
			s.ended = failure
		}
		act = s.fail()
	}
	s.handle(act)
}
