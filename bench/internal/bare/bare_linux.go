//go:build !386 && !s390x

// Package bare reads and writes sockets with as few system calls as Linux allows: one goroutine asks
// epoll who has sent, and each that has costs one read and one write. No program whose bytes pass
// through its process can take less, so it is a bound for those that are measured beside it. On 386
// and s390x package syscall has no numbers of recvfrom(2) and sendto(2).
package bare

import (
	"net"
	"sync"
	"syscall"
	"unsafe"
)

// Queue is an epoll descriptor and the sockets that it reports.
type Queue struct {
	fd int

	mu      sync.Mutex
	sockets map[int32]*Socket // by descriptor
}

// Socket is a duplicate of a TCP socket, of which Go's poller knows nothing.
type Socket struct {
	fd   int32
	more bool   // there may be more to read
	out  []byte // what the socket has not taken yet

	ready func(buf []byte) bool
}

// NewQueue makes a Queue, whose Run serves its sockets.
func NewQueue() (*Queue, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &Queue{fd: fd, sockets: make(map[int32]*Socket)}, err
}

// Take duplicates the socket of nc and closes nc.
func Take(nc *net.TCPConn) (*Socket, error) {
	defer nc.Close()
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd uintptr
	var errno syscall.Errno
	err = raw.Control(func(old uintptr) {
		fd, _, errno = syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return &Socket{fd: int32(fd)}, err
}

// Add has ready called, with a buffer of the queue's, when s has bytes to read or takes bytes again.
// If it returns false, s is closed.
func (q *Queue) Add(s *Socket, ready func(buf []byte) bool) error {
	s.ready = ready
	q.mu.Lock()
	q.sockets[s.fd] = s
	q.mu.Unlock()
	e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP, Fd: s.fd}
	e.Events |= 1 << 31 // EPOLLET, which package syscall has with a sign
	return syscall.EpollCtl(q.fd, syscall.EPOLL_CTL_ADD, int(s.fd), &e)
}

// Close closes a socket of the queue. Only ready may call it.
func (q *Queue) Close(s *Socket) {
	q.mu.Lock()
	delete(q.sockets, s.fd)
	q.mu.Unlock()
	_ = syscall.Close(int(s.fd))
}

// Run serves the sockets with a buffer of size bytes. Go's scheduler knows of a wait, but not of the
// other calls, none of which blocks.
func (q *Queue) Run(size int) {
	events := make([]syscall.EpollEvent, 128)
	buf := make([]byte, size)
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
			if s == nil { // closed by an earlier event
				continue
			}
			s.more = s.more || e.Events&^syscall.EPOLLOUT != 0
			if !s.ready(buf) {
				q.Close(s)
			}
		}
	}
}

// Readable reports whether there may be something to read.
func (s *Socket) Readable() bool { return s.more }

// Full reports whether something waits until the socket takes bytes again.
func (s *Socket) Full() bool { return len(s.out) > 0 }

// Read reads once. It returns 0 if there is nothing to read now, and false at the end of the stream.
func (s *Socket) Read(p []byte) (n int, ok bool) {
	got, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd),
		uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	if errno == syscall.EAGAIN {
		s.more = false
		return 0, true
	}
	s.more = int(got) == len(p)
	return int(got), errno == 0 && got > 0
}

// Write writes what the socket takes of p, and keeps a copy of the rest. It returns false if the
// connection is lost.
func (s *Socket) Write(p []byte) (ok bool) {
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

// Flush is Write of what Write has kept.
func (s *Socket) Flush() (ok bool) { return s.Write(s.out) }
