package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// errInterrupted says that the context of the owner's caller ended before the
// batch was out.
var errInterrupted = errors.New("interrupted")

// transmit writes the owner's batch and returns how much of it is out. The
// error is errInterrupted, or final.
func (c *Conn) transmit(ctx context.Context) (int, error) {
	b := &c.wr.batch
	p := b.buf[min(b.off, len(b.buf)):]
	if c.raw == nil {
		return c.transmitStream(p)
	}
	if b.vec != nil {
		return c.transmitWait(ctx, p, b.vec)
	}
	n, err := c.raw.try(p) // one system call, as a rule
	if err != nil || n == len(p) {
		return n, err
	}
	m, err := c.transmitWait(ctx, p[n:], nil)
	return n + m, err
}

// transmitWait writes p and vec to a socket, waiting for room up to
// Config.WriteTimeout or the end of ctx.
func (c *Conn) transmitWait(ctx context.Context, p, vec []byte) (n int, err error) {
	d := writeDeadline{c}
	if err := c.wr.watch.arm(ctx, d); err != nil {
		return 0, errInterrupted
	}
	timeout := c.cfg.writeTimeout()
	if timeout > 0 {
		c.wr.watch.postpone(d, time.Now().Add(timeout))
	}
	if vec == nil {
		n, err = c.stream.Write(p)
	} else {
		n, err = c.writeVec(p, vec)
	}
	interrupted := c.wr.watch.interrupted()
	if ctx.Done() != nil {
		c.wr.watch.disarm(d)
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

// vector is the argument of a gathering write; it is pooled since it escapes.
type vector struct {
	parts [2][]byte
	bufs  net.Buffers
}

var vectors = sync.Pool{New: func() any { return new(vector) }}

// writeVec writes p and vec in one system call where both fit.
func (c *Conn) writeVec(p, vec []byte) (int, error) {
	v := vectors.Get().(*vector)
	v.parts = [2][]byte{p, vec}
	v.bufs = v.parts[:]
	n, err := v.bufs.WriteTo(c.stream)
	*v = vector{}
	vectors.Put(v)
	return int(n), err
}

// transmitStream writes p to a transport that only knows Write. A write
// deadline would be for good there (crypto/tls), so that a timer cuts the
// connection instead.
func (c *Conn) transmitStream(p []byte) (int, error) {
	c.wr.timer.start(c)
	n, err := c.stream.Write(p)
	if c.wr.timer.stop() {
		err = ErrWriteTimeout
	}
	return n, err
}

// writeTimer cuts a connection whose transport takes no bytes.
type writeTimer struct {
	timer *time.Timer
	fired chan struct{} // holds a token once it has fired
}

func (t *writeTimer) start(c *Conn) {
	timeout := c.cfg.writeTimeout()
	switch {
	case timeout <= 0:
	case t.timer == nil:
		fired := make(chan struct{}, 1)
		t.fired = fired
		t.timer = time.AfterFunc(timeout, func() {
			fired <- struct{}{}
			c.abort(ErrWriteTimeout)
		})
	default:
		t.timer.Reset(timeout)
	}
}

// stop ends what start began and reports whether the time was over.
func (t *writeTimer) stop() bool {
	return t.timer != nil && !t.timer.Stop() && len(t.fired) > 0
}
