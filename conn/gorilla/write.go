package websocket

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/mask"
)

const (
	vectorMin = 32 << 10  // a server's payload from here on is written from where it lies
	chunkSize = 128 << 10 // of a payload that is copied piece by piece
)

// writeHalf is the state of writing.
type writeHalf struct {
	turn turn // to write a frame

	// mu is held while a data frame is sent, and guards what follows. Control frames do not need
	// it, so that they pass between the frames of a message.
	mu   sync.Mutex
	open *messageWriter // of NextWriter; nil: none

	fragment int32 // the size at which a writer sends a frame
	client   bool  // this side masks its frames (RFC 6455 section 5.3)

	plain atomic.Bool  // EnableWriteCompression(false)
	level atomic.Int32 // of compression, as in compress/flate
}

// acquire takes the turn for a frame under the deadline of messages, which it returns. If the turn
// does not come in time, no write gets it any more.
func (w *writeHalf) acquire() (deadline time.Time, err error) {
	deadline, err = w.turn.acquireForMessage()
	if err == errWriteTimeout {
		w.turn.fail(lasting(err))
	}
	return deadline, err
}

// isControl and isData tell the types of messages apart.
func isControl(t int) bool { return t == CloseMessage || t == PingMessage || t == PongMessage }
func isData(t int) bool    { return t == TextMessage || t == BinaryMessage }

// WriteMessage sends one message and returns when the transport has taken it. A Close, Ping or Pong
// message is sent as a control frame, with a payload of at most 125 bytes. Text must be valid
// UTF-8: if not, nothing is sent, and the error is frame.ErrInvalidUTF8.
//
// As [Conn.NextWriter] does, it closes the writer before, if the program has not done so: that
// message goes first. [Conn.WriteControl] and [Conn.WritePreparedMessage] leave a writer alone.
//
// After this side's Close frame the error is [ErrCloseSent]. After a write that failed or took
// longer than the deadline, it is that write's error. It may be called concurrently. The payload is
// the caller's again when it returns.
func (c *Conn) WriteMessage(messageType int, data []byte) error {
	switch {
	case isControl(messageType):
		return c.writeControlMessage(messageType, data)
	case !isData(messageType):
		return errMessageType
	case messageType == TextMessage && !frame.ValidUTF8(data):
		return frame.ErrInvalidUTF8
	}
	c.wr.mu.Lock()
	c.wr.endOpen()
	var err error
	if c.compresses() {
		err = c.writeCompressed(messageType, data)
	} else {
		err = c.writeFrame(frame.Header{Opcode: frame.Opcode(messageType), Fin: true}, data)
	}
	c.wr.mu.Unlock()
	return err
}

// writeCompressed sends a message compressed.
func (c *Conn) writeCompressed(messageType int, data []byte) error {
	wire := c.compress(data)
	defer pool.Put(wire)
	h := frame.Header{Opcode: frame.Opcode(messageType), Fin: true, RSV: frame.RSV1}
	return c.writeFrame(h, wire)
}

// writeControlMessage is WriteMessage for a control frame. It does not hold mu meanwhile, so that
// the frame may pass between the frames of a message.
func (c *Conn) writeControlMessage(messageType int, data []byte) error {
	if len(data) > frame.MaxControlPayload {
		return errControlFrame
	}
	c.wr.mu.Lock()
	c.wr.endOpen()
	c.wr.mu.Unlock()
	return c.writeFrame(frame.Header{Opcode: frame.Opcode(messageType), Fin: true}, data)
}

// WriteControl sends a Close, Ping or Pong frame, with a payload of at most 125 bytes. It waits
// until the deadline for its turn, and for the transport to take the frame. If the turn does not
// come in time, the error is a net.Error that is temporary, and the connection is unharmed. The
// zero deadline means none. Other errors are those of [Conn.WriteMessage]. It may be called
// concurrently.
func (c *Conn) WriteControl(messageType int, data []byte, deadline time.Time) error {
	switch {
	case !isControl(messageType):
		return errMessageType
	case len(data) > frame.MaxControlPayload:
		return errControlFrame
	case passed(deadline):
		return errWriteTimeout
	}
	if err := c.wr.turn.acquire(deadline); err != nil {
		return err
	}
	h := frame.Header{Opcode: frame.Opcode(messageType), Fin: true}
	return c.sendFrame(h, data, deadline)
}

// passed reports whether a deadline has passed.
func passed(deadline time.Time) bool { return !deadline.IsZero() && time.Until(deadline) <= 0 }

// writeFrame sends a frame under the deadline of messages. A short frame that the transport takes at
// once leaves from here, with little on the stack: a goroutine that reads and writes keeps the
// smallest one.
func (c *Conn) writeFrame(h frame.Header, p []byte) error {
	deadline, err := c.wr.acquire()
	if err != nil {
		return err
	}
	if len(p) >= vectorMin {
		return c.sendFrame(h, p, deadline)
	}
	buf := c.encode(h, p)
	n := 0
	if !passed(deadline) {
		n, err = c.transport.TryWrite(buf)
	}
	if n < len(buf) {
		err = c.transmitRest(buf[n:], err, deadline)
	}
	pool.Put(buf)
	return c.wrote(h.Opcode, err)
}

// encode returns a short frame in a pooled buffer.
//
//go:noinline
func (c *Conn) encode(h frame.Header, p []byte) []byte {
	h.Length = int64(len(p))
	buf := pool.Get(frame.MaxHeaderSize + len(p))
	if !c.wr.client {
		return append(frame.Append(buf, h), p...)
	}
	h.Masked, h.Key = true, pool.MaskingKey()
	buf = frame.Append(buf, h)
	at := len(buf)
	buf = buf[:at+len(p)]
	mask.Copy(buf[at:], p, h.Key)
	return buf
}

// sendFrame sends a frame and gives the turn on, which its caller has. An error is for good.
//
//go:noinline
func (c *Conn) sendFrame(h frame.Header, p []byte, deadline time.Time) error {
	var err error
	switch {
	case len(p) < vectorMin:
		buf := c.encode(h, p)
		err = c.transmit(buf, deadline)
		pool.Put(buf)
	case c.wr.client:
		err = c.sendMasked(h, p, deadline)
	default:
		err = c.sendLong(h, p, deadline)
	}
	return c.wrote(h.Opcode, err)
}

// wrote gives the turn on after a frame that was sent, or failed with err, and returns err.
func (c *Conn) wrote(op frame.Opcode, err error) error {
	err = lasting(err)
	last := err
	if err == nil && op == frame.Close {
		last = ErrCloseSent
	}
	c.wr.turn.release(last)
	return err
}

// sendMasked sends a client's frame with a long payload. It is masked piece by piece in a buffer,
// since it is the caller's.
func (c *Conn) sendMasked(h frame.Header, p []byte, deadline time.Time) error {
	h.Length, h.Masked, h.Key = int64(len(p)), true, pool.MaskingKey()
	buf := frame.Append(pool.Get(chunkSize), h)
	defer func() { pool.Put(buf) }()
	for key := h.Key; len(p) > 0; {
		at := len(buf)
		n := min(len(p), chunkSize-at)
		buf = buf[:at+n]
		key = mask.Copy(buf[at:], p[:n], key)
		if err := c.transmit(buf, deadline); err != nil {
			return err
		}
		buf, p = buf[:0], p[n:]
	}
	return nil
}

// sendLong sends a server's frame with a long payload. A socket takes it from where it lies.
// Elsewhere, as in TLS, each write costs a record: so the header goes out with a part of the
// payload.
func (c *Conn) sendLong(h frame.Header, p []byte, deadline time.Time) error {
	h.Length = int64(len(p))
	buf := frame.Append(pool.Get(vectorMin), h)
	defer func() { pool.Put(buf) }()
	if c.transport.Socket() {
		return c.transmitBoth(buf, p, deadline)
	}
	n := vectorMin - len(buf)
	buf = append(buf, p[:n]...)
	if err := c.transmit(buf, deadline); err != nil {
		return err
	}
	return c.transmit(p[n:], deadline)
}

// transmit writes p until the deadline. Its caller has the turn.
func (c *Conn) transmit(p []byte, deadline time.Time) (err error) {
	n := 0
	if !passed(deadline) {
		n, err = c.transport.TryWrite(p) // one system call, as a rule
	}
	if n == len(p) {
		return nil
	}
	return c.transmitRest(p[n:], err, deadline)
}

// transmitRest is transmit for what is left after a try, which may have failed with err.
//
//go:noinline
func (c *Conn) transmitRest(p []byte, err error, deadline time.Time) error {
	if err != nil {
		return c.failedWrite(err)
	}
	return c.transmitBoth(p, nil, deadline)
}

// transmitBoth writes frames, and payload behind them, until the deadline.
func (c *Conn) transmitBoth(frames, payload []byte, deadline time.Time) error {
	if passed(deadline) {
		return c.timedOut()
	}
	if !deadline.IsZero() {
		nc := c.NetConn()
		_ = nc.SetWriteDeadline(deadline)
		defer nc.SetWriteDeadline(time.Time{})
	}
	_, _, err := c.transport.Write(background, errTookTooLong, frames, payload)
	return c.failedWrite(err)
}

// errTookTooLong is what the transport returns if the deadline has passed.
var errTookTooLong = transport.WriteLimit{Err: os.ErrDeadlineExceeded}

// failedWrite returns the error of a write that failed with err.
func (c *Conn) failedWrite(err error) error {
	switch err {
	case nil:
		return nil
	case os.ErrDeadlineExceeded:
		return c.timedOut()
	}
	return c.named(err, "write")
}

// timedOut returns the error that package net has for a write whose deadline has passed.
func (c *Conn) timedOut() error {
	return c.named(&net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, "write")
}
