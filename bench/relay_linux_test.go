//go:build !386 && !s390x

package bench

import (
	"net"
	"sync"
	"syscall"
	"unsafe"
)

func init() { bareProxy = passBySyscalls }

// passBySyscalls relays the bytes of each connection, the handshake's too, with as few system calls
// as Linux allows: one goroutine asks epoll who has sent, and each that has costs one read and one
// write. No relay can be cheaper whose bytes pass through its process.
func passBySyscalls(ln net.Listener, backend string) error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	p := &passer{fd: fd, ends: make(map[int32]*end)}
	go p.run()
	for {
		client, err := ln.Accept()
		if err != nil {
			return err
		}
		server, err := net.Dial("tcp", backend)
		if err != nil {
			return err
		}
		if err := p.add(client.(*net.TCPConn), server.(*net.TCPConn)); err != nil {
			return err
		}
	}
}

// passer is an epoll descriptor and the sockets that it reports.
type passer struct {
	fd int

	mu   sync.Mutex
	ends map[int32]*end // by descriptor
}

// end is one of the two sockets of a pair.
type end struct {
	fd    int32
	other *end
	out   []byte // for this socket, which has not taken it yet
	more  bool   // this socket may have more to read
}

// add takes duplicates of the sockets, of which Go's poller knows nothing.
func (p *passer) add(client, server *net.TCPConn) error {
	a, b := new(end), new(end)
	a.other, b.other = b, a
	for e, nc := range map[*end]*net.TCPConn{a: client, b: server} {
		f, err := nc.File()
		if err != nil {
			return err
		}
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			return err
		}
		e.fd = int32(fd)
		_, _ = f.Close(), nc.Close()
		if err := syscall.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.ends[a.fd], p.ends[b.fd] = a, b
	p.mu.Unlock()
	for _, e := range []*end{a, b} {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP, Fd: e.fd}
		event.Events |= 1 << 31 // EPOLLET, which package syscall has with a sign
		if err := syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, int(e.fd), &event); err != nil {
			return err
		}
	}
	return nil
}

// run relays. Go's scheduler knows of a wait, but not of the other calls, none of which blocks.
func (p *passer) run() {
	events := make([]syscall.EpollEvent, 128)
	buf := make([]byte, 64<<10)
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno != 0 || n == 0 {
			waited, err := syscall.EpollWait(p.fd, events, -1)
			if err != nil && err != syscall.EINTR {
				return
			}
			n = uintptr(max(waited, 0))
		}
		for _, event := range events[:n] {
			p.mu.Lock()
			e := p.ends[event.Fd]
			p.mu.Unlock()
			if e == nil {
				continue
			}
			if event.Events&syscall.EPOLLIN != 0 {
				e.more = true
			}
			if event.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 || !e.pass(buf) || !e.other.pass(buf) {
				p.drop(e)
			}
		}
	}
}

// pass sends what was left for the other socket, and then what this one has to read, until the
// other one is full. It returns false at the end of the connection.
func (e *end) pass(buf []byte) bool {
	if len(e.other.out) > 0 && !e.other.send(e.other.out) {
		return false
	}
	for e.more && len(e.other.out) == 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(e.fd),
			uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), syscall.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == syscall.EAGAIN:
			e.more = false
		case errno != 0 || n == 0:
			return false
		default:
			e.more = int(n) == len(buf)
			if !e.other.send(buf[:n]) {
				return false
			}
		}
	}
	return true
}

// send writes what the socket takes of p, and keeps the rest.
func (e *end) send(p []byte) bool {
	for len(p) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(e.fd),
			uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			return false
		}
		p = p[n:]
	}
	e.out = append(e.out[:0], p...)
	return true
}

// drop closes a pair.
func (p *passer) drop(e *end) {
	p.mu.Lock()
	delete(p.ends, e.fd)
	delete(p.ends, e.other.fd)
	p.mu.Unlock()
	_, _ = syscall.Close(int(e.fd)), syscall.Close(int(e.other.fd))
}
