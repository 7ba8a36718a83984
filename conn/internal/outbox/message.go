package outbox

import (
	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// Message is a message of several frames (RFC 6455 section 5.4). It has the turn from
// [Outbox.TakeTurn] until its last frame is encoded, and other messages wait in the line meanwhile.
// It is for one goroutine.
type Message struct {
	Type   Type
	Whole  bool  // all of it is there, and Close waits for it
	Zipped bool  // it is compressed, by the connection's encoder, which it has with the turn
	Size   int64 // of the message so far, for Hooks

	wire  int64 // of the payload of its frames that are encoded
	lost  error // why the turn was taken away
	entry Entry // of its wait: there is one at a time
}

// wait makes m's entry ready for the next wait.
func (m *Message) wait(k kind) *Entry {
	wake := m.entry.wake
	if wake == nil {
		wake = make(chan struct{}, 1)
	}
	m.entry = Entry{kind: k, msg: m, wake: wake}
	return &m.entry
}

// TakeTurn gives m the turn and returns nil, or puts m into the line and returns its entry, which
// is done when m has the turn.
func (o *Outbox) TakeTurn(m *Message) (*Entry, Action) {
	if !o.ahead() {
		o.makeLine().turn = m
		return nil, None
	}
	e := m.wait(turn)
	o.push(e)
	return e, o.next(false)
}

// Lost returns why m can't be finished any more; nil if it can.
func (m *Message) Lost() error { return m.lost }

// HasTurn reports whether m may send.
func (o *Outbox) HasTurn(m *Message) bool { return o.line != nil && o.turn == m }

// Piece sends p as the next frame of m, which has the turn; fin says that it is the last. It
// returns nil and Write if the caller owns the wire and has to write the batch. Else it returns an
// entry to wait for. p must not change until the batch is written, or the wait is over.
func (o *Outbox) Piece(m *Message, p []byte, fin, passive bool) (*Entry, Action) {
	if o.wire == Idle && !passive {
		o.wire = Owned
		o.batch, o.out = o.out, nil
		o.encodePiece(m, p, fin, true)
		o.gatherMore()
		return nil, Write
	}
	e := m.wait(piece)
	e.content.Payload, e.fin, e.passive = p, fin, passive
	o.line.piece = e
	return e, o.next(false)
}

// encodePiece adds the next frame of the message with the turn to the batch; own says that its
// goroutine writes that.
func (o *Outbox) encodePiece(m *Message, p []byte, fin, own bool) {
	b := batchAt(&o.batch)
	start, before := len(b.buf), o.enc
	h := m.header(&o.enc, fin)
	if own && o.vectors && len(p) >= vectorMin {
		h.Length = int64(len(p))
		o.appendHeader(b, h)
		b.vec = p
	} else {
		o.appendFrame(b, h, p)
	}
	if own {
		// Once the turn is given on, other messages may refer to this one's text.
		fixed := before.InMessage() || fin && m.Zipped && o.zip().Encoder.Takeover
		b.own = span{start: start, end: b.rest(), before: before, fixed: fixed}
	}
	m.wire += int64(len(p))
	if fin {
		o.finish(m)
	}
}

// header returns the header of m's next frame.
func (m *Message) header(enc *frame.Encoder, fin bool) frame.Header {
	h := frame.Header{Fin: fin}
	if !enc.InMessage() {
		h.Opcode = m.Type.Opcode()
		if m.Zipped {
			h.RSV = frame.RSV1
		}
	}
	return h
}

// finish gives the turn back after m's last frame.
func (o *Outbox) finish(m *Message) {
	o.turn = nil
	o.reportMessage(Info{Type: m.Type, Compressed: m.Zipped, Size: m.Size, Wire: m.wire})
}

// Compress appends the next part of the text of the message that has the turn to dst. It may be
// called without the lock, since nobody else compresses meanwhile.
func (o *Outbox) Compress(dst, text []byte, part deflate.Part) []byte {
	return o.zip().Encoder.Append(dst, text, part)
}

// Rest keeps what is left of a Whole message whose goroutine does not wait any longer: p, to be
// sent in frames of at most size bytes. A message of which nothing has been encoded is withdrawn
// instead. Beyond the bound, what was begun can't be finished: Cut.
func (o *Outbox) Rest(m *Message, p []byte, size int) Action {
	switch {
	case !o.HasTurn(m):
		return None // the connection ends, or the last frame is on its way or was taken back
	case !o.enc.InMessage():
		return o.Abandon(m)
	case o.Buffered()+len(p) > o.limit():
		o.wire = Broken
		return Cut
	}
	b := batchAt(&o.out)
	for ; len(p) > size; p = p[size:] {
		m.wire += int64(size)
		o.appendFrame(b, frame.Header{}, p[:size])
	}
	m.wire += int64(len(p))
	o.appendFrame(b, frame.Header{Fin: true}, p)
	o.finish(m)
	return o.Kick()
}

// Abandon gives the turn of m back without the end of the message. If a part of the message has
// been sent, the turn stays with it, so that no other message can complete it: Cut, and the caller
// fails the connection.
func (o *Outbox) Abandon(m *Message) Action {
	switch {
	case !o.HasTurn(m):
		return None
	case o.enc.InMessage():
		return Cut
	case m.Zipped:
		// The peer lacks what was compressed and not sent. What follows must not refer to it, and
		// so to nothing before it either.
		o.zip().Encoder.Reset()
	}
	o.turn = nil
	return o.next(false)
}
