package hub

// How a node keeps its place in a topic.
//
// A node subscribes at the broker once for each topic, and reads the topic's history when it has
// missed messages. A feed decides which messages go to the subscribers: every one once, and in
// order, or else it says that history is lost. It is pure: no lock, no clock, no I/O. The topic has
// the lock, reads the history when the feed asks for that, and reports what came of it.
//
//	           read
//	joining ────────► live ◄────────┐
//	                   │            │ read, and nothing is missing
//	      gap, interruption         │
//	                   ▼            │
//	                filling ────────┘

// phase is what a feed is doing.
type phase uint8

const (
	joining phase = iota // the position is not known yet: the history is being read
	live                 // nothing is missing
	filling              // messages may be missing: the history is being read
)

// maxHeld bounds how many messages a feed holds while the history is being read.
const maxHeld = 1024

// feed is a node's place in a topic. The zero value is joining.
type feed struct {
	phase phase
	at    Position  // of the last message that was delivered
	held  []Message // those that arrived while the history was being read
	again bool      // the reading under way may have begun too early
}

// event is what happens to a feed.
type event struct {
	kind    eventKind
	message Message // for arrived
	history History // for read
}

type eventKind uint8

const (
	arrived     eventKind = iota // a message came from the broker
	interrupted                  // messages may have been missed
	read                         // the history was read, after at; while joining its end
)

// outcome is what a step asks for: first lost, then deliver, then read.
type outcome struct {
	lost    bool      // messages are missing that nobody has any more
	deliver []Message // to the subscribers, in this order
	read    bool      // the history after at has to be read
}

// step moves the feed on.
func (f *feed) step(e *event) outcome {
	switch e.kind {
	case arrived:
		return f.arrive(e.message)
	case interrupted:
		return f.interrupt()
	default:
		return f.absorb(&e.history)
	}
}

func (f *feed) arrive(m Message) outcome {
	if f.phase != live {
		f.hold(m)
		return outcome{}
	}
	switch f.place(&m) {
	case past:
		return outcome{}
	case next:
		f.at = m.Position
		return outcome{deliver: []Message{m}}
	default:
		f.phase = filling
		f.hold(m)
		return outcome{read: true}
	}
}

func (f *feed) interrupt() outcome {
	switch {
	case f.phase != live:
		f.again = true
		return outcome{}
	case f.at.Epoch == "": // there is no history to read
		return outcome{}
	}
	f.phase = filling
	return outcome{read: true}
}

// absorb takes what was read, and then what was held meanwhile.
func (f *feed) absorb(h *History) (o outcome) {
	head := h.Head()
	switch {
	case f.phase == joining:
		f.at = head
	case h.After.Epoch != f.at.Epoch, h.After.Offset > f.at.Offset:
		o.lost = true
		f.at = head
	default:
		for _, m := range h.Messages {
			if m.Position.Offset > f.at.Offset {
				f.at = m.Position
				o.deliver = append(o.deliver, m)
			}
		}
	}
	if h.More {
		f.again = true
	}
	f.drain(&o)
	return o
}

// drain takes what was held, up to a gap.
func (f *feed) drain(o *outcome) {
	held := f.held
	f.held = nil
	for i, m := range held {
		switch f.place(&m) {
		case next:
			f.at = m.Position
			o.deliver = append(o.deliver, m)
		case gap:
			f.held = append(f.held, held[i:]...)
		case foreign: // of an epoch before this one, or after it: reading tells
			f.again = true
		}
		if f.held != nil {
			break
		}
	}
	f.phase = live
	if f.again && f.at.Epoch != "" || f.held != nil {
		f.phase = filling
		o.read = true
	}
	f.again = false
}

// hold keeps m until the history was read. If that is too much, reading the history once more
// brings it back.
func (f *feed) hold(m Message) {
	if len(f.held) == maxHeld {
		f.held = nil
		f.again = true
	}
	f.held = append(f.held, m)
}

// place is where a message lies, seen from a feed.
type place uint8

const (
	next    place = iota // the feed has missed nothing before it
	past                 // the feed has seen it
	gap                  // messages before it are missing
	foreign              // of another epoch
)

func (f *feed) place(m *Message) place {
	switch {
	case m.Position.Epoch != f.at.Epoch:
		return foreign
	case m.Position.Epoch == "":
		return next // without history: at most once
	case m.Position.Offset <= f.at.Offset:
		return past
	case m.Previous > f.at.Offset:
		return gap
	}
	return next
}

// resumption is how a subscriber at some position comes to the feed's.
type resumption uint8

const (
	replay resumption = iota // the node has every message in between
	fetch                    // the node has to read the history: the position is older than what it has
	ahead                    // the position is newer than the node's: it has to read what it has missed
	gone                     // there is no way
)

// resume decides how a subscriber at since comes to at, if the node has the messages from after on.
func resume(since, after, at Position) resumption {
	switch {
	case since.Epoch != at.Epoch:
		return gone
	case since.Offset > at.Offset:
		return ahead
	case since.Offset < after.Offset:
		return fetch
	}
	return replay
}
