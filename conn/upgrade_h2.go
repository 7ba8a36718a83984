package conn

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// A WebSocket over HTTP/2 (RFC 8441) is a stream of a connection that carries
// others too. The request is an extended CONNECT; the response says 200, and
// from there on the stream's DATA is what the TCP connection's bytes are
// otherwise.

// overStream reports whether the request came on a stream of a connection that
// it shares with others, so that there is nothing to hijack.
func overStream(r *http.Request) bool { return r.ProtoMajor >= 2 }

// acceptStream sends the response to an extended CONNECT and makes a connection
// of its stream. HandshakeTimeout has nothing to bound: flow control holds no
// headers up, and where the TCP connection does, no deadline of the stream helps
// (http.HTTP2Config.WriteByteTimeout does).
func (u *Upgrader) acceptStream(w http.ResponseWriter, r *http.Request, req *handshake.Request, a *handshake.Accepted) (*Conn, error) {
	s, err := newServerStream(w, r)
	if err != nil {
		refuse(w, r, &handshake.Error{Status: http.StatusNotImplemented, Reason: "this server can't take over the stream; connect with HTTP/1.1"})
		return nil, fmt.Errorf("websocket: the stream can't be taken over from net/http (is there a middleware's ResponseWriter without Unwrap?): %w", err)
	}
	h := http.Header{}
	a.AddHeader(h) // holds those of w too
	maps.Copy(s.w.Header(), h)
	s.w.WriteHeader(http.StatusOK)
	if err := s.control.Flush(); err != nil {
		return nil, fmt.Errorf("websocket: handshake: the response could not be sent: %w", err)
	}
	n := Negotiated{Subprotocol: a.Subprotocol, Deflate: a.Deflate, request: req}
	return newConn(s, frame.Server, n, &u.Config), nil
}

// serveStream serves ev on the goroutine of net/http, which ends the stream when
// it returns: when nobody uses it any more.
func (c *Conn) serveStream(ev *Events, req *handshake.Request) {
	_ = c.serve(context.Background(), ev, req) // Close tells the end
	<-c.Done()                                 // where a Group had closed it before Serve could begin
	c.stream.(*pumpStream).ReadWriteCloser.(*serverStream).wait()
}
