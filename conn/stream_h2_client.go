package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// clientStream is the client's end of an HTTP/2 stream, as a round tripper gives
// it: the request's body goes out, the response's comes in.
type clientStream struct {
	out    *requestBody
	in     io.ReadCloser
	cancel context.CancelFunc // of the request: RST_STREAM with CANCEL

	local, remote net.Addr

	ended atomic.Bool // the server has sent END_STREAM
}

// CloseEndsRead says that Close ends a Read that is blocked.
func (s *clientStream) CloseEndsRead() {}

// Read reads from the response's body. Its error says how the server, or the
// connection, ended the stream.
func (s *clientStream) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err == io.EOF {
		s.ended.Store(true)
	}
	return n, err
}

// Write returns when the round tripper has sent p, as flow control lets it.
func (s *clientStream) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = errStreamEnded
	}
	return n, err
}

// CloseWrite sends END_STREAM.
func (s *clientStream) CloseWrite() error {
	s.out.finish()
	return nil
}

// lastWord is how long the transport may take for END_STREAM, after which the
// stream is reset.
const lastWord = 5 * time.Second

// Close ends the stream: with END_STREAM where the server has done so too, else
// by a reset. It does not block.
func (s *clientStream) Close() error {
	if !s.ended.Load() {
		s.Abort()
		return nil
	}
	time.AfterFunc(lastWord, s.cancel)
	return s.CloseWrite()
}

// Abort resets the stream. Closing the body ends the reads; that may then wait
// for the connection to take a frame, which is none of the caller's business.
func (s *clientStream) Abort() {
	s.cancel()
	s.out.abort()
	go s.in.Close()
}

// LocalAddr is this side's address of the connection, nil where the round
// tripper does not tell.
func (s *clientStream) LocalAddr() net.Addr { return s.local }

// RemoteAddr is the server's.
func (s *clientStream) RemoteAddr() net.Addr { return s.remote }
