package conntest

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Faults says how a [FaultyConn] misbehaves. The zero value does not misbehave. What is random
// depends only on Seed and on the order of the calls, so that a run can be repeated.
type Faults struct {
	// Seed is the seed of everything random.
	Seed uint64

	// Piece, if it is positive, is the greatest number of bytes that one Read returns and that
	// Write passes on at once. Each time it is a random number from 1 to Piece.
	Piece int

	// Delay, if it is positive, is the longest pause before each of these pieces.
	Delay time.Duration

	// Read and Write say how the two directions end.
	Read, Write Break
}

// Break is the end of one direction of a [FaultyConn].
type Break struct {
	// How says how the direction ends. With NoBreak it does not end.
	How Breakage

	// After is how many bytes pass before the end. The end may lie within a frame.
	After int64

	// Err is the error of a BreakError. If it is nil, the error is [ErrBroken].
	Err error
}

// Breakage is a way in which a direction ends.
type Breakage uint8

// The ways in which a direction ends.
const (
	NoBreak    Breakage = iota // it does not
	BreakError                 // calls at this end fail; the other end notices nothing
	BreakReset                 // both directions are reset, at both ends
	BreakStall                 // calls at this end wait for their deadline or for Close
)

var breakageNames = [...]string{"none", "error", "reset", "stall"}

// String returns the name of the way, such as "reset".
func (b Breakage) String() string {
	if int(b) < len(breakageNames) {
		return breakageNames[b]
	}
	return "unknown"
}

// ErrBroken is the error of a [Break] that has none of its own.
var ErrBroken = errors.New("conntest: this direction is broken, as Faults wants it")

// FaultyConn is a [net.Conn] on which bytes come and go in odd pieces, late, and not for ever.
// Deadlines and Close work at any time. Its methods may be called from any goroutine.
//
// [conn.New] treats a FaultyConn as it treats every transport that is not a socket.
type FaultyConn struct {
	net.Conn

	faults  Faults
	in, out direction
	once    sync.Once
	closed  chan struct{}
}

// direction is the state of reading or of writing.
type direction struct {
	turn  chan struct{} // has a token while no call is under way; a mutex would stop a bubble's clock
	rand  *rand.Rand
	end   Break
	left  int64 // bytes until end
	limit cutoff
}

// Faulty returns a connection over nc that has these faults at this end.
func Faulty(nc net.Conn, f Faults) *FaultyConn {
	c := &FaultyConn{Conn: nc, faults: f, closed: make(chan struct{})}
	c.in.init(f.Read, rand.NewPCG(f.Seed, 1))
	c.out.init(f.Write, rand.NewPCG(f.Seed, 2))
	return c
}

func (d *direction) init(end Break, source rand.Source) {
	d.turn = make(chan struct{}, 1)
	d.turn <- struct{}{}
	d.rand = rand.New(source)
	d.end, d.left = end, end.After
	d.limit.passed = make(chan struct{})
}

// Read reads a piece.
func (c *FaultyConn) Read(p []byte) (int, error) {
	<-c.in.turn
	defer func() { c.in.turn <- struct{}{} }()
	n, err := c.next(&c.in, len(p))
	if err != nil {
		return 0, &net.OpError{Op: "read", Net: "faulty", Err: err}
	}
	n, err = c.Conn.Read(p[:n])
	c.in.left -= int64(n)
	return n, err
}

// Write writes p in pieces. If it fails, it returns how many bytes left before that.
func (c *FaultyConn) Write(p []byte) (n int, err error) {
	<-c.out.turn
	defer func() { c.out.turn <- struct{}{} }()
	for n < len(p) {
		size, err := c.next(&c.out, len(p)-n)
		if err != nil {
			return n, &net.OpError{Op: "write", Net: "faulty", Err: err}
		}
		m, err := c.Conn.Write(p[n : n+size])
		n += m
		c.out.left -= int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// next waits for the pause, if there is one, and returns how many of the next n bytes pass at once,
// or the error with which the direction ends.
func (c *FaultyConn) next(d *direction, n int) (int, error) {
	if d.end.How != NoBreak && d.left <= 0 {
		return 0, c.breaks(d)
	}
	if c.faults.Delay > 0 {
		pause := time.NewTimer(time.Duration(d.rand.Int64N(int64(c.faults.Delay) + 1)))
		defer pause.Stop()
		if err := c.wait(d, pause.C); err != nil {
			return 0, err
		}
	}
	if d.end.How != NoBreak {
		n = int(min(int64(n), d.left))
	}
	if c.faults.Piece > 0 {
		n = min(n, 1+d.rand.IntN(c.faults.Piece))
	}
	return n, nil
}

// breaks returns the error with which a direction ends, when that is due.
func (c *FaultyConn) breaks(d *direction) error {
	switch {
	case d.end.How == BreakStall:
		return c.wait(d, nil)
	case d.end.How == BreakReset:
		c.reset()
		return syscall.ECONNRESET
	case d.end.Err != nil:
		return d.end.Err
	}
	return ErrBroken
}

// wait waits for done, for the direction's deadline or for Close.
func (c *FaultyConn) wait(d *direction, done <-chan time.Time) error {
	select {
	case <-done:
		return nil
	case <-d.limit.wait():
		return os.ErrDeadlineExceeded
	case <-c.closed:
		return net.ErrClosed
	}
}

// reset loses the transport so that the other end notices.
func (c *FaultyConn) reset() {
	switch nc := c.Conn.(type) {
	case interface{ Cut(error) }:
		nc.Cut(nil)
	case *net.TCPConn:
		_ = nc.SetLinger(0) // the close that follows resets
		_ = nc.Close()
	default:
		_ = nc.Close()
	}
}

// Close closes the connection. Blocked calls return [net.ErrClosed].
func (c *FaultyConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// CloseWrite ends the direction of writing, if the connection below can do that. Otherwise it
// returns [errors.ErrUnsupported].
func (c *FaultyConn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetDeadline sets both deadlines.
func (c *FaultyConn) SetDeadline(t time.Time) error {
	c.in.limit.set(t)
	c.out.limit.set(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline bounds reads, including their pauses and stalls.
func (c *FaultyConn) SetReadDeadline(t time.Time) error {
	c.in.limit.set(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline bounds writes, including their pauses and stalls.
func (c *FaultyConn) SetWriteDeadline(t time.Time) error {
	c.out.limit.set(t)
	return c.Conn.SetWriteDeadline(t)
}

// cutoff is a deadline that a select can wait for.
type cutoff struct {
	mu     sync.Mutex
	passed chan struct{} // closed when the deadline has passed
	timer  *time.Timer
	turn   int // tells the current timer from one that was stopped too late
}

// wait returns a channel that is closed when the deadline passes.
func (c *cutoff) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

// set replaces the deadline. A call that is already waiting notices the new deadline, and never one
// that was replaced before it passed.
func (c *cutoff) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	select {
	case <-c.passed:
		c.passed = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	turn := c.turn
	if d := time.Until(t); d > 0 {
		c.timer = time.AfterFunc(d, func() { c.pass(turn) })
	} else {
		close(c.passed)
	}
}

// pass is the timer's function.
func (c *cutoff) pass(turn int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn == turn {
		close(c.passed)
	}
}
