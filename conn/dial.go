//go:build !js

package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/conn/internal/redial"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Dialer is the client's side of the opening handshake (RFC 6455 section 4.1). The zero value is
// right for most servers. A Dialer may be used concurrently. It must not be changed while it is in
// use.
type Dialer struct {
	Config

	// Header holds more headers for the request, such as Origin, Cookie or Authorization. Headers
	// of the handshake itself are refused. A User-Agent replaces the default one. If it is empty,
	// none is sent.
	Header http.Header

	// Host is the value of the Host header. Default: the URL's host.
	Host string

	// Subprotocols lists the subprotocols to ask for, the preferred one first. A server may choose
	// none. Then [Conn.Subprotocol] returns "".
	Subprotocols []string

	// TLSConfig is for wss URLs and https proxies. ServerName defaults to the host that is dialed.
	// ALPN is limited to http/1.1. Default: the zero tls.Config, which verifies the server.
	TLSConfig *tls.Config

	// NetDial opens connections to servers and proxies. It is for SOCKS5, Unix sockets and tests.
	// Default: a net.Dialer's DialContext.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy returns the proxy for a ws or wss URL, or nil for none. The proxy's URL must be an http
	// or https one. The proxy is asked with CONNECT. Default: [ProxyFromEnvironment]. [NoProxy]
	// switches proxies off.
	Proxy func(u *url.URL) (*url.URL, error)

	// ProxyHeader holds headers for CONNECT. A proxy gets them, and a server does not. A
	// Proxy-Authorization replaces the one that is made of the user information in the proxy's URL.
	ProxyHeader http.Header

	// Jar holds the cookies that are sent, and takes the cookies that servers set. Default: none.
	Jar http.CookieJar

	// MaxRedirects bounds how many redirects are followed. Default: 10. Negative: none. A redirect
	// from a wss URL to a ws URL is never followed. Credentials are not taken to another host or
	// port, with one exception: from ws to wss on the same host.
	MaxRedirects int

	// HandshakeTimeout bounds everything from the name's resolution to the server's response.
	// Default: 10 s. Negative: only the context of Dial bounds it.
	HandshakeTimeout time.Duration

	// OneAtATime makes a dial wait while another dial has a handshake under way with the same IP
	// address and port. The other dial may be of any Dialer that has OneAtATime set. RFC 6455
	// section 4.1 wants this of browsers. If a proxy or NetDial resolves the name, the host and
	// port are compared instead.
	OneAtATime bool

	// Retry is for [Dialer.Reconnect]: how long it waits, when it gives up, and what each attempt
	// asks for.
	Retry Retry
}

const defaultMaxRedirects = 10

// Validate reports the first mistake in d that would make every Dial fail. Such a mistake is a
// Compression or a QueuePolicy that does not exist, a timeout whose unit was forgotten, or a Host, a
// subprotocol or a header that can't be sent. Dial checks the same. Call Validate if a mistake
// should show when the program starts.
func (d *Dialer) Validate() error {
	if err := d.validate(); err != nil {
		return err
	}
	offer, err := d.offer(&opening.Hop{URL: &url.URL{Scheme: "ws", Host: "localhost"}, Header: d.Header, Host: d.Host})
	if err != nil {
		return err
	}
	_, err = offer.ConnectRequest()
	return err
}

// validate checks what handshake.Offer does not check.
func (d *Dialer) validate() error {
	if err := d.Config.validate(); err != nil {
		return err
	}
	for name := range d.ProxyHeader {
		if http.CanonicalHeaderKey(name) == "Host" {
			return errors.New("websocket: Dialer.ProxyHeader has a Host header, which CONNECT writes itself: remove it")
		}
	}
	if err := (&handshake.Policy{Header: d.ProxyHeader}).Validate(); err != nil {
		return fmt.Errorf("websocket: Dialer.ProxyHeader: %w", err)
	}
	return nil
}

var zeroDialer Dialer

// Dial connects to a ws or wss URL with the zero [Dialer]. ctx bounds the dialing alone.
// [Dialer.Dial] describes the errors.
func Dial(ctx context.Context, url string) (*Conn, error) {
	c, _, err := zeroDialer.Dial(ctx, url)
	return c, err
}

// Dial connects to a ws or wss URL. It takes http and https as ws and wss. It returns the
// connection and the server's response, whose Request has the URL that the server was asked for,
// after redirects, and nothing else. ctx and HandshakeTimeout bound the dialing alone: when Dial has
// returned, the end of ctx does nothing.
//
// If the server, or a proxy, refused, the error is a [*HandshakeError] with the status and with
// what is wrong. Its text has the first line of what the body says. The response of the server, or
// of the proxy, is returned beside it. The response's Body holds a copy of the first 64 KiB, and
// need not be closed. No error repeats values of headers, subprotocols, user information or
// queries. If time ran out, errors.Is finds context.DeadlineExceeded. Other errors wrap those of
// net, crypto/tls and crypto/x509.
//
// Dial reports its phases to an httptrace.ClientTrace in ctx: the name's resolution, connecting,
// TLS, the request, and the first byte of the response.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*Conn, *http.Response, error) {
	return d.dial(ctx, rawURL, d.dialHop)
}

// hopDialer opens a connection to the hop's server and does the handshake.
type hopDialer func(ctx context.Context, h *opening.Hop) (*Conn, *http.Response, error)

// dial connects by open to the URL's server, and then to the servers that redirects name.
func (d *Dialer) dial(ctx context.Context, rawURL string, open hopDialer) (*Conn, *http.Response, error) {
	if d.Group.refuses() {
		return nil, nil, ErrGroupClosed
	}
	if err := d.validate(); err != nil {
		return nil, nil, err
	}
	u, err := handshake.ParseURL(rawURL)
	if err != nil {
		return nil, nil, err
	}
	if t := setting(d.HandshakeTimeout, defaultHandshakeTimeout, 0); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	hop := &opening.Hop{URL: u, Header: d.Header, Host: d.Host}
	most := setting(d.MaxRedirects, defaultMaxRedirects, 0)
	for followed := 0; ; followed++ {
		c, resp, err := open(ctx, hop)
		if err == nil {
			return c, resp, nil
		}
		failure := &opening.Failure{Hop: hop, Followed: followed, Response: resp, Err: err}
		if followed >= most || !failure.Redirects() {
			return nil, resp, d.client().Explain(ctx, failure)
		}
		next, err := hop.Redirect(resp)
		if err != nil {
			return nil, resp, d.client().Explain(ctx, &opening.Failure{Hop: hop, Response: resp, Err: err})
		}
		hop = next
	}
}

// dialHop is the hopDialer of Dial.
func (d *Dialer) dialHop(ctx context.Context, h *opening.Hop) (*Conn, *http.Response, error) {
	offer, err := d.offer(h)
	if err != nil {
		return nil, nil, err
	}
	o, resp, err := d.client().Dial(ctx, h, offer)
	if err != nil {
		return nil, resp, err
	}
	n := Negotiated{Subprotocol: o.Accepted.Subprotocol, Deflate: o.Accepted.Deflate, Early: o.Early}
	return newConn(o.Conn, frame.Client, n, &d.Config), resp, nil
}

// offer returns what the hop's server is asked for.
func (d *Dialer) offer(h *opening.Hop) (*handshake.Offer, error) {
	deflate, err := d.Compression.offer()
	return &handshake.Offer{
		URL: h.URL, Key: handshake.NewKey(), Host: h.Host,
		Subprotocols: d.Subprotocols, Header: h.RequestHeader(d.Jar), Deflate: deflate,
	}, err
}

// client returns d's settings for what lies below the handshake.
func (d *Dialer) client() *opening.Client {
	proxy := d.Proxy
	if proxy == nil {
		proxy = ProxyFromEnvironment
	}
	client := &opening.Client{
		NetDial: d.NetDial, TLSConfig: d.TLSConfig, Proxy: proxy, ProxyHeader: d.ProxyHeader,
		Jar: d.Jar, Subprotocols: d.Subprotocols, OneAtATime: d.OneAtATime,
	}
	if d.loop() != nil {
		client.Wire = transport.NewWire
	}
	return client
}

// Retry says how [Dialer.Reconnect] goes about it. The zero value is right for most clients.
type Retry struct {
	// First bounds the random wait after a connection has ended, so that the clients of a server
	// that restarts come back spread over this time. Default: 5 s, as RFC 6455 section 7.2.3
	// suggests.
	First time.Duration

	// Max bounds each wait. From one failed attempt to the next the longest wait doubles, up to Max,
	// and a random part of up to a half is taken off. Default: 1 minute, and First at least.
	Max time.Duration

	// Healthy is how long a connection has to last for the backoff to begin anew at its end.
	// Default: 10 s. Negative: every connection is healthy.
	Healthy time.Duration

	// Permanent decides whether Reconnect gives up after err, which is how a dial or a connection
	// ended. usual is what happens without this function. Default: usual.
	Permanent func(err error, usual bool) bool

	// Attempt returns the URL and the Header of attempt number n, counted from 0: for a fresh token,
	// or another server. An error counts as a failed attempt. Default: the same for all.
	Attempt func(ctx context.Context, n int) (url string, header http.Header, err error)
}

const (
	defaultFirstWait = 5 * time.Second
	defaultMaxWait   = time.Minute
	defaultHealthy   = 10 * time.Second
)

// Reconnect dials again and again: it yields a connection, and when that has ended it waits and
// yields the next one. Dialer.Retry has its settings.
//
//	for c, err := range d.Reconnect(ctx, url) {
//		if err != nil {
//			log.Print(err)
//			continue
//		}
//		c.Serve(ctx, ev)
//	}
//
// It yields either a connection, which is the body's, or the error of an attempt that failed. If the
// body returns before its connection has ended, Reconnect waits for the end. It waits before each
// attempt but the first, as RFC 6455 section 7.2.3 asks for: a random time, then truncated
// exponential backoff with jitter. It waits longer if the server has asked for that with
// Retry-After, for an hour at most.
//
// The loop ends
//
//   - if ctx ends. A connection that is open then is closed with 1001 (going away), which
//     Config.CloseTimeout bounds.
//   - if a connection was closed with 1000 (normal closure), by either side.
//   - after an error that is permanent, which is yielded: a certificate that can't be verified; a
//     status of 4xx but 408, 425 and 429, or 501 or 505; a setting of the Dialer or a URL that is
//     wrong; a connection that either side closed with 1002, 1003, 1007 to 1010 or 3000 to 4999.
//     Retry.Permanent may decide otherwise.
//   - if the body breaks it. The connection stays as it is.
//
// No goroutine runs between attempts. The iterator may be used by many goroutines, and many times.
// Each use counts for itself.
func (d *Dialer) Reconnect(ctx context.Context, url string) iter.Seq2[*Conn, error] {
	return func(yield func(*Conn, error) bool) {
		first := setting(d.Retry.First, defaultFirstWait, 0)
		longest := max(first, setting(d.Retry.Max, defaultMaxWait, 0))
		loop := redial.Loop[*Conn]{
			Backoff:   clock.Backoff{First: first, Max: longest},
			Healthy:   setting(d.Retry.Healthy, defaultHealthy, 0),
			Permanent: d.Retry.Permanent,
			Dial: func(ctx context.Context, n int) redial.Attempt[*Conn] {
				return d.attempt(ctx, url, n)
			},
			Await: awaitEnd,
		}
		loop.Run(ctx, yield)
	}
}

// attempt is attempt number n of Reconnect.
func (d *Dialer) attempt(ctx context.Context, url string, n int) redial.Attempt[*Conn] {
	own := *d
	if d.Retry.Attempt != nil {
		var err error
		if url, own.Header, err = d.Retry.Attempt(ctx, n); err != nil {
			return redial.Attempt[*Conn]{Err: err, Final: isPermanent(err)}
		}
	}
	_, err := handshake.ParseURL(url)
	if err == nil {
		err = own.Validate()
	}
	if err != nil {
		return redial.Attempt[*Conn]{Err: err, Final: true} // as it would be the next time
	}
	c, resp, err := own.Dial(ctx, url)
	return redial.Attempt[*Conn]{
		Conn: c, Err: err, Final: isPermanent(err),
		Asked: opening.RetryAfter(resp, time.Now()),
	}
}

// isPermanent reports whether dialing again would fail with err again.
func isPermanent(err error) bool { return opening.Permanent(err) || err == ErrGroupClosed }

// awaitEnd waits for the end of c, or closes it if ctx ends.
func awaitEnd(ctx context.Context, c *Conn) (redial.End, bool) {
	select {
	case <-c.Done():
	case <-ctx.Done():
		_ = c.Close(CloseGoingAway, "")
		return redial.End{}, false
	}
	code := c.err.decisive() // c.err is set for good
	return redial.End{Err: c.err, Final: isLast(code), Normal: code == CloseNormal}, true
}

// DialNet opens the connection over which Dial would run TLS, for wss, and the handshake. It uses
// NetDial, and a proxy if Proxy names one for u. It is for callers who do the rest themselves. They
// own the connection. ctx bounds the call.
func (d *Dialer) DialNet(ctx context.Context, u *url.URL) (net.Conn, error) {
	return d.client().OpenNet(ctx, u)
}

// ProxyFromEnvironment is the default of Dialer.Proxy. It returns the proxy that the environment
// names: HTTP_PROXY for ws URLs and HTTPS_PROXY for wss URLs, or their lower-case forms. It returns
// nil if NO_PROXY names the host. See http.ProxyFromEnvironment.
func ProxyFromEnvironment(u *url.URL) (*url.URL, error) { return opening.ProxyFromEnvironment(u) }

// NoProxy is a value for Dialer.Proxy. It makes the Dialer use no proxy.
func NoProxy(*url.URL) (*url.URL, error) { return nil, nil }
