package conn

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/rfc6455/ws/frame"
)

// readHalf is the state of reading. It belongs to whoever has taken it; there
// is one reader at a time. Everything that a reader has begun lies here and
// not on its stack, so that a call that ends early loses nothing and the next
// one goes on.
type readHalf struct {
	taken   atomic.Uint32 // a reader
	calling atomic.Bool   // a callback of Serve runs
	life    atomic.Uint32 // Conn.lifecycle

	typ      MessageType // of the message at work
	zipped   bool        // it is compressed
	pooled   bool        // msg is of the pool: Serve's, Read's
	answered bool        // a pong was queued that should leave before the next message is delivered

	dec frame.Decoder
	in  *readBuffer // nil while nothing is unread

	msg []byte // the message being put together

	open *MessageReader // the message that is being read in pieces
}

// reader says who has the read half.
type reader uint32

const (
	readFree    reader = iota
	readCall           // Read, ReadInto, NextReader or MessageReader.Read
	readServe          // Serve
	readClosing        // the end of the connection: never given back
)

// take makes the caller the reader, if there is none.
func (r *readHalf) take(who reader) bool {
	return r.taken.CompareAndSwap(uint32(readFree), uint32(who))
}

// early sets the bytes that arrived with the handshake before all others.
func (r *readHalf) early(b []byte) {
	if len(b) > 0 {
		r.in = getReadBuffer()
		r.in.unread = append(r.in.room[:0], b...)
	}
}

// drop lets go of the read buffer.
func (r *readHalf) drop() {
	if r.in != nil {
		putReadBuffer(r.in)
		r.in = nil
	}
}

// release lets go of all that is held, at the end of the connection.
func (r *readHalf) release() {
	r.drop()
	r.delivered()
}

// unread is what has been read and not been acted on.
func (r *readHalf) unread() []byte {
	if r.in == nil {
		return nil
	}
	return r.in.unread
}

// message is the message that advance has completed: put together, or in the
// read buffer in one piece.
func (r *readHalf) message() []byte {
	if len(r.msg) > 0 {
		return r.msg
	}
	return r.in.message
}

// Read returns the next message; the slice is the caller's. It waits for it
// until ctx ends, which does not harm the connection: what has arrived of a
// message is kept and the next call goes on with it.
//
// Control frames are handled meanwhile: pings are answered, the peer's Close
// frame too, after which Read returns the *CloseError, as do all calls from
// then on. A message that breaks a rule or a limit ends the connection with
// the rule's close code; errors.As finds the *frame.Error.
//
// One goroutine reads at a time: another gets ErrConcurrentRead.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx); err != nil {
		return 0, nil, err
	}
	// The message is put together in a pooled buffer and copied when its size
	// is known: one allocation.
	r := &c.rd
	r.pooled = true
	err := c.nextMessage(ctx)
	r.pooled = false
	if err != nil {
		c.lastWord(ctx, err)
		c.endRead(err)
		return 0, nil, err
	}
	var p []byte
	if cap(r.msg) > 1<<maxClass {
		p, r.msg = r.msg, nil // no pool wants it
	} else {
		m := r.message()
		p = append(make([]byte, 0, len(m)), m...)
	}
	r.delivered()
	t := r.typ
	c.endRead(nil)
	return t, p, nil
}

// ReadInto is Read that appends the message to buf and returns the longer
// slice, as append does: a caller that passes buf[:0] again and again reads
// without allocating. On an error it returns buf unchanged.
func (c *Conn) ReadInto(ctx context.Context, buf []byte) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx); err != nil {
		return 0, buf, err
	}
	r := &c.rd
	kept := r.msg // by a call that was interrupted
	r.msg = append(buf[len(buf):], kept...)
	if kept != nil {
		putBuffer(kept)
	}
	err := c.nextMessage(ctx)
	came := r.msg
	if err != nil {
		r.msg = nil
		if len(came) > 0 {
			r.msg = append(getBuffer(len(came)), came...)
		}
		c.lastWord(ctx, err)
		c.endRead(err)
		return 0, buf, err
	}
	msg := came
	if len(buf) > 0 || len(came) == 0 { // else it is put together where it belongs, or had to move
		msg = append(buf, r.message()...)
	}
	r.msg = nil
	t := r.typ
	c.endRead(nil)
	return t, msg, nil
}

// delivered lets go of the message that was delivered.
func (r *readHalf) delivered() {
	if r.msg != nil {
		putBuffer(r.msg)
		r.msg = nil
	}
}

// beginMessage is beginRead for a call that wants a whole message.
func (c *Conn) beginMessage(ctx context.Context) error {
	if err := c.beginRead(ctx, readCall); err != nil {
		return err
	}
	if c.rd.open != nil {
		c.endRead(nil)
		return ErrMessageOpen
	}
	return nil
}

// beginRead takes the read half for a call under ctx.
func (c *Conn) beginRead(ctx context.Context, who reader) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if !c.rd.take(who) {
		return c.refuseRead(ctx)
	}
	switch c.lifecycle() {
	case frame.Open:
		return nil
	case frame.CloseSent:
		// Close has been called and nobody reads: it does, to the end.
		c.endRead(nil)
		return c.awaitEnd(ctx)
	}
	c.endRead(nil)
	return c.readError()
}

// refuseRead is the answer to a second reader.
func (c *Conn) refuseRead(ctx context.Context) error {
	switch c.lifecycle() {
	case frame.Open:
		return ErrConcurrentRead
	case frame.CloseSent:
		return c.awaitEnd(ctx)
	}
	return c.readError()
}

// readError is how the connection ends.
func (c *Conn) readError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cl.err == nil {
		return errClosing
	}
	return c.cl.err
}

// awaitEnd waits for the end that this side's Close is bringing about.
func (c *Conn) awaitEnd(ctx context.Context) error {
	select {
	case <-c.Done():
		return c.readError()
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// endRead gives the read half back after a call that ended with err, or leaves
// it to the end of the connection.
func (c *Conn) endRead(err error) {
	if err != nil && c.over(err) {
		c.rd.taken.Store(uint32(readClosing))
		go c.finish()
		return
	}
	c.rd.taken.Store(uint32(readFree))
	if c.lifecycle() == frame.Open {
		return
	}
	c.mu.Lock()
	if c.rare != nil && c.rare.freed != nil {
		select {
		case c.rare.freed <- struct{}{}:
		default:
		}
	}
	orphan := c.cl.orphan
	c.mu.Unlock()
	if orphan && c.rd.take(readClosing) { // Serve's context ended, and nobody may come to read
		go c.readToEnd()
	}
}

// over reports whether err, which a reader met, is the connection's end rather
// than the call's.
func (c *Conn) over(err error) bool {
	var end *CloseError
	return errors.As(err, &end)
}

// nextMessage reads until there is a whole message.
func (c *Conn) nextMessage(ctx context.Context) error {
	for {
		p, err := c.advance()
		if err == nil && p == moreBytes {
			var n int
			n, err = c.read(ctx, c.target()) // as more does, without a frame of its own on the stack
			p, err = c.took(n, err)
		}
		if err != nil {
			return err
		}
		if p == wholeMessage {
			if c.rd.answered {
				c.flushRead()
			}
			return nil
		}
	}
}

// ending reports whether nothing is read any more: the peer has closed or broken
// a rule, or the transport was lost.
func (c *Conn) ending() bool { return c.lifecycle() > frame.CloseSent }

// progress is how far advance came.
type progress uint8

const (
	moreBytes    progress = iota // the peer has to send more
	wholeMessage                 // rd.message is one
)

// advance acts on the bytes at hand until they are used up or a message is
// complete: the read half as a function of what has arrived, which every way
// of reading drives. Its error is final: the *CloseError.
func (c *Conn) advance() (progress, error) {
	r := &c.rd
	if c.ending() {
		return 0, c.readError()
	}
	limit := c.limit.Load()
	r.dec.MaxMessage = c.wireLimit(limit)
	for {
		unread := r.unread()
		ev, n, err := r.dec.Step(unread)
		if err != nil {
			return 0, c.violated(err)
		}
		if n > 0 {
			r.in.unread = unread[n:]
		}
		if t := c.cfg.Trace; t != nil {
			t.received(c, ev)
		}
		switch ev.Kind {
		case frame.NeedData:
			return moreBytes, nil
		case frame.Control:
			if err := c.control(ev); err != nil {
				return 0, err
			}
		default:
			done, err := c.collect(ev, limit)
			if err != nil {
				return 0, c.violated(err)
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

// collect takes a piece of a message and reports whether that is complete. A
// message that lies in the read buffer in one piece is not copied.
func (c *Conn) collect(ev frame.Event, limit int64) (complete bool, err error) {
	r := &c.rd
	if ev.Kind == frame.Start {
		if err := c.begin(ev, limit); err != nil {
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
		r.in.message = ev.Data
		return true, nil
	}
	if len(ev.Data) > 0 {
		r.reserve(len(ev.Data), ev.Length)
		r.msg = append(r.msg, ev.Data...)
	}
	return ev.Fin, nil
}

// begin notes the beginning of a frame, and of a message if it is the first.
func (c *Conn) begin(ev frame.Event, limit int64) error {
	c.keep.message()
	r := &c.rd
	if ev.Opcode != frame.Continuation {
		r.typ, r.zipped = MessageType(ev.Opcode), ev.Compressed
		if ev.Compressed {
			c.z.text.Reset()
			c.z.dec.Limit = limit
		}
	}
	// The decoder's own limit leaves room for compressed messages.
	if c.z != nil && !ev.Compressed && limit > 0 && r.dec.Announced() > limit {
		return ErrMessageTooBig
	}
	return nil
}

// violated fails the connection because the peer broke a rule (section 7.1.7)
// and returns how it ends.
func (c *Conn) violated(err error) error {
	code := CloseProtocolError
	var rule *frame.Error
	if errors.As(err, &rule) {
		code = rule.Code()
	}
	c.failWith(code, err)
	return c.readError()
}
