package outbox

import (
	"errors"
	"fmt"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// A system is an Outbox with everything around it: goroutines that send, each in its own way, a
// transport that takes some of what is written, the peer's frames, and the end. Each step is one
// event. What a goroutine does in one step is what package conn does while it holds its lock, or
// between two locks.
type system struct {
	sc      *scenario
	o       Outbox
	actors  []*actor
	flusher bool            // a goroutine writes for those who do not wait
	ended   end             // how the end began
	pings   int             // how many have come
	owes    bool            // the reader has not waited since
	drained <-chan struct{} // of Drained(0); nil: nobody has asked
	asked   int             // how many messages and flushes have been asked for
	broke   bool            // the transport is lost, or was cut
	silent  bool            // the encoder has had a Close frame
	zips    []byte          // what was compressed, in order, and resets of the encoder
	faults  []string
	peer    peer
}

// end is how the end began.
type end uint8

const (
	open       end = iota
	closed         // Close was called
	peerClosed     // the peer's Close frame has come
	failure        // a rule was broken
	cut            // the transport was cut
	lastCall       // the peer has ended its direction without a Close frame
)

// what says what happens in an event.
type what uint8

const (
	callClose what = iota
	peersClose
	peersAnswer
	fails
	closeNow
	peersEnd
	ping
	flood
	drain
	readerWaits
	allWritten  // of an owner
	someWritten // of an owner: n bytes
	writeFails  // of an owner
	begins      // of an actor
	wakes
	contextEnds // n: bytes that were written before
	takes       // n bytes of an offer
	sends       // the next piece
	givesUp
	closes // a message
)

var whats = [...]string{
	"Close", "peer's Close", "peer's answer", "failure", "CloseNow", "peer's end", "ping", "flood of pings", "Drained(0)",
	"the reader is about to wait", "writes all", "writes", "fails to write", "begins", "wakes", "'s context ends after",
	"offers, and the transport takes", "sends a piece", "gives its message up", "closes its message",
}

// event is one thing that may happen. must is true if it happens by itself: a system in which only
// others remain has come to rest.
type event struct {
	what what
	must bool
	who  int8 // an actor, or the flusher
	n    int32
}

const theFlusher = -1

func (e event) String() string {
	switch {
	case e.what < allWritten:
		return whats[e.what]
	case e.who == theFlusher:
		return fmt.Sprintf("flusher %s %d", whats[e.what], e.n)
	}
	return fmt.Sprintf("%c %s %d", 'A'+e.who, whats[e.what], e.n)
}

var (
	errLost   = errors.New("lost")
	errCut    = errors.New("cut")
	errClosed = errors.New("closing")
)

func (s *system) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// events appends all that may happen now.
func (s *system) events(all []event) []event {
	for i, a := range s.actors {
		all = a.events(s, int8(i), all)
	}
	if s.flusher {
		all = s.writerEvents(theFlusher, all)
	}
	may := func(yes bool, w what) {
		if yes {
			all = append(all, event{what: w})
		}
	}
	for _, w := range []what{callClose, peersClose, fails, closeNow, peersEnd} {
		may(s.ended == open, w)
	}
	may(s.o.Lifecycle() == frame.CloseSent && s.o.wire != Broken, peersAnswer)
	may(s.sc.pings && s.pings == 0, ping)
	may(s.sc.floods && s.pings == 0, flood)
	may(s.sc.drains && s.drained == nil, drain)
	may(s.sc.reads && s.o.Pending() && !s.owes, readerWaits)
	if s.owes {
		all = append(all, event{what: readerWaits, must: true})
	}
	return all
}

// do lets an event happen.
func (s *system) do(e event) {
	switch e.what {
	case allWritten, someWritten, writeFails:
		s.write(e)
	case callClose, peersClose, peersAnswer, fails, closeNow, peersEnd:
		s.end(e.what)
	case ping, flood:
		s.owes = true
		for range s.sc.pingsOf(e.what) {
			s.pong()
		}
	case drain:
		act := None
		if s.o.Pending() {
			act = s.o.Kick()
		}
		s.drained = s.o.Drained(0)
		s.handle(act)
	case readerWaits:
		if s.owes = false; s.o.Pending() {
			s.handle(s.o.Kick())
		}
	default:
		s.actors[e.who].do(s, e)
	}
}

// end begins the end, or goes on with it.
func (s *system) end(w what) {
	o := &s.o
	act := None
	switch w {
	case callClose:
		s.ended = closed
		_, act = o.Close(nil, errClosed)
	case peersClose:
		s.ended = peerClosed
		_, act = o.PeerClosed(nil, errClosed)
	case peersAnswer:
		_, act = o.PeerClosed(nil, errClosed)
	case fails:
		s.ended = failure
		act = s.fail()
	case closeNow:
		s.ended = cut
		s.lose(errLost)
	case peersEnd:
		s.ended = lastCall
		o.LastCall(errLost)
		s.actors = append(s.actors, &actor{id: byte('A' + len(s.actors)), does: flushes, ender: true})
	}
	s.handle(act)
}

// fail is what package conn does if a rule is broken.
func (s *system) fail() Action {
	done, act := s.o.Fail(nil, errCut)
	if done == frame.Drop {
		s.lose(errCut)
	}
	return act
}

// lose cuts the transport.
func (s *system) lose(err error) {
	s.broke = true
	s.o.Lose(err)
}

// pong is what package conn does for a ping.
func (s *system) pong() {
	s.pings++
	payload := append([]byte{byte(s.pings)}, s.sc.ping...)
	if !s.o.RoomForPong(len(payload)) && s.o.wire == Idle {
		s.handle(s.o.Kick())
	}
	s.o.Pong(payload)
}

// handle does what an action asks of a goroutine that does not write itself.
func (s *system) handle(act Action) {
	switch act {
	case Write:
		if s.flusher {
			s.fault("a second goroutine is to write")
		}
		s.flusher = true
	case Cut:
		s.lose(errCut)
	}
}

// writerEvents adds what may happen to a write of the batch by who: all of it leaves, a part does,
// or the transport is lost.
func (s *system) writerEvents(who int8, all []event) []event {
	b := s.o.batch
	all = append(all, event{allWritten, true, who, int32(b.rest())}, event{writeFails, false, who, 0})
	if s.o.wire == Broken || b.rest() < 2 {
		return all
	}
	n := int32(1)
	if s.sc.coarse && b.off > 0 {
		n = int32(b.rest() - 1)
	}
	return append(all, event{someWritten, false, who, n})
}

// write is a write by the owner of the wire.
func (s *system) write(e event) {
	switch e.what {
	case someWritten:
		s.transmit(int(e.n))
		s.o.Advance(int(e.n))
	case allWritten:
		s.transmit(int(e.n))
		if e.who != theFlusher {
			s.actors[e.who].finishWrite(s, int(e.n))
			return
		}
		s.flusher = false
		s.handle(s.o.FinishWrite(int(e.n)))
	case writeFails:
		s.broke = true
		s.o.Break(errLost)
		s.o.FinishWrite(0)
		if e.who != theFlusher {
			s.actors[e.who].stop(s, lost)
			return
		}
		s.flusher = false
	}
}

// transmit takes the next n bytes of the batch, and looks at what the peer makes of them.
func (s *system) transmit(n int) {
	frames, payload := s.o.batch.Bytes()
	if n > len(frames)+len(payload) {
		s.fault("%d of %d bytes are to be written", n, len(frames)+len(payload))
		return
	}
	k := min(n, len(frames))
	s.peer.wire = append(append(s.peer.wire, frames[:k]...), payload[:n-k]...)
	s.receive()
}

// zip makes o compress, with takeover, if the scenario says so.
func (sc *scenario) zip() *Extras {
	if !sc.zips {
		return nil
	}
	return &Extras{Zip: &Zip{Encoder: deflate.Encoder{Takeover: true, Level: 1, WindowBits: 9}}}
}
