package outbox

import "github.com/rfc6455/ws/frame"

// check holds a state against what is always true; rest says that nothing happens any more by
// itself.
func (s *system) check(rest bool) {
	s.checkOwner(rest)
	s.checkWaits()
	s.checkFates(rest)
	s.checkSizes()
	if rest {
		s.checkRest()
	}
}

// checkOwner: there is one owner of the wire, and it has something to write.
func (s *system) checkOwner(rest bool) {
	o := &s.o
	owners := 0
	if s.flusher {
		owners++
	}
	for _, a := range s.actors {
		if a.pc == writing || a.pc == offering || a.pc == waiting && a.e.state == Owner {
			owners++
		}
	}
	owned := o.wire == Owned || o.wire == Urgent
	switch {
	case owned != (owners == 1) && o.wire != Broken || owners > 1:
		s.fault("%d goroutines write while the wire is %d", owners, o.wire)
	case owned && o.batch.rest() == 0:
		s.fault("the owner has nothing to write")
	case (o.wire == Broken) != s.broke:
		s.fault("the wire is %d, and the transport is broken: %v", o.wire, s.broke)
	case o.wire == Broken && o.out != nil:
		s.fault("something is encoded that can't leave any more")
	case owners == 0 && o.batch != nil:
		s.fault("nobody has the batch")
	}
	silent := appendEncoder(nil, o.enc)[0]&2 != 0
	if s.silent && !silent {
		s.fault("the encoder has forgotten that it had a Close frame")
	}
	s.silent = silent
}

// checkWaits: each wait is told once, and in the order of asking.
func (s *system) checkWaits() {
	for _, a := range s.actors {
		if a.e != nil && len(a.e.wake) > 1 {
			s.fault("%c is told twice", a.id)
		}
		if a.pc != waiting {
			continue
		}
		if told := a.e.state == Owner || a.e.state == Done; told != (len(a.e.wake) == 1) {
			s.fault("%c is in state %d and told %d times", a.id, a.e.state, len(a.e.wake))
		}
		for _, b := range s.actors {
			earlier := b.pc == waiting && b.asked < a.asked && b.e.state == Waiting && b.e.kind != piece
			if earlier && a.e.kind != piece && a.e.state != Waiting && a.e.err == nil {
				s.fault("%c is served before %c, which has asked first", a.id, b.id)
			}
		}
	}
	s.checkTaken()
	if s.o.line == nil {
		return
	}
	spares := 0
	for e := s.o.spare; e != nil; e = e.next {
		spares++
		if len(e.wake) != 0 || e.state != Waiting {
			s.fault("an entry is told after its end")
		}
	}
	if spares != int(s.o.spares) || spares > maxSpares {
		s.fault("%d entries are spare, not %d", spares, s.o.spares)
	}
}

// checkTaken: those who wait for the batch will be told in the order of asking.
func (s *system) checkTaken() {
	if s.o.batch == nil {
		return
	}
	last := 0
	for e := s.o.batch.taken; e != nil; e = e.next {
		if who := int(s.whose(e)) - 'A'; who >= 0 {
			if s.actors[who].asked < last {
				s.fault("%c is told after one that has asked later", 'A'+who)
			}
			last = s.actors[who].asked
		}
	}
}

// checkFates: what callers were told is true.
func (s *system) checkFates(rest bool) {
	for _, a := range s.actors {
		switch {
		case a.fate == delivered && a.does != flushes && !a.whole:
			s.fault("%c was told that its message is out", a.id)
		case a.fate == withdrawn && a.whole:
			s.fault("%c was told that its message is withdrawn, and it is out", a.id)
		case rest && a.pc != after:
			s.fault("%c waits for ever", a.id)
		}
	}
}

// checkSizes: what is counted is what is there.
func (s *system) checkSizes() {
	l := s.o.line
	if l == nil {
		return
	}
	queued, waiting := 0, 0
	last := (*Entry)(nil)
	for e := l.head; e != nil; e = e.next {
		if last = e; e.wake == nil {
			queued, waiting = queued+e.size(), waiting+1
		}
	}
	if queued != l.queued || waiting != l.waiting || last != l.tail {
		s.fault("%d bytes in %d messages are counted, and there are %d in %d",
			l.queued, l.waiting, queued, waiting)
	}
	if s.drained == nil {
		return
	}
	select {
	case <-s.drained:
	default:
		if s.o.Buffered() == 0 && s.o.wire != Owned && s.o.wire != Urgent {
			s.fault("nothing is queued, and Drained has not told")
		}
	}
}

// checkRest: nothing is left that somebody has to bring about.
func (s *system) checkRest() {
	o := &s.o
	if o.wire == Broken {
		return
	}
	switch {
	case o.ready() || o.wire != Idle:
		s.fault("something waits that nobody writes")
	case s.ended != open && s.ended != lastCall && !s.peer.closing:
		s.fault("no Close frame has left")
	case s.ended == open && s.peer.pong != byte(s.pings):
		s.fault("the last ping is not answered")
	case o.Pending() && s.ended != open:
		s.fault("something is left behind at the end")
	case o.Pending() && o.awaited():
		s.fault("somebody waits in Drained for what nobody writes")
	}
	s.checkAccepted()
}

// checkAccepted: what was accepted has left, unless a policy has dropped it, or the peer or an
// error has ended the connection, or an unfinished message was ahead.
func (s *system) checkAccepted() {
	missing := uint64(0)
	for _, a := range s.actors {
		if a.does == stream && s.ended != open || a.does == stream && a.fate == lost {
			return
		}
		pending := a.does == append_ && s.o.Pending()
		if a.fate == kept && !a.whole && !pending && a.does != stream && a.does != flushes {
			missing++
		}
	}
	sound := s.ended == lastCall ||
		(s.ended == open || s.ended == closed) && s.o.Lifecycle() <= frame.Closing
	if sound && missing > s.o.Dropped() {
		s.fault("%d messages are missing, and %d were dropped", missing, s.o.Dropped())
	}
}
