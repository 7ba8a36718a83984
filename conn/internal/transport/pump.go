package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rfc6455/ws/conn/internal/pool"
)

// pump makes the reads of a stream without deadlines interruptible. A goroutine reads. A reader
// that is interrupted leaves the goroutine behind, with its buffer. The next reader takes what has
// come.
type pump struct {
	io.ReadWriteCloser
	direct bool // Close ends a blocked Read, so a read that nobody interrupts needs no goroutine

	// What follows belongs to the reader. There is one reader at a time.
	asked bool             // the pump owes the result of a read
	late  bool             // that read is probeDeadlines', whose deadline may still end it
	rest  []byte           // what was read and not taken yet
	large *pool.ReadBuffer // the buffer of rest; nil if that is small
	err   error            // the stream's first error: returned after rest, for good
	small [pumpBuffer]byte

	start sync.Once
	stop  sync.Once
	ask   chan *pool.ReadBuffer // to the pump: read into this, or into small
	got   chan pumped           // from it; the pump never blocks here
	quit  chan struct{}         // closed by Close

	mu        sync.Mutex
	interrupt chan struct{} // closed while reads are to fail with a timeout
	expired   bool
}

// pumped is the result of a read.
type pumped struct {
	in  *pool.ReadBuffer // nil: into small
	n   int
	err error
}

// pumpBuffer is the size of the buffer that a connection holds while it waits. It takes a small
// message in one read, since over HTTP/2 each read costs more than the copy.
const pumpBuffer = 512

func newPump(rwc io.ReadWriteCloser) *pump {
	p := &pump{ReadWriteCloser: rwc, quit: make(chan struct{})}
	if _, ok := rwc.(interface{ CloseEndsRead() }); ok {
		p.direct = true
	}
	return p
}

// Read implements stream.
func (p *pump) Read(b []byte) (int, error) { return p.read(b, interruptible) }

// pumpMode says whether SetReadDeadline may end a read.
type pumpMode uint8

const (
	interruptible pumpMode = iota // it may
	plainly                       // it is not called meanwhile
)

func (p *pump) read(b []byte, mode pumpMode) (int, error) {
	for len(p.rest) == 0 {
		var r pumped
		switch {
		case p.err != nil:
			return 0, p.err
		case mode == interruptible || p.asked:
			if err := p.fetch(&r, len(b)); err != nil {
				return 0, err
			}
		case len(b) >= pumpBuffer:
			n, err := p.ReadWriteCloser.Read(b)
			if p.err = err; n > 0 {
				return n, nil
			}
		default:
			r.n, r.err = p.ReadWriteCloser.Read(p.small[:])
		}
		p.take(&r)
	}
	n := copy(b, p.rest)
	if p.rest = p.rest[n:]; len(p.rest) == 0 && p.large != nil {
		pool.PutRead(p.large)
		p.large = nil
	}
	return n, nil
}

// take makes r's bytes the ones at hand, and keeps its error.
func (p *pump) take(r *pumped) {
	if p.late && r.n == 0 && isTimeout(r.err) {
		r.err = nil
		go p.run()
	}
	p.late = false
	if r.err != nil {
		p.err = r.err
	}
	switch {
	case r.in == nil:
		p.rest = p.small[:r.n]
	case r.n == 0:
		pool.PutRead(r.in)
	default:
		p.large, p.rest = r.in, r.in.Room[:r.n]
	}
}

// fetch makes the pump read, unless it reads already, and waits for the result. The size of the
// buffer depends on size, the number of bytes that the reader wants. So only a reader that waits
// for the rest of a message holds a large buffer.
func (p *pump) fetch(r *pumped, size int) error {
	p.start.Do(p.launch)
	p.mu.Lock()
	if p.interrupt == nil {
		p.interrupt = make(chan struct{})
	}
	interrupt := p.interrupt
	p.mu.Unlock()
	if !p.asked {
		p.asked = true
		if size > pumpBuffer {
			p.ask <- pool.GetRead()
		} else {
			p.ask <- nil
		}
	}
	select {
	case *r = <-p.got:
		p.asked = false
		return nil
	case <-interrupt:
		return os.ErrDeadlineExceeded
	case <-p.quit:
		return net.ErrClosed
	}
}

// launch starts the pump's goroutine.
func (p *pump) launch() {
	p.ask, p.got = make(chan *pool.ReadBuffer, 1), make(chan pumped, 1)
	go p.run()
}

// run reads when it is asked to. It returns at the stream's first error or after Close.
func (p *pump) run() {
	for {
		select {
		case in := <-p.ask:
			buf := p.small[:]
			if in != nil {
				buf = in.Room[:]
			}
			n, err := p.ReadWriteCloser.Read(buf)
			p.got <- pumped{in, n, err}
			if err != nil {
				return
			}
		case <-p.quit:
			return
		}
	}
}

// SetReadDeadline implements stream for the two values that Conn uses: a time in the past and the
// zero time.
func (p *pump) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	expired := !t.IsZero()
	switch {
	case expired && !p.expired:
		if p.interrupt == nil {
			p.interrupt = make(chan struct{})
		}
		close(p.interrupt)
	case !expired && p.expired:
		p.interrupt = nil
	}
	p.expired = expired
	return nil
}

// setInner sets the read deadline of the stream itself. If the stream has none, it returns
// errors.ErrUnsupported.
func (p *pump) setInner(t time.Time) error {
	if s, ok := p.ReadWriteCloser.(stream); ok {
		return s.SetReadDeadline(t)
	}
	return errors.ErrUnsupported
}

// Close closes the stream and ends the pump.
func (p *pump) Close() error {
	p.stop.Do(func() { close(p.quit) })
	return p.ReadWriteCloser.Close()
}

// The methods that follow pass calls on to the stream, if it has such a method.

// CloseWrite half-closes the stream.
func (p *pump) CloseWrite() error {
	if h, ok := p.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Abort tells the peer that the stream is cut.
func (p *pump) Abort() {
	if a, ok := p.ReadWriteCloser.(interface{ Abort() }); ok {
		a.Abort()
	}
}

// EndsAlone returns what the stream's EndsAlone returns, or false.
func (p *pump) EndsAlone() bool {
	e, ok := p.ReadWriteCloser.(interface{ EndsAlone() bool })
	return ok && e.EndsAlone()
}

// WhenIdle calls f when no Write of the closed stream is under way any more.
func (p *pump) WhenIdle(f func()) {
	if b, ok := p.ReadWriteCloser.(interface{ WhenIdle(f func()) }); ok {
		b.WhenIdle(f)
		return
	}
	f()
}

// LocalAddr returns the stream's local address, or nil.
func (p *pump) LocalAddr() net.Addr {
	if a, ok := p.ReadWriteCloser.(interface{ LocalAddr() net.Addr }); ok {
		return a.LocalAddr()
	}
	return nil
}

// RemoteAddr returns the stream's remote address, or nil.
func (p *pump) RemoteAddr() net.Addr {
	if a, ok := p.ReadWriteCloser.(interface{ RemoteAddr() net.Addr }); ok {
		return a.RemoteAddr()
	}
	return nil
}
