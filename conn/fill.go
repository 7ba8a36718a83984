//go:build !js

package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// directMin is a number of bytes. If at least as much of a frame's payload is to come, it is read
// straight into the message, and not into the read buffer.
const directMin = 4 << 10

// readMore waits for bytes and reads once. If much of a frame's payload is to come, it reads
// straight into the message, which that may complete. Else it reads into the read buffer.
func (c receiver) readMore(ctx context.Context) (progress, error) {
	n, err := c.read(ctx, c.target())
	return c.addRead(n, err)
}

// target returns where the next bytes should be read to: room in the message, or room in the read
// buffer. If it is nil, read takes a read buffer when there are bytes.
func (c receiver) target() []byte {
	if c.rd.direct() {
		c.rd.freeBuffer() // the rest of the message may be long in coming
		return c.rd.space()
	}
	return c.bufferTarget()
}

// bufferTarget is target for bytes that should not be read straight into the message.
func (c receiver) bufferTarget() []byte {
	r := &c.rd
	r.freeBuffer()
	if !c.transport.Socket() && !r.dec.Between() {
		// The rest of a frame is on its way, so that the buffer is not held for long.
		r.in = pool.GetRead()
		return r.in.Room[:]
	}
	return nil
}

// addRead adds the n bytes that a read to target has returned. err is that read's error.
func (c receiver) addRead(n int, err error) (progress, error) {
	if err != nil {
		return moreBytes, err
	}
	if c.rd.direct() {
		return c.addDirect(n)
	}
	c.addBuffered(n)
	return moreBytes, nil
}

// addBuffered adds the n bytes that a read to bufferTarget has returned.
func (c receiver) addBuffered(n int) {
	r := &c.rd
	if r.in != nil {
		r.in.Unread = r.in.Room[:n]
	}
}

// direct reports whether the next bytes should be read straight into the message. The first bytes
// of a large message should not, unless the message has room for them already: nothing is allocated
// for a length that was merely announced.
func (r *readHalf) direct() bool {
	if r.dec.Remaining() < directMin || r.open != nil || r.zipped {
		return false
	}
	return len(r.msg) > 0 || cap(r.msg)-len(r.msg) >= directMin
}

// space returns the room for the payload of a large frame, behind what the message has already.
func (r *readHalf) space() []byte {
	left := r.dec.Remaining()
	if cap(r.msg)-len(r.msg) < directMin {
		r.reserve(directMin, left)
	}
	p := r.msg[len(r.msg):cap(r.msg)]
	return p[:min(int64(len(p)), left)]
}

// addDirect adds n bytes of payload that were read to space.
func (c receiver) addDirect(n int) (progress, error) {
	r := &c.rd
	if err := r.dec.Take(r.msg[len(r.msg) : len(r.msg)+n]); err != nil {
		return moreBytes, c.failRule(err)
	}
	if c.lifecycle() != frame.Open { // Close was called: messages are dropped
		r.msg = r.msg[:0]
		return moreBytes, nil
	}
	r.msg = r.msg[:len(r.msg)+n]
	if r.in != nil {
		r.in.Behind = 0 // some of these bytes are in the message now
	}
	if r.dec.InMessage() {
		return moreBytes, nil
	}
	if t := c.cfg.Trace; t != nil {
		t.receivedMessage(c.Conn, int64(len(r.msg)))
	}
	return wholeMessage, nil
}

// fill waits for bytes and reads once, into the read buffer.
func (c receiver) fill(ctx context.Context) error {
	n, err := c.read(ctx, c.bufferTarget())
	if err == nil {
		c.addBuffered(n)
	}
	return err
}

// read waits for bytes under ctx and reads once into p. If p is nil, read takes a read buffer when
// there are bytes, and reads into that. What comes before the wait and after it is in functions of
// its own, so that there is little on the stack during the wait.
func (c *Conn) read(ctx context.Context, p []byte) (n int, err error) {
	c.flushRead()
	c.keep.wait()
	n, why, err := c.transport.Read(ctx, p, &c.rd.in)
	return n, receiver{c}.afterWait(ctx, n, why, err)
}

// afterWait does what has to be done after the wait in read, and returns read's error. n, why and
// err are the results of the transport's Read. afterWait is a function of its own so that read
// needs little stack while it waits.
//
//go:noinline
func (c receiver) afterWait(ctx context.Context, n int, why transport.Reason, err error) error {
	c.keep.endWait()
	switch {
	case n > 0:
		c.noteArrival()
		return nil
	case why == transport.Context:
		return contextError(ctx)
	}
	return c.handleReadError(err)
}

// noteArrival tells the keepalive that bytes of the peer have come. Bytes of a message keep the
// connection from being idle. Pings and Pongs do not.
func (c receiver) noteArrival() {
	c.keep.alive()
	if c.rd.dec.InMessage() {
		c.keep.message()
	}
}

// handleReadError returns the error of a call whose read of the transport failed with err. If err
// means that the transport has ended, it ends the connection.
func (c receiver) handleReadError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err // a deadline set through NetConn
	case err == nil:
		return nil // Read returned neither bytes nor an error: the caller tries again
	case err == io.EOF:
		c.peerEnded()
	case errors.Is(err, net.ErrClosed):
		c.abort(net.ErrClosed)
	default:
		c.abort(addressed(c.Conn, err))
	}
	return c.endError()
}

// flushRead lets what is queued leave before a reader waits or delivers a message. It never blocks.
// If it did, two peers that both write before they read could wait for each other for ever.
func (c *Conn) flushRead() {
	c.rd.pongQueued = false
	c.mu.Lock()
	act := outbox.None
	if c.box.Pending() {
		act = c.box.Kick()
	}
	c.mu.Unlock()
	if act != outbox.None {
		c.do(act)
	}
}
