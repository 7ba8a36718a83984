//go:build linux

package load

import (
	"bytes"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/servers"
	"github.com/rfc6455/ws/mask"
)

// client is one connection.
type client struct {
	fd     int
	index  int32 // in Run.clients; epoll reports it
	in     answers
	out    []byte // the rest of a frame, for which the socket had no room
	owed   int    // messages to send after that rest
	next   int    // number of the message to send next
	heard  int    // number of the message whose answer comes next
	flight int    // messages without an answer
	armed  bool   // epoll reports room to write

	// When the messages under way were sent, by Run.now. It is a ring.
	sent       []int64
	head, tail int
}

// checker compares the answers on one connection with what was sent, before the timing.
type checker struct {
	message []byte
	z       inflater
}

// Run is a run of a [Spec]. [Open] makes it. [Run.Time] may then be called several times, and
// [Run.Close] ends it. It is for one goroutine.
type Run struct {
	spec    *Spec
	script  *script
	epoll   int
	clients []*client
	buf     []byte
	checks  []*checker // one for each client; nil while the time counts
	secure  []net.Conn // of a run over TLS
	start   time.Time

	received int
	wireIn   int64
	latency  histogram
}

// now returns the time since the run began, in nanoseconds.
func (r *Run) now() int64 { return int64(time.Since(r.start)) }

// Open makes the connections. On each of them it exchanges a few messages, and compares the answers
// byte for byte.
func Open(s *Spec) (*Run, error) {
	r := &Run{spec: s, script: newScript(s), buf: make([]byte, 256<<10), start: time.Now()}
	var err error
	if r.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if s.Kind == Handshake {
		return r, nil
	}
	if s.TLS {
		return r.openSecure()
	}
	connect := open
	if s.Dialed {
		connect = accept
	}
	fds, err := connect(s, s.Conns)
	for _, fd := range fds {
		r.clients = append(r.clients, &client{
			fd: fd, index: int32(len(r.clients)),
			in: answers{masked: s.Dialed}, sent: make([]int64, max(1, s.Flight)),
		})
	}
	if err == nil {
		err = r.watch()
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// watch lets epoll report what happens on the connections.
func (r *Run) watch() error {
	for _, c := range r.clients {
		if err := syscall.SetNonblock(c.fd, true); err != nil {
			return err
		}
		ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: c.index}
		if err := syscall.EpollCtl(r.epoll, syscall.EPOLL_CTL_ADD, c.fd, &ev); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the connections.
func (r *Run) Close() {
	for _, c := range r.clients {
		_ = syscall.Close(c.fd)
	}
	for _, c := range r.secure {
		_ = c.Close()
	}
	_ = syscall.Close(r.epoll)
}

// idleRounds is how many messages a connection exchanges before it falls silent.
const idleRounds = 10

// check sends messages on every connection and compares the answers. It does two rounds. If the
// connections fall silent then, it does idleRounds.
func (r *Run) check() error {
	rounds := 2
	if r.spec.Kind == Idle {
		rounds = idleRounds
	}
	for range r.clients {
		c := &checker{}
		c.z.takeover = r.spec.Compression == servers.Takeover
		r.checks = append(r.checks, c)
	}
	for range rounds {
		if err := r.round(); err != nil {
			return fmt.Errorf("check before timing: %w", err)
		}
	}
	r.checks = nil
	return nil
}

// round sends one round of messages and waits for their answers.
func (r *Run) round() error {
	want := r.begin()
	return r.wait(func() bool { return r.received >= want }, nil)
}

// begin sends the messages of a round. It returns what Run.received will be when all answers are
// there.
func (r *Run) begin() (want int) {
	if r.spec.Kind == Broadcast {
		r.clients[0].say(r, 1)
		for _, c := range r.clients[1:] {
			c.sent[0] = r.clients[0].sent[0]
		}
		return r.received + len(r.clients)
	}
	for _, c := range r.clients {
		c.say(r, r.spec.Flight)
	}
	return r.received + len(r.clients)*r.spec.Flight
}

// say sends n messages: in one write if the load is bursts, and else one by one. If the socket has
// no room, the rest waits for epoll.
func (c *client) say(r *Run, n int) {
	if r.spec.Burst && n == r.spec.Flight && len(c.out) == 0 && len(r.script.frames) == 1 {
		c.flight += n
		for range n {
			c.stamp(r.now())
		}
		c.write(r, r.script.burst)
		return
	}
	c.owed += n
	c.flight += n
	for c.owed > 0 && len(c.out) == 0 {
		c.owed--
		c.stamp(r.now())
		f := r.script.frames[c.next%len(r.script.frames)]
		c.next++
		c.write(r, f)
	}
}

// write sends as much of p as the socket takes. It keeps the rest until epoll reports room.
func (c *client) write(r *Run, p []byte) {
	n, err := syscall.Write(c.fd, p)
	if err != nil {
		n = 0 // EAGAIN; a read of the connection finds any other error
	}
	c.out = p[n:]
	c.arm(r, len(c.out) > 0)
}

// arm says whether epoll should report room to write.
func (c *client) arm(r *Run, want bool) {
	if c.armed == want {
		return
	}
	c.armed = want
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: c.index}
	if want {
		ev.Events |= syscall.EPOLLOUT
	}
	_ = syscall.EpollCtl(r.epoll, syscall.EPOLL_CTL_MOD, c.fd, &ev)
}

// stamp records that a message leaves at t.
func (c *client) stamp(t int64) {
	c.sent[c.head%len(c.sent)] = t
	c.head++
}

// receive reads once and counts the answers.
func (c *client) receive(r *Run) (answered int, err error) {
	n, err := syscall.Read(c.fd, r.buf)
	switch {
	case err == syscall.EAGAIN:
		return 0, nil
	case err != nil || n <= 0:
		return 0, fmt.Errorf("the server closed a connection (read: %d, %v)", n, err)
	}
	var k *checker
	if r.checks != nil {
		k = r.checks[c.index]
	}
	sink := func(p []byte) {
		if k == nil {
			return
		}
		if c.in.masked {
			c.in.key = mask.XOR(p, c.in.key) // in place: nobody else uses the buffer
		}
		k.message = append(k.message, p...)
	}
	for p := r.buf[:n]; len(p) > 0; {
		n, done, err := c.in.feed(p, sink)
		if err != nil {
			return answered, err
		}
		p = p[n:]
		if !done {
			continue
		}
		answered++
		r.received++
		r.wireIn += c.in.length
		r.latency.add(r.now() - c.sent[c.tail%len(c.sent)])
		c.tail++
		if k != nil {
			if err := k.compare(r, c); err != nil {
				return answered, err
			}
		}
		c.heard++
	}
	return answered, nil
}

// compare returns an error if the message that c got is not the one that was sent.
func (k *checker) compare(r *Run, c *client) (err error) {
	got := k.message
	k.message = nil
	if c.in.first.RSV != 0 {
		if got, err = k.z.message(got); err != nil {
			return err
		}
	}
	want := r.script.payloads[c.heard%len(r.script.payloads)]
	if !bytes.Equal(got, want) {
		return fmt.Errorf("answer %d is not what was sent: %d bytes, want %d",
			c.heard, len(got), len(want))
	}
	if text := c.in.first.Opcode == 1; text != r.spec.Text {
		return fmt.Errorf("answer %d has opcode %v", c.heard, c.in.first.Opcode)
	}
	return nil
}
