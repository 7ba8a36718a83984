//go:build !js

package conn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// A WebSocket over HTTP/2 (RFC 8441) is one stream of a connection that carries other streams too.
// The request is an extended CONNECT, and the response says 200. From then on the stream's DATA
// frames carry the bytes that otherwise travel over a TCP connection.

// DialVia is [Dialer.Dial] over HTTP/2 (RFC 8441). rt sends the handshake as an extended CONNECT,
// and the stream of its response is the connection. Package conn/h2 has a Dialer with an HTTP/2
// client of its own, which works on every release of Go. Use DialVia if you have a round tripper of
// your own. These can do it:
//
//   - an h2.Dialer, whose Dial calls DialVia,
//   - golang.org/x/net/http2's Transport up to Go 1.26. From Go 1.27 on that is net/http's, unless
//     the program is built with the tag http2legacy.
//
// net/http's Transport cannot as of Go 1.27: it refuses the header ":protocol". The error says so,
// and errors.Is finds errors.ErrUnsupported in it.
//
// rt must wait for the server's SETTINGS_ENABLE_CONNECT_PROTOCOL. If the response's Body has the
// methods Write, SetReadDeadline, CloseWrite and Abort, as that of h2.Dialer.RoundTrip has, it is
// the connection's stream in both directions. If not, rt must read the request's body while it
// returns the response's, and the request's context lives as long as the connection. TLS, proxies,
// names and addresses are up to rt. The Dialer's fields TLSConfig, NetDial, Proxy and OneAtATime
// are not used.
//
// Closing the connection ends its stream alone. END_STREAM ends it after a closing handshake, and
// RST_STREAM (CANCEL) if it is cut. Other streams of the same HTTP/2 connection go on.
// [Conn.NetConn] returns nil.
func (d *Dialer) DialVia(ctx context.Context, rawURL string, rt http.RoundTripper) (*Conn, *http.Response, error) {
	return d.dial(ctx, rawURL, func(ctx context.Context, h *opening.Hop) (*Conn, *http.Response, error) {
		return d.dialStream(ctx, h, rt)
	})
}

// dialStream does the handshake with the hop's server through rt.
func (d *Dialer) dialStream(ctx context.Context, h *opening.Hop, rt http.RoundTripper) (*Conn, *http.Response, error) {
	offer, err := d.offer(h)
	if err != nil {
		return nil, nil, err
	}
	req, err := offer.ConnectRequest()
	if err != nil {
		return nil, nil, err
	}
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity") // or round trippers ask for gzip, and undo it
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := transport.NewClientStream(cancel)
	req.Body = s.RequestBody()
	stop := context.AfterFunc(ctx, cancel) // until the response is there
	resp, err := rt.RoundTrip(req.WithContext(httptrace.WithClientTrace(life, s.Trace())))
	if err != nil {
		stop()
		cancel()
		return nil, nil, explainProtocol(err)
	}
	end := s.Over(resp)
	accepted, err := offer.CheckResponse(resp)
	switch {
	case err != nil && resp.StatusCode > 299: // below that the body is the stream
		opening.KeepBody(resp, end, end.Abort)
	case err != nil:
	case !stop():
		err = ctx.Err()
	}
	h.KeepCookies(d.Jar, resp)
	if err != nil {
		stop()
		end.Abort()
		_ = end.Close()
		return nil, resp, err
	}
	n := Negotiated{Subprotocol: accepted.Subprotocol, Deflate: accepted.Deflate}
	return newConn(end, frame.Client, n, &d.Config), resp, nil
}

// explainProtocol adds to err what to do if a round tripper refuses the header ":protocol".
// net/http has no error value for that.
func explainProtocol(err error) error {
	if !strings.Contains(err.Error(), `invalid header field name ":protocol"`) {
		return err
	}
	return fmt.Errorf("%w: this round tripper cannot send an extended CONNECT (a Dialer of package conn/h2 can): %w", err, errors.ErrUnsupported)
}

// acceptStream sends the response to an extended CONNECT and makes a connection of its stream.
// HandshakeTimeout bounds that over HTTP/3. Over HTTP/2 it has nothing to bound, since flow control
// holds no headers up. If the TCP connection holds them up, no deadline of the stream helps, but
// http.HTTP2Config.WriteByteTimeout does.
func (u *Upgrader) acceptStream(w http.ResponseWriter, r *http.Request, req *handshake.Request, a *handshake.Accepted) (*Conn, error) {
	h := http.Header{}
	a.AddHeader(h) // holds those of w too
	n := Negotiated{Subprotocol: a.Subprotocol, Deflate: a.Deflate, request: req}
	if g := transport.GiverOf(w); g != nil {
		s, err := g.GiveStream(h, u.timeout())
		if err != nil {
			return nil, fmt.Errorf("websocket: handshake: %w: %w", errUnsent, err)
		}
		return newConn(s, frame.Server, n, &u.Config), nil
	}
	if r.ProtoMajor > 2 {
		opening.RefuseHTTP(w, r, errNoStream)
		return nil, errNoGiver
	}
	s, err := transport.NewServerStream(w, r)
	if err != nil {
		opening.RefuseHTTP(w, r, errNoStream)
		return nil, fmt.Errorf("websocket: the stream can't be taken over from net/http (is there a middleware's ResponseWriter without Unwrap?): %w", err)
	}
	if err := s.Respond(h); err != nil {
		return nil, fmt.Errorf("websocket: handshake: %w: %w", errUnsent, err)
	}
	c := newConn(s, frame.Server, n, &u.Config)
	s.WhenLeft(handled{c}.streamLeft)
	return c, nil
}

// errNoStream is the reply if the stream can't be taken over.
var errNoStream = &handshake.Error{
	Status: http.StatusNotImplemented,
	Reason: "this server can't take over the stream; connect with HTTP/1.1",
}

// errNoGiver says what a server over HTTP/3 lacks.
var errNoGiver = errors.New("websocket: the stream can't be taken over from the server of HTTP/3: " +
	"make its handler the Handler of module conn/h3, or call that module's Configure " +
	"(or is there a middleware's ResponseWriter without Unwrap?)")

// handled is a server's connection over HTTP/2. Its stream lives only until net/http's handler
// returns.
type handled struct{ *Conn }

// tied reports whether the connection's stream ends when the handler returns.
func (c handled) tied() bool {
	_, ok := c.transport.Unwrap().(*transport.ServerStream)
	return ok
}

// streamLeft ends a connection whose stream net/http has ended, even if nobody reads. The client
// reset the stream, the TCP connection was lost, or the handler returned. What came before is read
// first, since the peer's Close frame may be in it. If the program reads, it gets those messages and
// finds the end itself. It may be between two reads now, or about to begin, so that streamLeft waits.
func (c handled) streamLeft() {
	time.AfterFunc(transport.StuckWrite, func() {
		if c.step(ending.End) != ending.Spawn {
			c.abort(transport.ErrStreamLeft)
		}
	})
}

// serveStream serves ev on the goroutine of net/http, whose return ends the stream. So serveStream
// returns when nobody uses the stream any more.
func (c handled) serveStream(ev *Events, req *handshake.Request) {
	ctx := context.Background()
	if s, err := newServer(ctx, c.Conn, ev); err == nil {
		s.open(req)
		_, err := s.begin(ctx)
		_ = s.finish(err) // Events.Close reports the end
	}
	c.leaveStream()
}

// leaveStream waits until the connection has ended and nobody uses the stream any more. Then
// net/http's goroutine may return.
func (c handled) leaveStream() {
	<-c.Done()
	c.transport.Unwrap().(*transport.ServerStream).Wait()
}
