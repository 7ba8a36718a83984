package h3

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
)

func isWS(rawURL string) bool {
	scheme, _, ok := strings.Cut(rawURL, ":")
	return ok && (strings.EqualFold(scheme, "ws") || strings.EqualFold(scheme, "http"))
}

// checkProxy reports that a proxy is to be used, if so.
func (d *Dialer) checkProxy(req *http.Request) error {
	proxy := d.Dialer.Proxy
	if proxy == nil {
		proxy = ws.ProxyFromEnvironment
	}
	via, err := proxy(&url.URL{Scheme: "wss", Host: req.URL.Host, Path: req.URL.Path})
	switch {
	case err != nil:
		return fmt.Errorf("proxy: %w", err)
	case via != nil:
		return notSupported("there is a proxy for this URL, and QUIC does not go through it")
	}
	return nil
}

// Of QUIC's settings.
const (
	clientKeepAlive = 10 * time.Second
	clientWindow    = 4 << 20
)

// config returns the settings of a connection.
func (d *Dialer) config() *quic.Config {
	if d.QUICConfig != nil {
		return d.QUICConfig.Clone()
	}
	return &quic.Config{
		KeepAlivePeriod:                clientKeepAlive,
		MaxIncomingStreams:             -1, // servers open none (RFC 9114 section 6.1)
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         streamWindow,
		InitialConnectionReceiveWindow: clientWindow,
		MaxConnectionReceiveWindow:     4 * clientWindow,
	}
}

// connect opens a QUIC connection to the server of u, at the place that it has announced.
func (d *Dialer) connect(ctx context.Context, u *url.URL) (*quic.Conn, error) {
	if d.Fallback != Fail {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, connectTimeout)
		defer cancel()
	}
	addr := d.known.alternative(u)
	if addr == "" {
		addr = authority(u)
	}
	cfg := d.Dialer.TLSConfig.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	cfg.NextProtos = []string{http3.NextProtoH3}
	dial := d.DialQUIC
	if dial == nil {
		dial = dialHost
	}
	return handshake(ctx, func() (*quic.Conn, error) { return dial(ctx, addr, cfg, d.config()) })
}

// handshake calls dial and reports the TLS handshake to ctx's [httptrace.ClientTrace].
func handshake(ctx context.Context, dial func() (*quic.Conn, error)) (*quic.Conn, error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	c, err := dial()
	if trace != nil && trace.TLSHandshakeDone != nil {
		var state tls.ConnectionState
		if c != nil {
			state = c.ConnectionState().TLS
		}
		trace.TLSHandshakeDone(state, err)
	}
	return c, err
}

// dialHost connects to a host and port. Several addresses are tried one after the other, and share
// the time that ctx leaves.
func dialHost(ctx context.Context, addr string, cfg *tls.Config, conf *quic.Config) (
	*quic.Conn, error,
) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for i, ip := range ips {
		var c *quic.Conn
		addr := net.JoinHostPort(ip.Unmap().String(), port)
		if c, err = dialIP(ctx, len(ips)-i, addr, cfg, conf); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// dialIP connects to the first of n addresses that are left.
func dialIP(ctx context.Context, n int, addr string, cfg *tls.Config, conf *quic.Config) (
	*quic.Conn, error,
) {
	if end, ok := ctx.Deadline(); ok && n > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(n))
		defer cancel()
	}
	return quic.DialAddr(ctx, addr, cfg, conf)
}

// authority returns the host and port of u.
func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
