package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pumpStream gives a stream without deadlines reads that can be interrupted: a
// goroutine reads, and a reader that is interrupted leaves it behind, with its
// buffer. The next reader takes what has come.
type pumpStream struct {
	io.ReadWriteCloser
	direct bool // Close ends a Read that is blocked: what nobody interrupts needs no goroutine

	// The reader's; there is one at a time.
	asked bool        // the pump owes the result of a read
	rest  []byte      // what was read and not taken yet
	large *readBuffer // what rest lies in; nil where that is small
	err   error       // the stream's first error, which comes after rest and stays
	small [pumpBuffer]byte

	start sync.Once
	stop  sync.Once
	ask   chan *readBuffer // to the pump: read into this, or into small
	got   chan pumped      // from it; the pump never blocks here
	quit  chan struct{}    // closed by Close

	mu        sync.Mutex
	interrupt chan struct{} // closed while reads are to fail with a timeout
	expired   bool
}

// pumped is the result of a read.
type pumped struct {
	in  *readBuffer // nil: into small
	n   int
	err error
}

// pumpBuffer is what a connection holds while it waits. One read takes a small
// message whole: over HTTP/2 each read costs more than the copy.
const pumpBuffer = 512

// pumpSize is how much of an opening handshake is read at once.
const pumpSize = 4 << 10

func newPumpStream(rwc io.ReadWriteCloser) *pumpStream {
	p := &pumpStream{ReadWriteCloser: rwc, quit: make(chan struct{})}
	if _, ok := rwc.(interface{ CloseEndsRead() }); ok {
		p.direct = true
	}
	return p
}

// readStream reads from s under ctx, which the caller has armed a watch for.
func readStream(ctx context.Context, s stream, b []byte) (int, error) {
	if p, ok := s.(*pumpStream); ok && p.direct && ctx.Done() == nil {
		return p.read(b, plain)
	}
	return s.Read(b)
}

// Read implements stream.
func (p *pumpStream) Read(b []byte) (int, error) { return p.read(b, interruptible) }

// pumpMode says whether SetReadDeadline may end a read.
type pumpMode uint8

const (
	interruptible pumpMode = iota // it may
	plain                         // nobody will call it
)

func (p *pumpStream) read(b []byte, mode pumpMode) (int, error) {
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
		putReadBuffer(p.large)
		p.large = nil
	}
	return n, nil
}

// take makes r what is at hand.
func (p *pumpStream) take(r *pumped) {
	if r.err != nil {
		p.err = r.err
	}
	switch {
	case r.in == nil:
		p.rest = p.small[:r.n]
	case r.n == 0:
		putReadBuffer(r.in)
	default:
		p.large, p.rest = r.in, r.in.room[:r.n]
	}
}

// fetch has the pump read, unless it does so already, and waits for the result.
// The buffer fits a reader that wants size bytes: only one that waits for the
// rest of a message holds a large one.
func (p *pumpStream) fetch(r *pumped, size int) error {
	p.start.Do(func() {
		p.ask, p.got = make(chan *readBuffer, 1), make(chan pumped, 1)
		go p.pump()
	})
	p.mu.Lock()
	if p.interrupt == nil {
		p.interrupt = make(chan struct{})
	}
	interrupt := p.interrupt
	p.mu.Unlock()
	if !p.asked {
		p.asked = true
		if size > pumpBuffer {
			p.ask <- getReadBuffer()
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

// pump reads when it is asked to. It ends with the stream's first error or with
// Close.
func (p *pumpStream) pump() {
	for {
		select {
		case in := <-p.ask:
			buf := p.small[:]
			if in != nil {
				buf = in.room[:]
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

// SetReadDeadline implements stream for the two values that Conn uses: a time
// in the past and none.
func (p *pumpStream) SetReadDeadline(t time.Time) error {
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

// Close closes the stream and ends the pump.
func (p *pumpStream) Close() error {
	p.stop.Do(func() { close(p.quit) })
	return p.ReadWriteCloser.Close()
}

// What follows is the stream's, where it has it.

// CloseWrite half-closes the stream.
func (p *pumpStream) CloseWrite() error {
	if h, ok := p.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Abort tells the peer that the stream is cut.
func (p *pumpStream) Abort() {
	if a, ok := p.ReadWriteCloser.(interface{ Abort() }); ok {
		a.Abort()
	}
}

// WhenIdle calls f when no Write of the closed stream is under way any more.
func (p *pumpStream) WhenIdle(f func()) {
	if b, ok := p.ReadWriteCloser.(interface{ WhenIdle(f func()) }); ok {
		b.WhenIdle(f)
		return
	}
	f()
}

// LocalAddr is the stream's local address, or nil.
func (p *pumpStream) LocalAddr() net.Addr {
	if a, ok := p.ReadWriteCloser.(interface{ LocalAddr() net.Addr }); ok {
		return a.LocalAddr()
	}
	return nil
}

// RemoteAddr is the stream's remote address, or nil.
func (p *pumpStream) RemoteAddr() net.Addr {
	if a, ok := p.ReadWriteCloser.(interface{ RemoteAddr() net.Addr }); ok {
		return a.RemoteAddr()
	}
	return nil
}
