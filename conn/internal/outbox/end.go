package outbox

import "github.com/rfc6455/ws/frame"

// How the writing ends: with this side's Close frame, behind what was queued before it; with the
// answer to the peer's, or a Close frame that names an error, ahead of all that waits; or with the
// transport.

// Close queues this side's Close frame, unless one of either side is on its way (RFC 6455 section
// 5.5.1). Those whose messages can't be finished any more are told the error closing. first reports
// whether this call began the closing handshake.
func (o *Outbox) Close(payload []byte, closing error) (first bool, act Action) {
	if o.Signal(frame.SendClose) != frame.SendCloseFrame {
		return false, None
	}
	o.endMessages(closing)
	if o.wire == Broken {
		return true, Cut
	}
	if o.ahead() {
		o.push(&Entry{kind: closeWord, content: Content{Payload: payload}})
		return true, o.next(false)
	}
	o.control(frame.Close, payload)
	return true, o.Kick()
}

// endMessages ends the messages of several frames that have the turn or wait for it, since they
// can't be finished any more. Those that are [Message.Whole] go on. If a part of the one with the
// turn has been encoded or compressed, what waits behind it can't be sent either.
func (o *Outbox) endMessages(closing error) {
	l := o.line
	if l == nil {
		return
	}
	if m := l.turn; m != nil && !m.Whole {
		if m.Zipped || o.enc.InMessage() {
			o.discard(closing)
			return
		}
		l.takeTurnAway(closing)
	}
	var prev *Entry
	for e := l.head; e != nil; {
		next := e.next
		if e.kind == turn && !e.msg.Whole {
			l.unlink(prev, e)
			e.msg.lost = closing
			e.tell(Done, closing)
		} else {
			prev = e
		}
		e = next
	}
}

// takeTurnAway ends the message with the turn, and tells its goroutine, if that waits for the wire.
func (l *line) takeTurnAway(err error) {
	if e := l.piece; e != nil {
		l.piece = nil
		e.tell(Done, err)
	}
	if l.turn != nil {
		l.turn.lost = err
		l.turn = nil
	}
}

// PeerClosed takes the peer's Close frame, and answers with reply unless this side closed first,
// which it reports. Nothing follows the answer: err is told to those who wait.
func (o *Outbox) PeerClosed(reply []byte, err error) (answered bool, act Action) {
	if o.Signal(frame.ReceiveClose) != frame.ReplyClose {
		return false, None
	}
	o.discard(err)
	o.control(frame.Close, reply)
	return true, o.Kick()
}

// Fail fails the connection (RFC 6455 section 7.1.7): payload is that of the Close frame which
// names the error, and which leaves if none has. done is what [frame.Next] says. err is told to
// those who wait.
func (o *Outbox) Fail(payload []byte, err error) (done frame.Action, act Action) {
	done = o.Signal(frame.Fail)
	if done == frame.None {
		return done, None
	}
	o.discard(err)
	if done != frame.SendAndShutdown || o.wire == Broken {
		return done, None
	}
	o.control(frame.Close, payload)
	return done, o.Kick()
}

// LastCall says that the peer has ended its direction of the transport without a Close frame. The
// peer may read on, so that what was taken still leaves; the caller takes nothing new. Those whose
// messages can't be finished any more are told err.
func (o *Outbox) LastCall(err error) {
	o.Signal(frame.Lost)
	o.endMessages(err)
}

// Lose ends the writing because the transport is lost, or is cut. err is told to those who wait,
// also for what is being written. The owner of the wire learns when it comes back.
func (o *Outbox) Lose(err error) {
	o.Signal(frame.Lost)
	o.Break(err)
}

// Break is Lose for a transport that takes no more bytes, and from which the end of the connection
// may still be read.
func (o *Outbox) Break(err error) {
	o.wire = Broken
	if b := o.batch; b != nil {
		b.tellTaken(err)
		if b.ownerless {
			o.dropBatch()
		}
	}
	o.discard(err)
	if o.out != nil {
		putBatch(o.out)
		o.out = nil
	}
	o.tellMarks()
}

// discard empties the line and tells those who wait there err: nothing follows a Close frame. What
// is encoded still leaves.
func (o *Outbox) discard(err error) {
	if l := o.line; l != nil {
		for l.head != nil {
			e := l.head
			l.unlink(nil, e)
			if e.kind == turn {
				e.msg.lost = err
			}
			e.tell(Done, err)
		}
		l.takeTurnAway(err)
		l.late = nil
	}
	o.tellMarks()
}
