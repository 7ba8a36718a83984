package conn

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// errInterrupted says that the context of the owner's caller ended before the
// batch was out.
var errInterrupted = errors.New("interrupted")

// transmit writes the owner's batch and returns how much of it is out. The
// error is errInterrupted, or final.
func (c *Conn) transmit(ctx context.Context) (int, error) {
	b := c.wr.batch
	if b.rest() == 0 { // a Flush that came too late: an empty Write would wait on a net.Pipe, and be a record of TLS
		return 0, nil
	}
	p := b.buf[min(b.off, len(b.buf)):]
	switch {
	case c.raw == nil:
		return c.transmitStream(p)
	case b.vec != nil:
		return c.transmitWait(ctx, p, b)
	}
	n, err := rawTry(c.raw, p) // one system call, as a rule
	if err == nil && n < len(p) {
		m, err := c.transmitWait(ctx, p[n:], nil)
		return n + m, err
	}
	return n, err
}

// transmitWait writes p to a socket, and the payload of vec where that is not nil,
// waiting for room up to Config.WriteTimeout or the end of ctx.
func (c *Conn) transmitWait(ctx context.Context, p []byte, vec *batch) (n int, err error) {
	d := writeDeadline{c}
	if err := c.watch.arm(ctx, d); err != nil {
		return 0, errInterrupted
	}
	timeout := c.cfg.writeTimeout()
	for part := 0; err == nil && n < len(p); n += part {
		if timeout > 0 {
			c.watch.postpone(d, time.Now().Add(timeout))
		}
		if end := min(len(p), n+writeMax); vec == nil || end < len(p) {
			part, err = c.stream.Write(p[n:end])
		} else {
			part, err = vec.writeVec(c.stream, p[n:])
		}
	}
	interrupted := c.watch.interrupted(outbound)
	if ctx.Done() != nil {
		c.watch.disarm(d)
	}
	if timeout > 0 {
		d.set(time.Time{})
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		if interrupted {
			return n, errInterrupted
		}
		return n, ErrWriteTimeout
	}
	return n, err
}

// transmitStream writes p to a transport that only knows Write. A write
// deadline would be for good there (crypto/tls), so that a timer cuts the
// connection instead.
func (c *Conn) transmitStream(p []byte) (n int, err error) {
	for part := 0; err == nil && n < len(p); n += part {
		part, err = c.writePart(p[n:min(len(p), n+writeMax)])
	}
	return n, err
}

// writePart is one write of transmitStream.
func (c *Conn) writePart(p []byte) (n int, err error) {
	if t := c.timer; t == nil {
		n, err = c.stream.Write(p)
	} else {
		t.start()
		n, err = c.stream.Write(p)
		if t.stop() {
			err = ErrWriteTimeout
		}
	}
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// writeTimer cuts a connection whose transport takes no bytes. Setting and
// stopping a timer for each write, or looking at the clock, would cost as much
// as framing the message, so the timer stays set as long as there are writes,
// and looks now and then whether the one that is under way has been for too
// long. The first write after a pause is timed exactly, others to a sixteenth of
// the timeout less.
type writeTimer struct {
	c       *Conn
	timeout time.Duration
	timer   *time.Timer

	writes  atomic.Uint64 // begun and ended ones: odd while one is under way
	seen    atomic.Uint64 // writes at the last look
	looks   atomic.Int32  // how many have found the same write
	armed   atomic.Bool
	expired atomic.Bool
}

// writeLooks is how many looks must find the same write to call it too long.
const writeLooks = 16

// newWriteTimer returns nil where there is no limit.
func newWriteTimer(c *Conn) *writeTimer {
	timeout := c.cfg.writeTimeout()
	if timeout <= 0 {
		return nil
	}
	t := &writeTimer{c: c, timeout: timeout}
	t.timer = time.AfterFunc(timeout, t.look)
	t.timer.Stop()
	return t
}

// start and stop enclose a write. They are the owner of the wire's.
func (t *writeTimer) start() {
	n := t.writes.Add(1)
	if t.armed.Load() {
		return
	}
	t.armed.Store(true)
	t.seen.Store(n)
	t.looks.Store(0)
	t.timer.Reset(t.timeout / writeLooks)
}

// stop reports whether the write was cut for having taken too long.
func (t *writeTimer) stop() bool {
	t.writes.Add(1)
	return t.expired.Load()
}

// look is the timer's function.
func (t *writeTimer) look() {
	n := t.writes.Load()
	if n%2 == 0 {
		t.armed.Store(false)
		if t.writes.Load() == n {
			return // a pause: the next write sets the timer again
		}
		t.armed.Store(true) // one has begun since, and may have found it set
		n = t.writes.Load()
	}
	if t.seen.Swap(n) != n {
		t.looks.Store(1) // it may have begun right after the look before
	} else if t.looks.Add(1) >= writeLooks && n%2 == 1 {
		t.expired.Store(true)
		t.c.abort(ErrWriteTimeout)
		return
	}
	t.timer.Reset(t.timeout / writeLooks)
}
