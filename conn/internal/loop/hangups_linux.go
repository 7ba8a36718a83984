package loop

import (
	"sync"
	"syscall"
)

// Hangups tells about the ends of sockets that others read. Go's own poller says only that there
// may be something to read, and says it once. So a reader that has emptied a socket has to read
// again before it waits, in case the end of the stream lies behind the bytes. A reader that is told
// of the end does not have to. Urgent data is an end here, too: a read stops before it, although
// bytes may lie behind it (RFC 9293 section 3.8.5).
//
// All sockets share a descriptor of the kernel's and a goroutine, which are there as long as there
// are sockets. The zero value is ready. A Hangups may be used concurrently.
type Hangups struct {
	mu   sync.Mutex
	poll *poll // nil: there are no sockets
	tell map[key]func()
	last uint64 // the last key that was given
}

// Hangup is a socket in a Hangups.
type Hangup struct{ key key }

// hangup is what each of these sockets is registered for. The kernel adds EPOLLERR and EPOLLHUP.
const hangup = syscall.EPOLLRDHUP | syscall.EPOLLPRI | syscall.EPOLLONESHOT

// Add makes f be called once, when the peer of a socket has ended its direction or has sent urgent
// data, or the connection is broken, even if that is so already. f must not block. The descriptor
// must stay open during Add. After that it may be closed at any time, and f is then not called.
func (h *Hangups) Add(fd uintptr, f func()) (Hangup, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.poll == nil {
		q, err := newPoll()
		if err != nil {
			return Hangup{}, err
		}
		h.poll, h.tell = q, make(map[key]func())
		go h.run(q)
	}
	h.last++ // a key is not used again: an event may come late
	k := key{uint32(h.last >> 32), uint32(h.last)}
	h.tell[k] = f
	err := h.poll.control(syscall.EPOLL_CTL_ADD, int32(fd), k, hangup)
	if err != nil {
		h.removeLocked(k)
	}
	return Hangup{k}, err
}

// Remove ends what Add began. f may be running. The kernel keeps what it needs for the socket until
// the descriptor is closed.
func (h *Hangups) Remove(u Hangup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removeLocked(u.key)
}

func (h *Hangups) removeLocked(k key) {
	delete(h.tell, k)
	if len(h.tell) == 0 && h.poll != nil {
		h.poll.wake()
		h.poll, h.tell = nil, nil
	}
}

// run is the goroutine of q.
func (h *Hangups) run(q *poll) {
	defer q.release()
	for {
		n, _, err := q.wait(true)
		if err != nil {
			return // the kernel has no such descriptor: that would be a fault of this package
		}
		for i := range n {
			k, _ := q.event(i)
			if f := h.find(k); f != nil {
				f()
			}
		}
		if !h.has(q) {
			return
		}
	}
}

// find returns whom to tell of k, or nil.
func (h *Hangups) find(k key) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tell[k]
}

// has reports whether q is in use still.
func (h *Hangups) has(q *poll) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.poll == q
}
