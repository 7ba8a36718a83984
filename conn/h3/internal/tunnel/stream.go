package tunnel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/rfc6455/ws/conn/internal/pool"
)

// Ender ends the two directions of a stream. A [*quic.Stream] is one. So is a [*http3.Stream],
// which in addition tells the server that the stream has ended.
type Ender interface {
	Close() error // sends FIN
	CancelRead(code quic.StreamErrorCode)
	CancelWrite(code quic.StreamErrorCode)
}

// Config says what belongs to a stream.
type Config struct {
	QUIC          *quic.Stream // at the start of a frame, in both directions
	Ends          Ender
	Client        bool
	Message       bool               // a client's, if the server has refused: its content is no tunnel
	Fail          func(*http3.Error) // closes the QUIC connection, since the peer has broken HTTP/3
	Closed        func()             // called once, when this side has ended the stream
	Over          func()             // called once, after Closed, when nothing more is waited for
	Local, Remote net.Addr
}

// Stream is a tunnel. One goroutine may read while another one writes. Any goroutine may close it.
type Stream struct {
	cfg Config

	reading sync.Mutex // held while something reads
	in      Frames
	broken  error // the error of in

	mu     sync.Mutex
	out    outState
	ended  bool // the peer's FIN has been read
	closed bool
}

// outState is the state of this side's direction.
type outState uint8

const (
	outOpen     outState = iota
	outBusy              // a Write is under way
	outFinished          // FIN has been sent
	outCut               // the direction is reset
)

const (
	cancelled = quic.StreamErrorCode(http3.ErrCodeRequestCanceled)
	noError   = quic.StreamErrorCode(http3.ErrCodeNoError)

	// lastWord is how long the peer may take to send FIN after this side's.
	lastWord = 5 * time.Second

	// discardMax is how much of what comes after the end is read.
	discardMax = 64 << 10
)

var longAgo = time.Unix(1, 0)

// New returns a tunnel.
func New(cfg Config) *Stream { return &Stream{cfg: cfg, in: Frames{Message: cfg.Message}} }

// Read reads the payload of DATA frames. The error is io.EOF after the peer's FIN, and a
// [LostError] if the peer has reset the stream or the connection is lost.
func (s *Stream) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for s.broken == nil {
		n, err := s.cfg.QUIC.Read(p)
		n, s.broken = s.in.Data(p[:n])
		if s.broken != nil {
			s.fail(s.broken)
		}
		switch {
		case n > 0 || len(p) == 0:
			return n, nil // QUIC returns err again
		case err != nil && s.broken == nil:
			return 0, s.readEnds(err)
		}
	}
	return 0, s.broken
}

// readEnds returns the error of a read.
func (s *Stream) readEnds(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return net.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case err != io.EOF:
		return explain(err)
	case s.in.AtStart():
		s.ended = true
		return io.EOF
	}
	// "If, on a stream, the last frame [...] was truncated, this MUST be treated as a connection
	// error of type H3_FRAME_ERROR" (RFC 9114 section 7.1).
	s.broken = &http3.Error{
		ErrorCode: http3.ErrCodeFrameError, ErrorMessage: "the stream ended within a DATA frame",
	}
	s.fail(s.broken)
	return s.broken
}

// fail closes the connection if the peer has broken HTTP/3.
func (s *Stream) fail(err error) {
	if e, ok := errors.AsType[*http3.Error](err); ok {
		s.cfg.Fail(e)
	}
}

// Write sends p in a DATA frame. It returns when QUIC has accepted all of it, as flow control
// allows.
func (s *Stream) Write(p []byte) (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	n, err := s.write(p)
	return n, s.leave(err)
}

// enter begins a write, if this side's direction is open.
func (s *Stream) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != outOpen {
		return net.ErrClosed
	}
	s.out = outBusy
	return nil
}

// leave ends a write and returns its error.
func (s *Stream) leave(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.out == outCut:
		return net.ErrClosed
	case err != nil:
		s.out = outCut // a frame may be incomplete, and QUIC takes no more anyway
		return explain(err)
	}
	s.out = outOpen
	return nil
}

// together is how much of a message leaves in one write with the header of its frame. A packet of
// QUIC has little more room.
const together = 1024

// write sends a DATA frame. The header and the first octets are one write, since QUIC might send a
// packet after each of two.
func (s *Stream) write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	first := p[:min(len(p), together)]
	b := appendHeader(pool.Get(maxFrameHeader+len(first)), len(p))
	b = append(b, first...)
	_, err := s.cfg.QUIC.Write(b)
	pool.Put(b)
	if err != nil {
		return 0, err
	}
	if len(first) == len(p) {
		return len(p), nil
	}
	n, err := s.cfg.QUIC.Write(p[len(first):])
	return len(first) + n, err
}

// SetReadDeadline makes reads fail from t on, including one that waits already. The zero time means
// no deadline.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // linger has a deadline of its own
		return net.ErrClosed
	}
	return s.cfg.QUIC.SetReadDeadline(t)
}

// WorkingDeadlines says that deadlines end reads.
func (s *Stream) WorkingDeadlines() bool { return true }

// EndsAlone reports whether this side may end the stream without waiting for the peer. A client
// may, as over HTTP/2: its FIN comes after all that it has sent.
func (s *Stream) EndsAlone() bool { return s.cfg.Client }

// LocalAddr returns this side's address of the connection.
func (s *Stream) LocalAddr() net.Addr { return s.cfg.Local }

// RemoteAddr returns the peer's address of the connection.
func (s *Stream) RemoteAddr() net.Addr { return s.cfg.Remote }
