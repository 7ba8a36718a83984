package opening

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/handshake"
)

// Client has the settings of a dial. They are fields of conn's Dialer, whose documentation holds
// here too. One thing is different: if Proxy is nil, there is no proxy.
type Client struct {
	NetDial      func(ctx context.Context, network, addr string) (net.Conn, error)
	TLSConfig    *tls.Config
	Proxy        func(u *url.URL) (*url.URL, error)
	ProxyHeader  http.Header
	Jar          http.CookieJar
	Subprotocols []string
	OneAtATime   bool

	// Wire, if set, returns what TLS to a server uses in place of nc. It may not renegotiate then.
	Wire func(nc net.Conn) net.Conn
}

// Opened is a connection whose opening handshake is done.
type Opened struct {
	Conn     net.Conn
	Accepted handshake.Accepted
	Early    []byte // the bytes that the server sent behind its response
}

// Dial opens a connection to the hop's server and does the handshake. The response is the server's.
// If a proxy refused, it is the proxy's. An error may come with a response.
func (d *Client) Dial(ctx context.Context, h *Hop, offer *handshake.Offer) (*Opened, *http.Response, error) {
	request, err := offer.AppendRequest(nil) // before any connection: the mistake is the caller's
	if err != nil {
		return nil, nil, err
	}
	turns := new(Turns)
	defer turns.End()
	nc, err := d.open(ctx, h.URL, turns)
	if err != nil {
		return nil, proxyResponse(err), err
	}
	a, err := awaitNetDial(ctx, d, func() (answer, error) { return ask(ctx, nc, offer, request) }, nil)
	if a.response != nil {
		a.response.Request = &http.Request{Method: http.MethodGet, URL: h.URL}
	}
	h.KeepCookies(d.Jar, a.response)
	if err != nil {
		if ctx.Err() != nil {
			transport.CloseHard(nc)
		}
		_ = nc.Close()
		return nil, a.response, err
	}
	_ = nc.SetDeadline(time.Time{}) // NetDial may have set one; some transports have none
	return &Opened{Conn: nc, Accepted: a.accepted, Early: a.early}, a.response, nil
}

// open returns a connection to the URL's server, through TLS for wss.
func (d *Client) open(ctx context.Context, u *url.URL, turns *Turns) (net.Conn, error) {
	nc, err := d.openNet(ctx, u, turns)
	if err != nil || u.Scheme != "wss" {
		return nc, err
	}
	if d.Wire != nil {
		nc = d.Wire(nc)
	}
	return d.startTLS(ctx, nc, u.Hostname())
}

// OpenNet opens the connection over which Dial would run TLS, for wss, and the handshake. It does
// not wait for a turn.
func (d *Client) OpenNet(ctx context.Context, u *url.URL) (net.Conn, error) {
	return d.openNet(ctx, u, nil)
}

// openNet is OpenNet. If turns is not nil, it waits for its turn.
func (d *Client) openNet(ctx context.Context, u *url.URL, turns *Turns) (net.Conn, error) {
	via, err := d.proxyFor(u)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	addr := handshake.HostPort(u)
	if d.OneAtATime && turns != nil && (via != nil || d.NetDial != nil) {
		// "If the client does not know the IP address of the remote host [...], then the client
		// MUST assume for the purposes of this step that each host name refers to a distinct remote
		// host".
		if err := turns.Acquire(ctx, "", addr, nil); err != nil {
			return nil, err
		}
	}
	if via != nil {
		return d.connect(ctx, via, addr)
	}
	return d.dialNet(ctx, addr, turns)
}

// proxyFor returns the proxy for u, or nil for none.
func (d *Client) proxyFor(u *url.URL) (*url.URL, error) {
	if d.Proxy == nil {
		return nil, nil
	}
	return d.Proxy(u)
}

// dialNet opens a connection to addr, the address of a server or a proxy. For a proxy turns is nil.
func (d *Client) dialNet(ctx context.Context, addr string, turns *Turns) (net.Conn, error) {
	if d.NetDial != nil {
		dial := func() (net.Conn, error) { return d.NetDial(ctx, "tcp", addr) }
		return awaitNetDial(ctx, d, dial, func(nc net.Conn) { _ = nc.Close() })
	}
	var nd net.Dialer
	if d.OneAtATime && turns != nil {
		nd.ControlContext = turns.Acquire
	}
	return nd.DialContext(ctx, "tcp", addr)
}

// startTLS runs TLS over nc. The handshake is HTTP/1.1's, so ALPN must not agree on another
// protocol.
func (d *Client) startTLS(ctx context.Context, nc net.Conn, host string) (net.Conn, error) {
	cfg := new(tls.Config)
	if d.TLSConfig != nil {
		cfg = d.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"}
	if d.Wire != nil {
		cfg.Renegotiation = tls.RenegotiateNever
	}
	t := tls.Client(nc, cfg)
	trace := clientTrace(ctx)
	trace.TLSHandshakeStart()
	_, err := awaitNetDial(ctx, d, func() (struct{}, error) { return struct{}{}, t.HandshakeContext(ctx) }, nil)
	if err != nil {
		trace.TLSHandshakeDone(tls.ConnectionState{}, err) // t may still be at it, and locked
		_ = nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	trace.TLSHandshakeDone(t.ConnectionState(), nil)
	return t, nil
}

// awaitNetDial is await for NetDial and for connections of NetDial. These may ignore contexts, and
// may go on reading after Close. Package net does neither, so without NetDial no goroutine is
// needed.
func awaitNetDial[T any](ctx context.Context, d *Client, f func() (T, error), late func(T)) (T, error) {
	if d.NetDial == nil {
		return f()
	}
	return await(ctx, f, late)
}
