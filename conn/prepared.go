package conn

import (
	"context"

	"github.com/rfc6455/ws/frame"
)

// Prepared is a message that is checked, framed and, where it pays, compressed
// once, to be sent over many connections: a broadcast. It may be used by any
// number of goroutines at the same time and is never changed.
type Prepared struct {
	t     MessageType
	p     []byte
	frame []byte // as a server sends it: unmasked, in one frame
}

// Prepare makes a Prepared of one message. It keeps a copy of p. Its errors
// are those of Conn.Write for a message that is no message.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	if err := checkMessage(t, p); err != nil {
		return nil, err
	}
	h := frame.Header{Opcode: opcode(t), Fin: true, Length: int64(len(p))}
	f := make([]byte, 0, h.Size()+len(p))
	f = append(frame.Append(f, h), p...)
	return &Prepared{t: t, p: f[h.Size():], frame: f}, nil
}

// size is the length of the payload; 0 for nil.
func (p *Prepared) size() int {
	if p == nil {
		return 0
	}
	return len(p.p)
}

// WritePrepared is Write with a prepared message, which is sent as one frame.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return c.writeFrame(ctx, p.t, nil, p)
}

// SendPrepared is Send with a prepared message, which is sent as one frame.
func (c *Conn) SendPrepared(p *Prepared) error {
	return c.enqueue(p.t, nil, p, atOnce)
}
