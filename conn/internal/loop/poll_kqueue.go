//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"os"
	"sync/atomic"
	"syscall"
)

// poll is a kqueue(2) descriptor. Its goroutine waits in the kernel, with a thread: Go's poller
// does not take a kqueue on all of these systems. A pipe wakes it.
type poll struct {
	users  atomic.Int32 // the goroutines that have the poller, or had it
	fd     int
	out    int         // of the pipe: registered like a socket
	in     int         // and what wake writes to
	keys   map[int]key // by descriptor, of the sockets: guarded by the poller's lock
	events [128]syscall.Kevent_t
}

func newPoll() (*poll, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	syscall.CloseOnExec(fd)
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("pipe", err)
	}
	for _, end := range pipe {
		syscall.CloseOnExec(end)
		_ = syscall.SetNonblock(end, true)
	}
	q := &poll{fd: fd, out: pipe[0], in: pipe[1], keys: make(map[int]key)}
	if err := q.register(q.out, syscall.EVFILT_READ); err != nil {
		q.release()
		return nil, err
	}
	return q, nil
}

// register registers a descriptor for one filter, edge-triggered.
func (q *poll) register(fd, filter int) error {
	var e [1]syscall.Kevent_t
	syscall.SetKevent(&e[0], fd, filter, syscall.EV_ADD|syscall.EV_CLEAR)
	_, err := syscall.Kevent(q.fd, e[:], nil, nil)
	return os.NewSyscallError("kevent", err)
}

// add registers a socket. Closing its descriptor undoes it.
func (q *poll) add(fd int32, k key) error {
	q.keys[int(fd)] = k
	err := q.register(int(fd), syscall.EVFILT_READ)
	if err == nil {
		err = q.register(int(fd), syscall.EVFILT_WRITE)
	}
	if err != nil {
		q.remove(fd)
	}
	return err
}

// remove ends what add began. To close the descriptor does not if another process has it, too.
func (q *poll) remove(fd int32) {
	delete(q.keys, int(fd))
	for _, filter := range []int{syscall.EVFILT_READ, syscall.EVFILT_WRITE} {
		var e [1]syscall.Kevent_t
		syscall.SetKevent(&e[0], int(fd), filter, syscall.EV_DELETE)
		_, _ = syscall.Kevent(q.fd, e[:], nil, nil)
	}
}

// wait returns the number of events. If block is true, it waits until there are some, or for wake.
// waited reports whether it has waited, so that others have had a turn.
func (q *poll) wait(block bool) (n int, waited bool, err error) {
	n, err = q.look(new(syscall.Timespec))
	if n == 0 && err == nil && block {
		n, err = q.look(nil)
		return n, true, err
	}
	return n, false, err
}

// look takes the events, and waits for them for at most limit. If that is nil, it waits for ever.
func (q *poll) look(limit *syscall.Timespec) (n int, err error) {
	for {
		n, err = syscall.Kevent(q.fd, nil, q.events[:], limit)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// wake ends the wait that is under way, or the next one.
func (q *poll) wake() { _, _ = syscall.Write(q.in, []byte{0}) }

// event returns an event of the last wait. A late one may be that of another socket which has the
// same descriptor now: that one is called for in vain.
func (q *poll) event(i int) (key, events) {
	e := &q.events[i]
	fd := int(e.Ident)
	if fd == q.out {
		var p [64]byte
		_, _ = syscall.Read(q.out, p[:])
		return nobody, 0
	}
	k, ok := q.keys[fd]
	switch {
	case !ok:
		return nobody, 0
	case e.Filter == syscall.EVFILT_READ:
		return k, readable | hungUp // a read has to find the end: see Reader
	}
	return k, writable
}

// nobody is a key that no socket has.
var nobody = key{place: ^uint32(0)}

// release closes the descriptors.
func (q *poll) release() {
	for _, fd := range []int{q.fd, q.out, q.in} {
		_ = syscall.Close(fd)
	}
}
