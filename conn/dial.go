package conn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Dialer is the client's side of the opening handshake (RFC 6455 section 4.1).
// The zero value is right for most servers. A Dialer may be used concurrently
// and must not be changed while it is in use.
type Dialer struct {
	Config

	// Header holds more headers for the request, such as Origin, Cookie or
	// Authorization. Those of the handshake itself are refused.
	Header http.Header

	// Host replaces the Host header's value, the URL's host.
	Host string

	// Subprotocols lists the subprotocols to ask for, the preferred one first. A
	// server that chooses none is accepted: Conn.Subprotocol is "" then.
	Subprotocols []string

	// TLSConfig is for wss URLs and https proxies. ServerName defaults to the
	// host that is dialed; ALPN is limited to http/1.1. Default: the zero
	// tls.Config, which verifies the server.
	TLSConfig *tls.Config

	// NetDial opens connections, to servers and proxies: for SOCKS5, Unix
	// sockets, tests. Default: a net.Dialer's DialContext.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy returns the proxy for a ws or wss URL, or nil for none: http and
	// https proxies, with CONNECT. Default: ProxyFromEnvironment; NoProxy
	// switches proxies off.
	Proxy func(u *url.URL) (*url.URL, error)

	// Jar holds the cookies that are sent, and takes those that are set.
	Jar http.CookieJar

	// MaxRedirects bounds how many redirects are followed. Default: 10;
	// negative: none. A wss URL is never left for a ws one, and credentials are
	// not taken to another host.
	MaxRedirects int

	// HandshakeTimeout bounds everything from the name's resolution to the
	// server's response. Default: 10 s; negative: no bound but ctx.
	HandshakeTimeout time.Duration

	// OneAtATime lets a dial wait while another one, of any Dialer that has it
	// set, has a handshake under way with the same IP address and port, as
	// RFC 6455 section 4.1 wants of browsers; with the same host and port where
	// a proxy or NetDial resolves the name.
	OneAtATime bool
}

const defaultMaxRedirects = 10

var zeroDialer Dialer

// Dial connects to a ws or wss URL with the zero Dialer.
func Dial(ctx context.Context, url string) (*Conn, error) {
	c, _, err := zeroDialer.Dial(ctx, url)
	return c, err
}

// Dial connects to a ws or wss URL and returns the connection with the
// server's response. ctx and HandshakeTimeout bound the dialing alone: the end
// of ctx after it does nothing.
//
// Where the server, or a proxy, answered and refused, the error is a
// *handshake.Error with the status and with what is wrong. The server's response
// is returned beside it: its Body holds up to 64 KiB of the server's own and need
// not be closed. Where time ran out errors.Is finds context.DeadlineExceeded;
// other errors wrap those of net, crypto/tls and crypto/x509.
//
// An httptrace.ClientTrace of ctx is told of the phases: the name's resolution,
// connecting, TLS, the request, and the first byte of the response.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*Conn, *http.Response, error) {
	return d.dial(ctx, rawURL, d.dialHop)
}

// dial connects to the URL's server, and to those that redirects name, by open.
func (d *Dialer) dial(ctx context.Context, rawURL string, open func(context.Context, *hop) (*Conn, *http.Response, error)) (*Conn, *http.Response, error) {
	if d.Group.refuses() {
		return nil, nil, ErrGroupClosed
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
	hop := &hop{url: u, header: d.Header, host: d.Host}
	for left := setting(d.MaxRedirects, defaultMaxRedirects, 0); ; left-- {
		c, resp, err := open(ctx, hop)
		if err == nil || resp == nil || !isRedirect(resp) || left <= 0 {
			return c, resp, dialError(ctx, hop.url, err)
		}
		next, redirectErr := hop.redirect(resp)
		if redirectErr != nil {
			return nil, resp, dialError(ctx, hop.url, redirectErr)
		}
		hop = next
	}
}

// dialError names the URL in err, and tells the end of the context as such.
func dialError(ctx context.Context, u *url.URL, err error) error {
	if err == nil {
		return nil
	}
	var refused *handshake.Error
	if ctx.Err() != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("%w (%w)", handshakeError(ctx), err)
	}
	return fmt.Errorf("websocket: dial %s: %w", u.Redacted(), err)
}

// dialHop opens a connection to the hop's server and does the handshake.
func (d *Dialer) dialHop(ctx context.Context, h *hop) (*Conn, *http.Response, error) {
	offer, err := d.offer(h)
	if err != nil {
		return nil, nil, err
	}
	request, err := offer.AppendRequest(nil) // before any connection: a mistake of the caller's
	if err != nil {
		return nil, nil, err
	}
	slot := new(slots)
	defer slot.release()
	nc, err := d.open(ctx, h.url, slot)
	if err != nil {
		return nil, nil, err
	}
	c, resp, err := d.handshake(ctx, nc, offer, request)
	if err != nil {
		_ = nc.Close()
	}
	d.keepCookies(h, resp)
	return c, resp, err
}

// offer is what the hop's server is asked for.
func (d *Dialer) offer(h *hop) (*handshake.Offer, error) {
	offer := &handshake.Offer{
		URL: h.url, Key: handshake.NewKey(), Host: h.host,
		Subprotocols: d.Subprotocols, Header: h.header,
	}
	if d.Jar != nil {
		offer.Header = withCookies(h.header, d.Jar.Cookies(httpURL(h.url)))
	}
	var err error
	offer.Deflate, err = d.Compression.offer()
	return offer, err
}

// keepCookies gives the jar those of the response, if there is one.
func (d *Dialer) keepCookies(h *hop, resp *http.Response) {
	if resp == nil || d.Jar == nil {
		return
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		d.Jar.SetCookies(httpURL(h.url), cookies)
	}
}

// open returns a connection to the URL's server, through TLS for wss.
func (d *Dialer) open(ctx context.Context, u *url.URL, slot *slots) (net.Conn, error) {
	nc, err := d.openNet(ctx, u, slot)
	if err != nil || u.Scheme != "wss" {
		return nc, err
	}
	return d.startTLS(ctx, nc, u.Hostname())
}

// DialNet opens the connection over which Dial would run TLS, for wss, and the
// handshake: with NetDial, and through a proxy where Proxy names one for u. It
// is for those who do the rest themselves.
func (d *Dialer) DialNet(ctx context.Context, u *url.URL) (net.Conn, error) {
	return d.openNet(ctx, u, nil)
}

func (d *Dialer) openNet(ctx context.Context, u *url.URL, slot *slots) (net.Conn, error) {
	proxy := d.Proxy
	if proxy == nil {
		proxy = ProxyFromEnvironment
	}
	via, err := proxy(u)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	addr := handshake.HostPort(u)
	if d.OneAtATime && slot != nil && (via != nil || d.NetDial != nil) {
		// "If the client does not know the IP address of the remote host [...],
		// then the client MUST assume for the purposes of this step that each
		// host name refers to a distinct remote host".
		if err := slot.acquire(ctx, "", addr, nil); err != nil {
			return nil, err
		}
	}
	if via != nil {
		return d.connect(ctx, via, addr)
	}
	return d.dialNet(ctx, addr, slot)
}

// dialNet opens a connection to addr: a server's with the slot to hold for it,
// or a proxy's.
func (d *Dialer) dialNet(ctx context.Context, addr string, slot *slots) (net.Conn, error) {
	if d.NetDial != nil {
		return d.NetDial(ctx, "tcp", addr)
	}
	var nd net.Dialer
	if d.OneAtATime && slot != nil {
		nd.ControlContext = slot.acquire
	}
	return nd.DialContext(ctx, "tcp", addr)
}

// startTLS runs TLS over nc. The handshake is HTTP/1.1's, so ALPN must not
// agree on another protocol.
func (d *Dialer) startTLS(ctx context.Context, nc net.Conn, host string) (net.Conn, error) {
	cfg := new(tls.Config)
	if d.TLSConfig != nil {
		cfg = d.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"}
	t := tls.Client(nc, cfg)
	trace := clientTrace(ctx)
	trace.TLSHandshakeStart()
	err := t.HandshakeContext(ctx)
	trace.TLSHandshakeDone(t.ConnectionState(), err)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return t, nil
}

// handshake sends the request, checks the response and makes the connection.
func (d *Dialer) handshake(ctx context.Context, nc net.Conn, offer *handshake.Offer, request []byte) (*Conn, *http.Response, error) {
	stop := interruptOn(ctx, nc)
	defer stop()
	trace := clientTrace(ctx)
	_, err := nc.Write(request)
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return nil, nil, err
	}
	resp, rest, err := readResponse(nc, trace.GotFirstResponseByte)
	if err != nil {
		return nil, nil, err
	}
	accepted, err := offer.CheckResponse(resp)
	if err != nil {
		if resp.StatusCode != http.StatusSwitchingProtocols {
			readBody(ctx, resp, rest, nc)
		}
		return nil, resp, err
	}
	if !stop() {
		return nil, resp, ctx.Err() // its deadline may strike at any moment
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, resp, err
	}
	n := Negotiated{Subprotocol: accepted.Subprotocol, Deflate: accepted.Deflate, Early: rest}
	return newConn(nc, frame.Client, n, &d.Config), resp, nil
}

// clientTrace is the httptrace.ClientTrace of ctx, with every hook that Dial
// calls: package net calls those of the name's resolution and of connecting.
func clientTrace(ctx context.Context) httptrace.ClientTrace {
	t := httptrace.ContextClientTrace(ctx)
	if t == nil {
		t = new(httptrace.ClientTrace)
	}
	hooks := httptrace.ClientTrace{
		TLSHandshakeStart: t.TLSHandshakeStart, TLSHandshakeDone: t.TLSHandshakeDone,
		WroteRequest: t.WroteRequest, GotFirstResponseByte: t.GotFirstResponseByte,
	}
	if hooks.TLSHandshakeStart == nil {
		hooks.TLSHandshakeStart = func() {}
	}
	if hooks.TLSHandshakeDone == nil {
		hooks.TLSHandshakeDone = func(tls.ConnectionState, error) {}
	}
	if hooks.WroteRequest == nil {
		hooks.WroteRequest = func(httptrace.WroteRequestInfo) {}
	}
	if hooks.GotFirstResponseByte == nil {
		hooks.GotFirstResponseByte = func() {}
	}
	return hooks
}

// interruptOn lets the end of ctx interrupt what blocks on nc, until stop is
// called, which reports whether that came first.
func interruptOn(ctx context.Context, nc net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = nc.SetDeadline(aLongTimeAgo) })
}

// readResponse reads a response's header section, and returns the bytes that
// came after it. It calls first when the first bytes have come.
func readResponse(nc net.Conn, first func()) (resp *http.Response, rest []byte, err error) {
	var parser handshake.Parser
	buf := make([]byte, 0, pumpSize)
	for {
		buf = slices.Grow(buf, 1)
		m, readErr := nc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if m > 0 {
			if m == len(buf) {
				first()
			}
			resp, n, err := parser.Response(buf)
			if err != nil || n > 0 {
				return resp, buf[n:], err
			}
		} else if readErr != nil {
			if readErr == io.EOF {
				readErr = fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
			}
			return nil, nil, fmt.Errorf("no whole response came: %w", readErr)
		}
	}
}

// maxBody bounds what is kept of a refusal's body.
const maxBody = 64 << 10

// readBody makes the beginning of a refusal's body its Body, as far as it
// comes in time. rest is what came of it with the header section.
func readBody(ctx context.Context, resp *http.Response, rest []byte, nc net.Conn) {
	// http.ReadResponse knows the transfer codings; it needs a header section.
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %03d x\r\n", resp.StatusCode)
	_ = resp.Header.Write(&head)
	head.WriteString("\r\n")
	_ = nc.SetReadDeadline(time.Now().Add(time.Second))
	if ctx.Err() != nil { // its own deadline may have come before
		_ = nc.SetReadDeadline(aLongTimeAgo)
	}
	whole, err := http.ReadResponse(bufio.NewReader(io.MultiReader(&head, bytes.NewReader(rest), nc)), nil)
	if err != nil {
		return
	}
	body, _ := io.ReadAll(io.LimitReader(whole.Body, maxBody)) // what came is better than nothing
	_ = whole.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
}
