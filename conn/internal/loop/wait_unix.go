//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// What blocks. A goroutine may wait for a Socket as for any other net.Conn, without the poller
// calling anybody. What that takes is made when somebody has to wait for the first time.

// waits is what those need who wait.
type waits struct{ in, out direction }

// direction is what those need who wait to read, or to write.
type direction struct {
	one   sync.Mutex    // one goroutine waits at a time
	wake  chan struct{} // has a token if there may be something new
	late  atomic.Bool   // the deadline has passed
	mu    sync.Mutex    // guards what follows
	at    time.Time     // the deadline; zero: none
	timer *time.Timer   // of the deadline; nil: there was none yet
}

func newWaits() *waits {
	return &waits{direction{wake: make(chan struct{}, 1)}, direction{wake: make(chan struct{}, 1)}}
}

// makeWaits returns s.waits. It makes them if there are none.
func (s *Socket) makeWaits() *waits {
	if s.waits.Load() == nil {
		s.waits.CompareAndSwap(nil, newWaits())
	}
	return s.waits.Load()
}

// tell wakes those who wait for e.
func (w *waits) tell(e events) {
	if e&readable != 0 {
		w.in.tell()
	}
	if e&writable != 0 {
		w.out.tell()
	}
}

func (d *direction) tell() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// set sets the deadline. The zero time is none.
func (d *direction) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := time.Until(at)
	d.at = at
	if !at.IsZero() {
		d.at = time.Now().Add(left) // by the clock of the timer
	}
	late := !at.IsZero() && left <= 0
	d.late.Store(late)
	switch {
	case late:
		d.tell()
	case at.IsZero() && d.timer != nil:
		d.timer.Stop()
	case at.IsZero():
	case d.timer == nil:
		d.timer = time.AfterFunc(left, d.pass)
	default:
		d.timer.Reset(left)
	}
}

// pass is the timer's function. The deadline may have been moved since the timer was set.
func (d *direction) pass() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.at.IsZero() && time.Until(d.at) <= 0 {
		d.late.Store(true)
		d.tell()
	}
}

// SetDeadline sets both deadlines.
func (s *Socket) SetDeadline(t time.Time) error {
	_ = s.SetReadDeadline(t)
	return s.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of reads that block. It has none on a Reader.
func (s *Socket) SetReadDeadline(t time.Time) error {
	if w := s.waitsFor(t); w != nil {
		w.in.set(t)
	}
	return s.open()
}

// SetWriteDeadline sets the deadline of writes that block. It has none on a Writer.
func (s *Socket) SetWriteDeadline(t time.Time) error {
	if w := s.waitsFor(t); w != nil {
		w.out.set(t)
	}
	return s.open()
}

// waitsFor is makeWaits for those who set a deadline. To lift one that was never set takes nothing.
func (s *Socket) waitsFor(t time.Time) *waits {
	if t.IsZero() {
		return s.waits.Load()
	}
	return s.makeWaits()
}

// open returns net.ErrClosed if s is closed.
func (s *Socket) open() error {
	if s.closed() {
		return net.ErrClosed
	}
	return nil
}

// SyscallConn returns s as a syscall.RawConn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return raw{s}, nil }

// raw is a Socket as a syscall.RawConn.
type raw struct{ s *Socket }

// Control calls f with the descriptor.
func (r raw) Control(f func(fd uintptr)) error {
	if !r.s.acquire() {
		return net.ErrClosed
	}
	defer r.s.release()
	f(uintptr(r.s.fd))
	return nil
}

// Read calls f until f returns true. In between it waits for something to read.
func (r raw) Read(f func(fd uintptr) bool) error { return r.s.until(f, (*waits).reading) }

// Write calls f until f returns true. In between it waits for room.
func (r raw) Write(f func(fd uintptr) bool) error { return r.s.until(f, (*waits).writing) }

func (w *waits) reading() *direction { return &w.in }
func (w *waits) writing() *direction { return &w.out }

// until is Read and Write.
func (s *Socket) until(f func(fd uintptr) bool, which func(*waits) *direction) error {
	if !s.acquire() {
		return net.ErrClosed
	}
	defer s.release()
	w := s.waits.Load()
	if w == nil {
		if f(uintptr(s.fd)) {
			return nil
		}
		w = s.makeWaits() // from now on it is told, so that f has to look again
	}
	d := which(w)
	d.one.Lock()
	defer d.one.Unlock()
	for {
		switch {
		case s.closed():
			return net.ErrClosed
		case d.late.Load():
			return os.ErrDeadlineExceeded
		case f(uintptr(s.fd)):
			return nil
		}
		<-d.wake
	}
}

// transfer is one Read or Write. Its functions are made once, since a closure for each call would
// be garbage.
type transfer struct {
	p           []byte
	n           int
	err         error
	read, write func(fd uintptr) bool
}

var transfers = sync.Pool{New: func() any {
	t := new(transfer)
	t.read, t.write = t.receive, t.send
	return t
}}

// receive is the function of a Read.
func (t *transfer) receive(fd uintptr) bool {
	t.n, t.err = again(syscall.Read, fd, t.p)
	return t.err != syscall.EAGAIN
}

// send is the function of a Write.
func (t *transfer) send(fd uintptr) bool {
	for t.n < len(t.p) {
		n, err := again(syscall.Write, fd, t.p[t.n:min(len(t.p), t.n+1<<30)])
		if t.n += n; err != nil {
			t.err = err
			return err != syscall.EAGAIN
		}
	}
	t.err = nil
	return true
}

// end returns the result.
func (t *transfer) end(op string, closed error) (n int, err error) {
	n, err = t.n, opError(op, t.err)
	if closed != nil {
		err = closed
	}
	t.p, t.n, t.err = nil, 0, nil
	transfers.Put(t)
	return n, err
}

// Read implements net.Conn.
func (s *Socket) Read(p []byte) (n int, err error) {
	t := transfers.Get().(*transfer)
	t.p = p
	n, err = t.end("read", s.until(t.read, (*waits).reading))
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (s *Socket) Write(p []byte) (n int, err error) {
	t := transfers.Get().(*transfer)
	t.p = p
	return t.end("write", s.until(t.write, (*waits).writing))
}

// again is a system call that is repeated if a signal has interrupted it.
func again(call func(int, []byte) (int, error), fd uintptr, p []byte) (n int, err error) {
	for {
		if n, err = call(int(fd), p); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
