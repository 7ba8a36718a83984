package transport

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ServerStream is the server's end of an HTTP/2 stream, as a handler of net/http has it. The
// request's body is what the client sends, and the response's body is what the client gets. The
// stream ends when the handler returns.
//
// Three things make it unlike a socket:
//
//   - A read deadline that has passed stays passed. So reads that a context can interrupt go
//     through a pump.
//   - net/http ends the response and the request together: END_STREAM leaves when the handler
//     returns. So the handler must not return before the connection has ended.
//   - After the handler has returned, the ResponseWriter belongs to another stream. So no write may
//     be under way then: WhenIdle delays Conn's end until none is.
type ServerStream struct {
	ctx     context.Context // the request's: cancelled when the stream ends, or the handler returns
	w       http.ResponseWriter
	control *http.ResponseController
	body    io.ReadCloser
	local   net.Addr
	remote  string

	over atomic.Bool // the body has ended, by END_STREAM, RST_STREAM or the loss of the connection

	busy chan struct{} // holds an element while a write is under way

	mu      sync.Mutex
	writing bool
	closed  bool
	idle    func()      // called when the current write has left net/http, or takes too long
	unwatch func() bool // ends what WhenLeft began
}

// NewServerStream takes the stream over from net/http. The server's timeouts do not apply any more.
// The ResponseWriters that middlewares have put around net/http's own are not used any more, as
// with Hijack.
func NewServerStream(w http.ResponseWriter, r *http.Request) (*ServerStream, error) {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	s := &ServerStream{
		ctx: r.Context(), w: w, control: http.NewResponseController(w), body: r.Body,
		remote: r.RemoteAddr, busy: make(chan struct{}, 1),
	}
	s.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	switch w.(type) {
	case interface{ FlushError() error }, http.Flusher:
	default:
		return nil, http.ErrNotSupported
	}
	if r.Body == nil {
		return nil, errors.New("the request has no body") // one that was made by hand
	}
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if err := s.control.SetWriteDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return s, nil
}

// Respond sends the response to an extended CONNECT. Its status is 200, and h's fields are added to
// its header.
func (s *ServerStream) Respond(h http.Header) error {
	maps.Copy(s.w.Header(), h)
	s.w.WriteHeader(http.StatusOK)
	return s.control.Flush()
}

// A StreamGiver is a ResponseWriter that gives the stream of its request away, as one over HTTP/3
// does (package conn/h3). Unlike a [ServerStream] the stream outlives the handler.
type StreamGiver interface {
	// GiveStream sends the response to an extended CONNECT within the timeout. Its status is 200,
	// and h's fields are added to its header. A timeout of 0 means no bound. Then the stream is the
	// caller's.
	GiveStream(h http.Header, timeout time.Duration) (StreamEnd, error)
}

// GiverOf returns the StreamGiver that w is, or that middlewares have wrapped in w, or nil.
func GiverOf(w http.ResponseWriter) StreamGiver {
	for {
		if g, ok := w.(StreamGiver); ok {
			return g
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
}

// CloseEndsRead marks a stream whose Close ends a blocked Read.
func (s *ServerStream) CloseEndsRead() {}

// Read reads from the request's body. Its error says how the client, or the loss of the connection,
// ended the stream.
func (s *ServerStream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil {
		s.over.Store(true)
		err = s.explain(err)
	}
	return n, err
}

// explain returns ErrStreamLeft if err means that the handler has returned. net/http has no error
// value for that. The text of its error differs from release to release, and it resets the stream
// with NO_ERROR.
func (s *ServerStream) explain(err error) error {
	if err == io.EOF || !s.left() {
		return err
	}
	for _, text := range []string{"NO_ERROR", "handler exiting", "closed by handler"} {
		if strings.Contains(err.Error(), text) {
			return ErrStreamLeft
		}
	}
	return err
}

// WhenLeft calls f when net/http has ended the stream, unless this side closes the stream before
// that.
func (s *ServerStream) WhenLeft(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.unwatch = context.AfterFunc(s.ctx, func() {
		if s.left() {
			f()
		}
	})
}

// Write sends p in DATA frames and returns when they are written. Flow control may delay that.
func (s *ServerStream) Write(p []byte) (n int, err error) {
	if !s.enter() {
		return 0, net.ErrClosed
	}
	defer s.leave()
	if s.left() {
		return 0, ErrStreamLeft
	}
	defer returned(&err)
	if n, err = s.w.Write(p); err != nil {
		return n, err
	}
	return n, s.control.Flush()
}

// ErrStreamLeft is the error of a write after the end of the stream. The reader learns why it
// ended.
var ErrStreamLeft = errors.New("websocket: the HTTP/2 stream has ended: the client reset it, its connection was lost, or the handler returned, which over HTTP/2 must wait for Conn.Done")

// left reports whether the stream has ended. If a middleware gave the context a deadline, its
// passing does not count.
func (s *ServerStream) left() bool { return s.ctx.Err() == context.Canceled }

// returned turns a panic of net/http into ErrStreamLeft. net/http panics if a ResponseWriter is
// used after its handler has returned. That may happen just after left was called.
func returned(err *error) {
	if recover() != nil {
		*err = ErrStreamLeft
	}
}

// enter and leave enclose a write. enter returns false if the stream is closed, and then leave must
// not be called.
func (s *ServerStream) enter() bool {
	s.busy <- struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing = !s.closed; !s.writing {
		<-s.busy
	}
	return s.writing
}

func (s *ServerStream) leave() {
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
	<-s.busy
	s.tell()
}

// tell calls the function that WhenIdle was given, once.
func (s *ServerStream) tell() {
	s.mu.Lock()
	f := s.idle
	s.idle = nil
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// StuckWrite is how long the end of a connection waits for a write to leave net/http. If the client
// reads from its TCP connection at all, that takes no time, since RST_STREAM ends the write.
const StuckWrite = 5 * time.Second

// WhenIdle calls f when no write is under way, now or later. The stream must be closed, so that no
// write begins any more. After StuckWrite it calls f in any case.
func (s *ServerStream) WhenIdle(f func()) {
	s.mu.Lock()
	writing := s.writing
	if writing {
		s.idle = f
	}
	s.mu.Unlock()
	if !writing {
		f()
		return
	}
	time.AfterFunc(StuckWrite, s.tell)
}

// Wait returns when no write is under way, however long that takes.
func (s *ServerStream) Wait() {
	s.busy <- struct{}{}
	<-s.busy
}

// CloseWrite stands for the half close of TCP. END_STREAM is sent when the handler returns. Nothing
// has to be read until then, since in HTTP/2 no reset overtakes what was sent.
func (s *ServerStream) CloseWrite() error { return s.body.Close() }

// Close ends reads and writes. The handler's return ends the stream.
func (s *ServerStream) Close() error {
	if s.shut() {
		s.reset()
	}
	return s.body.Close()
}

// Abort resets the stream, if the client has not ended it or a write is under way.
func (s *ServerStream) Abort() {
	if s.shut() || !s.over.Load() {
		s.reset()
	}
}

// shut prevents new writes. It reports whether a write is under way.
func (s *ServerStream) shut() (writing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.unwatch != nil {
		s.unwatch()
	}
	return s.writing
}

// reset sends RST_STREAM, the only thing that ends a blocked write. RFC 8441 section 5 wants the
// code CANCEL. But net/http lets a handler reset its stream in this way only, and the code is
// INTERNAL_ERROR.
func (s *ServerStream) reset() {
	if s.left() {
		return
	}
	var err error
	defer returned(&err)
	_ = s.control.SetWriteDeadline(LongAgo)
}

// LocalAddr returns the address that the connection came in on.
func (s *ServerStream) LocalAddr() net.Addr { return s.local }

// RemoteAddr returns the client's address.
func (s *ServerStream) RemoteAddr() net.Addr {
	if a, err := netip.ParseAddrPort(s.remote); err == nil {
		return net.TCPAddrFromAddrPort(a)
	}
	return textAddr(s.remote)
}

// textAddr is an address that is not an IP address with a port.
type textAddr string

func (a textAddr) Network() string { return "unix" }
func (a textAddr) String() string  { return string(a) }
