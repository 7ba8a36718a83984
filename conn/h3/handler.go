package h3

import (
	"context"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/rfc6455/ws/conn/h3/internal/tunnel"
	"github.com/rfc6455/ws/conn/internal/transport"
)

// Configure makes s serve WebSockets. It must be called before s serves, and after s's fields are
// set. It puts [Handler] around s.Handler, or around http.DefaultServeMux if that is nil. It adds to
// s.ConnContext, so that a client which breaks HTTP/3 within a WebSocket loses its connection, as
// RFC 9114 wants. If s.IdleTimeout is zero, it becomes 90 s, since keepalives would hold connections
// without a stream. And these fields of s.QUICConfig are set, if they are zero:
//
//   - KeepAlivePeriod: 15 s. Without it QUIC closes a connection on which nothing moves, after
//     MaxIdleTimeout, by default 30 s. Clients may send keepalives themselves, or not.
//   - InitialStreamReceiveWindow and MaxStreamReceiveWindow: 256 KiB. A socket that nobody reads
//     holds that much.
//   - InitialConnectionReceiveWindow: 1 MiB, MaxConnectionReceiveWindow: 4 MiB. All sockets of one
//     connection together hold that much. One socket that nobody reads holds up no other one, since
//     its window is smaller.
//
// If s.QUICConfig is nil, http3 allows 0-RTT. After Configure it does not, unless the field
// Allow0RTT says so. A WebSocket is never opened in 0-RTT, whatever it says.
func Configure(s *http3.Server) {
	if s.Handler == nil {
		s.Handler = http.DefaultServeMux
	}
	s.Handler = Handler(s.Handler)
	s.ConnContext = withConn(s.ConnContext)
	setDefault(&s.IdleTimeout, idleTimeout)
	cfg := new(quic.Config)
	if s.QUICConfig != nil {
		cfg = s.QUICConfig.Clone()
	}
	s.QUICConfig = cfg
	setDefault(&cfg.KeepAlivePeriod, keepAlive)
	setDefault(&cfg.InitialStreamReceiveWindow, streamWindow)
	setDefault(&cfg.MaxStreamReceiveWindow, max(streamWindow, cfg.InitialStreamReceiveWindow))
	setDefault(&cfg.InitialConnectionReceiveWindow, serverWindow)
	most := max(4*serverWindow, cfg.InitialConnectionReceiveWindow)
	setDefault(&cfg.MaxConnectionReceiveWindow, most)
}

// Of a server's settings.
const (
	idleTimeout  = 90 * time.Second
	keepAlive    = 15 * time.Second
	streamWindow = 256 << 10
	serverWindow = 1 << 20
)

func setDefault[T comparable](p *T, value T) {
	if zero := *new(T); *p == zero {
		*p = value
	}
}

// connContext is the type of http3.Server.ConnContext.
type connContext = func(context.Context, *quic.Conn) context.Context

// connKey is the key of the *quic.Conn in a request's context.
type connKey struct{}

// withConn returns a ConnContext that calls next, unless it is nil, and adds the connection.
func withConn(next connContext) connContext {
	return func(ctx context.Context, c *quic.Conn) context.Context {
		if next != nil {
			ctx = next(ctx, c)
		}
		return context.WithValue(ctx, connKey{}, c)
	}
}

// Handler makes requests for WebSockets over HTTP/3 (RFC 9220) such that ws.Upgrade and the
// handlers of ws.Upgrader take them, anywhere below next. It must be the handler of an
// [http3.Server], so that nothing has wrapped the ResponseWriter before. What is wrapped around it
// below, by a middleware, must have the method Unwrap. Other requests pass unchanged, as do
// requests over HTTP/1.1 and HTTP/2, so that one handler may serve all of them.
//
// The connection's stream outlives the handler, as a connection of HTTP/1.1 does. A request that
// came in 0-RTT may be an attacker's copy of an earlier one. It is refused with 425 (RFC 8470
// section 5.2).
//
// Use [Configure] instead, unless there is a reason to set all fields of the server alone.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		streamer, ok := w.(http3.HTTPStreamer)
		switch {
		case !ok || !forWebSocket(r):
			next.ServeHTTP(w, r)
		case r.TLS == nil || !r.TLS.HandshakeComplete:
			http.Error(w, "a WebSocket is not opened in 0-RTT: try again", http.StatusTooEarly)
		default:
			next.ServeHTTP(&giver{w, streamer, r, false}, r)
		}
	})
}

// forWebSocket reports whether r is an extended CONNECT for websocket. quic-go has the protocol in
// Proto.
func forWebSocket(r *http.Request) bool {
	return r.ProtoMajor == 3 && r.Method == http.MethodConnect &&
		strings.EqualFold(r.Proto, "websocket")
}

// giver is the ResponseWriter of a request for a WebSocket. It gives the stream away.
type giver struct {
	http.ResponseWriter
	streamer http3.HTTPStreamer
	r        *http.Request
	given    bool
}

var _ transport.StreamGiver = (*giver)(nil)

// Unwrap is for http.ResponseController.
func (g *giver) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// WriteHeader does nothing if the stream is given away. http3's own panics then. net/http's, after
// Hijack, does not.
func (g *giver) WriteHeader(status int) {
	if !g.given {
		g.ResponseWriter.WriteHeader(status)
	}
}

// GiveStream implements [transport.StreamGiver].
func (g *giver) GiveStream(h http.Header, timeout time.Duration) (transport.StreamEnd, error) {
	maps.Copy(g.Header(), h)
	g.WriteHeader(http.StatusOK)
	control := http.NewResponseController(g)
	if timeout > 0 {
		_ = control.SetWriteDeadline(time.Now().Add(timeout))
	}
	s, err := g.streamer.HTTPStream() // sends the header, which flow control may hold up
	if err != nil {
		return nil, err
	}
	g.given = true
	_ = s.SetReadDeadline(time.Time{})
	_ = s.SetWriteDeadline(time.Time{})
	ctx := g.r.Context()
	cfg := tunnel.Config{
		QUIC: s.QUICStream(), Ends: s,
		Fail: g.failure(s), Closed: func() {}, Over: func() {},
	}
	cfg.Local, _ = ctx.Value(http.LocalAddrContextKey).(net.Addr)
	cfg.Remote, _ = ctx.Value(http3.RemoteAddrContextKey).(net.Addr)
	return tunnel.New(cfg), nil
}

// failure returns what to do if the client breaks HTTP/3 within the tunnel: close the connection.
// If the server's ConnContext is not [Configure]'s, the connection is not known, and the stream
// alone is reset.
func (g *giver) failure(s *http3.Stream) func(*http3.Error) {
	if c, ok := g.r.Context().Value(connKey{}).(*quic.Conn); ok {
		return func(e *http3.Error) {
			_ = c.CloseWithError(quic.ApplicationErrorCode(e.ErrorCode), e.ErrorMessage)
		}
	}
	return func(e *http3.Error) {
		s.CancelRead(quic.StreamErrorCode(e.ErrorCode))
		s.CancelWrite(quic.StreamErrorCode(e.ErrorCode))
	}
}
