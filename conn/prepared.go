package conn

import (
	"context"
	"sync"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// Prepared is a message that is checked, framed and, where it pays, compressed
// once, to be sent over many connections: a broadcast. It may be used by any
// number of goroutines at the same time. Its compressed forms, one for each size
// of window that connections have agreed on, are made when they are first
// needed.
type Prepared struct {
	t     MessageType
	p     []byte
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

// compressed returns the message as an encoder like enc would compress it if it
// knew of no other.
func (m *Prepared) compressed(enc *deflate.Encoder) *form {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.forms {
		if f.bits == enc.WindowBits && f.level == enc.Level {
			return f
		}
	}
	alone := deflate.Encoder{WindowBits: enc.WindowBits, Level: enc.Level}
	wire := alone.Append(getBuffer(len(m.p)), m.p, deflate.Last)
	f := newForm(frame.Header{Opcode: opcode(m.t), Fin: true, RSV: frame.RSV1}, wire)
	putBuffer(wire)
	f.bits, f.level = enc.WindowBits, enc.Level
	m.forms = append(m.forms, &f)
	return &f
}

// Prepare makes a Prepared of one message. It keeps a copy of p. Its errors
// are those of Conn.Write for a message that is no message.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	if err := checkMessage(t, p); err != nil {
		return nil, err
	}
	plain := newForm(frame.Header{Opcode: opcode(t), Fin: true}, p)
	return &Prepared{t: t, p: plain.payload, plain: plain}, nil
}

// made reports whether p is of Prepare, and not nil or the zero value.
func (p *Prepared) made() bool { return p != nil && p.t != 0 }

// size is the length of the payload; 0 for nil.
func (p *Prepared) size() int {
	if p == nil {
		return 0
	}
	return len(p.p)
}

// WritePrepared is Write with a prepared message, which is sent as one frame.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if !p.made() {
		return errNotPrepared
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return c.writeFrame(ctx, p.t, nil, p)
}

// SendPrepared is Send with a prepared message, which is sent as one frame.
func (c *Conn) SendPrepared(p *Prepared) error {
	if !p.made() {
		return errNotPrepared
	}
	return c.enqueue(p.t, nil, p, atOnce)
}
