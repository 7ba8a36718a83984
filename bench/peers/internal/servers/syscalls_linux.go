//go:build !386 && !s390x

package servers

import (
	"bytes"
	"net"
	"sync"
	"syscall"
	"unsafe"
)

func init() {
	Find("syscalls").Serve = func(ln net.Listener, s Setting) error { return serveSyscalls(ln, s, false) }
	Find("copying").Serve = func(ln net.Listener, s Setting) error { return serveSyscalls(ln, s, true) }
}

// serveSyscalls echoes with as few system calls as Linux allows: one goroutine asks epoll who has
// sent, and each that has costs one read and one write. If copying is set, each answer is a new slice.
func serveSyscalls(ln net.Listener, s Setting, copying bool) error {
	q := &queue{setting: s, copying: copying, sockets: make(map[int32]*queued)}
	var err error
	if q.fd, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	go q.run()
	return accept(ln, func(nc net.Conn) {
		defer nc.Close()
		if bareUpgrade(nc) == nil {
			_ = q.add(nc.(*net.TCPConn))
		}
	})
}

// queue is an epoll descriptor and the sockets that it reports.
type queue struct {
	fd      int
	setting Setting
	copying bool

	mu      sync.Mutex
	sockets map[int32]*queued // by descriptor
}

// queued is one of the sockets.
type queued struct {
	fd   int32
	t    turner
	kept []byte // a part of a header
	out  []byte // what the socket has not taken yet
}

// add takes a duplicate of the socket, of which Go's poller knows nothing. The caller closes nc.
func (q *queue) add(nc *net.TCPConn) error {
	raw, err := nc.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(old uintptr) {
		fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		if errno != 0 {
			failed = errno
			return
		}
		e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP, Fd: int32(fd)}
		e.Events |= 1 << 31 // EPOLLET, which package syscall has with a sign
		q.mu.Lock()
		q.sockets[e.Fd] = &queued{fd: e.Fd}
		q.mu.Unlock()
		failed = syscall.EpollCtl(q.fd, syscall.EPOLL_CTL_ADD, int(fd), &e)
	})
	if err != nil {
		return err
	}
	return failed
}

// run serves the sockets. Go's scheduler knows of a wait, but not of the other calls, none of which
// blocks.
func (q *queue) run() {
	events := make([]syscall.EpollEvent, 128)
	in := make([]byte, 256<<10)
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(q.fd),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno != 0 || n == 0 {
			waited, err := syscall.EpollWait(q.fd, events, -1)
			if err != nil && err != syscall.EINTR {
				return
			}
			n = uintptr(max(waited, 0))
		}
		for _, e := range events[:n] {
			q.mu.Lock()
			s := q.sockets[e.Fd]
			q.mu.Unlock()
			if s != nil && !q.serve(s, in) {
				q.drop(s)
			}
		}
	}
}

func (q *queue) drop(s *queued) {
	q.mu.Lock()
	delete(q.sockets, s.fd)
	q.mu.Unlock()
	_ = syscall.Close(int(s.fd))
}

// serve sends what was left, and answers what has come, until one of the two has to wait. It
// returns false at the end of the connection.
func (q *queue) serve(s *queued, in []byte) bool {
	if !s.send(s.out) {
		return false
	}
	for len(s.out) == 0 {
		kept := copy(in, s.kept)
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd),
			uintptr(unsafe.Pointer(&in[kept])), uintptr(len(in)-kept), syscall.MSG_DONTWAIT, 0, 0)
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 || n == 0 {
			return false
		}
		out, rest := s.t.turn(in[:kept+int(n)])
		s.kept = append(s.kept[:0], rest...)
		q.setting.use(out)
		if q.copying {
			out = bytes.Clone(out)
		}
		if !s.send(out) {
			return false
		}
		if kept+int(n) < len(in) { // no more is there
			return true
		}
	}
	return true
}

// send writes what the socket takes of p, and keeps the rest.
func (s *queued) send(p []byte) bool {
	for len(p) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.fd),
			uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			return false
		}
		p = p[n:]
	}
	s.out = append(s.out[:0], p...)
	return true
}
