package outbox

import (
	"bytes"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// peer is what the peer knows of what has come.
type peer struct {
	wire    []byte // of a frame that is not complete
	open    int8   // the actor whose message has begun: its index plus one
	message []byte // the payload of its frames
	pieces  int
	last    int  // the place in the order of asking of the message that came last
	pong    byte // of the last pong
	closing bool // a Close frame has come

	inflate *deflate.Decoder
}

// receive is the peer: it holds what has come against the rules.
func (s *system) receive() {
	p := &s.peer
	for {
		h, n, err := frame.Parse(p.wire)
		if err != nil {
			s.fault("the peer can't read %x: %v", p.wire, err)
			return
		}
		if n == 0 || len(p.wire) < n+int(h.Length) {
			return
		}
		s.take(h, p.wire[n:n+int(h.Length)])
		p.wire = p.wire[n+int(h.Length):]
	}
}

// take takes a frame.
func (s *system) take(h frame.Header, payload []byte) {
	p := &s.peer
	if p.closing {
		s.fault("a frame %v follows a Close frame", h.Opcode)
	}
	switch {
	case h.Opcode == frame.Close:
		p.closing = true
	case h.Opcode == frame.Pong:
		p.pong = payload[0]
	case s.sc.zips:
		s.takeZipped(h, payload)
	default:
		s.takePlain(h, payload)
	}
}

// takePlain takes a frame of a message. Each tells whose it is.
func (s *system) takePlain(h frame.Header, payload []byte) {
	p := &s.peer
	if len(payload) != 2+len(s.sc.pad) || !bytes.Equal(payload[2:], s.sc.pad) {
		s.fault("a frame of %d bytes is not as it was sent", len(payload))
		return
	}
	who := int8(payload[0]-'A') + 1
	if who < 1 || int(who) > len(s.actors) {
		s.fault("nobody has sent %q", payload[:2])
		return
	}
	a := s.actors[who-1]
	switch {
	case h.Opcode == frame.Continuation && p.open != who:
		s.fault("a frame of %c continues another message", a.id)
		return
	case h.Opcode != frame.Continuation:
		if p.open != 0 {
			s.fault("a message of %c begins within another one", a.id)
		}
		s.inOrder(a)
		p.open, p.pieces = who, 0
	}
	if int(payload[1]-'0') != p.pieces {
		s.fault("piece %q of %c is out of order", payload[:2], a.id)
	}
	if p.pieces++; h.Fin {
		s.complete(a, p.pieces)
	}
}

// complete ends a message of the actor's, of so many frames.
func (s *system) complete(a *actor, n int) {
	want := 1
	if a.does == long || a.does == stream {
		want = s.sc.pieces
	}
	if n != want {
		s.fault("a message of %c ends after piece %d", a.id, n)
	}
	if a.whole {
		s.fault("a message of %c comes twice", a.id)
	}
	s.peer.open, a.whole = 0, true
}

// inOrder holds a message against the order of asking.
func (s *system) inOrder(a *actor) {
	if s.peer.last > a.asked {
		s.fault("%c overtook another message", a.id)
	}
	s.peer.last = a.asked
}

// takeZipped takes a frame of a compressed message. What is in it tells whose it is.
func (s *system) takeZipped(h frame.Header, payload []byte) {
	p := &s.peer
	begun := p.open != 0
	if begun != (h.Opcode == frame.Continuation) || begun == (h.RSV == frame.RSV1) {
		s.fault("a frame %v with RSV %d is out of order", h.Opcode, h.RSV)
	}
	if !begun {
		p.message, p.open = nil, 1
	}
	p.message = append(p.message, payload...)
	if !h.Fin {
		return
	}
	p.open = 0
	if p.inflate == nil {
		p.inflate = &deflate.Decoder{Takeover: true, WindowBits: 9}
	}
	text, err := p.inflate.Append(nil, p.message, deflate.Last)
	for _, a := range s.actors {
		if err == nil && bytes.Equal(text, a.allText(s, 0)) {
			s.inOrder(a)
			a.whole = true
			return
		}
	}
	s.fault("a message inflates to %q: %v", text, err)
}
