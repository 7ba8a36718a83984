package websocket

import (
	"sync"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// PreparedMessage is a message that is framed once, and compressed once for each level, to be sent
// over many connections. It may be used concurrently.
type PreparedMessage struct {
	op   frame.Opcode
	text []byte // a copy
	long []byte // the frame of a server, which ends in text

	mu     sync.Mutex
	zipped map[zipKey]*zippedMessage // nil: none
}

// zipKey is what a compressed form depends on.
type zipKey struct{ bits, level uint8 }

// zippedMessage is a compressed form, made when it is first needed.
type zippedMessage struct {
	once sync.Once
	wire []byte // the payload
	long []byte // the frame of a server, which ends in wire
}

// NewPreparedMessage prepares a message. It keeps a copy of data. The errors are those of
// [Conn.WriteMessage] for a message that can't be sent.
func NewPreparedMessage(messageType int, data []byte) (*PreparedMessage, error) {
	switch {
	case isControl(messageType):
		if len(data) > frame.MaxControlPayload {
			return nil, errControlFrame
		}
	case !isData(messageType):
		return nil, errMessageType
	case messageType == TextMessage && !frame.ValidUTF8(data):
		return nil, frame.ErrInvalidUTF8
	}
	pm := &PreparedMessage{op: frame.Opcode(messageType)}
	pm.long, pm.text = serverFrame(frame.Header{Opcode: pm.op, Fin: true}, data)
	return pm, nil
}

// serverFrame returns a frame, and its payload in it.
func serverFrame(h frame.Header, p []byte) (long, payload []byte) {
	h.Length = int64(len(p))
	long = append(frame.Append(make([]byte, 0, frame.MaxHeaderSize+len(p)), h), p...)
	return long, long[len(long)-len(p):]
}

// compressed returns the compressed form for a window and a level.
func (pm *PreparedMessage) compressed(key zipKey) *zippedMessage {
	pm.mu.Lock()
	z := pm.zipped[key]
	if z == nil {
		z = new(zippedMessage)
		if pm.zipped == nil {
			pm.zipped = map[zipKey]*zippedMessage{}
		}
		pm.zipped[key] = z
	}
	pm.mu.Unlock()
	z.once.Do(func() {
		e := getEncoder(key.bits, key.level)
		defer putEncoder(e)
		wire := e.Append(nil, pm.text, deflate.Last)
		z.long, z.wire = serverFrame(frame.Header{Opcode: pm.op, Fin: true, RSV: frame.RSV1}, wire)
	})
	return z
}

// WritePreparedMessage sends a message that was prepared. A client masks it anew each time. The
// errors are those of [Conn.WriteMessage]. It may be called concurrently.
func (c *Conn) WritePreparedMessage(pm *PreparedMessage) error {
	h := frame.Header{Opcode: pm.op, Fin: true}
	payload, long := pm.text, pm.long
	if !pm.op.IsControl() {
		c.wr.mu.Lock()
		defer c.wr.mu.Unlock()
		c.wr.endBegun()
		if c.compresses() {
			z := pm.compressed(zipKey{c.z.bits, level(c.wr.level.Load())})
			h.RSV, payload, long = frame.RSV1, z.wire, z.long
		}
	}
	if c.wr.client {
		return c.writeFrame(h, payload)
	}
	deadline, err := c.wr.acquire()
	if err != nil {
		return err
	}
	return c.wrote(pm.op, c.transmit(long, deadline))
}
