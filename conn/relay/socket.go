package relay

import (
	"errors"
	"os"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
)

// A socket as the source.
//
// A direction waits for a socket inside one RawConn.Read. The function there reads, writes to the
// receiver, and returns false to wait. So a small message costs one read and one write, and little
// of package net's. If a read gets less than it has asked for, the socket is empty, and the
// direction waits at once. To read again would cost a system call for each message.
//
// But that second read is how the end of a stream is found that came together with the last bytes:
// Go's poller does not tell of it again. So the end is told by [transport.Link.WhenHungUp]. From
// then on the direction reads until it finds the end. The same holds for urgent data, before which
// a read stops.

// passSocket relays from a socket, and returns the socket's error.
func (d *direction) passSocket() error {
	t := &d.src.transport
	if stop := t.WhenHungUp(d.hangUp); stop != nil {
		defer stop()
	} else {
		d.hungUp.Store(true)
	}
	p := passage{direction: d}
	f := p.pass
	for {
		err := t.Loop(f)
		switch {
		case p.err != nil:
			return p.err
		case err == nil:
			transport.GiveWay()
		case errors.Is(err, os.ErrDeadlineExceeded) && t.Why() == transport.Look:
			t.Known(transport.Look)
		default:
			return err
		}
	}
}

// hangUp is called when the socket has come to its end or to urgent data, which may lie behind
// bytes. It ends the wait for more.
func (d *direction) hangUp() {
	d.hungUp.Store(true)
	d.src.transport.LookNow()
}

// passage is what passSocket needs of its function.
type passage struct {
	*direction
	turn pool.Turn
	err  error // of the socket
}

// pass relays what is there. It returns true at the end, and when others are to have a turn.
func (p *passage) pass(fd uintptr) bool {
	for {
		n, empty := p.once(fd)
		p.turn.Count(n)
		switch {
		case p.err != nil:
			return true
		case empty:
			p.turn = pool.Turn{}
			return false
		case p.turn.Over(pool.TurnTime):
			p.turn = pool.Turn{}
			return true
		}
	}
}

// once relays what one read gets, and returns how many bytes that is, and whether the socket is
// empty.
func (p *passage) once(fd uintptr) (n int, empty bool) {
	if p.walk.within() >= spliceMin {
		if n := p.splice(fd); n > 0 || p.err != nil {
			return n, false
		}
	}
	in := pool.GetRead()
	n, p.err = transport.ReadToPass(fd, in.Room[:])
	if n > 0 {
		p.forward(in.Room[:n])
	}
	pool.PutRead(in)
	return n, n == 0 || n < len(in.Room) && !p.hungUp.Load()
}

// spliceMin is the shortest rest of a payload that is moved by the kernel alone, in bytes.
const spliceMin = 32 << 10

// splice moves a part of a long payload without reading it, if both sides are sockets, and returns
// how many bytes that is. If it is none, a read has to tell what there is.
func (p *passage) splice(fd uintptr) int {
	if !p.dst.transport.CanSplice(&p.src.transport) {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase > leaving {
		return 0
	}
	got, put, in, out := p.dst.transport.Splice(fd, p.walk.within(), p.s.writeLimit())
	p.err = in
	p.walk.jump(got)
	p.sentLocked(put, out)
	if p.phase == leaving && p.walk.between() {
		p.stepLocked(boundary, nil)
	}
	return int(got)
}
