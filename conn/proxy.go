package conn

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rfc6455/ws/handshake"
)

// ProxyFromEnvironment is the default of Dialer.Proxy: the proxy that
// HTTP_PROXY names for ws URLs and HTTPS_PROXY for wss URLs, or their lower-case
// forms, unless NO_PROXY names the host; see http.ProxyFromEnvironment.
func ProxyFromEnvironment(u *url.URL) (*url.URL, error) {
	return http.ProxyFromEnvironment(&http.Request{URL: httpURL(u)})
}

// NoProxy is a value for Dialer.Proxy: it connects without one.
func NoProxy(*url.URL) (*url.URL, error) { return nil, nil }

// connect opens a tunnel to addr through a proxy (RFC 6455 section 4.1, RFC
// 9110 section 9.3.6).
func (d *Dialer) connect(ctx context.Context, proxy *url.URL, addr string) (net.Conn, error) {
	if strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r == 0x7f }) { // DialNet's caller may have made the URL
		return nil, fmt.Errorf("proxy: the address %q has a character that no host has; make the URL with url.Parse", addr)
	}
	port := "80"
	switch proxy.Scheme {
	case "http":
	case "https":
		port = "443"
	case "socks5", "socks5h":
		return nil, fmt.Errorf("the proxy %s speaks SOCKS5, which the standard library does not: set Dialer.NetDial to the DialContext of a SOCKS5 dialer (golang.org/x/net/proxy has one) and Dialer.Proxy to NoProxy", proxyName(proxy))
	default:
		return nil, fmt.Errorf("the proxy %s is neither http nor https; its URL must begin with http:// or https://", proxyName(proxy))
	}
	if proxy.Port() != "" {
		port = proxy.Port()
	}
	nc, err := d.dialNet(ctx, net.JoinHostPort(proxy.Hostname(), port), nil)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		if nc, err = d.startTLS(ctx, nc, proxy.Hostname()); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	tunnel, err := openTunnel(ctx, nc, proxy, addr)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("proxy %s: %w", proxyName(proxy), err)
	}
	return tunnel, nil
}

// proxyName is what errors call a proxy: without its password, which in a URL
// that is not well formed may be anywhere.
func proxyName(proxy *url.URL) string {
	return (&url.URL{Scheme: proxy.Scheme, User: proxy.User, Host: proxy.Host}).Redacted()
}

// openTunnel has the proxy behind nc connect to addr.
func openTunnel(ctx context.Context, nc net.Conn, proxy *url.URL, addr string) (net.Conn, error) {
	stop := interruptOn(ctx, nc)
	defer stop()
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := nc.Write([]byte(request + "\r\n")); err != nil {
		return nil, err
	}
	resp, rest, err := readResponse(nc, func() {})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, &handshake.Error{Status: resp.StatusCode, Field: "CONNECT", Reason: "the proxy refused the tunnel: " + resp.Status}
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return &prefixConn{Conn: nc, prefix: rest}, nil
	}
	return nc, nil
}

// prefixConn is a tunnel whose first bytes came with the proxy's response.
type prefixConn struct {
	net.Conn
	prefix []byte
}

func (p *prefixConn) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	p.prefix = p.prefix[n:]
	return n, nil
}
