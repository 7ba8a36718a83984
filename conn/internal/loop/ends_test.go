//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// seize takes the poller of s from its goroutine, so that a test can do each step of it.
func seize(t *testing.T, s *Socket) *runner {
	p := s.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	p.working, p.waiting = false, false
	p.watching = true // nobody takes the poller from the test
	r := &runner{poller: p, poll: p.poll, yield: p.yield, epoch: p.epoch}
	r.poll.users.Add(1)
	t.Cleanup(r.leavePoll)
	p.poll.wake()
	return r
}

// closing is a Reader that reads nothing and is told of the end.
type closing chan bool

func (c closing) Readable(uintptr, bool) Verdict { return Wait }
func (c closing) Closed()                        { c <- true }

// TestCloseAfterCall: Close comes when a call has returned and is not yet over. Close leaves it to
// the poller to tell the Reader, and the poller does.
func TestCloseAfterCall(t *testing.T) {
	for _, last := range []bool{true, false} { // the last socket of the poller
		var l Loop
		l.once.Do(func() { l.pollers = make([]poller, 1) })
		if !last {
			x, _ := wstest.TCP(t)
			take(t, &l, x)
		}
		a, _ := wstest.TCP(t)
		s := take(t, &l, a)
		r := seize(t, s)
		told := make(chan bool, 2)
		s.Watch(closing(told))
		if !r.begin(0) {
			t.Fatal("nobody is called for")
		}
		again := r.call()
		_ = s.Close()
		if r.next(again) {
			t.Error("there is another call")
		}
		select {
		case <-told:
		case <-time.After(20 * time.Second):
			t.Errorf("last socket %v: the Reader was not told", last)
		}
	}
}

// reading is a Reader of one function.
type reading struct{ f func() Verdict }

func (r *reading) Readable(uintptr, bool) Verdict { return r.f() }
func (r *reading) Closed()                        {}

// TestGoexitWriter: a callback leaves something to be written, and then ends its goroutine. It is
// written nevertheless.
func TestGoexitWriter(t *testing.T) {
	var l Loop
	a, b := wstest.TCP(t)
	s := take(t, &l, a)
	w := &blast{n: 3, done: make(chan bool, 2)}
	s.Watch(&echo{s: s, before: func(p []byte) {
		if string(p) == "exit" {
			s.WhenWritable(w)
			runtime.Goexit()
		}
	}})
	say(t, b, "hello") // the kernel has told that the socket may be written, and does not again
	_, _ = io.WriteString(b, "exit")
	select {
	case wrote := <-w.done:
		if !wrote {
			t.Error("the Writer says that the socket is closed")
		}
	case <-time.After(20 * time.Second):
		t.Error("the Writer was never called")
	}
}

// TestYieldAfterEnd: a goroutine that has lost its poller yields while the poller ends and begins
// anew with another function to yield by. Each calls its own.
func TestYieldAfterEnd(t *testing.T) {
	var l Loop
	l.once.Do(func() { l.pollers = make([]poller, 1) })
	a, _ := wstest.TCP(t)
	s := take(t, &l, a)
	r := seize(t, s)
	began := make(chan error)
	b, _ := wstest.TCP(t)
	go func() {
		_ = s.Close()
		next, err := l.Take(b, func() { t.Error("a goroutine calls its successor's function") })
		if err == nil {
			err = next.Close()
		}
		began <- err
	}()
	r.yield() // the race detector sees if this reads what the goroutine above sets
	if err := <-began; err != nil {
		t.Error(err)
	}
	r.yield()
}

// TestNoLookAfterEnd: the last socket goes in the middle of a call. Then no timer of the poller
// stays set.
func TestNoLookAfterEnd(t *testing.T) {
	var l Loop
	l.once.Do(func() { l.pollers = make([]poller, 1) })
	a, _ := wstest.TCP(t)
	s := take(t, &l, a)
	s.Watch(&reading{func() Verdict { _ = s.Close(); return Over }})
	wantNothing(t, &l)
	p := &l.pollers[0]
	p.look() // as the timer that was set for the call does
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watching {
		t.Error("the timer that looks for calls which block stays set")
	}
}

// TestDeadlineOfTheWall: a deadline without a monotonic clock reading is one for the monotonic
// clock from the call on, as in package net. Else a wall clock that is a little slow when the timer
// comes would make the deadline pass unnoticed.
func TestDeadlineOfTheWall(t *testing.T) {
	w := newWaits()
	w.in.set(time.Now().Round(0).Add(time.Hour))
	defer w.in.timer.Stop()
	if w.in.at == w.in.at.Round(0) {
		t.Errorf("the deadline is %v, without a monotonic clock reading", w.in.at)
	}
}
