package autobahn

import (
	"context"
	"errors"
	"io"
	"net/url"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// Stream is a connection whose opening handshake is done: TCP, TLS, or a stream of HTTP/2,
// QUIC or SSH. When the testee's side has ended, Read returns io.EOF. Close ends the stream in
// order, after what was written before, and has to end a Read and a Write that wait. If there
// is a method Abort() error, it has to end the stream at once, as a reset does; Close is
// called after it. SetWriteDeadline(time.Time) error is used if it is there.
type Stream = io.ReadWriteCloser

// errNoStream is the error of a noStream.
var errNoStream = errors.New("the opening handshake failed")

// noStream is the stream of an opening handshake that has failed.
type noStream struct{}

func (noStream) Read([]byte) (int, error)  { return 0, errNoStream }
func (noStream) Write([]byte) (int, error) { return 0, errNoStream }
func (noStream) Close() error              { return nil }

// Visit serves one connection that has not come to [Server.Serve], such as a stream of HTTP/2
// (RFC 8441), and returns when it has ended. Target is the path and the query of its request;
// extensions is what the request has as Sec-WebSocket-Extensions. Visit calls open, once, with
// what that field is to have in the response; empty: there is to be no such field. Open sends
// the response.
//
// If Visit refuses the request, it does not call open and returns the reason: the right status
// is 400. If open returns an error, Visit returns that. In both cases it has sent nothing.
// Visit refuses cases about the opening handshake of HTTP/1.1: leave them out of Cases. If a
// client asks for the end of the server, as by /stopServer, Serve ends, if it runs.
//
// Visit may be called concurrently, with and without Serve.
func (s *Server) Visit(ctx context.Context, target, extensions string, open func(answer string) (Stream, error)) error {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return err
	}
	offers, _, err := engine.ParseExtensions(extensions, true)
	if err != nil {
		return err
	}
	v := s.visit()
	v.path, v.query = u.Path, u.Query()
	if err := v.prepare(); err != nil {
		return err
	}
	if v.t.Script.Hello != nil {
		return errors.New("the case is about the opening handshake of HTTP/1.1")
	}
	stream, err := open(v.t.Answer(offers))
	if err != nil {
		return err
	}
	v.t.Connect(stream)
	v.run(ctx, nil)
	return nil
}
