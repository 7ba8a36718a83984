package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// stream is a transport whose blocked reads can be interrupted: by a deadline
// in the past, and again allowed by the zero deadline.
type stream interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}

// aLongTimeAgo interrupts what is blocked.
var aLongTimeAgo = time.Unix(1, 0)

// newStream fits rwc to what Conn needs of a transport.
func newStream(rwc io.ReadWriteCloser) (stream, syscall.RawConn) {
	if s, ok := rwc.(stream); ok {
		return s, newRawConn(rwc)
	}
	return newPumpStream(rwc), nil
}

// closeWrite half-closes the transport and reports whether it can: the peer
// reads its end after everything that was written.
func closeWrite(s stream) bool {
	h, ok := s.(interface{ CloseWrite() error })
	return ok && h.CloseWrite() == nil
}

// closeHard closes the transport without waiting for the peer. crypto/tls
// would first try for five seconds to send an alert.
func closeHard(s stream) {
	if t, ok := s.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
	}
	_ = s.Close()
}

// pumpStream gives a stream without deadlines reads that can be interrupted: a
// goroutine, started by the first read, reads ahead into a buffer of its own.
type pumpStream struct {
	io.ReadWriteCloser

	start  sync.Once
	stop   sync.Once
	filled chan struct{} // holds a token while buf or err is to be taken
	empty  chan struct{} // holds a token while the pump may read
	quit   chan struct{} // closed by Close
	buf    []byte
	err    error

	mu        sync.Mutex
	interrupt chan struct{} // closed while reads are to fail with a timeout
	expired   bool
}

const pumpSize = 4 << 10

func newPumpStream(rwc io.ReadWriteCloser) *pumpStream {
	return &pumpStream{
		ReadWriteCloser: rwc,
		filled:          make(chan struct{}, 1),
		empty:           make(chan struct{}, 1),
		quit:            make(chan struct{}),
		interrupt:       make(chan struct{}),
	}
}

// Read implements stream.
func (p *pumpStream) Read(b []byte) (int, error) {
	p.start.Do(func() { go p.pump() })
	p.mu.Lock()
	interrupt := p.interrupt
	p.mu.Unlock()
	select {
	case <-p.filled:
	case <-interrupt:
		return 0, os.ErrDeadlineExceeded
	case <-p.quit:
		return 0, net.ErrClosed
	}
	n := copy(b, p.buf)
	p.buf = p.buf[n:]
	switch {
	case len(p.buf) > 0:
		p.filled <- struct{}{} // the rest
	case p.err != nil:
		p.filled <- struct{}{} // the error stays
		if n == 0 {
			return 0, p.err
		}
	default:
		p.empty <- struct{}{}
	}
	return n, nil
}

// pump reads into the one buffer, and again when it has been taken. It ends
// with the stream's first error or with Close.
func (p *pumpStream) pump() {
	block := make([]byte, pumpSize)
	for {
		n, err := p.ReadWriteCloser.Read(block)
		if n == 0 && err == nil {
			continue
		}
		p.buf, p.err = block[:n], err
		p.filled <- struct{}{}
		if err != nil {
			return
		}
		select {
		case <-p.empty:
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
		close(p.interrupt)
	case !expired && p.expired:
		p.interrupt = make(chan struct{})
	}
	p.expired = expired
	return nil
}

// Close closes the stream and ends the pump.
func (p *pumpStream) Close() error {
	p.stop.Do(func() { close(p.quit) })
	return p.ReadWriteCloser.Close()
}

// CloseWrite half-closes the stream below, if it can be.
func (p *pumpStream) CloseWrite() error {
	if h, ok := p.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}
