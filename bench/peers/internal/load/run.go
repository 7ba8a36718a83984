//go:build linux

package load

import (
	"errors"
	"math/bits"
	"syscall"
	"time"
)

// wait handles what epoll reports until done returns true. It calls after, unless that is nil, for
// each client that got answers.
func (r *Run) wait(done func() bool, after func(c *client, answered int)) error {
	events := make([]syscall.EpollEvent, 256)
	for !done() {
		n, err := syscall.EpollWait(r.epoll, events, int(stall/time.Millisecond))
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return errors.New("the server has been silent for 10 s")
		}
		for _, ev := range events[:n] {
			if err := r.handle(r.clients[ev.Fd], ev.Events, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle does what one event of epoll asks for.
func (r *Run) handle(c *client, events uint32, after func(c *client, answered int)) error {
	if events&syscall.EPOLLOUT != 0 {
		c.write(r, c.out)
		c.say(r, 0) // the messages that had to wait
	}
	if events&^syscall.EPOLLOUT == 0 {
		return nil
	}
	answered, err := c.receive(r)
	if err != nil {
		return err
	}
	c.flight -= answered
	if answered > 0 && after != nil {
		after(c, answered)
	}
	return nil
}

// Time runs the load for a duration, or until so many messages have come back. Then it waits for
// the messages under way, and returns what it has measured.
func (r *Run) Time(d time.Duration, messages int) (Result, error) {
	r.received, r.wireIn = 0, 0
	r.latency = histogram{}
	begun := time.Now()
	over := func() bool { return r.received >= messages || time.Since(begun) >= d }
	var err error
	switch r.spec.Kind {
	case Handshake:
		err = r.handshakes(over)
	case Broadcast:
		for err == nil && !over() {
			err = r.round()
		}
	case Echo:
		if r.spec.TLS {
			err = r.echoSecure(over)
		} else {
			err = r.echo(over)
		}
	case Idle:
	}
	res := Result{
		Messages: r.received, Elapsed: time.Since(begun),
		P50: r.latency.quantile(0.50), P99: r.latency.quantile(0.99),
		WireIn: r.wireIn, Text: int64(r.received) * int64(r.spec.Size),
	}
	return res, err
}

// echo keeps Flight messages under way on every connection until over returns true. Then it waits
// for the last answers.
func (r *Run) echo(over func() bool) error {
	ending, waiting := false, len(r.clients)
	after := func(c *client, answered int) {
		ending = ending || over()
		switch {
		case ending:
			if c.flight == 0 {
				waiting--
			}
		case !r.spec.Burst:
			c.say(r, answered)
		case c.flight == 0:
			c.say(r, r.spec.Flight)
		}
	}
	r.begin()
	return r.wait(func() bool { return waiting == 0 }, after)
}

// handshakes connects and disconnects in batches until over returns true.
func (r *Run) handshakes(over func() bool) error {
	for !over() {
		begun := r.now()
		fds, err := open(r.spec, batch)
		closeAll(fds)
		if err != nil {
			return err
		}
		r.received += len(fds)
		r.latency.add((r.now() - begun) / batch)
	}
	return nil
}

// histogram counts durations in classes. A class is an eighth of its durations wide.
type histogram struct {
	classes [64 * 8]int
	total   int
}

// add counts a duration in nanoseconds.
func (h *histogram) add(ns int64) {
	v := uint64(max(ns, 8))
	e := bits.Len64(v) - 4 // v>>e is 8 to 15
	h.classes[e*8+int(v>>e)-8]++
	h.total++
}

// quantile returns the middle of the class in which the quantile q lies. q is 0 to 1.
func (h *histogram) quantile(q float64) time.Duration {
	left := int(q * float64(h.total))
	for i, n := range h.classes {
		if left -= n; left < 0 {
			e, m := i/8, i%8
			return time.Duration((uint64(m+8)<<e + uint64(m+9)<<e) / 2)
		}
	}
	return 0
}
