// Package h2 dials WebSockets over HTTP/2 (RFC 8441).
//
//	import "github.com/rfc6455/ws/conn/h2"
//
//	var d h2.Dialer
//	c, resp, err := d.Dial(ctx, "wss://example.com/chat")
//
// The sockets of one [Dialer] to the same server are streams of one TCP and TLS connection. When the
// server lets that connection carry no more of them, the Dialer opens a second one. A server that
// does not speak HTTP/2, or not for WebSockets, is dialed over HTTP/1.1 instead, unless
// Dialer.Fallback says otherwise.
//
// A server needs nothing of this package: see ws.Upgrader, and package xconnect.
//
// # Why it is a package of its own
//
// net/http's client refuses the header ":protocol". So this package has its own client of HTTP/2,
// for extended CONNECT alone, on the Framer and HPACK of golang.org/x/net/http2. It works alike on
// every release of Go. A program that does not import this package does not depend on x/net.
//
// # What a socket costs
//
// A socket that waits holds no buffer and no goroutine of this package. A socket that nobody reads
// holds up to 256 KiB, the window that the server has on a stream; other sockets of the same
// connection go on meanwhile. A connection has two goroutines.
package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/h2client"
	"golang.org/x/net/http2"
)

// Fallback says what Dial does if the server does not accept WebSockets over HTTP/2.
type Fallback uint8

// The values of Fallback.
const (
	// HTTP1 dials the server again, over HTTP/1.1. It is the default.
	HTTP1 Fallback = iota

	// Fail returns ErrNotSupported. A ws URL is then refused with another error that is
	// errors.ErrUnsupported, unless Dialer.Cleartext is set.
	Fail
)

// String returns what Dial does, such as "HTTP/1.1".
func (f Fallback) String() string {
	switch f {
	case HTTP1:
		return "HTTP/1.1"
	case Fail:
		return "fail"
	}
	return "unknown"
}

// ErrNotSupported says that the server does not speak HTTP/2, or that it does not allow WebSockets
// over it because it did not send SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3). errors.Is
// finds errors.ErrUnsupported in it, too.
var ErrNotSupported = fmt.Errorf("websocket: the server does not take WebSockets over HTTP/2 (a server of net/http needs GODEBUG=http2xconnect=1: see package conn/xconnect): %w", errors.ErrUnsupported)

// errCleartext refuses a ws URL if HTTP/1.1 is not wanted.
var errCleartext = fmt.Errorf("websocket: a ws URL is dialed over HTTP/1.1, since there is no TLS handshake in which to agree on HTTP/2: set Dialer.Cleartext if the server speaks it without TLS, or use a wss URL: %w", errors.ErrUnsupported)

// Dialer dials over HTTP/2. The zero value is right for most servers. A Dialer may be used
// concurrently. It must not be copied, nor changed after its first use.
type Dialer struct {
	// Dialer says how to connect and what to ask for, and dials over HTTP/1.1
	// where Fallback wants it. Its OneAtATime has a meaning for that alone.
	Dialer ws.Dialer

	// Transport, if set, carries the sockets and connects in its own way: Cleartext, and the
	// TLSConfig, NetDial and Proxy above, are not used then. It must be able to send extended
	// CONNECT: see ws.Dialer.DialVia. Default: the Dialer's own client.
	Transport http.RoundTripper

	// Fallback says what Dial does if the server does not accept WebSockets over HTTP/2.
	// Default: HTTP1.
	Fallback Fallback

	// Cleartext speaks HTTP/2 to ws URLs, too. Without TLS it can't be negotiated, so it must be
	// known that the server speaks it (RFC 9113 section 3.3), and there is no fallback. If
	// Cleartext is false, ws URLs are dialed over HTTP/1.1, or refused if Fallback is Fail.
	Cleartext bool

	once sync.Once
	own  *h2client.Client
}

// Dial connects to a ws or wss URL: see ws.Dialer.Dial. If the socket is a stream of HTTP/2, the
// response's ProtoMajor is 2 and its status 200.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*ws.Conn, *http.Response, error) {
	switch {
	case d.Transport != nil:
		return d.dialOver(ctx, rawURL, d.Transport, d.Fallback)
	case !isWS(rawURL):
		return d.dialOver(ctx, rawURL, d.client(), d.Fallback)
	case d.Cleartext:
		return d.dialOver(ctx, rawURL, d.client(), Fail)
	case d.Fallback == Fail:
		return nil, nil, errCleartext
	}
	return d.Dialer.Dial(ctx, rawURL)
}

func isWS(rawURL string) bool {
	scheme, _, ok := strings.Cut(rawURL, ":")
	return ok && (strings.EqualFold(scheme, "ws") || strings.EqualFold(scheme, "http"))
}

// dialOver dials through rt, and falls back to HTTP/1.1 if it has to and fallback allows it.
func (d *Dialer) dialOver(ctx context.Context, rawURL string, rt http.RoundTripper, fallback Fallback) (*ws.Conn, *http.Response, error) {
	c, resp, err := d.Dialer.DialVia(ctx, rawURL, rt)
	switch {
	case err == nil || !unsupported(err):
		return c, resp, err
	case fallback == Fail && errors.Is(err, errors.ErrUnsupported):
		return nil, resp, err // the error says itself what the program lacks
	case fallback == Fail:
		return nil, resp, fmt.Errorf("%w (%w)", ErrNotSupported, err)
	}
	return d.Dialer.Dial(ctx, rawURL)
}

// RoundTrip sends an extended CONNECT over the Dialer's connections. It is for programs that do the
// handshake of RFC 8441, or of another protocol, themselves. req.Method is CONNECT, req.URL has the
// scheme https, or http with Cleartext, and req.Header holds ":protocol". Other requests are
// refused. It uses the fields that say how to connect: Cleartext, and TLSConfig, NetDial and Proxy
// of Dialer.Dialer.
//
// If the server answers with 200, the response's Body is the stream. It is an io.ReadWriteCloser and
// has the methods SetReadDeadline(time.Time) error, CloseWrite() error, which sends END_STREAM, and
// Abort(), which resets the stream with CANCEL. req.Body is closed and not used. The end of req's
// context does nothing after the response. RoundTrip may be called concurrently.
func (d *Dialer) RoundTrip(req *http.Request) (*http.Response, error) {
	return d.client().RoundTrip(req)
}

// CloseIdleConnections closes those connections of the Dialer's own client that carry no socket. A
// connection also closes by itself, 90 seconds after its last socket has ended.
func (d *Dialer) CloseIdleConnections() { d.client().CloseIdleConnections() }

// client returns the Dialer's own HTTP/2 client, which connects as [ws.Dialer] does.
func (d *Dialer) client() *h2client.Client {
	d.once.Do(func() { d.own = &h2client.Client{Dial: d.connect} })
	return d.own
}

// connect opens an HTTP/2 connection to u, whose scheme is http or https.
func (d *Dialer) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	switch {
	case u.Scheme == "https":
		return d.dialTLS(ctx, u)
	case !d.Cleartext:
		return nil, errCleartext
	}
	return d.Dialer.DialNet(ctx, &url.URL{Scheme: "ws", Host: u.Host})
}

// errNotHTTP2 says that ALPN agreed on another protocol.
var errNotHTTP2 = errors.New("the server chose another protocol than HTTP/2 in the TLS handshake")

// dialTLS opens an HTTP/2 connection over TLS. It offers HTTP/1.1, too: otherwise a server that
// speaks nothing else may break off the handshake without a reason.
func (d *Dialer) dialTLS(ctx context.Context, u *url.URL) (net.Conn, error) {
	nc, err := d.Dialer.DialNet(ctx, &url.URL{Scheme: "wss", Host: u.Host})
	if err != nil {
		return nil, err
	}
	cfg := d.Dialer.TLSConfig.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	cfg.NextProtos = []string{http2.NextProtoTLS, "http/1.1"}
	t := tls.Client(nc, cfg)
	if err := handshakeTLS(ctx, t); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if t.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		_ = nc.Close()
		return nil, errNotHTTP2
	}
	return t, nil
}

// handshakeTLS does the TLS handshake and reports it to ctx's [httptrace.ClientTrace].
func handshakeTLS(ctx context.Context, t *tls.Conn) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	err := t.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(t.ConnectionState(), err)
	}
	return err
}

// unsupported reports whether err says that the server does not accept WebSockets over HTTP/2, or
// that the Transport can't ask it.
func unsupported(err error) bool {
	var stream http2.StreamError
	switch {
	case errors.Is(err, errNotHTTP2), errors.Is(err, errors.ErrUnsupported),
		errors.Is(err, h2client.ErrNotAllowed), errors.Is(err, h2client.ErrNoStreams):
		return true
	case errors.As(err, &stream):
		return stream.Code == http2.ErrCodeHTTP11Required // RFC 9113 section 7
	}
	// These are the errors of a Transport that is not the Dialer's own. Package http2 exports none
	// of them. The last one is crypto/tls's.
	return slices.ContainsFunc([]string{
		"extended connect not supported by peer",
		"unexpected ALPN protocol",
		"tls: no application protocol",
	}, func(text string) bool { return strings.Contains(err.Error(), text) })
}
