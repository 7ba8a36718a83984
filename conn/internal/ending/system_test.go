package ending

import "fmt"

// A system is a connection with the goroutines that read, write, end and cut it. Each step of a
// goroutine is one access to what they share, as package conn does it. What only may happen,
// because the peer or the program decides it, is marked as such: see step.
type system struct {
	phase   Phase
	life    life
	broken  bool // the sending is broken: a write has failed, or the connection was cut
	began   bool // somebody has read
	calling bool // a callback of Serve runs
	ended   bool // Done is told

	peerClosed bool // the peer's Close frame, or its FIN, can be read
	timer      timer

	shut     bool
	closes   int // of the transport
	released int // of the memory of the reading half
	threads  []*thread
	faults   []string
}

// life is as much of frame.Lifecycle as matters.
type life uint8

const (
	open      life = iota
	closeSent      // Close was called
	over           // the peer has closed, or a rule was broken, or the transport was cut
)

// timer is what the connection's timer will do; there is one.
type timer uint8

const (
	unset    timer = iota
	cuts           // CloseTimeout: it cuts
	looks          // after a failed write: it sees to it that somebody reads the end, and cuts
	hasFired       // for those that are set only once
)

// thread is a goroutine: a small program.
type thread struct {
	name   string
	run    func(s *system, t *thread, choice int) // its next step
	may    func(s *system, t *thread) (must bool, choices int)
	pc     int
	act    Action // of the last step: what is still to be done for it
	stage  int    // how far that is
	serves bool   // it is Serve on a socket
	reads  bool   // it has the reading half
	inside bool   // it is inside a RawConn's function
}

const finished = -1

func (s *system) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// step moves the phase on. What the action asks for are the next steps of the thread.
func (s *system) step(t *thread, e Event) Action {
	next, action := Next(s.phase, e)
	s.phase = next
	if action > Proceed {
		t.act, t.stage = action, 0
	}
	return action
}

// follow does the next part of what the last action of a thread asks for.
func (s *system) follow(t *thread) {
	t.stage++
	switch {
	case t.act == Spawn:
		s.threads = append(s.threads, ender())
		t.act = None
	case t.act == Shut && t.stage == 1:
		s.shut = true
	case t.act == Shut:
		if t.act = None; s.calling {
			s.tellEnd()
		}
	case t.stage == 1:
		s.closeAndRelease(t)
	default:
		if t.act != Release {
			s.tellEnd()
		}
		t.act = None
	}
}

func (s *system) closeAndRelease(t *thread) {
	if t.act != Release {
		s.closes++
	}
	if t.act != CloseNow {
		s.released++
	}
	for _, u := range s.threads {
		if u.inside && t.act != Release {
			s.fault("the descriptor is closed while the %s is inside", u.name)
		}
		if u.reads && t.act != CloseNow {
			s.fault("the memory is released while the %s reads", u.name)
		}
	}
}

// tellEnd is the end of all: Done is told, unless it was.
func (s *system) tellEnd() {
	s.ended, s.life, s.broken, s.timer = true, over, true, hasFired
	if s.closes == 0 && !s.shut {
		s.fault("Done is told, and the transport is open")
	}
}

// lose is what an abort does under the lock: the step Cut follows.
func (s *system) lose() { s.life, s.broken = over, true }

func (s *system) setTimer(t timer) {
	if s.timer == unset {
		s.timer = t
	}
}

// reader is Read, or with serves Serve on a socket.
func reader(serves bool) *thread {
	return &thread{name: "reader", serves: serves, run: (*system).runReader, may: readerMay}
}

// The places of a reader.
const (
	takes = iota
	looksAtLife
	enters
	waitsInside
	hasMessage
	startsCallback
	inCallback
	leaves
	leavesForContext
	waitsOutside
	gives
	meets
	seeksEnd
	finishes // those of the ender, which it may become
	lingers
	drains
	closesInOrder
)

// readerMay returns what a reader may do, and whether one of it happens by itself.
func readerMay(s *system, t *thread) (must bool, choices int) {
	switch t.pc {
	case waitsInside, waitsOutside:
		return s.life == over || s.peerClosed || s.shut || s.closes > 0, 3
	case inCallback:
		return false, 2 // it may block for ever
	}
	return true, 1
}

func (s *system) runReader(t *thread, choice int) {
	switch t.pc {
	case takes:
		if t.pc = finished; s.step(t, Take) == Proceed {
			t.pc, t.reads = looksAtLife, true
		}
	case looksAtLife:
		switch {
		case s.life != open:
			t.pc = gives
			return
		case t.serves:
			t.pc = enters
		default:
			t.pc = waitsOutside
		}
		s.began = true
	case enters:
		if t.pc = meets; s.step(t, Enter) == Proceed {
			t.pc, t.inside = waitsInside, true
		}
	case waitsInside, waitsOutside:
		s.readerWaits(t, choice)
	case hasMessage:
		t.pc, s.calling = startsCallback, true
	case startsCallback: // a cut that came before may not know of the callback
		if t.pc = inCallback; s.life == over {
			t.pc, s.calling = waitsInside, false
		}
	case inCallback:
		s.calling = false
		if t.pc = waitsInside; choice == 1 { // runtime.Goexit, or a panic
			s.threads = append(s.threads, orphan(t))
			t.pc, t.reads, t.inside = finished, false, false
		}
	case leaves, leavesForContext:
		t.inside = false
		act := s.step(t, Leave)
		if t.pc == leaves || act == CloseNow || s.life == over {
			t.pc = meets
		} else {
			t.pc = gives
		}
	case gives:
		t.reads = false
		if t.pc = finished; s.step(t, Give) == Proceed {
			t.pc = seeksEnd
		}
	case seeksEnd: // Close may have been called meanwhile
		if t.pc = finished; s.life != open {
			s.step(t, End)
		}
	case meets:
		s.step(t, Met)
		t.pc = lingers
	default:
		s.runEnder(t, choice)
	}
}

// readerWaits is the end of a wait: the connection's, or that of a context, or bytes have come that
// lead to a callback.
func (s *system) readerWaits(t *thread, choice int) {
	ends := s.life == over || s.peerClosed || s.shut || s.closes > 0
	switch inside := t.pc == waitsInside; {
	case ends && choice == 0:
		s.life = max(s.life, over)
		s.setTimer(cuts)
		if t.pc = meets; inside {
			t.pc = leaves
		}
	case choice == 1: // a context
		if t.pc = gives; inside {
			t.pc = leavesForContext
		}
	case choice == 2 && inside && !s.shut:
		t.pc = hasMessage
	}
}

// orphan is the goroutine that goes on for one that has ended in a callback.
func orphan(of *thread) *thread {
	t := &thread{name: "orphan", reads: true, inside: of.inside, serves: true, pc: 100, may: readerMay}
	t.run = func(s *system, t *thread, choice int) {
		if t.pc == 100 { // the connection fails
			s.life, t.pc = over, leaves
			s.setTimer(cuts)
			return
		}
		s.runReader(t, choice)
	}
	return t
}

// ender is the goroutine that brings the end about.
func ender() *thread {
	may := func(s *system, t *thread) (bool, int) {
		if t.pc == finishes {
			return s.life == over || s.peerClosed || s.closes > 0, 1
		}
		return readerMay(s, t)
	}
	return &thread{name: "ender", pc: finishes, reads: true, run: (*system).runEnder, may: may}
}

func (s *system) runEnder(t *thread, _ int) {
	switch t.pc {
	case finishes: // read to the end, which comes from the peer, or from a cut
		if s.life == over || s.peerClosed || s.closes > 0 {
			s.life, t.pc = over, lingers
			s.setTimer(cuts)
		}
	case lingers:
		if t.pc = drains; s.phase != Ending {
			t.pc = closesInOrder
		}
	case drains: // nothing leaves any more if the sending is broken
		if t.pc = closesInOrder; s.broken {
			s.step(t, Cut)
		}
	case closesInOrder:
		t.reads = false
		s.step(t, Finish)
		t.pc = finished
	}
}

// script returns a thread whose steps happen one after the other; each returns false to wait.
func script(name string, steps ...func(s *system, t *thread) bool) *thread {
	return &thread{
		name: name,
		may:  func(*system, *thread) (bool, int) { return true, 1 },
		run: func(s *system, t *thread, _ int) {
			if !steps[t.pc](s, t) {
				return
			}
			if t.pc++; t.pc == len(steps) {
				t.pc = finished
			}
		},
	}
}

func does(f func(s *system, t *thread)) func(s *system, t *thread) bool {
	return func(s *system, t *thread) bool { f(s, t); return true }
}

func event(e Event) func(s *system, t *thread) bool {
	return does(func(s *system, t *thread) { s.step(t, e) })
}

// seek is Conn.seekEnd.
func seek(s *system, t *thread) bool {
	if s.life != open {
		s.step(t, End)
	}
	return true
}

// closer is Close: its Close frame, then the end, for which it waits.
func closer() *thread {
	return script("closer", does(func(s *system, _ *thread) {
		if s.life == open {
			s.life = closeSent
			s.setTimer(cuts)
		}
	}), seek, func(s *system, _ *thread) bool { return s.ended })
}

// cutter is CloseNow.
func cutter() *thread {
	return script("cutter", does(func(s *system, _ *thread) { s.lose() }), event(Cut))
}

// failer is a violation noticed by somebody who does not read, such as a full queue.
func failer() *thread {
	return script("failer", does(func(s *system, _ *thread) {
		s.life = over
		s.setTimer(cuts)
	}), seek)
}

// writer is a write that fails: the connection stays open until its end has been read.
func writer() *thread {
	return script("writer", does(func(s *system, _ *thread) {
		s.broken = true
		s.setTimer(looks)
	}), func(s *system, t *thread) bool {
		if !s.began {
			s.step(t, End)
		}
		return true
	})
}

// clock is the connection's timer.
func clock() *thread {
	may := func(s *system, t *thread) (bool, int) { return t.pc > 0 || s.timer != unset, 1 }
	return &thread{name: "clock", may: may, run: runClock}
}

func runClock(s *system, t *thread, _ int) {
	switch {
	case t.pc == 0 && s.timer == unset:
	case t.pc == 0 && s.timer == hasFired:
		t.pc = finished
	case t.pc == 0 && s.timer == cuts:
		s.timer, t.pc = hasFired, 3
	case t.pc == 0:
		s.timer, t.pc = hasFired, 1
	case t.pc == 1: // does anybody read?
		if t.pc = 3; s.phase == Free {
			t.pc = 2
		}
	case t.pc == 2:
		s.step(t, End)
		t.pc = 3
	case t.pc == 3:
		s.lose()
		t.pc = 4
	case t.pc == 4:
		s.step(t, Cut)
		t.pc = finished
	}
}

// peer may send its Close frame, or end its direction.
func peer() *thread {
	t := script("peer", does(func(s *system, _ *thread) { s.peerClosed = true }))
	t.may = func(*system, *thread) (bool, int) { return false, 1 }
	return t
}
