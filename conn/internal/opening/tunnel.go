package opening

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/rfc6455/ws/handshake"
)

// ProxyFromEnvironment is http.ProxyFromEnvironment for ws and wss URLs. Its errors contain no
// password.
func ProxyFromEnvironment(u *url.URL) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: httpURL(u)})
	return proxy, environmentError(err)
}

// environmentError returns err without the proxy's URL, which may contain a password.
func environmentError(err error) error {
	if err == nil {
		return nil
	}
	said, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New("HTTP_PROXY or HTTPS_PROXY in the environment: " + strings.TrimRight(said, " "))
}

// connect opens a tunnel to addr through a proxy (RFC 6455 section 4.1, RFC 9110 section 9.3.6).
func (d *Client) connect(ctx context.Context, proxy *url.URL, addr string) (net.Conn, error) {
	// DialNet's caller may have made the URL by hand.
	if strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("proxy: the address %q has a character that no host has; "+
			"make the URL with url.Parse", addr)
	}
	proxyAddr, err := addressOf(proxy)
	if err != nil {
		return nil, err
	}
	nc, err := d.dialNet(ctx, proxyAddr, nil)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		if nc, err = d.startTLS(ctx, nc, proxy.Hostname()); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	tunnel, err := awaitNetDial(ctx, d, func() (net.Conn, error) { return d.openTunnel(ctx, nc, proxy, addr) }, nil)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("proxy %s: %w", proxyName(proxy), err)
	}
	return tunnel, nil
}

// addressOf returns the host and port of a proxy. It returns an error if the proxy can't be used.
func addressOf(proxy *url.URL) (string, error) {
	port := "80"
	switch proxy.Scheme {
	case "http":
	case "https":
		port = "443"
	case "socks5", "socks5h":
		return "", fmt.Errorf("the proxy %s speaks SOCKS5, which the standard library does not: "+
			"set Dialer.NetDial to the DialContext of a SOCKS5 dialer (golang.org/x/net/proxy has one) "+
			"and Dialer.Proxy to NoProxy", proxyName(proxy))
	default:
		return "", fmt.Errorf("the proxy %s is neither http nor https; "+
			"its URL must begin with http:// or https://", proxyName(proxy))
	}
	if proxy.Port() != "" {
		port = proxy.Port()
	}
	return net.JoinHostPort(proxy.Hostname(), port), nil
}

// proxyName returns what errors call a proxy: its scheme and host alone. User information may be
// anywhere else in a URL that is not well formed.
func proxyName(proxy *url.URL) string {
	return (&url.URL{Scheme: proxy.Scheme, Host: proxy.Host}).String()
}

// proxyError is the answer of a proxy that refused the tunnel.
type proxyError struct {
	refused *handshake.Error
	resp    *http.Response
}

func (e *proxyError) Error() string { return e.refused.Error() }
func (e *proxyError) Unwrap() error { return e.refused }

// proxyResponse returns the response of a proxy that refused the tunnel, or nil.
func proxyResponse(err error) *http.Response {
	if e, ok := errors.AsType[*proxyError](err); ok {
		return e.resp
	}
	return nil
}

// refusedTunnel returns the error for a proxy's response.
func refusedTunnel(resp *http.Response) error {
	reason := "the proxy refused the tunnel: " + resp.Status[:3] + " " + http.StatusText(resp.StatusCode)
	if resp.Header.Get("Proxy-Authenticate") != "" {
		reason += ", see the Proxy-Authenticate header: " +
			"credentials go into the proxy's URL or Dialer.ProxyHeader"
	}
	return &proxyError{&handshake.Error{Status: resp.StatusCode, Field: "CONNECT", Reason: reason}, resp}
}

// openTunnel makes the proxy behind nc connect to addr.
func (d *Client) openTunnel(ctx context.Context, nc net.Conn, proxy *url.URL, addr string) (net.Conn, error) {
	stop := closeOn(ctx, nc)
	defer stop()
	if _, err := nc.Write(d.connectRequest(proxy, addr)); err != nil {
		return nil, err
	}
	resp, rest, err := readResponse(nc, func() {})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		readBody(resp, rest, nc)
		return nil, refusedTunnel(resp)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if len(rest) > 0 {
		return &PrefixConn{Conn: nc, prefix: rest}, nil
	}
	return nc, nil
}

// connectRequest returns the request for a tunnel to addr.
func (d *Client) connectRequest(proxy *url.URL, addr string) []byte {
	h := http.Header{}
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		h.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	for name, values := range d.ProxyHeader {
		h[http.CanonicalHeaderKey(name)] = values
	}
	var b bytes.Buffer
	b.WriteString("CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n")
	_ = h.Write(&b) // bytes.Buffer takes all
	b.WriteString("\r\n")
	return b.Bytes()
}

// PrefixConn is a tunnel whose first bytes came with the proxy's response.
type PrefixConn struct {
	net.Conn
	prefix []byte
}

// DeadlinesOf returns the connection that p passes its deadlines on to.
func (p *PrefixConn) DeadlinesOf() net.Conn { return p.Conn }

func (p *PrefixConn) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	p.prefix = p.prefix[n:]
	return n, nil
}
