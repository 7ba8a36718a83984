package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// ClientStream is the client's end of an HTTP/2 stream, as a round tripper provides it. The
// request's body goes out, and the response's body comes in.
type ClientStream struct {
	out    *requestBody
	in     io.ReadCloser
	cancel context.CancelFunc // cancels the request: RST_STREAM with CANCEL

	local, remote net.Addr

	ended    atomic.Bool // the server has sent END_STREAM
	finished atomic.Bool // this side has
}

// NewClientStream returns a stream without a response. cancel cancels the request, which resets the
// stream.
func NewClientStream(cancel context.CancelFunc) *ClientStream {
	return &ClientStream{out: newRequestBody(), cancel: cancel}
}

// RequestBody returns what the round tripper sends.
func (s *ClientStream) RequestBody() io.ReadCloser { return s.out }

// Trace returns a trace that learns the addresses of the connection that carries the stream.
func (s *ClientStream) Trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Conn != nil {
			s.local, s.remote = info.Conn.LocalAddr(), info.Conn.RemoteAddr()
		}
	}}
}

// StreamEnd is the client's end of an HTTP/2 stream.
type StreamEnd interface {
	io.ReadWriteCloser
	CloseWrite() error
	Abort()
}

// Over returns the stream that carries the connection. If resp's body is a whole stream, that is
// it. If not, it is s, which reads from resp's body. The body of resp is empty from then on.
func (s *ClientStream) Over(resp *http.Response) StreamEnd {
	body := resp.Body
	resp.Body = http.NoBody
	if whole, ok := body.(interface {
		StreamEnd
		SetReadDeadline(t time.Time) error
	}); ok {
		return whole
	}
	s.in = body
	return s
}

// EndsAlone says that this side ends the stream without waiting for the server.
func (s *ClientStream) EndsAlone() bool { return true }

// CloseEndsRead marks a stream whose Close ends a blocked Read.
func (s *ClientStream) CloseEndsRead() {}

// Read reads from the response's body. Its error says how the server, or the loss of the
// connection, ended the stream.
func (s *ClientStream) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err == io.EOF {
		s.ended.Store(true)
	}
	return n, err
}

// Write returns when the round tripper has sent p. Flow control may delay that.
func (s *ClientStream) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = errStreamEnded
	}
	return n, err
}

// CloseWrite sends END_STREAM.
func (s *ClientStream) CloseWrite() error {
	s.finished.Store(true)
	s.out.finish()
	return nil
}

// lastWord is how long the transport may take to send END_STREAM, and the server to send its own.
// After that the stream is reset.
const lastWord = 5 * time.Second

// Close ends the stream. It sends END_STREAM if the server has sent it too, or if CloseWrite was
// called. If not, it resets the stream. It does not block.
func (s *ClientStream) Close() error {
	switch {
	case s.ended.Load():
		time.AfterFunc(lastWord, s.cancel)
		return s.CloseWrite()
	case s.finished.Load():
		go s.linger()
	default:
		s.Abort()
	}
	return nil
}

// linger waits for the server's END_STREAM, for lastWord at most. It reads little, since nothing
// that a server says after its Close frame matters.
func (s *ClientStream) linger() {
	timer := time.AfterFunc(lastWord, s.Abort)
	defer timer.Stop()
	if _, err := io.CopyN(io.Discard, s.in, discardMax); err != io.EOF {
		s.Abort()
	}
}

const discardMax = 64 << 10

// Abort resets the stream. Closing the body ends the reads. Since that may wait for the connection
// to take a frame, another goroutine does it.
func (s *ClientStream) Abort() {
	s.cancel()
	s.out.abort()
	go s.in.Close()
}

// LocalAddr returns this side's address of the connection. It is nil if the round tripper does not
// tell.
func (s *ClientStream) LocalAddr() net.Addr { return s.local }

// RemoteAddr returns the server's address of the connection. It is nil if the round tripper does
// not tell.
func (s *ClientStream) RemoteAddr() net.Addr { return s.remote }

// errStreamEnded is the error of a write if the round tripper has let go of the request's body. The
// reader learns why.
var errStreamEnded = fmt.Errorf("the server, or the loss of its connection, ended the HTTP/2 stream: %w", io.ErrClosedPipe)
