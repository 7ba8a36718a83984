//go:build unix

package conn

import (
	"context"
	"errors"
	"os"
	"time"
)

// runRaw is run for a socket: the whole loop lies inside one RawConn.Read,
// whose function reads until nothing is left, delivers, and returns false to
// wait. That saves the way through package net for each message, and the
// goroutine waits there with a small stack and no buffer.
func (s *server) runRaw(ctx context.Context) error {
	c := s.c
	d := readDeadline{c}
	if err := c.rd.watch.arm(ctx, d); err != nil {
		return err
	}
	err := c.enterRaw(s.ready)
	for s.timed && s.ended == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		if s.sleeps() {
			return errIdle
		}
		err = c.enterRaw(s.ready)
	}
	interrupted := c.rd.watch.interrupted()
	if ctx.Done() != nil {
		c.rd.watch.disarm(d)
	}
	switch {
	case s.cut != nil:
		return c.readFailed(s.cut)
	case s.ended != nil:
		return s.ended
	case interrupted:
		return contextError(ctx)
	case err == nil:
		return c.readError() // the socket was shut down while Serve was inside
	}
	return c.readFailed(err)
}

// moveAfter is how long a connection is idle before it moves to a fresh
// goroutine, up to twice that.
const moveAfter = 2 * time.Second

// watchIdle sets the read deadline, unless it is set: once for all the messages
// until it passes, so that it costs nothing for each of them.
func (s *server) watchIdle() {
	if s.moves && s.active && !s.timed {
		s.timed, s.active = true, false
		_ = s.c.stream.SetReadDeadline(time.Now().Add(moveAfter))
	}
}

// sleeps reports, when the deadline has passed, whether the connection was idle
// since it was set, and else sets it again.
func (s *server) sleeps() bool {
	s.timed = false
	if s.active {
		s.watchIdle()
		return false
	}
	_ = s.c.stream.SetReadDeadline(time.Time{})
	return true
}

// enterRaw runs f inside RawConn.Read. While it is inside, end does not close
// the descriptor but leaves that to here.
func (c *Conn) enterRaw(f func(fd uintptr) bool) error {
	c.mu.Lock()
	if c.cl.ended {
		c.mu.Unlock()
		return nil
	}
	c.cl.inRaw = true
	c.mu.Unlock()
	c.keep.wait()
	err := c.raw.Read(f)
	c.keep.waited()
	c.mu.Lock()
	c.cl.inRaw = false
	owed := c.cl.ended
	c.mu.Unlock()
	if owed {
		closeHard(c.stream)
		c.ended()
	}
	return err
}

// ready is the function inside RawConn.Read: it returns false to wait for
// readability, and true when Serve is over or interrupted.
func (s *server) ready(fd uintptr) bool {
	c := s.c
	c.keep.waited()
	for {
		done, wait := s.readOnce(fd)
		if wait {
			c.flushRead()
			s.watchIdle()
			c.keep.wait()
			return false
		}
		if done || c.rd.watch.interrupted() {
			return true
		}
	}
}

// readOnce reads once and delivers what has come. It reports whether Serve is
// over, and whether there is nothing to read.
func (s *server) readOnce(fd uintptr) (done, wait bool) {
	c := s.c
	r := &c.rd
	var n int
	var err error
	large := r.direct()
	if large {
		n, err = readFD(fd, r.space())
	} else {
		if r.buf == nil {
			r.buf = getReadBuffer()
		}
		n, err = readFD(fd, r.buf)
	}
	switch {
	case err == errWouldBlock:
		r.drop()
		return false, true
	case err != nil:
		r.drop()
		s.cut = err // for runRaw: outside of RawConn.Read the descriptor can be closed, without shutting it down first
		return true, false
	}
	s.active = true
	c.arrived()
	var got progress
	if large {
		got, err = c.tookDirect(n)
	} else {
		r.pos, r.end = 0, n
	}
	if err == nil && got == wholeMessage {
		s.message()
	}
	if err == nil {
		err = s.deliver()
	}
	s.ended = err
	return err != nil, false
}
