//go:build !js

package conn

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// readHalf is the state of reading. One goroutine at a time owns it, the reader. What a reader has
// begun is kept here and not on its stack. So a call that ends early loses nothing, and the next
// call goes on from there.
type readHalf struct {
	calling atomic.Bool // a callback of Serve runs

	typ        MessageType // of the message that is being read
	zipped     bool        // that message is compressed
	pooled     bool        // the call puts msg together in the pool, and not in ReadInto's buf
	pongQueued bool        // a Pong should leave before the next message is delivered

	dec frame.Decoder
	in  *pool.ReadBuffer // nil while nothing is unread

	msg []byte // the part of the message that is put together already

	open *MessageReader // reads the message in pieces; nil: nobody does
}

// setEarly sets the first bytes to decode, those that arrived together with the handshake.
func (r *readHalf) setEarly(b []byte) {
	if len(b) > 0 {
		r.in = pool.GetRead()
		r.in.Unread = append(r.in.Room[:0], b...)
	}
}

// freeBuffer gives the read buffer back to the pool.
func (r *readHalf) freeBuffer() {
	if r.in != nil {
		pool.PutRead(r.in)
		r.in = nil
	}
}

// release frees all memory of the read half, at the end of the connection.
func (r *readHalf) release() {
	r.freeBuffer()
	r.freeMessage()
}

// unread returns the bytes that were read and not decoded yet.
func (r *readHalf) unread() []byte {
	if r.in == nil {
		return nil
	}
	return r.in.Unread
}

// message returns the message that [Conn.advance] has completed. It lies in msg, or in one piece in
// the read buffer.
func (r *readHalf) message() []byte {
	if len(r.msg) > 0 {
		return r.msg
	}
	return r.in.Message
}

// freeMessage gives the memory of a message that was delivered back to the pool.
func (r *readHalf) freeMessage() {
	if r.msg != nil {
		pool.Put(r.msg)
		r.msg = nil
	}
}

// reserve makes room in the message for n bytes, which have come or may come now. The frame has at
// most left bytes to come. The room is in proportion to what has come, up to four times as much.
// What waits in the socket has come, too, so that most large messages move once at most. The length
// that the peer announces never makes room by itself (section 10.4).
func (r *readHalf) reserve(n int, left int64) {
	if cap(r.msg)-len(r.msg) >= n {
		return
	}
	came := len(r.msg) + n
	if r.in != nil {
		came += r.in.Behind
	}
	n = max(n, int(min(left, int64(3*came))))
	r.makeRoom(n)
}

// makeRoom makes room in the message for n more bytes. If the message lies in a caller's slice that
// is too short, it moves to a buffer of the pool.
func (r *readHalf) makeRoom(n int) {
	if r.pooled {
		r.msg = pool.Grow(r.msg, n)
	} else if cap(r.msg)-len(r.msg) < n {
		r.msg, r.pooled = append(pool.Get(len(r.msg)+n), r.msg...), true
	}
}

// progress is how far [Conn.advance] came.
type progress uint8

const (
	moreBytes    progress = iota // the peer has to send more
	wholeMessage                 // readHalf.message returns a message
)

// receiver is a [Conn] with the methods of the goroutine that owns the read half. The functions
// that wait for the peer are methods of Conn itself, since a receiver takes a word more of stack in
// each function.
type receiver struct{ *Conn }

// ending reports whether nothing is read any more. The peer has closed or has broken a rule, or the
// transport was lost.
func (c *Conn) ending() bool { return c.lifecycle() > frame.CloseSent }

// advance decodes the bytes that were read, until they are used up or a message is complete, and
// acts on them. It reads nothing from the transport. All ways to read are loops around it. Its
// error is final, and says how the connection ends.
func (c *Conn) advance() (progress, error) {
	r := &c.rd
	if c.ending() {
		return 0, c.endError()
	}
	limit := c.limit.Load()
	r.dec.MaxMessage = receiver{c}.wireLimit(limit)
	for {
		unread := r.unread()
		ev, n, err := r.dec.Step(unread)
		if err != nil {
			return 0, receiver{c}.failRule(err)
		}
		if n > 0 {
			r.in.Unread = unread[n:]
		}
		if t := c.cfg.Trace; t != nil {
			t.received(c, ev)
		}
		switch ev.Kind {
		case frame.NeedData:
			return moreBytes, nil
		case frame.Control:
			if err := (receiver{c}).control(ev); err != nil {
				return 0, err
			}
		default:
			done, err := receiver{c}.collect(ev, limit)
			if err != nil {
				return 0, receiver{c}.failRule(err)
			}
			if done {
				if t := c.cfg.Trace; t != nil && r.open == nil {
					t.receivedMessage(c, int64(len(r.message())))
				}
				return wholeMessage, nil
			}
		}
	}
}

// collect adds a piece to the message. It reports whether the reader should return: the message is
// complete or, if it is read in pieces, the next piece is there. A message that lies in the read
// buffer in one piece is not copied.
func (c receiver) collect(ev frame.Event, limit int64) (complete bool, err error) {
	r := &c.rd
	if ev.Kind == frame.Start {
		if err := c.beginFrame(ev, limit); err != nil {
			return false, err
		}
	}
	switch {
	case c.lifecycle() != frame.Open: // Close was called: messages are dropped
		r.msg = r.msg[:0]
		return false, nil
	case r.open != nil:
		return r.open.take(ev), nil
	case ev.Compressed:
		return c.inflate(ev)
	case ev.Fin && len(r.msg) == 0:
		r.in.Message = ev.Data
		return true, nil
	}
	if len(ev.Data) > 0 {
		r.reserve(len(ev.Data), ev.Length)
		r.msg = append(r.msg, ev.Data...)
	}
	return ev.Fin, nil
}

// beginFrame prepares for the payload of a data frame, which may be the first frame of a message.
func (c receiver) beginFrame(ev frame.Event, limit int64) error {
	c.keep.message()
	r := &c.rd
	if ev.Opcode != frame.Continuation {
		r.typ, r.zipped = MessageType(ev.Opcode), ev.Compressed
		if ev.Compressed {
			c.z.text.Reset()
			c.z.dec.Limit = limit
		}
	}
	// With compression the decoder's own limit is higher: see wireLimit.
	if c.z != nil && !ev.Compressed && limit > 0 && r.dec.Announced() > limit {
		return ErrMessageTooBig
	}
	return nil
}

// failRule fails the connection because the peer broke the rule err (section 7.1.7). It returns how
// the connection ends.
func (c receiver) failRule(err error) error {
	code := CloseProtocolError
	if rule, ok := errors.AsType[*frame.Error](err); ok {
		code = rule.Code()
	}
	c.failWith(code, c.explain(err))
	return c.endError()
}

// explain returns err, a rule that the peer broke, with what the program on this side wants to
// know: the limits and the sizes. The peer gets the rule's own words, in the Close frame.
func (c receiver) explain(err error) error {
	switch err {
	case frame.ErrInvalidUTF8:
		return &sizedError{err, "websocket: the peer sent a text message that is not valid " +
			"UTF-8: it has to send other bytes as a binary message"}
	case frame.ErrTooManyFragments:
		return &sizedError{err, fmt.Sprintf("websocket: the peer sent a message in more than "+
			"%d frames (Config.MaxFragments): raise that, or have the peer send larger ones",
			c.rd.dec.MaxFragments)}
	case ErrMessageTooBig:
		return &sizedError{err, fmt.Sprintf("websocket: the peer sent a message of at least "+
			"%d bytes, and the limit is %d (Config.MaxMessageSize): "+
			"raise that, or have the peer send less at a time", c.oversize(), c.limit.Load())}
	case errInflatesTooFar:
		return &sizedError{ErrMessageTooBig, fmt.Sprintf("websocket: the peer sent a compressed "+
			"message that inflates to more than %d bytes (Config.MaxMessageSize): "+
			"raise that, or have the peer send less at a time", c.z.dec.Limit)}
	}
	return err
}

// oversize returns how many bytes the frames of a message that is too big have announced, the last
// frame included. If the decoder refused that frame, the decoder has not counted it.
func (c receiver) oversize() uint64 {
	d := &c.rd.dec
	announced := uint64(d.Announced())
	if limit := c.limit.Load(); c.z == nil || int64(announced) <= limit {
		announced += uint64(d.Header().Length)
	}
	return announced
}

// control acts on a control frame of the peer (RFC 6455 section 5.5). It returns an error only for
// a Close frame, and that error is final.
func (c receiver) control(ev frame.Event) error {
	switch ev.Opcode {
	case frame.Ping:
		c.foldIdle()
		c.queuePong(ev.Data)
	case frame.Pong:
		c.foldIdle()
		c.matchPong(ev.Data)
	case frame.Close:
		c.peerClosed(ev.Data)
		return c.endError()
	}
	return c.reportControl(ev)
}

// reportControl calls Events.Ping or Events.Pong. It returns how the connection ends if the callback
// has ended it.
func (c receiver) reportControl(ev frame.Event) error {
	c.mu.Lock()
	var s *server
	if c.rare != nil {
		s = c.rare.serving
	}
	c.mu.Unlock()
	if s == nil || c.lifecycle() != frame.Open {
		return nil
	}
	f := s.ev.Ping
	if ev.Opcode == frame.Pong {
		f = s.ev.Pong
	}
	if f != nil {
		s.call(func() { f(c.Conn, ev.Data) })
	}
	if c.ending() {
		return c.endError()
	}
	return nil
}

// queuePong queues the answer to a Ping (section 5.5.3). If too many answers wait already,
// [outbox.Outbox.Pong] keeps only the latest of those that are too many.
func (c receiver) queuePong(payload []byte) {
	c.rd.pongQueued = true
	c.mu.Lock()
	if !c.box.RoomForPong(len(payload)) && c.box.Wire() == outbox.Idle {
		act := c.box.Kick() // makes room: the answers to a burst of Pings leave now
		c.mu.Unlock()
		c.do(act)
		c.mu.Lock()
	}
	c.box.Pong(payload)
	c.mu.Unlock()
}

// matchPong wakes the call of [Conn.Ping] whose Ping this Pong answers. A Pong answers the Pings
// that were sent before that one, too. A Pong that answers no Ping is ignored (section 5.5.3). An
// empty Pong answers the Ping of the keepalive.
func (c receiver) matchPong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(payload) == 0 && c.keep != nil && c.keep.asked.Load() != 0 {
		c.cfg.Trace.roundTrip(c.Conn, time.Duration(clock.Now()-c.keep.asked.Swap(0)))
	}
	if c.rare == nil {
		return
	}
	answered := c.rare.pings
	for answered != nil && !bytes.Equal(answered.payload[:], payload) {
		answered = answered.next
	}
	if answered == nil {
		return
	}
	for p := c.rare.pings; p != answered.next; p = p.next {
		p.pong <- struct{}{}
		c.cfg.Trace.roundTrip(c.Conn, time.Since(p.sent))
	}
	c.rare.pings = answered.next
}

// foldIdle lets the windows of the compression take less memory until they are used again, if the
// keepalive finds the connection idle.
func (c receiver) foldIdle() {
	if c.z == nil || !c.keep.idle() {
		return
	}
	c.z.dec.Fold()
	c.mu.Lock()
	c.box.Fold()
	c.mu.Unlock()
}

// part returns which part of its message ev is: the last one, or another.
func part(ev frame.Event) deflate.Part {
	if ev.Fin {
		return deflate.Last
	}
	return deflate.More
}

// inflate inflates a piece of a compressed message and checks its text as it comes. It reports
// whether the message is complete.
func (c receiver) inflate(ev frame.Event) (complete bool, err error) {
	r, z := &c.rd, c.z
	if len(ev.Data) > 0 {
		r.reserveInflated(ev, z.size)
	}
	had := len(r.msg)
	r.msg, err = z.dec.Append(r.msg, ev.Data, part(ev))
	if err != nil {
		return false, inflateError(err)
	}
	if !c.checkText(r.msg[had:], ev.Fin) {
		return false, frame.ErrInvalidUTF8
	}
	if ev.Fin {
		r.in.Message = nil // what readHalf.message returns if r.msg is empty
		z.size = len(r.msg)
	}
	return ev.Fin, nil
}

// checkText checks the next bytes of an inflated message. fin says that the message ends with them.
func (c receiver) checkText(p []byte, fin bool) bool {
	z := c.z
	return c.rd.typ != Text || z.text.Write(p) && (!fin || z.text.Done())
}

// wireLimit returns how many bytes the frames of a message may have if the message may have limit
// bytes. With compression that is more than limit, since frames whose text can't be compressed are
// longer than the text.
func (c receiver) wireLimit(limit int64) int64 {
	const most = 1<<63 - 1
	if c.z == nil || limit <= 0 || limit > most/2 {
		return limit
	}
	return limit + limit/8 + limit/64 + 1024
}

// reserveInflated makes room for what ev inflates to: four times the compressed bytes. For the
// beginning of a message, it makes as much room as the last message needed, if that is more. If ev
// ends the message, pool.MaxSize bounds that. If ev does not, sixteen times the compressed bytes
// bound it, since the peer may keep the rest back for as long as it likes.
func (r *readHalf) reserveInflated(ev frame.Event, last int) {
	n := 4 * len(ev.Data)
	most := pool.MaxSize
	if !ev.Fin {
		most = 4 * n
	}
	if len(r.msg) == 0 {
		n = max(n, min(last, most))
	}
	r.makeRoom(n)
}

// errInflatesTooFar is [ErrMessageTooBig] for a message that is too big only when inflated.
var errInflatesTooFar = fmt.Errorf("%w, inflated", ErrMessageTooBig)

// inflateError returns the rule that the peer broke, if err is an error of the codec.
func inflateError(err error) error {
	if err == deflate.ErrTooBig {
		return errInflatesTooFar
	}
	return frame.ErrInvalidDeflate
}
