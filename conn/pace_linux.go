package conn

import (
	"sync/atomic"
	"syscall"
	"time"
)

// The read that finds nothing.
//
// A socket is waited for with an edge-triggered poller, so that it must be read
// until EAGAIN: the peer's end may have come together with its last bytes, and
// nothing would ever tell of it again. That read is a third of the system calls
// of an echo, and a fifteenth of its time. On a connection that is busy it is
// put off for as long as messages follow each other: a read that did not fill
// its buffer has emptied the socket, and what comes later makes an edge of its
// own. When the messages pause, a timer looks whether anything was missed, which
// is the end of a peer that sent it with its last message. It is then noticed up
// to two times paceCheck later.

const (
	paceReads  = 16                     // that follow each other ...
	paceWithin = 160                    // ... within so many milliseconds make a connection busy
	paceCheck  = 100 * time.Millisecond // how often to see whether it is busy still
)

// pace is the state of a busy connection.
type pace struct {
	still atomic.Bool // nothing was read since the last check
	timer *time.Timer
}

// putsOff reports, after a read that has emptied the socket, whether the one
// that would find nothing is put off.
func (s *server) putsOff() bool {
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
	t := uint16(now() / int64(time.Millisecond))
	quick := s.dried/paceReads > 1 && t-s.since <= paceWithin
	s.dried, s.since = paceReads, t
	if quick {
		s.hurry()
	}
	return quick
}

// hurry begins to put off.
func (s *server) hurry() {
	b := new(pace)
	s.busy.Store(b)
	s.c.mu.Lock() // the timer's function needs b.timer, which it can't see before it is set
	b.timer = time.AfterFunc(paceCheck, func() { s.checkPace(b) })
	s.c.mu.Unlock()
}

// checkPace is the timer's function. Whoever reads after busy is nil looks for
// itself; whoever read before is done with it when the socket is looked at.
func (s *server) checkPace(b *pace) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.inside && !b.still.Swap(true) {
		b.timer.Reset(paceCheck)
		return
	}
	s.busy.Store(nil)
	if s.inside && c.missed() { // who is not inside reads first when he comes in
		s.poked = true
		_ = c.stream.SetReadDeadline(aLongTimeAgo)
	}
}

// missed reports whether there is anything to read: bytes, or the end.
func (c *Conn) missed() (yes bool) {
	_ = c.raw.Control(func(fd uintptr) {
		var p [1]byte
		_, _, err := syscall.Recvfrom(int(fd), p[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		yes = err != syscall.EAGAIN
	})
	return yes
}
