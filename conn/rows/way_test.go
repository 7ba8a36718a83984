package rows

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// wayRows are the rows on the way to a server: one at a time, proxies, TLS,
// cookies.
func wayRows(q *requirements) {
	q.client("HC-4.1-01", "", oneAtATime)
	q.client("HC-4.1-02", "", inDial(tunnel))
	q.client("HC-4.1-02", "credentials", inDial(tunnelWithCredentials))
	q.client("HC-4.1-02", "refused", inDial(noTunnel))
	q.client("HC-4.1-02", "TLS within", inDial(tunnelForTLS))
	q.client("HC-4.1-02", "SOCKS", inDial(socks))
	q.client("HC-4.1-03", "TCP", inDial(unreachable))
	q.client("HC-4.1-03", "TLS", tlsServer)
	q.client("HC-4.1-03", "wrong name", tlsWrongName)
	q.client("HC-4.1-04", "", applicationProtocol)
	q.client("HC-4.1-33", "", inDial(cookies))
	q.client("SE-10.6-06", "", tlsServer)
}

// oneAtATime: a dial waits while another one has its handshake under way with
// the same address, and no longer.
func oneAtATime(t *testing.T) {
	ln := wstest.Listen(t)
	accepted := make(chan *wstest.Peer)
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- wstest.NewPeer(t, nc, frame.Server)
		}
	}()
	d := &ws.Dialer{OneAtATime: true, Proxy: ws.NoProxy}
	target := "ws://" + ln.Addr().String()
	var conns [2]*ws.Conn
	dial := func(i int) func() error {
		return aside(t, func() (err error) { conns[i], _, err = d.Dial(bg, target); return err })
	}
	first := dial(0)
	p := await(t, accepted)
	head := p.WantHead()
	ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
	defer cancel()
	if _, _, err := d.Dial(ctx, target); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second Dial = %v, want the end of its context", err)
	}
	second := dial(1)
	select {
	case <-accepted:
		t.Error("a second connection while the first one's handshake was under way, want none")
	default:
	}
	p.SendBytes(withAccept(head, a0+"\r\n"))
	if err := first(); err != nil {
		t.Fatalf("the first Dial = %v, want nil", err)
	}
	p = await(t, accepted)
	p.SendBytes(withAccept(p.WantHead(), a0+"\r\n"))
	if err := second(); err != nil {
		t.Fatalf("the second Dial = %v, want nil", err)
	}
	for _, c := range conns {
		_ = c.CloseNow()
	}
}

// via lets the Dialer use a proxy.
func (l *dialing) via(raw string) {
	proxy, err := url.Parse(raw)
	if err != nil {
		l.Fatalf("url.Parse = %v, want nil", err)
	}
	l.d.Proxy = func(u *url.URL) (*url.URL, error) { return proxy, nil }
}

// tunnel: an HTTP proxy is asked for a tunnel; what comes behind its answer is
// the server's.
func tunnel(l *dialing) {
	l.via("http://proxy:3128")
	l.dial("ws://example.com/chat")
	o := l.server()
	head := o.p.WantHead()
	if o.addr != "proxy:3128" || !strings.HasPrefix(head, "CONNECT example.com:80 HTTP/1.1\r\n") ||
		!slices.Equal(header(head, "Host"), []string{"example.com:80"}) {
		l.Errorf("to %s: %s, want CONNECT example.com:80 to proxy:3128", o.addr, head)
	}
	o.p.WantNothing()
	o.p.SendBytes([]byte("HTTP/1.1 200 Connection established\r\n\r\n" + a0[:20]))
	head = o.p.WantHead()
	if !strings.HasPrefix(head, "GET /chat HTTP/1.1\r\n") || !slices.Equal(header(head, "Host"), []string{"example.com"}) {
		l.Errorf("in the tunnel: %s, want GET /chat with Host: example.com", head)
	}
	o.p.SendBytes(withAccept(head, a0[20:]+"\r\n"))
	l.hangUp(l.wantOpen(o.p), o.p)
}

// tunnelWithCredentials: the user information of the proxy's URL is for the
// proxy and not for the server.
func tunnelWithCredentials(l *dialing) {
	l.via("http://u:p@proxy")
	l.dial("ws://example.com:81/")
	o := l.server()
	head := o.p.WantHead()
	if o.addr != "proxy:80" || !slices.Equal(header(head, "Proxy-Authorization"), []string{"Basic dTpw"}) {
		l.Errorf("to %s: %s, want credentials to proxy:80", o.addr, head)
	}
	o.p.SendBytes([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	if head = o.p.WantHead(); len(header(head, "Proxy-Authorization")) > 0 {
		l.Errorf("in the tunnel: %s, want no credentials of the proxy", head)
	}
	o.p.SendBytes(withAccept(head, a0+"\r\n"))
	l.hangUp(l.wantOpen(o.p), o.p)
}

// noTunnel: a proxy that refuses fails the dial.
func noTunnel(l *dialing) {
	for _, status := range []string{"407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway", "301 Moved Permanently"} {
		l.via("http://proxy")
		p, _ := l.request("ws://example.com/")
		p.SendBytes([]byte("HTTP/1.1 " + status + "\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n"))
		if e, _ := l.wantRefused(p); !strings.HasPrefix(status, fmt.Sprint(e.Status)) || e.Field != "CONNECT" {
			l.Errorf("%s: %v, want an error of that status about CONNECT", status, e)
		}
	}
}

// tunnelForTLS: TLS begins in the tunnel.
func tunnelForTLS(l *dialing) {
	l.via("http://proxy:3128")
	l.dial("wss://example.com/")
	o := l.server()
	if head := o.p.WantHead(); !strings.HasPrefix(head, "CONNECT example.com:443 HTTP/1.1\r\n") {
		l.Errorf("got %s, want CONNECT example.com:443", head)
	}
	o.p.SendBytes([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	o.p.WantHex("16 03 01")
	_ = o.p.NetConn().Close()
	if r := await(l.T, l.result); r.err == nil {
		l.Error("Dial of a server that hangs up = nil, want an error")
	}
}

// socks: a SOCKS proxy is for a NetDial of the program's: the error says so,
// and nothing goes round the proxy.
func socks(l *dialing) {
	for _, proxy := range []string{"socks5://proxy", "socks5h://proxy:1080"} {
		l.via(proxy)
		l.wantNoDial("ws://example.com/")
		if _, _, err := l.d.Dial(bg, "ws://example.com/"); !strings.Contains(err.Error(), "NetDial") {
			l.Errorf("Dial = %v, want an error that names NetDial, the way out", err)
		}
	}
}

// unreachable: what TCP says is the dial's error.
func unreachable(l *dialing) {
	refused := errors.New("refused")
	l.d.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
	for _, url := range []string{"ws://h/", "wss://h/"} {
		if c, _, err := l.d.Dial(bg, url); c != nil || !errors.Is(err, refused) {
			l.Errorf("Dial(%q) = %v, want NetDial's error", url, err)
		}
	}
}

// certificate makes a certificate for server.example.com and a pool that trusts
// it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("ecdsa.GenerateKey = %v, want nil", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"server.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("x509.CreateCertificate = %v, want nil", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("x509.ParseCertificate = %v, want nil", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// serveTLS serves TLS, with what cfg adds, and returns a Dialer that connects to
// it whatever the name.
func serveTLS(t *testing.T, cfg *tls.Config) *ws.Dialer {
	t.Helper()
	cert, pool := certificate(t)
	cfg.Certificates = []tls.Certificate{cert}
	ln := wstest.Listen(t)
	t.Cleanup(doors[1].serve(tls.NewListener(ln, cfg), &ws.Upgrader{}, echoing))
	return &ws.Dialer{
		Proxy: ws.NoProxy, TLSConfig: &tls.Config{RootCAs: pool},
		NetDial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, ln.Addr().String())
		},
	}
}

// tlsServer: wss is TLS with the server's name, over which frames flow and which
// is closed cleanly.
func tlsServer(t *testing.T) {
	names := make(chan string, 1)
	d := serveTLS(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}})
	c, _, err := d.Dial(bg, "wss://server.example.com/chat")
	if err != nil {
		t.Fatalf("Dial = %v, want nil", err)
	}
	if name := await(t, names); name != "server.example.com" {
		t.Errorf("server_name %q, want server.example.com", name)
	}
	for _, size := range []int{2, 100 << 10} {
		if err := c.Write(bg, ws.Binary, make([]byte, size)); err != nil {
			t.Fatalf("Write = %v, want nil", err)
		}
		wantRead(t, c, string(make([]byte, size)))
	}
	if err := c.Close(ws.CloseNormal, ""); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
}

// tlsWrongName: a certificate for another name, or of nobody that is trusted,
// fails the dial.
func tlsWrongName(t *testing.T) {
	d := serveTLS(t, &tls.Config{})
	var wrong x509.HostnameError
	if c, _, err := d.Dial(bg, "wss://other.example.com/"); c != nil || !errors.As(err, &wrong) {
		t.Errorf("Dial of another name = %v, want %T", err, wrong)
	}
	d.TLSConfig = nil
	var unknown x509.UnknownAuthorityError
	if c, _, err := d.Dial(bg, "wss://server.example.com/"); c != nil || !errors.As(err, &unknown) {
		t.Errorf("Dial without the root = %v, want %T", err, unknown)
	}
}

// applicationProtocol: a server that prefers HTTP/2 is told that this is
// HTTP/1.1, also if the program's configuration is one for both.
func applicationProtocol(t *testing.T) {
	agreed := make(chan string, 1)
	cfg := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, VerifyConnection: func(s tls.ConnectionState) error {
		agreed <- s.NegotiatedProtocol
		return nil
	}}
	d := serveTLS(t, cfg)
	for _, offer := range [][]string{nil, {"h2", "http/1.1"}, {"h2"}} {
		d.TLSConfig.NextProtos = offer
		c, _, err := d.Dial(bg, "wss://server.example.com/")
		if err != nil {
			t.Fatalf("Dial = %v, want nil", err)
		}
		if got := await(t, agreed); got != "http/1.1" {
			t.Errorf("with %q: agreed on %q, want http/1.1", offer, got)
		}
		if !slices.Equal(d.TLSConfig.NextProtos, offer) {
			t.Errorf("the program's configuration has %q, want %q as before", d.TLSConfig.NextProtos, offer)
		}
		_ = c.Close(ws.CloseNormal, "")
	}
}

// downgraded: a redirect from wss to ws is not followed.
func downgraded(l *dialing) {
	cert, pool := certificate(l.T)
	l.d.TLSConfig = &tls.Config{RootCAs: pool}
	l.dial("wss://server.example.com/")
	s := tls.Server(l.server().p.NetConn(), &tls.Config{Certificates: []tls.Certificate{cert}})
	defer s.Close()
	p := wstest.NewPeer(l.T, s, frame.Server)
	p.WantHead()
	p.SendBytes([]byte("HTTP/1.1 302 Found\r\nLocation: http://server.example.com/\r\nContent-Length: 0\r\n\r\n"))
	if r := await(l.T, l.result); r.err == nil || r.resp == nil || r.resp.StatusCode != 302 || len(l.opened) > 0 {
		l.Errorf("Dial = %v, %d connections more, want the response of status 302 and none", r.err, len(l.opened))
	}
}

// cookies: those of an answer, a refusal's too, go into the jar, and out of it
// with the next request.
func cookies(l *dialing) {
	l.d.Jar, _ = cookiejar.New(nil)
	p, head := l.request("ws://example.com/")
	if got := header(head, "Cookie"); got != nil {
		l.Errorf("Cookie = %q, want none", got)
	}
	p.SendBytes([]byte("HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"))
	l.wantRefused(p)
	p, head = l.request("ws://example.com/")
	if got := header(head, "Cookie"); !slices.Equal(got, []string{"a=1"}) {
		l.Errorf("Cookie = %q after the refusal, want a=1", got)
	}
	p.SendBytes(withAccept(head, a0+"Set-Cookie: b=2\r\n\r\n"))
	l.hangUp(l.wantOpen(p), p)
	head, _ = l.requestTo("ws://example.com/")
	if got := header(head, "Cookie"); len(got) != 1 || !strings.Contains(got[0], "a=1") || !strings.Contains(got[0], "b=2") {
		l.Errorf("Cookie = %q after the connection, want a=1 and b=2", got)
	}
	if head, _ = l.requestTo("ws://elsewhere.example/"); len(header(head, "Cookie")) > 0 {
		l.Errorf("Cookie = %q to another host, want none", header(head, "Cookie"))
	}
}
