package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// serverStream is the server's end of an HTTP/2 stream, as a handler of
// net/http has it: the request's body is what the client sends, the response's
// what it gets. It ends when the handler returns.
//
// Three things make it unlike a socket. A read deadline that has passed stays
// passed, so that reads which a context can interrupt go through a pumpStream.
// net/http ends the response and the request together: END_STREAM leaves when
// the handler returns, which may therefore not return before the connection has
// ended. And after that the ResponseWriter belongs to another stream, so that
// no write may be under way: WhenIdle puts Conn's end off until none is.
type serverStream struct {
	ctx     context.Context // the request's: cancelled when the stream ends, or the handler returns
	w       http.ResponseWriter
	control *http.ResponseController
	body    io.ReadCloser
	local   net.Addr
	remote  string

	over atomic.Bool // the body has ended, by END_STREAM, RST_STREAM or the loss of the connection

	busy chan struct{} // holds the write that is under way

	mu      sync.Mutex
	writing bool
	closed  bool
	idle    func() // called when the write that is under way has left, or has not for too long
}

// newServerStream takes the stream over from net/http: its timeouts do not
// apply any more, nor do the ResponseWriters that middlewares have put around
// net/http's own, as with Hijack.
func newServerStream(w http.ResponseWriter, r *http.Request) (*serverStream, error) {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	s := &serverStream{
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

// CloseEndsRead says that Close ends a Read that is blocked.
func (s *serverStream) CloseEndsRead() {}

// Read reads from the request's body. Its error says how the client, or the
// connection, ended the stream.
func (s *serverStream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil {
		s.over.Store(true)
	}
	return n, err
}

// Write sends p in DATA frames and returns when they are written, as flow
// control lets them.
func (s *serverStream) Write(p []byte) (n int, err error) {
	if !s.enter() {
		return 0, net.ErrClosed
	}
	defer s.leave()
	if s.left() {
		return 0, errStreamLeft
	}
	defer returned(&err)
	if n, err = s.w.Write(p); err != nil {
		return n, err
	}
	return n, s.control.Flush()
}

// errStreamLeft is what writing finds after the end of the stream. The reader
// learns why.
var errStreamLeft = errors.New("websocket: the HTTP/2 stream has ended: the client reset it, its connection was lost, or the handler returned, which over HTTP/2 must wait for Conn.Done")

// left reports whether the stream has ended. A context that a middleware gave a
// deadline may be over for that alone.
func (s *serverStream) left() bool { return s.ctx.Err() == context.Canceled }

// returned makes an error of the panic with which net/http meets those who use
// a ResponseWriter of a handler that has returned, after left had looked.
func returned(err *error) {
	if recover() != nil {
		*err = errStreamLeft
	}
}

// enter and leave enclose a write.
func (s *serverStream) enter() bool {
	s.busy <- struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing = !s.closed; !s.writing {
		<-s.busy
	}
	return s.writing
}

func (s *serverStream) leave() {
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
	<-s.busy
	s.tell()
}

// tell calls what WhenIdle was given, once.
func (s *serverStream) tell() {
	s.mu.Lock()
	f := s.idle
	s.idle = nil
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// stuckWrite is how long the end of a connection waits for a write to leave
// net/http. That takes no time where the client reads frames of its TCP
// connection at all: RST_STREAM then ends the write.
const stuckWrite = 5 * time.Second

// WhenIdle calls f when no write is under way, now or later. The stream is
// closed: there is none to come.
func (s *serverStream) WhenIdle(f func()) {
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
	time.AfterFunc(stuckWrite, s.tell)
}

// wait returns when no write is under way, however long that takes.
func (s *serverStream) wait() {
	s.busy <- struct{}{}
	<-s.busy
}

// CloseWrite stands for the half close of TCP. END_STREAM is sent when the
// handler returns; nothing has to be read until then, since in HTTP/2 no reset
// overtakes what was sent.
func (s *serverStream) CloseWrite() error { return s.body.Close() }

// Close ends reads and writes. The handler's return ends the stream.
func (s *serverStream) Close() error {
	if s.shut() {
		s.reset()
	}
	return s.body.Close()
}

// Abort resets the stream, where the client has not ended it.
func (s *serverStream) Abort() {
	if s.shut() || !s.over.Load() {
		s.reset()
	}
}

// shut lets no write begin any more. It reports whether one is under way.
func (s *serverStream) shut() (writing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.writing
}

// reset sends RST_STREAM, which is all that ends a write that is blocked. RFC 8441
// section 5 wants the code CANCEL, but this is the one way in which net/http lets
// a handler reset its stream, and the code is INTERNAL_ERROR.
func (s *serverStream) reset() {
	if s.left() {
		return
	}
	var err error
	defer returned(&err)
	_ = s.control.SetWriteDeadline(aLongTimeAgo)
}

// LocalAddr is the address that the connection came in on.
func (s *serverStream) LocalAddr() net.Addr { return s.local }

// RemoteAddr is the client's address.
func (s *serverStream) RemoteAddr() net.Addr {
	if a, err := netip.ParseAddrPort(s.remote); err == nil {
		return net.TCPAddrFromAddrPort(a)
	}
	return textAddr(s.remote)
}

// textAddr is an address that is no IP address and port.
type textAddr string

func (a textAddr) Network() string { return "unix" }
func (a textAddr) String() string  { return string(a) }
