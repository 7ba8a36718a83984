package autobahn

import (
	"context"
	"errors"
	"io"
	"net/url"
)

// Stream is a connection whose opening handshake is done: TCP, TLS, or a stream of
// HTTP/2, QUIC or SSH. The end of the testee's side is io.EOF from Read. Close ends
// it in order, with what was written before; it has to end a Read and a Write that
// wait. If there is a method Abort() error, it ends the stream at once, as a reset
// does, and Close follows. SetWriteDeadline(time.Time) error is used if it is there.
type Stream = io.ReadWriteCloser

// Opening reports whether the case is about the opening handshake of HTTP/1.1, and
// so makes no sense over another.
func (c *Case) Opening() bool { return c.hello != nil }

// errNoStream is what the stream of a failed opening handshake answers.
var errNoStream = errors.New("the opening handshake failed")

type noStream struct{}

func (noStream) Read([]byte) (int, error)  { return 0, errNoStream }
func (noStream) Write([]byte) (int, error) { return 0, errNoStream }
func (noStream) Close() error              { return nil }

// Visit serves one connection that has come in another way than to [Server.Serve],
// such as a stream of HTTP/2 (RFC 8441), and returns when it has ended. Target is the
// path and the query of its request; extensions is what the request has as
// Sec-WebSocket-Extensions. Visit calls open, once, with what that field is to have
// in the response, empty for no such field, and open sends the response.
//
// The error says why the request is refused, or what open returned. Then nothing
// was sent; without open having been called, the right status is 400. Cases about the
// opening handshake of HTTP/1.1 are refused: leave them out of Cases. A client that
// asks for the end of the server, as by /stopServer, ends Serve, if it runs.
//
// Visit may be called concurrently, with and without Serve.
func (s *Server) Visit(ctx context.Context, target, extensions string, open func(answer string) (Stream, error)) error {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return err
	}
	offers, _, err := parseExtensions(extensions, true)
	if err != nil {
		return err
	}
	v := s.visit()
	v.path, v.query = u.Path, u.Query()
	if err := v.prepare(); err != nil {
		return err
	}
	if v.t.c.Opening() {
		return errors.New("the case is about the opening handshake of HTTP/1.1")
	}
	stream, err := open(v.t.answer(offers))
	if err != nil {
		return err
	}
	v.t.connect(stream)
	v.run(ctx, nil)
	return nil
}
