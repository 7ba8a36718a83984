package outbox

import (
	"hash/maphash"

	"github.com/rfc6455/ws/frame"
)

// key tells states apart: 128 bits of hash, so that no two of some millions of states have the
// same.
type key [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// key returns the key of the state. buf is memory to work in.
func (s *system) key(buf *[]byte) key {
	b := s.appendState((*buf)[:0])
	*buf = b
	return key{maphash.Bytes(seeds[0], b), maphash.Bytes(seeds[1], b)}
}

// appendState appends all that decides what may happen.
func (s *system) appendState(b []byte) []byte {
	o := &s.o
	b = append(b, byte(o.Lifecycle()), byte(o.wire), byte(s.ended), byte(s.asked), bit(s.flusher)|bit(s.owes)<<1, byte(s.pings))
	b = appendEncoder(b, o.enc)
	b = s.appendBatch(b, o.out)
	b = s.appendBatch(b, o.batch)
	if l := o.line; l != nil {
		b = append(b, byte(l.waiting), byte(l.dropped), byte(l.spares), bit(l.late != nil), s.whose(l.piece))
		for e := l.head; e != nil; e = e.next {
			b = append(b, s.whose(e), byte(e.kind), byte(len(e.content.Payload)))
			if e.wake == nil && e.content.Payload != nil {
				b = append(b, e.content.Payload[:min(2, len(e.content.Payload))]...)
			}
			if p := e.content.Prepared; p != nil {
				b = append(b, p.Payload[:2]...)
			}
		}
	}
	for _, a := range s.actors {
		b = s.appendActor(append(b, '|'), a)
	}
	b = s.appendPeer(append(b, '|'))
	return append(append(b, '|'), s.zips...)
}

func bit(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

// appendEncoder appends the state of an encoder: whether it is within a message, and whether it has
// sent a Close frame.
func appendEncoder(b []byte, e frame.Encoder) []byte {
	var room [frame.MaxHeaderSize]byte
	within := e.InMessage()
	_, err := e.AppendHeader(room[:0], frame.Header{Opcode: frame.Ping, Fin: true})
	return append(b, bit(within)|bit(err != nil)<<1)
}

func (s *system) appendBatch(b []byte, t *Batch) []byte {
	if t == nil {
		return append(b, '-')
	}
	own := t.own
	b = append(b, byte(len(t.buf)), byte(len(t.buf)>>8), byte(len(t.vec)>>8), byte(t.off), byte(t.off>>8), byte(t.off>>16))
	b = append(b, byte(t.pongs), byte(t.pongs>>8), bit(own.fixed), byte(own.start), byte(own.start>>8))
	b = append(b, byte(own.end), byte(own.end>>8), byte(own.end>>16))
	b = appendEncoder(append(b, t.buf...), own.before)
	if t.vec != nil {
		b = append(b, t.vec[:2]...)
	}
	for e := t.taken; e != nil; e = e.next {
		b = append(b, s.whose(e))
	}
	return b
}

func (s *system) appendActor(b []byte, a *actor) []byte {
	b = append(b, a.id, byte(a.pc), byte(a.piece), byte(a.asked), byte(a.fate), bit(a.whole), byte(len(a.left)))
	if a.pc == waiting {
		b = append(b, byte(a.e.kind), byte(a.e.state), byte(len(a.e.wake)), errorByte(a.e.err))
	}
	if a.m != nil {
		b = append(b, bit(s.o.HasTurn(a.m)), errorByte(a.m.lost), bit(a.m.Zipped))
	}
	return b
}

func (s *system) appendPeer(b []byte) []byte {
	p := &s.peer
	b = append(b, byte(p.open), byte(p.pieces), byte(p.last), p.pong, bit(p.closing))
	if s.drained != nil {
		select {
		case <-s.drained:
			b = append(b, 'D')
		default:
			b = append(b, 'd')
		}
	}
	b = append(append(b, p.message...), '|')
	return append(b, p.wire...)
}

func errorByte(err error) byte {
	switch err {
	case nil:
		return 0
	case errLost:
		return 1
	case errCut:
		return 2
	case errClosed:
		return 3
	}
	return 4
}

// whose is the actor of an entry, '-' for one that nobody waits for.
func (s *system) whose(e *Entry) byte {
	for _, a := range s.actors {
		if e != nil && (a.e == e || a.m != nil && &a.m.entry == e) {
			return a.id
		}
	}
	return '-'
}
