package outbox

import (
	"sync"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// Prepared is a message that is framed and, if it pays, compressed once, to be sent over many
// connections. It may be used by any number of connections at the same time. Its compressed forms,
// one for each size of window that connections have agreed on, are made when they are first needed.
type Prepared struct {
	Type    Type
	Payload []byte // not to be changed

	plain form

	mu    sync.Mutex
	forms []*form // compressed, one for each set of parameters
}

// form is a message as one frame.
type form struct {
	bits, level uint8
	header      frame.Header
	payload     []byte
	frame       []byte // as a server sends it: unmasked
}

// newForm frames a payload.
func newForm(h frame.Header, payload []byte) form {
	h.Length = int64(len(payload))
	f := append(frame.Append(make([]byte, 0, h.Size()+len(payload)), h), payload...)
	return form{header: h, payload: f[h.Size():], frame: f}
}

// Prepare makes p the message. It keeps a copy of the payload.
func (m *Prepared) Prepare(t Type, payload []byte) {
	m.plain = newForm(frame.Header{Opcode: t.Opcode(), Fin: true}, payload)
	m.Type, m.Payload = t, m.plain.payload
}

// Size is the length of the payload; 0 for nil.
func (m *Prepared) Size() int {
	if m == nil {
		return 0
	}
	return len(m.Payload)
}

// compressed returns the message as an encoder like enc would compress it if it knew of no other.
func (m *Prepared) compressed(enc *deflate.Encoder) *form {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.forms {
		if f.bits == enc.WindowBits && f.level == enc.Level {
			return f
		}
	}
	alone := deflate.Encoder{WindowBits: enc.WindowBits, Level: enc.Level}
	wire := alone.Append(pool.Get(len(m.Payload)), m.Payload, deflate.Last)
	f := newForm(frame.Header{Opcode: m.Type.Opcode(), Fin: true, RSV: frame.RSV1}, wire)
	pool.Put(wire)
	f.bits, f.level = enc.WindowBits, enc.Level
	m.forms = append(m.forms, &f)
	return &f
}
