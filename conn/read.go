//go:build !js

package conn

import (
	"context"
	"slices"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// Read returns the next message and its type (RFC 6455 section 6.2). The slice belongs to the
// caller. Config.MaxMessageSize bounds its length.
//
// Read waits until ctx ends, and then returns ctx's error. That does not harm the connection: what
// has arrived of a message is kept, and the next call goes on with it.
//
// While Read waits, it handles control frames (section 5.5). It answers Pings and the peer's Close
// frame. After that Close frame Read returns the [*CloseError], as do all calls from then on. A
// message that breaks a rule or a limit ends the connection with the close code of the rule.
// errors.As then finds the [*frame.Error] in the error.
//
// One goroutine reads at a time. A second one gets [ErrConcurrentRead]. If a [MessageReader] has
// not been read to its end, Read returns [ErrMessageOpen].
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx); err != nil {
		return 0, nil, err
	}
	// The message is put together in a buffer of the pool, and copied when its size is known,
	// unless it fills the buffer. So there is one allocation.
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
	if r.fills() {
		p, r.msg = slices.Clip(r.msg), nil
	} else {
		m := r.message()
		p = append([]byte{}, m...) // make would clear the bytes first
	}
	r.freeMessage()
	t := r.typ
	c.endRead(nil)
	return t, p, nil
}

// ReadInto reads the next message as [Conn.Read] does, but appends it to buf, and returns the
// longer slice, as append does. A caller that passes buf[:0] again and again reads without
// allocating. If there is an error, ReadInto returns buf as it was. In any case it may overwrite
// the bytes between buf's length and its capacity. It keeps nothing of buf.
func (c *Conn) ReadInto(ctx context.Context, buf []byte) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx); err != nil {
		return 0, buf, err
	}
	r := &c.rd
	r.borrow(buf[len(buf):])
	if err := c.nextMessage(ctx); err != nil {
		r.giveBack()
		c.lastWord(ctx, err)
		c.endRead(err)
		return 0, buf, err
	}
	msg := r.appendTo(buf)
	t := r.typ
	c.endRead(nil)
	return t, msg, nil
}

// borrow lets the message be put together in room, a caller's slice, as long as it fits there.
func (r *readHalf) borrow(room []byte) {
	if r.msg == nil {
		r.msg = room
		return
	}
	r.moveTo(room)
}

// moveTo is borrow after an interrupted call, which has kept a part of the message. It moves that
// part to room.
func (r *readHalf) moveTo(room []byte) {
	kept := r.msg
	r.pooled = len(kept) > cap(room)
	if r.pooled {
		return
	}
	r.msg = append(room, kept...)
	pool.Put(kept)
}

// giveBack ends borrow if the message is not complete. It keeps what has come for the next call.
func (r *readHalf) giveBack() {
	came := r.msg
	switch {
	case r.pooled:
	case len(came) > 0:
		r.msg = append(pool.Get(len(came)), came...)
	default:
		r.msg = nil
	}
	r.pooled = false
}

// appendTo ends borrow if the message is complete, and appends the message to buf. The borrowed
// room is buf's own capacity.
func (r *readHalf) appendTo(buf []byte) []byte {
	switch {
	case len(r.msg) == 0: // it lies in the read buffer, in one piece
		buf = append(buf, r.in.Message...)
	case len(buf) == 0 && !r.pooled: // it is in the borrowed room
		buf = r.msg
	case len(buf) == 0 && r.fills():
		buf, r.pooled = slices.Clip(r.msg), false
	default:
		buf = append(buf, r.msg...)
	}
	if r.pooled {
		pool.Put(r.msg)
	}
	r.msg, r.pooled = nil, false
	return buf
}

// fills reports whether the slice of the pool that msg lies in becomes the caller's, so that the
// message is not copied: the pool does not want it, or the message fills it but for a quarter at
// most, as one does whose length is a power of two. The caller clips it, since others' messages may
// lie behind this one.
func (r *readHalf) fills() bool {
	n := len(r.msg)
	return n > 0 && cap(r.msg)-n <= n/4 || cap(r.msg) > pool.MaxSize
}

// beginMessage is beginRead for a call that wants a whole message. It fails if a MessageReader is
// open.
func (c *Conn) beginMessage(ctx context.Context) error {
	if err := c.beginRead(ctx); err != nil {
		return err
	}
	if c.rd.open != nil {
		c.endRead(nil)
		return ErrMessageOpen
	}
	return nil
}

// beginRead makes its caller the owner of the read half. It fails if ctx has ended, if another
// goroutine owns the read half, or if the connection is not open any more.
func (c *Conn) beginRead(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if !c.reading.TryTake() {
		return c.refuseRead(ctx)
	}
	if c.lifecycle() != frame.Open {
		c.endRead(nil)
		return c.refuseRead(ctx)
	}
	if !c.began.Load() {
		c.began.Store(true)
	}
	return nil
}

// refuseRead returns the error of a call that can't own the read half. If the connection is about
// to end, refuseRead waits for the end first, and so returns how the connection ended.
func (c *Conn) refuseRead(ctx context.Context) error {
	switch state := c.lifecycle(); {
	case state == frame.Open && c.reading.Phase() == ending.Ending: // the transport has ended
		return c.awaitEnd(ctx)
	case state == frame.Open:
		return ErrConcurrentRead
	case state == frame.CloseSent && c.rd.calling.Load():
		return ErrConcurrentRead // the caller may be that callback, which can't wait for itself
	case state == frame.CloseSent:
		return c.awaitEnd(ctx)
	}
	return c.endError()
}

// awaitEnd waits until the connection has ended, and returns how it did, or until ctx ends.
func (c *Conn) awaitEnd(ctx context.Context) error {
	select {
	case <-c.Done():
		return c.endError()
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// endRead ends a call that owns the read half. err is the call's result. If err is the end of the
// connection, endRead starts the goroutine that does the rest. Else it gives the read half back.
func (c *Conn) endRead(err error) {
	if err != nil && isEnd(err) {
		c.step(ending.Met)
		go ender{c}.finish()
		return
	}
	if c.reading.TryGive() || c.step(ending.Give) == ending.Proceed {
		c.seekEnd() // a closing may have begun, and perhaps nobody will read again
	}
}

// nextMessage reads until a message is complete.
func (c *Conn) nextMessage(ctx context.Context) error {
	for {
		p, err := c.advance()
		if err == nil && p == moreBytes {
			var n int
			// These two calls are readMore, whose frame would be on the stack while read waits.
			n, err = c.read(ctx, receiver{c}.target())
			p, err = receiver{c}.addRead(n, err)
		}
		if err != nil {
			return err
		}
		if p == wholeMessage {
			if c.rd.pongQueued {
				c.flushRead()
			}
			return nil
		}
	}
}
