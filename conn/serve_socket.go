//go:build !js

package conn

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
)

// Serving a socket.
//
// A run waits inside one RawConn.Read. The function there reads until nothing is left, delivers,
// writes what was queued, and returns false to wait. That saves the way through package net for
// each message, and the goroutine waits with a small stack and no buffer.
//
// What the runtime's stack forces upon the code: a goroutine begins with 2 KiB of stack, of which
// package net and the runtime take a part. If it needs more once, it keeps 4 KiB for good. The way
// from the function inside RawConn.Read to the one inside RawConn.Write leads through deliver,
// callMessage, a callback, Write or Append, the outbox and Transport.TryWrite. So these have few
// frames, and small ones:
//
//   - [server.enter] and [server.leave], before the waiting and after it, are not called inside.
//   - [Conn.writeFrame] tries to write by itself. The rest is done in [owner.writeRest].
//   - [Conn.nextMessage] does itself what [receiver.readMore] does.
//   - Results are a few words, in registers. Closures are made once and kept.
//   - System calls are brief ones, which let no stack grow.
//
// TestStackPerIdleConn holds all of this.

// enter prepares for Transport.Loop. From here on the end of the connection does not close the
// descriptor, but leaves that to leave.
func (s *server) enter(ctx context.Context) (runStep, error) {
	c := s.c
	if c.step(ending.Enter) != ending.Proceed {
		return runOver, s.over(ctx, nil)
	}
	s.watchIdle()
	c.keep.wait()
	return runWaits, nil
}

// leave follows Transport.Loop, which returned err.
func (s *server) leave(ctx context.Context, err error) (runStep, error) {
	c := s.c
	c.keep.endWait()
	c.mu.Lock() // checkPace may be looking at the socket
	act := c.reading.Step(ending.Leave)
	c.mu.Unlock()
	cut := act == ending.CloseNow
	if cut {
		c.act(act)
	}
	why := c.transport.Why()
	switch {
	case cut || c.ending() || why == transport.Context:
		return runOver, s.over(ctx, err)
	case err == nil: // the turn is over, or the idle deadline has to be set
		transport.GiveWay()
	case !errors.Is(err, os.ErrDeadlineExceeded) || why == transport.User:
		return runOver, s.over(ctx, err)
	default:
		c.transport.Known(why)
	}
	if err != nil && why == transport.Idle && !s.active {
		return runMoves, nil
	}
	return s.enter(ctx)
}

// over ends the run and returns why. err is the error of Transport.Loop.
func (s *server) over(ctx context.Context, err error) error {
	c := s.c
	interrupted := c.transport.Why() == transport.Context
	c.transport.Disarm(ctx)
	switch {
	case c.ending():
		return c.endError()
	case interrupted:
		return contextError(ctx)
	case err == nil:
		return c.endError()
	}
	return receiver{c}.handleReadError(err)
}

// moveAfter is how long a connection has to be idle before it moves to a fresh goroutine. It may
// take up to twice that.
const moveAfter = 2 * time.Second

// unwatched reports whether the deadline that detects an idle connection has to be set. It is set
// once for all messages until it passes, so that a message costs nothing.
func (s *server) unwatched() bool {
	return s.moves && s.active && s.c.transport.Why() != transport.Idle
}

// watchIdle sets the read deadline that detects an idle connection, if none is set.
func (s *server) watchIdle() {
	if s.unwatched() {
		s.active = false
		s.c.transport.SetIdle(time.Now().Add(moveAfter))
	}
}

// ready returns the function inside RawConn.Read. It returns false to wait until there is something
// to read. It returns true if the run is over or interrupted, or has to leave and enter again. A
// method value would be one more frame on the stack.
func (s *server) ready() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		c := s.c
		c.keep.endWait()
		over := false
		for !over {
			got, left, err := s.readOnce(fd)
			if left == nothing {
				break
			}
			if err == nil {
				err = s.deliver(got)
			}
			if err != nil || c.transport.Why() == transport.Context {
				return true
			}
			if left == dry && s.putOff() {
				break
			}
			over = c.rd.in != nil && c.rd.in.Turn.Over(pool.TurnTime)
		}
		c.rd.freeBuffer()
		c.flushFD(fd)
		if over || s.unwatched() {
			return true // leave and enter need more stack than there is here
		}
		c.keep.wait()
		return false
	}
}

// supply is what a socket had for a read.
type supply uint8

const (
	plenty  supply = iota // as much as there was room for: there may be more
	dry                   // less than that: there was no more
	nothing               // nothing at all
)

// readOnce reads once, into the read buffer or into a large message. That may complete the message.
// Its error is final.
func (s *server) readOnce(fd uintptr) (got progress, left supply, err error) {
	c := s.c
	r := &c.rd
	p := r.place()
	n, err := transport.ReadFD(fd, p)
	switch {
	case err != nil:
		r.freeBuffer()
		return moreBytes, plenty, receiver{c}.handleReadError(err)
	case n == 0:
		return moreBytes, nothing, nil
	case n < len(p):
		left = dry
	}
	s.active = true
	if r.in != nil {
		r.in.Turn.Count(n)
	}
	receiver{c}.noteArrival()
	if r.direct() {
		got, err = receiver{c}.addDirect(n)
	} else {
		r.in.Unread = p[:n]
		transport.NoteBehind(fd, r.in, n)
	}
	return got, left, err
}

// place is where Serve reads to: into a large message, or else into the read buffer.
func (r *readHalf) place() []byte {
	if r.direct() {
		return r.space()
	}
	if r.in == nil {
		r.in = pool.GetRead()
	}
	return r.in.Room[:]
}

// flushFD is flushRead for a reader that is inside RawConn.Read.
func (c *Conn) flushFD(fd uintptr) {
	c.rd.pongQueued = false
	c.mu.Lock()
	act := outbox.None
	if c.box.Pending() {
		act = c.box.Kick()
	}
	c.mu.Unlock()
	if act == outbox.Write {
		if frames, payload := c.box.Batch().Bytes(); payload == nil {
			n, err := transport.WriteFD(fd, frames)
			act = owner{c}.finishTry(n, err)
		}
	}
	if act != outbox.None {
		c.do(act)
	}
}

// The read that finds nothing.
//
// The poller reports a socket once when bytes come, and not again while they lie there. So a socket
// has to be read until it is empty: the peer's FIN may have come together with the last bytes, and
// would not be reported on its own. The read that finds nothing is a third of the system calls of
// an echo, and a fifteenth of its time.
//
// A busy connection puts that read off as long as messages follow each other. A read that did not
// fill its buffer has emptied the socket, and what comes later is reported. Only a FIN that came
// with the last message is missed. When the messages pause, a timer looks for it. So such a FIN is
// noticed up to twice paceCheck late.

// A connection is busy if paceReads reads come within paceWithin milliseconds.
const (
	paceReads  = 16
	paceWithin = 160
	paceCheck  = 100 * time.Millisecond // between two looks whether it still is
)

// pace is the state of a busy connection.
type pace struct {
	still atomic.Bool // nothing was read since the last check
	timer *time.Timer
}

// putOff reports whether to put off the read that would find nothing. It is called after a read
// that has emptied the socket.
func (s *server) putOff() bool {
	if runtime.GOOS != "linux" {
		return false
	}
	if b := s.busy.Load(); b != nil {
		if b.still.Load() {
			b.still.Store(false)
		}
		return true
	}
	s.dried++
	if s.dried%paceReads != 0 {
		return false
	}
	t := uint16(clock.Now() / int64(time.Millisecond))
	quick := s.dried/paceReads > 1 && t-s.since <= paceWithin
	s.dried, s.since = paceReads, t
	if quick {
		s.hurry()
	}
	return quick
}

// hurry makes the connection a busy one.
func (s *server) hurry() {
	b := new(pace)
	s.busy.Store(b)
	s.c.mu.Lock() // checkPace needs b.timer, so it has to wait until that is set
	b.timer = time.AfterFunc(paceCheck, func() { s.checkPace(b) })
	s.c.mu.Unlock()
}

// checkPace is the timer's function. It sets busy to nil before it looks at the socket. So a read
// that comes later is followed by one that finds nothing, and what an earlier read left is found
// here.
func (s *server) checkPace(b *pace) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	inside := c.reading.Phase() == ending.Inside // and stays so, since leave needs the lock
	if inside && !b.still.Swap(true) {
		b.timer.Reset(paceCheck)
		return
	}
	s.busy.Store(nil)
	if inside && c.transport.Missed() { // otherwise the run reads when it enters
		c.transport.LookNow()
	}
}
