//go:build unix

package conn

import (
	"context"
	"errors"
	"os"
	"time"
)

// Serving a socket: the whole loop lies inside one RawConn.Read, whose function
// reads until nothing is left, delivers, writes what was queued, and returns
// false to wait. That saves the way through package net for each message, and
// the goroutine waits there with a small stack and no buffer.

// enter makes ready for RawConn.Read. While Serve is inside, end does not close
// the descriptor but leaves that to leave.
func (s *server) enter(ctx context.Context) error {
	c := s.c
	c.mu.Lock()
	ended := c.cl.ended
	s.inside = !ended
	c.cl.inRaw = !ended
	c.mu.Unlock()
	if ended {
		return s.over(ctx, nil)
	}
	s.watchIdle()
	c.keep.wait()
	return errEnter
}

// leave follows RawConn.Read, which returned err. It returns errEnter where
// Serve goes on.
func (s *server) leave(ctx context.Context, err error) error {
	c := s.c
	c.keep.waited()
	c.mu.Lock()
	s.inside, c.cl.inRaw = false, false
	owed := c.cl.ended
	poked := s.poked
	s.poked = false
	c.mu.Unlock()
	if owed {
		closeHard(c.stream)
		c.ended()
	}
	switch {
	case owed || c.ending() || c.watch.interrupted(inbound):
		return s.over(ctx, err)
	case err == nil: // ready has come out for enter to set the deadline
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return s.over(ctx, err)
	case poked:
		s.timed = false
		_ = c.stream.SetReadDeadline(time.Time{})
	case !s.timed:
		return s.over(ctx, err) // a deadline set through NetConn
	case s.sleeps():
		return s.over(ctx, errIdle)
	}
	return s.enter(ctx)
}

// over ends the run, and returns why: err is RawConn.Read's.
func (s *server) over(ctx context.Context, err error) error {
	c := s.c
	interrupted := c.watch.interrupted(inbound)
	if ctx.Done() != nil {
		c.watch.disarm(readDeadline{c})
	}
	switch {
	case c.ending():
		return c.readError()
	case interrupted:
		return contextError(ctx)
	case err == nil:
		return c.readError()
	case err == errIdle:
		return err
	}
	return c.readFailed(err)
}

// moveAfter is how long a connection is idle before it moves to a fresh
// goroutine, up to twice that.
const moveAfter = 2 * time.Second

// unwatched reports whether the read deadline has to be set, which tells whether
// the connection is idle: once for all the messages until it passes, so that it
// costs nothing for each of them.
func (s *server) unwatched() bool { return s.moves && s.active && !s.timed }

// watchIdle sets it, where it has to be.
func (s *server) watchIdle() {
	if s.unwatched() {
		s.timed, s.active = true, false
		_ = s.c.stream.SetReadDeadline(time.Now().Add(moveAfter))
	}
}

// sleeps reports, when the deadline has passed, whether the connection was idle
// since it was set.
func (s *server) sleeps() bool {
	s.timed = false
	if s.active {
		return false
	}
	_ = s.c.stream.SetReadDeadline(time.Time{})
	return true
}

// ready returns the function inside RawConn.Read: it returns false to wait for
// readability, and true when Serve is over or interrupted, or has to enter again.
// A method value would be one more frame on the stack.
func (s *server) ready() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		c := s.c
		c.keep.waited()
		for {
			got, dry, err := s.readOnce(fd)
			if err == errWouldBlock {
				break
			}
			if err == nil {
				err = s.deliver(got)
			}
			if err != nil || c.watch.interrupted(inbound) {
				return true
			}
			if dry && s.putsOff() {
				break
			}
		}
		c.rd.drop()
		c.flushFD(fd)
		if s.unwatched() {
			return true // for enter to set the deadline: that takes more stack than there is here
		}
		c.keep.wait()
		return false
	}
}

// readOnce reads once, into the read buffer or into a large message, which that
// may complete. dry says that the socket had no more than that. The error is
// errWouldBlock, or final.
func (s *server) readOnce(fd uintptr) (got progress, dry bool, err error) {
	c := s.c
	r := &c.rd
	large := r.direct()
	var p []byte
	if large {
		p = r.space()
	} else {
		if r.in == nil {
			r.in = getReadBuffer()
		}
		p = r.in.room[:]
	}
	n, err := readFD(fd, p)
	if err != nil {
		if err != errWouldBlock {
			r.drop()
			err = c.readFailed(err)
		}
		return moreBytes, false, err
	}
	s.active = true
	c.arrived()
	if large {
		got, err = c.tookDirect(n)
	} else {
		r.in.unread = p[:n]
	}
	return got, n < len(p), err
}
