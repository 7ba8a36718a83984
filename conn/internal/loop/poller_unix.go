//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"sync"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
)

// blockTime is how long a call may take until the poller goes on without it, up to twice that. It
// is also how long a poller works until it gives way to other goroutines. Those may need the
// processor, and so does the scheduler: it takes a processor away from a goroutine that has had it
// for 10 ms, and again at each of its system calls.
const blockTime = time.Millisecond

// poller tells about the readiness of its sockets. The fields below mu are guarded by it.
type poller struct {
	wheel Wheel

	mu    sync.Mutex
	poll  *poll // nil while there are no sockets
	table table
	head  *Socket // of the queue of those that have to be called
	tail  *Socket
	queue int // how long that is

	// The goroutine whose epoch this is has the poller. The others end after their call.
	epoch   uint32
	waiting bool   // it waits for events, or is about to, and nothing is queued
	working bool   // it calls for a socket
	calls   uint64 // it has begun

	watch    *time.Timer // set while it works: see look
	watching bool
	seen     uint64 // calls at the last look

	yield func() // what Take was given for the first socket: see runner
}

// table finds the socket of an event. The number of its place, and how often that place was used
// before, are the key with which the kernel tells an event.
type table struct {
	places []place
	free   []uint32
	used   int
}

type place struct {
	socket *Socket
	age    uint32
}

// key is the key of an event.
type key struct{ place, age uint32 }

// add gives s a place.
func (t *table) add(s *Socket) key {
	var n uint32
	if last := len(t.free) - 1; last >= 0 {
		n, t.free = t.free[last], t.free[:last]
	} else {
		n = uint32(len(t.places))
		t.places = append(t.places, place{})
	}
	t.used++
	p := &t.places[n]
	p.socket = s
	return key{n, p.age}
}

// remove frees a place.
func (t *table) remove(k key) {
	p := &t.places[k.place]
	p.socket = nil
	p.age++
	t.free = append(t.free, k.place)
	t.used--
}

// find returns the socket of a key. It is nil if that socket is gone.
func (t *table) find(k key) *Socket {
	if int(k.place) >= len(t.places) || t.places[k.place].age != k.age {
		return nil
	}
	return t.places[k.place].socket
}

// add registers s. If it is the first socket, the poller begins.
func (p *poller) add(s *Socket, yield func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.poll == nil {
		q, err := newPoll()
		if err != nil {
			return err
		}
		p.poll, p.yield = q, yield
		p.startLocked()
	}
	s.key = p.table.add(s)
	err := p.poll.add(s.fd, s.key)
	if err != nil {
		p.removeLocked(s)
	}
	return err
}

// remove forgets s, whose descriptor is about to be closed.
func (p *poller) remove(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.poll.remove(s.fd)
	p.removeLocked(s)
}

// removeLocked forgets s. If s was the last socket, the poller ends, and its goroutine too.
func (p *poller) removeLocked(s *Socket) {
	p.table.remove(s.key)
	if p.table.used > 0 {
		return
	}
	p.poll.wake()
	p.poll, p.table = nil, table{}
	p.working = false // else look would wait for ever for the end of a call
	p.epoch++
}

// startLocked gives the poller to a fresh goroutine.
func (p *poller) startLocked() {
	p.epoch++
	p.working, p.waiting = false, p.head == nil
	r := &runner{poller: p, poll: p.poll, yield: p.yield, epoch: p.epoch, mayWait: p.waiting}
	r.poll.users.Add(1)
	go r.run()
}

// deliver takes the kernel's events. It wakes the goroutines that wait for these sockets, and
// queues the sockets for which the poller has to call.
func (p *poller) deliver(q *poll, n int) {
	for i := range n {
		k, e := q.event(i)
		s := p.table.find(k)
		if s == nil {
			continue
		}
		s.events |= e
		if w := s.waits.Load(); w != nil {
			w.tell(e)
		}
		if s.run == idle && s.wanted() {
			p.push(s)
		}
	}
}

// want sets the Reader or the Writer of s and makes the poller call it, as if e had come. It
// returns false if s is closed.
func (p *poller) want(s *Socket, e events, r Reader, w Writer) bool {
	if !s.acquire() {
		return false
	}
	defer s.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.closed() {
		return false // Close may have told those that were there
	}
	if r != nil {
		s.reader = r
	} else {
		s.writer = w
	}
	s.events |= e
	if s.run == idle {
		p.push(s)
		p.wakeLocked()
	}
	return true
}

// wakeLocked ends the wait of the poller's goroutine for events.
func (p *poller) wakeLocked() {
	if p.waiting {
		p.waiting = false
		p.poll.wake()
	}
}

// push queues s.
func (p *poller) push(s *Socket) {
	s.run = queued
	if p.tail == nil {
		p.head = s
	} else {
		p.tail.next = s
	}
	p.tail = s
	p.queue++
}

// pop takes the next socket out of the queue that was not closed meanwhile.
func (p *poller) pop() *Socket {
	for p.head != nil {
		s := p.head
		p.head, s.next = s.next, nil
		if p.head == nil {
			p.tail = nil
		}
		p.queue--
		if s.run == queued {
			return s
		}
	}
	return nil
}

// beginCall notes that the poller's goroutine calls for a socket.
func (p *poller) beginCall() {
	p.working = true
	p.calls++
	KeepMonitorAwake()
	switch {
	case p.watching:
	case p.watch == nil:
		p.watching, p.seen = true, p.calls
		p.watch = time.AfterFunc(blockTime, p.look)
	default:
		p.watching, p.seen = true, p.calls
		p.watch.Reset(blockTime)
	}
}

// look is the function of the timer that is set while the poller works. If it finds the same call
// as the last time, that blocks, and another goroutine goes on. The timer stays set for as long as
// there are calls, since to stop it after each would cost more.
func (p *poller) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watching = p.working
	if !p.working {
		return
	}
	if p.seen == p.calls && p.poll != nil {
		p.startLocked()
		p.watching = false
		return
	}
	p.seen = p.calls
	p.watch.Reset(blockTime)
}

// runner is a goroutine that has the poller, or had it.
type runner struct {
	*poller
	poll    *poll
	yield   func() // the poller's may be another one by the time that a runner has lost it
	epoch   uint32
	lost    bool // another goroutine has the poller, as begin or next has found out
	mayWait bool // nothing is queued
	left    int  // how many of the queue are called for before the next look for events

	// The call.
	socket *Socket
	reader Reader // nil: there is nothing to read
	writer Writer // nil: nothing waits to be written
	hup    bool
	inside bool // it uses the descriptor
}

// run is the goroutine.
func (r *runner) run() {
	defer r.exit()
	began := clock.Now()
	for {
		n, waited, err := r.poll.wait(r.mayWait)
		if err != nil {
			return // the kernel has no such descriptor: that would be a fault of this package
		}
		if waited {
			began = clock.Now()
		}
		tired := false
		for more := r.begin(n); more; {
			again := r.call()
			if again && r.lost {
				r.yield() // as a poller does between its rounds
			}
			if tired = clock.Now()-began >= int64(blockTime); tired {
				r.left = 0
			}
			more = r.next(again)
		}
		if r.lost {
			return
		}
		if tired {
			r.yield()
			began = clock.Now()
		}
	}
}

// begin takes n events, and reports whether there is a socket to call for.
func (r *runner) begin(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost = r.poller.epoch != r.epoch; r.lost {
		return false
	}
	r.waiting = false
	r.deliver(r.poll, n)
	r.left = r.queue
	return r.takeLocked()
}

// next ends a call, whose socket has more if again is true, and reports whether there is another
// one to call for. A goroutine that has lost the poller calls for the same socket until that has no
// more.
func (r *runner) next(again bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.socket
	r.socket, r.reader, r.writer = nil, nil, nil
	if again {
		s.events |= readable
	}
	s.run = idle
	if s.closed() && (s.reader != nil || s.writer != nil) { // since call has looked
		go s.tellClosed() // it may take long, or end its goroutine
	}
	r.lost = r.poller.epoch != r.epoch
	switch wanted := s.wanted(); {
	case r.lost && wanted:
		r.beginLocked(s)
		return true
	case r.lost:
		return false
	case wanted:
		r.push(s)
	}
	r.working = false
	return r.takeLocked()
}

// takeLocked takes the next socket of this round, and reports whether there is one.
func (r *runner) takeLocked() bool {
	var s *Socket
	if r.left > 0 {
		r.left--
		s = r.pop()
	}
	if s == nil {
		r.mayWait = r.head == nil
		r.waiting = r.mayWait
		return false
	}
	r.beginLocked(s)
	r.beginCall()
	return true
}

// beginLocked begins a call.
func (r *runner) beginLocked(s *Socket) {
	r.socket, r.hup = s, s.events&hungUp != 0
	if s.events&readable != 0 {
		r.reader = s.reader
	}
	if s.events&writable != 0 {
		r.writer, s.writer = s.writer, nil
	}
	s.run = running
	s.events &= hungUp // which is for good
}

// call calls for the socket and reports whether that has more.
func (r *runner) call() (again bool) {
	s := r.socket
	if !s.acquire() {
		r.putBack(s)
		s.tellClosed()
		return false
	}
	r.inside = true
	if r.writer != nil && !r.writer.Writable(uintptr(s.fd)) {
		r.putBack(s)
	}
	if r.reader != nil {
		switch r.reader.Readable(uintptr(s.fd), r.hup) {
		case Again:
			again = true
		case Over:
			s.forget(r.reader)
		}
	}
	r.inside = false
	s.release()
	if s.closed() {
		s.tellClosed()
	}
	return again
}

// putBack keeps the writer for the next call.
func (r *runner) putBack(s *Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer != nil {
		s.writer = r.writer
	}
}

// leavePoll ends the use of the kernel's descriptor. The last goroutine closes it. There is always
// one while the poller has sockets.
func (r *runner) leavePoll() {
	if r.poll.users.Add(-1) == 0 {
		r.poll.release()
	}
}

// exit is the goroutine's end. If it comes in the middle of a call, a callback has called
// runtime.Goexit: what the goroutine had goes on in another one, without that callback's reader.
func (r *runner) exit() {
	defer r.leavePoll()
	s := r.socket
	if s == nil {
		return
	}
	r.mu.Lock()
	s.reader, s.run = nil, idle
	if r.poller.poll != nil {
		if s.wanted() { // a Writer came during the call
			r.push(s)
			r.wakeLocked()
		}
		if r.poller.epoch == r.epoch {
			r.startLocked()
		}
	}
	r.mu.Unlock()
	if r.inside {
		s.release()
	}
	if s.closed() {
		s.tellClosed()
	}
}
