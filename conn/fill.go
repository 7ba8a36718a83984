package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"

	"github.com/rfc6455/ws/frame"
)

// directMin is the payload of a frame, still to come, from which on it is read
// into the message itself.
const directMin = 4 << 10

// more gets more bytes: into the message itself where much of a frame is to
// come, which may complete it, else into the read buffer.
func (c *Conn) more(ctx context.Context) (progress, error) {
	n, err := c.read(ctx, c.target())
	return c.took(n, err)
}

// target is where more bytes are to be read to: into the message, into the read
// buffer, or nil for read to decide when there are some.
func (c *Conn) target() []byte {
	if c.rd.direct() {
		return c.rd.space()
	}
	return c.bufferTarget()
}

// bufferTarget is target for what is not read into the message.
func (c *Conn) bufferTarget() []byte {
	r := &c.rd
	r.drop()
	if c.raw == nil && !r.dec.Between() {
		// The rest of a frame is on its way: a buffer will not wait for long.
		r.in = getReadBuffer()
		return r.in.room[:]
	}
	return nil
}

// took follows a read to target, with its results.
func (c *Conn) took(n int, err error) (progress, error) {
	if err != nil {
		return moreBytes, err
	}
	if c.rd.direct() {
		return c.tookDirect(n)
	}
	c.tookBuffer(n)
	return moreBytes, nil
}

// tookBuffer follows a read of n bytes to bufferTarget.
func (c *Conn) tookBuffer(n int) {
	r := &c.rd
	if r.in == nil && n > 0 {
		r.in = getReadBuffer()
		copy(r.in.room[:], c.first[:n])
	}
	if r.in != nil {
		r.in.unread = r.in.room[:n]
	}
}

// direct reports whether the next bytes are to be read into the message. The
// first of a large message are not, unless there is room for them already:
// nothing is allocated for what has merely been announced.
func (r *readHalf) direct() bool {
	if r.dec.Remaining() < directMin || r.open != nil || r.zipped {
		return false
	}
	return len(r.msg) > 0 || cap(r.msg)-len(r.msg) >= directMin
}

// space is where the payload of a large frame is read to: behind what there is
// of the message.
func (r *readHalf) space() []byte {
	left := r.dec.Remaining()
	if cap(r.msg)-len(r.msg) < directMin {
		r.reserve(directMin, left)
	}
	p := r.msg[len(r.msg):cap(r.msg)]
	return p[:min(int64(len(p)), left)]
}

// reserve makes room in the message for n bytes that have come or are about
// to, of left that the frame has yet. The room grows with what has come, up to
// four times that, and never by the announced length alone (section 10.4).
func (r *readHalf) reserve(n int, left int64) {
	if cap(r.msg)-len(r.msg) >= n {
		return
	}
	n = max(n, int(min(left, int64(3*(len(r.msg)+n)))))
	if r.pooled {
		r.msg = grow(r.msg, n)
	} else {
		r.msg = slices.Grow(r.msg, n)
	}
}

// tookDirect counts n bytes of payload that were read into the message.
func (c *Conn) tookDirect(n int) (progress, error) {
	r := &c.rd
	if err := r.dec.Take(r.msg[len(r.msg) : len(r.msg)+n]); err != nil {
		return moreBytes, c.violated(err)
	}
	if c.lifecycle() != frame.Open { // Close was called: messages are dropped
		r.msg = r.msg[:0]
		return moreBytes, nil
	}
	r.msg = r.msg[:len(r.msg)+n]
	if r.dec.InMessage() {
		return moreBytes, nil
	}
	if t := c.cfg.Trace; t != nil {
		t.receivedMessage(c, int64(len(r.msg)))
	}
	return wholeMessage, nil
}

// fill waits for bytes and reads them into the read buffer, which is taken
// from the pool only when there are some.
func (c *Conn) fill(ctx context.Context) error {
	n, err := c.read(ctx, c.bufferTarget())
	if err == nil {
		c.tookBuffer(n)
	}
	return err
}

// read waits for bytes under ctx and reads once into p. With p nil a raw
// transport puts them into the read buffer, and another one the first few into
// first. What comes before the waiting and after it is done in functions of
// their own, so that there is little on the stack meanwhile.
func (c *Conn) read(ctx context.Context, p []byte) (n int, err error) {
	if err := c.beginWait(ctx); err != nil {
		return 0, err
	}
	switch {
	case c.raw != nil:
		n, err = c.readRaw(p)
	case p != nil:
		n, err = readStream(ctx, c.stream, p)
	default:
		n, err = readStream(ctx, c.stream, c.first[:])
	}
	return n, c.endWait(ctx, n, err)
}

// beginWait makes ready for a wait for the peer.
func (c *Conn) beginWait(ctx context.Context) error {
	c.flushRead()
	if err := c.watch.arm(ctx, readDeadline{c}); err != nil {
		return err
	}
	c.keep.wait()
	return nil
}

// endWait follows a wait that n bytes or err have ended.
func (c *Conn) endWait(ctx context.Context, n int, err error) error {
	c.keep.waited()
	interrupted := c.watch.interrupted(inbound)
	if ctx.Done() != nil {
		c.watch.disarm(readDeadline{c})
	}
	switch {
	case n > 0:
		c.arrived()
		return nil
	case interrupted:
		return contextError(ctx)
	}
	return c.readFailed(err)
}

// arrived lets keepalive know of bytes of the peer. Those of a message that is
// under way keep the connection from being idle; pings and pongs do not.
func (c *Conn) arrived() {
	c.keep.alive()
	if c.rd.dec.InMessage() {
		c.keep.message()
	}
}

// readFailed tells the call's end from the connection's.
func (c *Conn) readFailed(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err // a deadline set through NetConn
	case err == nil:
		return nil // a Read of nothing: try again
	case errors.Is(err, net.ErrClosed):
		c.lost(net.ErrClosed)
	default:
		c.lost(c.addressed(err))
	}
	return c.readError()
}

// addressed adds to an error of opError what package net's tell.
func (c *Conn) addressed(err error) error {
	if e, ok := err.(*net.OpError); ok && e.Net == "" {
		e.Source, e.Addr = c.LocalAddr(), c.RemoteAddr()
		e.Net = e.Source.Network()
	}
	return err
}

// flushRead lets what was queued leave before a reader waits. It never blocks:
// two peers that both wrote before they read would wait for ever.
func (c *Conn) flushRead() {
	c.rd.answered = false
	c.mu.Lock()
	if c.wr.out != nil {
		c.flushSoon()
	}
	c.mu.Unlock()
}
