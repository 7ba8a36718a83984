package loop

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// poll is an epoll(7) descriptor. Go's poller waits for it as for any other descriptor.
type poll struct {
	users  atomic.Int32 // the goroutines that have the poller, or had it
	file   *os.File
	raw    syscall.RawConn
	fd     int // for add, again and remove, which the poller's lock keeps apart from close
	block  bool
	waited bool // of wait
	n      int
	failed error
	fn     func(fd uintptr) bool // look
	events [128]syscall.EpollEvent
}

func newPoll() (*poll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	_ = syscall.SetNonblock(fd, true) // so that os.NewFile makes it known to Go's poller
	q := &poll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	q.fn = q.look
	q.raw, err = q.file.SyscallConn()
	if err == nil {
		err = q.file.SetReadDeadline(time.Time{}) // fails if Go's poller did not take it
	}
	if err != nil {
		_ = q.file.Close()
		return nil, err
	}
	return q, nil
}

// interest is what each socket is registered for. EPOLLPRI is for urgent data: see event.
const interest = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | syscall.EPOLLPRI |
	1<<31 // EPOLLET

// add registers a socket.
func (q *poll) add(fd int32, k key) error {
	return q.control(syscall.EPOLL_CTL_ADD, fd, k, interest)
}

// remove ends what add began. To close the descriptor does not if another process has it, too.
func (q *poll) remove(fd int32) { _ = q.control(syscall.EPOLL_CTL_DEL, fd, key{}, 0) }

func (q *poll) control(op int, fd int32, k key, events uint32) error {
	e := syscall.EpollEvent{Events: events, Fd: int32(k.place), Pad: int32(k.age)}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(q.fd, op, int(fd), &e))
}

// wait returns the number of events. If block is true, it waits until there are some, or for wake.
// waited reports whether it has waited, so that others have had a turn.
func (q *poll) wait(block bool) (n int, waited bool, err error) {
	q.block, q.waited = block, false
	switch err := q.raw.Read(q.fn); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, q.waited, q.file.SetReadDeadline(time.Time{})
	case err != nil:
		return 0, q.waited, err
	}
	return q.n, q.waited, q.failed
}

// wake ends the wait that is under way, or the next one.
func (q *poll) wake() { _ = q.file.SetReadDeadline(time.Unix(1, 0)) }

// look is the function inside RawConn.Read.
func (q *poll) look(fd uintptr) bool {
	n, err := q.pwait(fd)
	for err == syscall.EINTR {
		n, err = q.pwait(fd)
	}
	q.n = n
	if q.failed = nil; err != 0 {
		q.n, q.failed = 0, os.NewSyscallError("epoll_pwait", err)
	}
	if n == 0 && err == 0 && q.block {
		q.waited = true
		return false
	}
	return true
}

// pwait is epoll_pwait(2) without waiting. The scheduler does not know of the call. If it did, each
// call would wake its monitor, which then runs for a while: a tenth of the processor time of a
// ping-pong. See [KeepMonitorAwake].
func (q *poll) pwait(fd uintptr) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd,
		uintptr(unsafe.Pointer(&q.events)), uintptr(len(q.events)), 0, 0, 0)
	return int(n), err
}

// event returns an event of the last wait.
func (q *poll) event(i int) (key, events) {
	e := &q.events[i]
	var ev events
	if e.Events&syscall.EPOLLIN != 0 {
		ev |= readable
	}
	if e.Events&syscall.EPOLLOUT != 0 {
		ev |= writable
	}
	if e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		ev |= readable | writable | hungUp
	}
	if e.Events&syscall.EPOLLPRI != 0 {
		// A read stops before urgent data (RFC 9293 section 3.8.5), and gets less than it has asked
		// for. So from now on each read is followed by another one, as before an end.
		ev |= readable | hungUp
	}
	return key{uint32(e.Fd), uint32(e.Pad)}, ev
}

// release closes the descriptor.
func (q *poll) release() { _ = q.file.Close() }
