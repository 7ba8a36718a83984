// Package h2 dials WebSockets over HTTP/2 (RFC 8441).
//
//	import "github.com/rfc6455/ws/conn/h2"
//
//	var d h2.Dialer
//	c, resp, err := d.Dial(ctx, "wss://example.com/chat")
//
// The sockets of one Dialer to the same server are streams of one TCP and TLS
// connection, as far as the server lets one carry them; then a second one is
// opened. A server that does not speak HTTP/2, or not for WebSockets, is dialed
// over HTTP/1.1 instead, unless Dialer.Fallback says otherwise.
//
// Servers need nothing of this package: see Upgrader, and package xconnect.
//
// # Why it is a package of its own
//
// It needs golang.org/x/net/http2, as net/http's client refuses the header
// ":protocol". Who does not import it does not have that dependency.
//
// From Go 1.27 on, golang.org/x/net/http2 has net/http's client do the work, unless
// the program is built with the tag http2legacy:
//
//	go build -tags http2legacy
//
// A program that is built without it dials over HTTP/1.1, or is told so where
// Dialer.Fallback is Fail.
//
// # What golang.org/x/net/http2 does not offer
//
// As of v0.58.0 its Transport holds a buffer for each open stream in which it
// reads the request's body: the server's SETTINGS_MAX_FRAME_SIZE, up to 512 KiB.
// net/http's server announces 1 MiB, unless its HTTP2Config.MaxReadFrameSize says
// less. A Dialer's own transport hides the setting from it, so that the buffer is
// 16 KiB; one that is given as Dialer.Transport does not.
//
// It does not tell whether the server allows extended CONNECT but by the text of
// an error, and has no error of its own for GOAWAY.
package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"golang.org/x/net/http2"
)

// Fallback says what to do with a server that does not take WebSockets over
// HTTP/2.
type Fallback uint8

// The ways.
const (
	// HTTP1 dials it again, over HTTP/1.1. It is the default.
	HTTP1 Fallback = iota

	// Fail returns ErrNotSupported, or what the program itself lacks: see the
	// package's doc on Go 1.27.
	Fail
)

// ErrNotSupported says that the server does not speak HTTP/2, or does not allow
// WebSockets over it: it did not send SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441
// section 3). errors.Is also finds errors.ErrUnsupported in it.
var ErrNotSupported = fmt.Errorf("websocket: the server does not take WebSockets over HTTP/2 (a server of net/http needs GODEBUG=http2xconnect=1: see package conn/xconnect): %w", errors.ErrUnsupported)

// Dialer is a ws.Dialer over HTTP/2. The zero value is right for most servers. It
// may be used concurrently, must not be copied, and must not be changed after its
// first use.
//
// Of ws.Dialer's fields OneAtATime has a meaning for the fallback alone.
type Dialer struct {
	ws.Dialer

	// Transport, if set, carries the sockets, with its own way to connect:
	// TLSConfig, NetDial, Proxy and Cleartext are not used then. Default: one of
	// the Dialer's own.
	Transport *http2.Transport

	// Fallback says what to do with a server that does not take WebSockets
	// over HTTP/2. Default: HTTP1.
	Fallback Fallback

	// Cleartext speaks HTTP/2 to ws URLs too, which have no way to negotiate
	// it, in the prior knowledge that the server does (RFC 9113 section 3.3).
	// There is no fallback for them. Without it they are dialed over HTTP/1.1.
	Cleartext bool

	once      sync.Once
	own       *http2.Transport
	cleartext *http2.Transport
}

// Dial connects to a ws or wss URL; see ws.Dialer.Dial. The response's ProtoMajor
// is 2 where the socket is a stream of HTTP/2, and its status then 200.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*ws.Conn, *http.Response, error) {
	d.once.Do(d.init)
	switch {
	case d.Transport != nil:
		return d.dialOver(ctx, rawURL, d.Transport)
	case !isWS(rawURL):
		return d.dialOver(ctx, rawURL, d.own)
	case d.Cleartext:
		return d.DialVia(ctx, rawURL, d.cleartext)
	}
	return d.Dialer.Dial(ctx, rawURL)
}

func isWS(rawURL string) bool {
	scheme, _, ok := strings.Cut(rawURL, ":")
	return ok && (strings.EqualFold(scheme, "ws") || strings.EqualFold(scheme, "http"))
}

// dialOver dials through t, and over HTTP/1.1 where the server makes it so.
func (d *Dialer) dialOver(ctx context.Context, rawURL string, t *http2.Transport) (*ws.Conn, *http.Response, error) {
	c, resp, err := d.DialVia(ctx, rawURL, t)
	switch {
	case err == nil || !unsupported(err):
		return c, resp, err
	case d.Fallback == Fail && errors.Is(err, errors.ErrUnsupported):
		return nil, resp, err // it says itself what the program lacks
	case d.Fallback == Fail:
		return nil, resp, fmt.Errorf("%w (%w)", ErrNotSupported, err)
	}
	return d.Dialer.Dial(ctx, rawURL)
}

// CloseIdleConnections closes the connections of the Dialer's own that carry no
// socket. Others close when their last socket has ended and 90 seconds have
// passed.
func (d *Dialer) CloseIdleConnections() {
	d.once.Do(d.init)
	d.own.CloseIdleConnections()
	d.cleartext.CloseIdleConnections()
}

const idleTimeout = 90 * time.Second

// init makes the transports. They connect as ws.Dialer does.
func (d *Dialer) init() {
	d.own = d.transport(d.dialTLS)
	d.cleartext = d.transport(func(ctx context.Context, _, addr string, _ *tls.Config) (net.Conn, error) {
		nc, err := d.dialNet(ctx, "ws", addr)
		if err != nil {
			return nil, err
		}
		return &smallFrames{Conn: nc}, nil
	})
	d.cleartext.AllowHTTP = true
}

type dialFunc = func(ctx context.Context, network, addr string, cfg *tls.Config) (net.Conn, error)

func (d *Dialer) transport(dial dialFunc) *http2.Transport {
	return &http2.Transport{DialTLSContext: dial, DisableCompression: true, IdleConnTimeout: idleTimeout}
}

func (d *Dialer) dialNet(ctx context.Context, scheme, addr string) (net.Conn, error) {
	return d.DialNet(ctx, &url.URL{Scheme: scheme, Host: addr})
}

// errNotHTTP2 says that ALPN agreed on something else.
var errNotHTTP2 = errors.New("the server chose another protocol than HTTP/2 in the TLS handshake")

// dialTLS opens a connection of HTTP/2 over TLS. HTTP/1.1 is offered too: a
// server that speaks nothing else may break off the handshake otherwise, and
// leave it open why.
func (d *Dialer) dialTLS(ctx context.Context, _, addr string, cfg *tls.Config) (net.Conn, error) {
	nc, err := d.dialNet(ctx, "wss", addr)
	if err != nil {
		return nil, err
	}
	name := cfg.ServerName // the host's, by http2
	if cfg = d.TLSConfig.Clone(); cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = name
	}
	cfg.NextProtos = []string{http2.NextProtoTLS, "http/1.1"}
	t := tls.Client(nc, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if t.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		_ = nc.Close()
		return nil, errNotHTTP2
	}
	return &secure{smallFrames{Conn: t}, t}, nil
}

// unsupported reports whether err says that the server does not take WebSockets
// over HTTP/2, or that the Transport can't ask it.
func unsupported(err error) bool {
	var stream http2.StreamError
	switch {
	case errors.Is(err, errNotHTTP2), errors.Is(err, errors.ErrUnsupported):
		return true
	case errors.As(err, &stream):
		return stream.Code == http2.ErrCodeHTTP11Required // RFC 9113 section 7
	}
	// http2 and crypto/tls export none of these errors; the last two are those
	// of a Transport that is not the Dialer's.
	return slices.ContainsFunc([]string{
		"extended connect not supported by peer",
		"unexpected ALPN protocol",
		"tls: no application protocol",
	}, func(text string) bool { return strings.Contains(err.Error(), text) })
}
