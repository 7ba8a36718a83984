package outbox

import "github.com/rfc6455/ws/frame"

// canAnswer reports whether control frames may still be sent.
func (o *Outbox) canAnswer() bool { return o.Lifecycle() == frame.Open && o.wire != Broken }

// control adds a control frame to what leaves next (RFC 6455 section 5.5): between the frames of
// other messages.
func (o *Outbox) control(op frame.Opcode, p []byte) *Batch {
	b := batchAt(&o.out)
	o.appendControl(b, op, p)
	return b
}

// Ping adds a Ping frame, which leaves with [Outbox.Kick]. It reports whether one may still be
// sent.
func (o *Outbox) Ping(payload []byte) bool {
	if !o.canAnswer() {
		return false
	}
	o.control(frame.Ping, payload)
	return true
}

// Pong adds the answer to a ping. It leaves with what is written next, or with [Outbox.Kick]. While
// up to maxPongBytes of answers wait, every ping is answered, in order. Of the pings beyond that,
// only the latest is answered, which RFC 6455 section 5.5.3 allows: so a flood of pings costs no
// memory.
func (o *Outbox) Pong(payload []byte) {
	switch {
	case !o.canAnswer():
	case !o.RoomForPong(len(payload)):
		o.makeLine().keepLate(payload)
	default:
		o.control(frame.Pong, payload).pongs += len(payload) + frame.MaxHeaderSize
		if o.wire == Owned {
			o.wire = Urgent // the owner sends it; if there is none, the reader does before it waits
		}
	}
}

// RoomForPong reports whether a pong with a payload of n bytes may wait in order. If not, a
// [Outbox.Kick] may make room for it.
func (o *Outbox) RoomForPong(n int) bool {
	full := o.out.pongBytes()+o.batch.pongBytes()+n > maxPongBytes
	return !full && (o.line == nil || o.late == nil)
}

// keepLate keeps the payload of the latest pong, and forgets the one before.
func (l *line) keepLate(payload []byte) {
	if l.late == nil {
		l.late = new([]byte)
	}
	*l.late = append((*l.late)[:0], payload...)
}
