//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rfc6455/ws/conn/internal/clock"
	"github.com/rfc6455/ws/conn/internal/wstest"
)

// onePoller makes l have one poller.
func onePoller(l *Loop) { l.once.Do(func() { l.pollers = make([]poller, 1) }) }

// TestNotWaited: a poll that finds events at once has not waited, so that the poller's turn goes
// on.
func TestNotWaited(t *testing.T) {
	q, err := newPoll()
	if err != nil {
		t.Fatal(err)
	}
	defer q.release()
	a, b := wstest.TCP(t)
	raw, err := a.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(b, "x"); err != nil {
		t.Fatal(err)
	}
	_ = raw.Read(func(fd uintptr) bool { // until it has come
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	})
	_ = raw.Control(func(fd uintptr) { err = q.add(int32(fd), key{}) })
	if err != nil {
		t.Fatal(err)
	}
	if n, waited, err := q.wait(true); n == 0 || waited || err != nil {
		t.Errorf("got %d events, waited %v, %v, want an event at once", n, waited, err)
	}
}

// TestTurnWithinRound: events that come together do not make the turn of a poller longer.
func TestTurnWithinRound(t *testing.T) {
	var l Loop
	onePoller(&l)
	const all = 100
	var calls, yields atomic.Int32
	yieldsBefore := make(chan int32, 1) // the last call
	yield := func() { yields.Add(1) }
	call := func() Verdict {
		for began := clock.Now(); clock.Now()-began < int64(blockTime/10); { // busy
		}
		if calls.Add(1) == all {
			yieldsBefore <- yields.Load()
		}
		return Over
	}
	peers := make([]net.Conn, all)
	begun := make(chan bool)
	for i := range peers {
		a, b := wstest.TCP(t)
		s, err := l.Take(a, yield)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		first := true
		s.Watch(&reading{func() Verdict {
			if first { // there is nothing yet
				first = false
				begun <- true
				return Wait
			}
			return call()
		}})
		<-begun
		peers[i] = b
	}
	p := &l.pollers[0]
	p.mu.Lock() // so that all come together
	for _, nc := range peers {
		if _, err := io.WriteString(nc, "x"); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Unlock()
	if n := <-yieldsBefore; n == 0 {
		t.Errorf("%d calls of %v each, and the poller has not given way", all, blockTime/10)
	}
}
