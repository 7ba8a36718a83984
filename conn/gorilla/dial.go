package websocket

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Dialer is the client's side of the opening handshake (RFC 6455 section 4.1). Its methods may be
// called concurrently. It must not be changed while it is in use.
type Dialer struct {
	// NetDial opens the TCP connection, also to a proxy. Default: that of package net.
	NetDial func(network, addr string) (net.Conn, error)

	// NetDialContext opens the TCP connection, also to a proxy. Default: NetDial.
	NetDialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// NetDialTLSContext opens the connection for a wss URL, with TLS. TLSClientConfig has no effect
	// then. Default: NetDialContext, and then TLS.
	NetDialTLSContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy returns the URL of the proxy for a request, or nil for none. The scheme is http, https
	// or socks5. Default: no proxy.
	Proxy func(*http.Request) (*url.URL, error)

	// TLSClientConfig is the configuration of TLS, also of that with an https proxy. Default: the
	// zero one.
	TLSClientConfig *tls.Config

	// HandshakeTimeout bounds the dial, from the name's resolution to the server's response.
	// Default: no bound.
	HandshakeTimeout time.Duration

	// ReadBufferSize and WriteBufferPool have no effect. Buffers come from a pool that all
	// connections share, and only while there are bytes in them. WriteBufferSize has one effect: a
	// message of [Conn.NextWriter] that is no longer, in bytes, is one frame.
	ReadBufferSize, WriteBufferSize int
	WriteBufferPool                 BufferPool

	// Subprotocols lists the subprotocols to ask for, in the order of preference.
	Subprotocols []string

	// EnableCompression offers permessage-deflate (RFC 7692), without context takeover.
	EnableCompression bool

	// Jar has the cookies of the request, and takes those of the response. Default: none.
	Jar http.CookieJar
}

// DefaultDialer uses the proxies that the environment names, and gives a dial 45 s.
var DefaultDialer = &Dialer{
	Proxy:            http.ProxyFromEnvironment,
	HandshakeTimeout: 45 * time.Second,
}

// nilDialer is what a nil *Dialer stands for, whatever becomes of DefaultDialer.
var nilDialer = *DefaultDialer

// Dial is [Dialer.DialContext] without a context.
func (d *Dialer) Dial(urlStr string, requestHeader http.Header) (*Conn, *http.Response, error) {
	return d.DialContext(context.Background(), urlStr, requestHeader)
}

// DialContext opens a connection to a ws or wss URL and asks for a WebSocket. The request has the
// headers of requestHeader, which may be nil, such as Origin and Cookie. Host there replaces the
// URL's. The end of ctx ends the dial. After it ctx has no effect.
//
// The response is the server's, without a body. If the server did not accept, the error is
// [ErrBadHandshake], and the response has the beginning of its body, which need not be closed.
func (d *Dialer) DialContext(
	ctx context.Context, urlStr string, requestHeader http.Header,
) (*Conn, *http.Response, error) {
	if d == nil {
		d = &nilDialer
	}
	if d.HandshakeTimeout != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.HandshakeTimeout)
		defer cancel()
	}
	key := handshake.NewKey()
	req, err := d.request(ctx, urlStr, key, requestHeader)
	if err != nil {
		return nil, nil, err
	}
	nc, err := d.open(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	// A cancelled dial ends at once. For a deadline of ctx the connection has one.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	c, resp, err := d.ask(ctx, nc, req, key)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		if ctx.Err() == context.Canceled && resp == nil {
			err = context.Canceled
		}
		return nil, resp, err
	}
	_ = nc.SetDeadline(time.Time{})
	return c, resp, nil
}

// request makes the request of a dial. The names of the headers have the case that they have in RFC
// 6455, since some servers depend on it.
func (d *Dialer) request(
	ctx context.Context, urlStr, key string, set http.Header,
) (*http.Request, error) {
	u, err := httpURL(urlStr)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if d.Jar != nil {
		for _, cookie := range d.Jar.Cookies(u) {
			req.AddCookie(cookie)
		}
	}
	req.Header["Upgrade"] = []string{"websocket"}
	req.Header["Connection"] = []string{"Upgrade"}
	req.Header["Sec-WebSocket-Key"] = []string{key}
	req.Header["Sec-WebSocket-Version"] = []string{handshake.Version}
	if len(d.Subprotocols) > 0 {
		req.Header["Sec-WebSocket-Protocol"] = []string{strings.Join(d.Subprotocols, ", ")}
	}
	for name, values := range set {
		if err := d.setHeader(req, name, values); err != nil {
			return nil, err
		}
	}
	if d.EnableCompression { // behind the program's headers, of which one may be an offer
		req.Header["Sec-WebSocket-Extensions"] = []string{offerText}
	}
	return req, nil
}

// setHeader adds a header of the program's to the request.
func (d *Dialer) setHeader(req *http.Request, name string, values []string) error {
	switch name {
	case "Host":
		if len(values) > 0 {
			req.Host = values[0]
		}
		return nil
	case "Sec-Websocket-Protocol":
		if len(d.Subprotocols) == 0 {
			req.Header["Sec-WebSocket-Protocol"] = values
			return nil
		}
	case "Upgrade", "Connection":
	case "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions":
	default:
		req.Header[name] = values
		return nil
	}
	return errors.New("websocket: duplicate header not allowed: " + name)
}

// httpURL parses a ws or wss URL and returns it with the scheme http or https.
func httpURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	switch {
	case u.User != nil:
		return nil, errURL
	case u.Scheme == "ws":
		u.Scheme = "http"
	case u.Scheme == "wss":
		u.Scheme = "https"
	default:
		return nil, errURL
	}
	return u, nil
}

// address returns the host and port to connect to.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	port := map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// open opens the connection on which the request is sent.
func (d *Dialer) open(ctx context.Context, req *http.Request) (net.Conn, error) {
	addr := address(req.URL)
	trace := clientTrace(ctx)
	trace.GetConn(addr)
	nc, err := d.openNet(ctx, req, addr)
	if err != nil {
		return nil, err
	}
	trace.GotConn(httptrace.GotConnInfo{Conn: nc})
	if deadline, ok := ctx.Deadline(); ok {
		if err := nc.SetDeadline(deadline); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	if req.URL.Scheme != "https" || d.NetDialTLSContext != nil {
		return nc, nil
	}
	t := tls.Client(nc, d.tlsConfig(req.URL.Hostname()))
	trace.TLSHandshakeStart()
	err = t.HandshakeContext(ctx)
	trace.TLSHandshakeDone(t.ConnectionState(), err)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return t, nil
}

// tlsConfig returns the configuration of TLS. The handshake is HTTP/1.1's: so ALPN, if the program
// uses it, must not agree on another protocol.
func (d *Dialer) tlsConfig(host string) *tls.Config {
	cfg := new(tls.Config)
	if d.TLSClientConfig != nil {
		cfg = d.TLSClientConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	if len(cfg.NextProtos) > 0 {
		cfg.NextProtos = []string{"http/1.1"}
	}
	return cfg
}

// openNet opens the connection to addr, through a proxy if there is one.
func (d *Dialer) openNet(ctx context.Context, req *http.Request, addr string) (net.Conn, error) {
	dial := d.dialer(req.URL.Scheme)
	if d.Proxy == nil {
		return dial(ctx, "tcp", addr)
	}
	proxy, err := d.Proxy(req)
	switch {
	case err != nil:
		return nil, err
	case proxy == nil:
		return dial(ctx, "tcp", addr)
	case proxy.Scheme == "socks5" || proxy.Scheme == "socks5h":
		return dialSOCKS(ctx, dial, proxy, addr)
	case proxy.Scheme != "http" && proxy.Scheme != "https":
		return nil, errors.New("proxy: unknown scheme: " + proxy.Scheme)
	}
	tunnel := opening.Client{
		NetDial:   dial,
		TLSConfig: d.TLSClientConfig,
		Proxy:     func(*url.URL) (*url.URL, error) { return proxy, nil },
	}
	return tunnel.OpenNet(ctx, &url.URL{Scheme: "ws", Host: addr})
}

// netDialer opens a TCP connection.
type netDialer func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer returns what opens the connection for a URL with the scheme.
func (d *Dialer) dialer(scheme string) netDialer {
	switch {
	case scheme == "https" && d.NetDialTLSContext != nil:
		return d.NetDialTLSContext
	case d.NetDialContext != nil:
		return d.NetDialContext
	case d.NetDial != nil:
		return func(_ context.Context, network, addr string) (net.Conn, error) {
			return d.NetDial(network, addr)
		}
	}
	return new(net.Dialer).DialContext
}

// maxResponse bounds what is read of a server's response, in bytes, with the beginning of its body.
const maxResponse = 256 << 10

// ask sends the request and checks the response.
func (d *Dialer) ask(
	ctx context.Context, nc net.Conn, req *http.Request, key string,
) (*Conn, *http.Response, error) {
	if err := req.Write(nc); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(io.LimitReader(nc, maxResponse))
	if _, err := in.Peek(1); err == nil {
		clientTrace(ctx).GotFirstResponseByte()
	}
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, nil, err
	}
	if cookies := resp.Cookies(); d.Jar != nil && len(cookies) > 0 {
		d.Jar.SetCookies(req.URL, cookies)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols ||
		!hasToken(resp.Header, "Upgrade", "websocket") ||
		!hasToken(resp.Header, "Connection", "upgrade") ||
		resp.Header.Get("Sec-Websocket-Accept") != handshake.Accept(key) {
		opening.KeepBody(resp, resp.Body, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
		return nil, resp, ErrBadHandshake
	}
	resp.Body = http.NoBody
	deflate, err := agreed(resp, key)
	if err != nil {
		return nil, resp, err
	}
	c := newConn(nc, frame.Client, deflate, d.WriteBufferSize)
	early, _ := in.Peek(in.Buffered())
	c.rd.early(early)
	c.subprotocol = resp.Header.Get("Sec-Websocket-Protocol")
	return c, resp, nil
}

// agreed returns what the server has agreed to of permessage-deflate: nil if nothing. As with
// gorilla, what is no permessage-deflate is passed over, and a program that does not set
// EnableCompression may have offered it by a header of its own.
func agreed(resp *http.Response, key string) (*handshake.Deflate, error) {
	answer := deflateAnswer(resp.Header["Sec-Websocket-Extensions"])
	if answer == "" {
		return nil, nil
	}
	o := handshake.Offer{Key: key, Deflate: &handshake.DeflateOffer{
		ServerNoContextTakeover: true, ClientNoContextTakeover: true,
		ClientMaxWindowBits: 15, // it was not offered, but can be kept to
	}}
	accepted, err := o.CheckResponse(&http.Response{
		StatusCode: http.StatusSwitchingProtocols, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
			"Sec-Websocket-Accept":     {handshake.Accept(key)},
			"Sec-Websocket-Extensions": {answer},
		},
	})
	if err != nil || !accepted.Deflate.ServerNoContextTakeover {
		return nil, errCompression
	}
	return accepted.Deflate, nil
}

// deflateAnswer returns the first permessage-deflate of a response, or "". A line that can't be
// parsed counts as none.
func deflateAnswer(lines []string) string {
	for _, line := range lines {
		extensions, _ := handshake.ParseExtensions([]string{line})
		for _, e := range extensions {
			if e.Name == "permessage-deflate" {
				return string(handshake.AppendExtension(nil, e))
			}
		}
	}
	return ""
}

// clientTrace returns the hooks of the httptrace.ClientTrace in ctx that a dial calls. None of them
// is nil. Package net calls those of the name's resolution and of connecting.
func clientTrace(ctx context.Context) httptrace.ClientTrace {
	hooks := httptrace.ClientTrace{
		GetConn:              func(string) {},
		GotConn:              func(httptrace.GotConnInfo) {},
		TLSHandshakeStart:    func() {},
		TLSHandshakeDone:     func(tls.ConnectionState, error) {},
		GotFirstResponseByte: func() {},
	}
	t := httptrace.ContextClientTrace(ctx)
	if t == nil {
		return hooks
	}
	setHook(&hooks.GetConn, t.GetConn != nil, t.GetConn)
	setHook(&hooks.GotConn, t.GotConn != nil, t.GotConn)
	setHook(&hooks.TLSHandshakeStart, t.TLSHandshakeStart != nil, t.TLSHandshakeStart)
	setHook(&hooks.TLSHandshakeDone, t.TLSHandshakeDone != nil, t.TLSHandshakeDone)
	setHook(&hooks.GotFirstResponseByte, t.GotFirstResponseByte != nil, t.GotFirstResponseByte)
	return hooks
}

func setHook[F any](hook *F, is bool, f F) {
	if is {
		*hook = f
	}
}

// NewClient asks for a WebSocket over a connection that is open already.
//
// Deprecated: use a Dialer with NetDialContext.
func NewClient(
	netConn net.Conn, u *url.URL, requestHeader http.Header, readBufSize, writeBufSize int,
) (c *Conn, response *http.Response, err error) {
	d := Dialer{
		ReadBufferSize: readBufSize, WriteBufferSize: writeBufSize,
		NetDial: func(string, string) (net.Conn, error) { return netConn, nil },
	}
	return d.Dial(u.String(), requestHeader)
}
