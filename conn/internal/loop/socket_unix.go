//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Socket is a stream socket that a Loop waits for. It is a net.Conn like *net.TCPConn. All methods
// may be called concurrently.
type Socket struct {
	poller *poller
	fd     int32
	users  atomic.Int32 // who use fd; isClosed is added when nobody else may
	key    key
	waits  atomic.Pointer[waits]     // nil until a goroutine has to wait
	remote netip.AddrPort            // since the kernel forgets it; not of a Unix socket
	last   atomic.Pointer[addresses] // set before s is closed

	// What follows is guarded by poller.mu.
	events events // that have come since the last call
	run    run
	next   *Socket // in the queue
	reader Reader
	writer Writer
}

// events is what a socket is ready for.
type events uint8

const (
	readable events = 1 << iota
	writable
	hungUp // there is an end or an error to be read
)

// run says what the poller does with a socket.
type run uint8

const (
	idle    run = iota
	queued      // it will call
	running     // it calls
)

// isClosed is added to Socket.users.
const isClosed = 1 << 30

// Conn is what [Loop.Take] takes.
type Conn interface {
	net.Conn
	syscall.Conn
}

// Take moves nc into the loop: the Socket has its descriptor, and nc is closed. yield is called by
// a poller that has been busy for a millisecond: it has to return when other goroutines have had a
// turn. If Take returns an error, nc is as it was.
func (l *Loop) Take(nc Conn, yield func()) (*Socket, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Socket{poller: l.poller()}
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		s.remote = tcp.AddrPort()
	}
	var failed error
	err = raw.Control(func(fd uintptr) { s.fd, failed = duplicate(fd) })
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	if err := s.poller.add(s, yield); err != nil {
		_ = syscall.Close(int(s.fd))
		return nil, err
	}
	_ = nc.Close()
	return s, nil
}

// duplicate returns another descriptor of the same socket, which no child process gets.
func duplicate(fd uintptr) (int32, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	d, err := syscall.Dup(int(fd))
	if err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(d)
	if err := syscall.SetNonblock(d, true); err != nil { // a File of it may have made it block
		_ = syscall.Close(d)
		return -1, os.NewSyscallError("setnonblock", err)
	}
	return int32(d), nil
}

// Watch makes the poller call r now, and whenever s may be read, until r says that it is over.
// There is one Reader at a time, and nobody else reads meanwhile.
func (s *Socket) Watch(r Reader) {
	if !s.poller.want(s, readable, r, nil) {
		r.Closed()
	}
}

// WhenWritable makes the poller call w now, and whenever s takes more, until w says that it is
// done. There is one Writer at a time. If s is closed, WhenWritable returns false, and does not
// call w.
func (s *Socket) WhenWritable(w Writer) bool { return s.poller.want(s, writable, nil, w) }

// forget ends Watch, unless there is another Reader already.
func (s *Socket) forget(r Reader) {
	s.poller.mu.Lock()
	defer s.poller.mu.Unlock()
	if s.reader == r {
		s.reader = nil
	}
}

// wanted reports whether the poller has to call. The caller has the poller's lock.
func (s *Socket) wanted() bool {
	return s.events&readable != 0 && s.reader != nil || s.events&writable != 0 && s.writer != nil
}

// AfterFunc returns a timer of the poller's: see [Wheel.AfterFunc].
func (s *Socket) AfterFunc(d time.Duration, f func()) *Timer {
	return s.poller.wheel.AfterFunc(d, f)
}

// SetTimer is AfterFunc for a timer that is there already and is not set.
func (s *Socket) SetTimer(t *Timer, d time.Duration, f func()) {
	t.wheel, t.fn = &s.poller.wheel, f
	t.Reset(d)
}

// acquire begins a use of the descriptor. It returns false if s is closed. The use ends with
// release.
func (s *Socket) acquire() bool {
	for {
		n := s.users.Load()
		if n >= isClosed {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release ends a use of the descriptor. The last one closes it, if s is closed.
func (s *Socket) release() {
	if s.users.Add(-1) == isClosed {
		s.destroy()
	}
}

// Acquire returns the descriptor for system calls that do not wait. Release has to follow. Until
// then the descriptor stays open. Acquire returns false if s is closed.
func (s *Socket) Acquire() (fd uintptr, ok bool) { return uintptr(s.fd), s.acquire() }

// Release ends what Acquire began.
func (s *Socket) Release() { s.release() }

// closed reports whether s is closed.
func (s *Socket) closed() bool { return s.users.Load() >= isClosed }

// Close closes s. The descriptor is closed when nobody uses it any more. Whoever waits for s gets
// net.ErrClosed, or a call of Closed.
func (s *Socket) Close() error {
	if !s.acquire() {
		return net.ErrClosed
	}
	defer s.release()
	s.last.CompareAndSwap(nil, &addresses{s.localAddr(), s.remoteAddr()})
	for {
		n := s.users.Load()
		if n >= isClosed {
			return net.ErrClosed // somebody was quicker
		}
		if s.users.CompareAndSwap(n, n+isClosed) {
			break
		}
	}
	if w := s.waits.Load(); w != nil {
		w.tell(readable | writable)
	}
	s.poller.mu.Lock()
	calling := s.run == running // then the poller's goroutine tells it after its call
	if !calling {
		s.run = idle
	}
	s.poller.mu.Unlock()
	if !calling {
		s.tellClosed()
	}
	return nil
}

// tellClosed tells the Reader and the Writer that s is closed.
func (s *Socket) tellClosed() {
	s.poller.mu.Lock()
	r, w := s.reader, s.writer
	s.reader, s.writer = nil, nil
	s.poller.mu.Unlock()
	if w != nil {
		w.Closed()
	}
	if r != nil {
		r.Closed()
	}
}

// destroy closes the descriptor, which nobody uses.
func (s *Socket) destroy() {
	s.poller.remove(s)
	_ = syscall.Close(int(s.fd))
}

// CloseRead ends the peer's direction. Reads return what has come, and then the end.
func (s *Socket) CloseRead() error { return s.shutdown(syscall.SHUT_RD) }

// CloseWrite ends this side's direction: the peer reads what was written, and then the end.
func (s *Socket) CloseWrite() error { return s.shutdown(syscall.SHUT_WR) }

func (s *Socket) shutdown(how int) error {
	if !s.acquire() {
		return net.ErrClosed
	}
	defer s.release()
	return opError("shutdown", syscall.Shutdown(int(s.fd), how))
}

// opError returns the error of a system call in the form of package net, without addresses. It is
// nil if err is.
func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Err: os.NewSyscallError(op, err)}
}
