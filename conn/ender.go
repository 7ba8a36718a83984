//go:build !js

package conn

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// ender is a connection as its ender sees it: the goroutine that has the reading half for good, and
// brings the end about.
type ender struct{ *Conn }

// linger waits until everything has left, and for the peer's end if this side ends first.
func (c ender) linger() {
	c.flushAll(context.Background())
	c.mu.Lock()
	broken := c.box.Wire() == outbox.Broken
	c.box.Signal(frame.CloseWritten)
	failed, silent := c.lifecycle() == frame.Failed, c.err.Err == io.ErrUnexpectedEOF
	c.mu.Unlock()
	switch {
	case broken: // nothing can leave, so no reset can overtake anything
		c.step(ending.Cut)
		return
	case silent: // the peer has ended its direction: there is nothing to drain
		return
	case c.transport.EndsAlone():
		c.transport.CloseWrite()
		return
	}
	first := failed || c.role() == frame.Server
	// Without a half close there is no need to drain after a closing handshake: the peer's Close
	// frame was its last.
	if !first || c.transport.CloseWrite() || failed {
		c.drain()
	}
}

// flushAll waits until everything that is queued has left, or can't leave any more.
func (c ender) flushAll(ctx context.Context) {
	c.mu.Lock()
	if c.box.Wire() == outbox.Broken || c.box.Quiet() {
		c.mu.Unlock()
		return
	}
	e, act := c.box.Flush(c.passive(ctx))
	c.mu.Unlock()
	c.do(act)
	_ = waiter(c).await(ctx, e) // if it fails, nothing leaves any more
}

// readToEnd reads until the closing handshake is over, drops messages, and ends the connection.
func (c ender) readToEnd() {
	c.rd.pooled = true
	for {
		got, err := c.Conn.advance()
		switch {
		case err != nil:
		case got == wholeMessage: // this side has not closed: it can't write
			c.rd.freeMessage()
			continue
		default:
			err = receiver(c).fill(context.Background())
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && !isEnd(err):
			// The deadline was set through NetConn. From now on CloseTimeout alone counts.
			c.transport.SetClosing()
		default:
			c.finish()
			return
		}
	}
}

// finish ends the connection after a final error of advance or fill.
func (c ender) finish() {
	if c.reading.Phase() == ending.Ending {
		c.linger()
	}
	c.step(ending.Finish)
}

// drainMax is the most that is read away after the Close frames, in bytes. A peer that stops at
// this side's Close frame has less than that on the way.
const drainMax = 16 << 20

// drain reads and drops bytes until the peer ends its direction (section 7.1.1), the timer cuts it
// short, or drainMax bytes have come.
func (c ender) drain() {
	c.rd.freeBuffer()
	c.transport.SetClosing() // CloseTimeout alone counts
	buf := pool.GetRead()
	defer pool.PutRead(buf)
	for left := drainMax; left > 0; {
		n, _, err := c.transport.Read(context.Background(), buf.Room[:], nil)
		if err != nil {
			return
		}
		left -= n
	}
}
