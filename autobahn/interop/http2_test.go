package interop

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of these tests
)

// This file has what is different over HTTP/2 (RFC 8441).

// serveHTTP2 is serve for HTTP/2, with HTTP/1.1 beside it.
func serveHTTP2(t *testing.T, h http.Handler, secure bool, _ *wiretap) string {
	srv := httptest.NewUnstartedServer(h)
	if secure {
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{built.keyPair}}
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Config.Protocols = new(http.Protocols)
		srv.Config.Protocols.SetHTTP1(true)
		srv.Config.Protocols.SetUnencryptedHTTP2(true)
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// plainHTTP2 speaks HTTP/2 without TLS.
func plainHTTP2(t *testing.T) http.RoundTripper {
	d := &h2.Dialer{Cleartext: true}
	t.Cleanup(d.CloseIdleConnections)
	return d
}

// secureHTTP2 speaks HTTP/2 over TLS.
func secureHTTP2(t *testing.T) http.RoundTripper {
	d := new(h2.Dialer)
	d.Dialer.TLSConfig = &tls.Config{RootCAs: built.roots}
	t.Cleanup(d.CloseIdleConnections)
	return d
}

// haproxyHTTP2 is HAProxy between a client that speaks one version of HTTP and a
// server that speaks another.
func haproxyHTTP2(front, back string) *proxy {
	versions := map[string]string{"h2": "HTTP/2", "http/1.1": "HTTP/1.1"}
	server := map[string]string{"h2": " proto h2", "http/1.1": ""}[back]
	return &proxy{
		name: "HAProxy (TLS), " + versions[front] + " to " + versions[back], program: haproxy.program, arguments: haproxy.arguments,
		config: func(port, backend, dir string) string {
			s := haproxy.config(port, backend, dir)
			s = strings.Replace(s, built.certificate, built.certificate+" alpn "+front, 1)
			return strings.TrimSuffix(s, "\n") + server + "\n"
		},
	}
}

// TestHTTP2Proxies has this library on both sides of a proxy, which makes an
// extended CONNECT of an Upgrade and the other way round.
func TestHTTP2Proxies(t *testing.T) {
	for _, between := range []struct {
		*proxy
		front, back string
	}{
		{haproxyHTTP2("h2", "h2"), "h2", "h2"},
		{haproxyHTTP2("h2", "http/1.1"), "h2", "http/1.1"},
		{haproxyHTTP2("http/1.1", "h2"), "http/1.1", "h2"},
		{apacheHTTP2(), "h2", "http/1.1"},
		{lighttpdHTTP2(), "h2", "http/1.1"},
	} {
		p := between.proxy
		versions := [2]string{between.front, between.back}
		t.Run(p.name, func(t *testing.T) {
			s := &subject{peer: &peer{name: "this library"}, role: "client and server", via: p}
			if versions == [2]string{"h2", "h2"} {
				// An echo of 16 MiB fills the windows and the proxy's buffers in both
				// directions, while the server does not read before it has written.
				s.peer.lacks = []aspect{largest}
			}
			major := make(chan int, 1)
			ended := make(chan *ws.CloseError, 1)
			u := &ws.Upgrader{Config: ws.Config{MaxMessageSize: 32 << 20, Queue: 64 << 20}}
			url := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				major <- r.ProtoMajor
				u.Handler(&ws.Events{
					Message: func(c *ws.Conn, kind ws.MessageType, p []byte) {
						if string(p) == "close" {
							_ = c.Close(4002, "bye")
							return
						}
						_ = c.Append(kind, p)
					},
					Close: func(_ *ws.Conn, err *ws.CloseError) { ended <- err },
				}).ServeHTTP(w, r)
			}), false, nil)
			ctx := deadline(t)
			target, err := s.front(ctx, t, url+"/")
			if err != nil {
				t.Fatal(err)
			}
			dial := func() *conversation {
				d := &ws.Dialer{Config: ws.Config{MaxMessageSize: 32 << 20}, Proxy: ws.NoProxy, TLSConfig: &tls.Config{RootCAs: built.roots}}
				var c *ws.Conn
				if versions[0] == "h2" {
					c, _, err = d.DialVia(ctx, target, secureHTTP2(t))
				} else {
					c, _, err = d.Dial(ctx, target)
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := <-major; (got == 2) != (versions[1] == "h2") {
					t.Errorf("the server was asked over HTTP/%d", got)
				}
				s.passed(overTLS)
				return converse(ctx, c, s, nil)
			}
			v := dial()
			v.try(t, text, func() error { return v.exchange(texts()) })
			v.try(t, binary, func() error { return v.exchange(binaries()) })
			v.try(t, largest, func() error { return v.exchange(large()) })
			v.try(t, ourPing, v.ping)
			v.try(t, ourClose, func() error { return v.Close(4001, "enough") })
			if err := <-ended; err.Code != 4001 || err.Reason != "enough" || !err.Clean() {
				t.Errorf("the server saw the end %v", err)
			}
			v = dial()
			v.try(t, theirClose, func() error {
				if err := v.ask("close"); err != nil {
					return err
				}
				if err := <-v.ended; !strings.Contains(err.Error(), "4002: bye") {
					return err
				}
				return nil
			})
		})
	}
}

// TestNginxHTTP2: nginx does not forward WebSockets over HTTP/2 and does not say
// that it does, so that clients come with HTTP/1.1 (TestProxies).
func TestNginxHTTP2(t *testing.T) {
	p := *nginx
	p.config = func(port, backend, dir string) string {
		return strings.Replace(nginx.config(port, backend, dir), port+" ssl;", port+" ssl http2;", 1)
	}
	s := &subject{peer: &peer{name: "this library"}, role: asClient, via: &p}
	ctx := deadline(t)
	url, err := s.front(ctx, t, serveHTTP2(t, http.NotFoundHandler(), false, nil)+"/")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = new(ws.Dialer).DialVia(ctx, url, secureHTTP2(t))
	if err == nil || !strings.Contains(err.Error(), "does not allow extended CONNECT") {
		t.Errorf("nginx: %v", err)
	}
}

// TestNghttp: an independent client sees the setting.
func TestNghttp(t *testing.T) {
	url := "https" + strings.TrimPrefix(serveHTTP2(t, http.NotFoundHandler(), true, nil), "wss")
	out, err := exec.CommandContext(deadline(t), "nghttp", "-nv", url).CombinedOutput()
	if err != nil {
		t.Fatalf("nghttp (Debian: apt-get install nghttp2-client): %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1") {
		t.Errorf("nghttp does not see the setting:\n%s", out)
	}
}
