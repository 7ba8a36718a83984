// Package h3 carries WebSockets over HTTP/3 (RFC 9220), in both roles. It is a module of its own,
// since it needs github.com/quic-go/quic-go.
//
// A server:
//
//	srv := &http3.Server{Addr: ":443", TLSConfig: config, Handler: mux} // as for TCP
//	h3.Configure(srv)
//	err := srv.ListenAndServe()
//
// ws.Upgrade and the handlers of ws.Upgrader then take WebSockets over HTTP/3 as they take them
// over HTTP/1.1 and HTTP/2. See [Configure] and [Handler].
//
// A client:
//
//	var d h3.Dialer
//	c, resp, err := d.Dial(ctx, "wss://example.com/chat")
//
// Before a program ends, it calls [Dialer.Close], so that the last Close frames leave.
//
// The sockets of one [Dialer] to the same server are streams of one QUIC connection. When the
// server lets that connection carry no more of them, the Dialer opens a second one. If HTTP/3 does
// not work, the Dialer dials over HTTP/2, and then over HTTP/1.1, unless Dialer.Fallback says
// otherwise.
//
// # What is different
//
// A packet that is lost holds up the socket whose bytes it carried, and no other socket of the
// connection. Over TCP it holds up all of them.
//
// A connection that is cut, as by CloseNow, ends with a reset of the stream, H3_REQUEST_CANCELLED.
// The peer's error is then io.ErrUnexpectedEOF, and errors.As finds an [*http3.Error] with the
// code. If the QUIC connection is lost, the error of its sockets is io.ErrUnexpectedEOF, too.
// ws.Conn's NetConn returns nil.
//
// # What a socket costs
//
// A socket that waits holds no buffer of this package. A socket that nobody reads holds up to 256
// KiB, the window that the peer has on a stream; other sockets of the same connection go on
// meanwhile. docs/http3.md has figures.
package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"github.com/rfc6455/ws/conn/h3/internal/client"
)

// Fallback says what Dial does if a server can't be reached over HTTP/3, or does not accept
// WebSockets there.
type Fallback uint8

// The values of Fallback.
const (
	// HTTP2 dials the server over HTTP/2, and then over HTTP/1.1. It is the default.
	HTTP2 Fallback = iota

	// HTTP1 dials the server over HTTP/1.1.
	HTTP1

	// Fail returns the error. It is ErrNotSupported if the server does not accept WebSockets over
	// HTTP/3.
	Fail
)

// String returns what Dial does, such as "HTTP/2".
func (f Fallback) String() string {
	switch f {
	case HTTP2:
		return "HTTP/2"
	case HTTP1:
		return "HTTP/1.1"
	case Fail:
		return "fail"
	}
	return "unknown"
}

// ErrNotSupported says that the server, or the Dialer's own settings, do not allow WebSockets over
// HTTP/3. The error that wraps this one says why. errors.Is finds errors.ErrUnsupported in it, too.
var ErrNotSupported = fmt.Errorf("websocket: not over HTTP/3: %w", errors.ErrUnsupported)

// ErrClosed says that [Dialer.Close] was called. errors.Is finds net.ErrClosed in it, too.
var ErrClosed = client.ErrClosed

// DialQUIC opens a QUIC connection to addr, a host and port: see [Dialer].
type DialQUIC = func(ctx context.Context, addr string, cfg *tls.Config, conf *quic.Config) (
	*quic.Conn, error)

// Dialer dials over HTTP/3. The zero value is right for most servers. A Dialer may be used
// concurrently. It must not be copied, nor changed after its first use.
type Dialer struct {
	// Dialer says how to connect and what to ask for, and dials over HTTP/1.1 and, through package
	// h2, over HTTP/2, if Fallback wants that. Its OneAtATime has a meaning for HTTP/1.1 alone. If
	// its NetDial is set, or its Proxy names a proxy for the URL, HTTP/3 is not used, since QUIC
	// goes through neither.
	Dialer ws.Dialer

	// Fallback says what Dial does if HTTP/3 does not work. Default: HTTP2.
	Fallback Fallback

	// OnlyAnnounced makes Dial use HTTP/3 as browsers do: only with servers that have announced it
	// in a response to this Dialer, by Alt-Svc (RFC 7838). The first socket to such a server then
	// goes over HTTP/2 or HTTP/1.1. If OnlyAnnounced is false, Dial begins with HTTP/3, to the host
	// and port of the URL.
	//
	// In both cases an announcement of another host or port is kept, as long as it says, and
	// followed. The server there needs a certificate for the host of the URL.
	OnlyAnnounced bool

	// QUICConfig is for the connections. Default: keepalives every 10 s, and windows of 256 KiB for
	// each stream and 4 to 16 MiB for a connection.
	QUICConfig *quic.Config

	// DialQUIC opens QUIC connections, to addr, a host and port. cfg has the name of the server and
	// the protocol h3. It must return when the handshake is complete, and so without 0-RTT: a
	// WebSocket's handshake has effects that must not happen twice. Default: the host's addresses
	// are tried one after the other, from a UDP socket for each connection. If DialQUIC is set, it
	// is used even if the Dialer has a NetDial or a proxy.
	DialQUIC DialQUIC

	once   sync.Once
	client client.Client
	over2  h2.Dialer // carries HTTP/2
	all    h2.Dialer // carries what roundTrip does not refuse, and dials over HTTP/1.1
	known  services
}

// connectTimeout bounds connecting over QUIC if there is another way. UDP may be blocked, and then
// no answer comes at all.
const connectTimeout = 3 * time.Second

// init makes the Dialers for HTTP/2 and for all three protocols.
func (d *Dialer) init() {
	d.once.Do(func() {
		d.client.Dial = d.connect
		d.over2.Dialer = d.Dialer
		d.all.Dialer = d.Dialer
		d.all.Transport = roundTripper(d.RoundTrip)
		if d.Fallback == Fail {
			d.all.Fallback = h2.Fail
		}
	})
}

// roundTripper is a function as an [http.RoundTripper].
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Dial connects to a ws or wss URL: see ws.Dialer.Dial. The response's ProtoMajor says by which
// protocol: 3, 2 or 1. A ws URL is dialed over HTTP/1.1, since QUIC always has TLS, or refused if
// Fallback is Fail.
//
// If no QUIC connection comes about within 3 seconds, Dial takes the fallback, and the Dialer does
// not try QUIC with this server again for 5 minutes. If Fallback is Fail, HandshakeTimeout and ctx
// bound it. Once a request has been sent over one protocol, it is not sent over another one, unless
// the server says that it has not processed it.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*ws.Conn, *http.Response, error) {
	d.init()
	if d.client.Closed() {
		return nil, nil, ErrClosed
	}
	var c *ws.Conn
	var resp *http.Response
	var err error
	if isWS(rawURL) && d.Fallback != Fail {
		c, resp, err = d.Dialer.Dial(ctx, rawURL)
	} else {
		c, resp, err = d.all.Dial(ctx, rawURL)
	}
	d.known.learn(resp)
	return c, resp, err
}

// RoundTrip sends an extended CONNECT over HTTP/3 or, if Fallback is HTTP2 and HTTP/3 does not
// work, over HTTP/2. It is for programs that do the handshake of RFC 9220, or of another protocol,
// themselves. req.Method is CONNECT, req.URL has the scheme https, and req.Header holds
// ":protocol". Other requests are refused.
//
// If the server answers with 200, the response's Body is the stream. It is an io.ReadWriteCloser
// and has the methods SetReadDeadline(time.Time) error, CloseWrite() error, which sends FIN, and
// Abort(), which resets the stream with H3_REQUEST_CANCELLED. req.Body is closed and not used. The
// end of req's context does nothing after the response. RoundTrip may be called concurrently.
func (d *Dialer) RoundTrip(req *http.Request) (*http.Response, error) {
	d.init()
	if d.client.Closed() {
		return nil, ErrClosed
	}
	resp, err := d.roundTrip3(req)
	again := d.Fallback == HTTP2 && req.Context().Err() == nil
	if err != nil && again && errors.Is(err, errors.ErrUnsupported) {
		resp, err = d.over2.RoundTrip(req)
	}
	d.known.learn(resp)
	return resp, err
}

// roundTrip3 sends the request over HTTP/3. Its error is ErrNotSupported if the request was not
// sent and Fallback allows another way.
func (d *Dialer) roundTrip3(req *http.Request) (*http.Response, error) {
	if err := d.check(req); err != nil {
		return nil, err
	}
	resp, err := d.client.RoundTrip(req)
	var connect *client.ConnectError
	var reset *http3.Error
	switch {
	case err == nil:
		d.known.works(req.URL)
		return resp, nil
	case errors.Is(err, client.ErrNotAllowed), errors.Is(err, client.ErrNoStreams),
		errors.As(err, &reset) && reset.Remote && reset.ErrorCode == http3.ErrCodeVersionFallback:
		return nil, fmt.Errorf("%w: %w", ErrNotSupported, err)
	case errors.As(err, &connect) && req.Context().Err() == nil:
		d.known.fails(req.URL)
		if d.Fallback != Fail {
			return nil, fmt.Errorf("%w: %w", ErrNotSupported, err)
		}
	}
	return nil, err
}

// notSupported returns an ErrNotSupported that says why.
func notSupported(why string) error { return fmt.Errorf("%w: %s", ErrNotSupported, why) }

// check reports why the request can't go over HTTP/3.
func (d *Dialer) check(req *http.Request) error {
	switch {
	case req.URL.Scheme != "https":
		return notSupported("there is no HTTP/3 without TLS: use a wss URL")
	case d.DialQUIC == nil && d.Dialer.NetDial != nil:
		return notSupported("the Dialer has a NetDial: set DialQUIC too, or use the default")
	case d.OnlyAnnounced && d.known.alternative(req.URL) == "":
		return notSupported("the server has not announced it by Alt-Svc, as OnlyAnnounced wants")
	case d.Fallback != Fail && d.known.failed(req.URL):
		return notSupported("no QUIC connection to this server came about a short while ago")
	case d.DialQUIC != nil:
		return nil
	}
	return d.checkProxy(req)
}

// CloseIdleConnections closes those connections of the Dialer that carry no socket. A connection
// also closes by itself, 90 seconds after its last socket has ended.
func (d *Dialer) CloseIdleConnections() {
	d.init()
	d.client.CloseIdleConnections()
	d.over2.CloseIdleConnections()
}

// Close ends the Dialer. Call it before the program ends, after the sockets were closed: the kernel
// sends what is left of a TCP connection, but nobody does that for QUIC, whose packets the program
// sends itself.
//
// Close waits until the Close frames, the resets and the ends of streams of sockets that are closed
// have left, and until the server has ended its side of those that were closed in order. Then it
// closes the connections that carry no socket. Sockets that are open go on, and their connection
// closes after the last of them. Dial and RoundTrip return [ErrClosed] from then on.
//
// Close takes 6 seconds at most. If that was not enough, it closes the connections nevertheless and
// returns an error in which errors.Is finds context.DeadlineExceeded. A Close frame has arrived if
// the server ended its side after it. What else left may be lost on the way: it is not sent again
// once the connection is closed. Close may be called concurrently, and more than once.
func (d *Dialer) Close() error {
	d.init()
	d.over2.CloseIdleConnections()
	return d.client.Close()
}
