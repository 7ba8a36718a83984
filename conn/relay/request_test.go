package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/conn/relay"
)

// TestHeaders passes on what belongs to the client and to the backend, and nothing that belongs to
// a hop.
func TestHeaders(t *testing.T) {
	for _, front := range []way{http1, http2} {
		for _, back := range []way{http1, http2} {
			for _, m := range modes {
				t.Run(front.name+"/"+back.name+"/"+m.name, func(t *testing.T) {
					testHeaders(t, setup{front: front, back: back, messages: m.messages})
				})
			}
		}
	}
}

func testHeaders(t *testing.T, s setup) {
	s.dialer = ws.Dialer{
		Subprotocols: []string{"chat.v1", "chat.v2"},
		Header: http.Header{
			"Origin": {"https://example.com"}, "Cookie": {"a=b; c=d"}, "Authorization": {"Bearer token"},
			"X-Forwarded-For": {"6.6.6.6"}, "Forwarded": {"for=6.6.6.6"}, "X-Two": {"1", "2"}, "User-Agent": {""},
		},
	}
	if !s.front.h2 {
		s.dialer.Header["Keep-Alive"], s.dialer.Header["Te"] = []string{"x"}, []string{"trailers"}
		s.dialer.Header["Proxy-Authorization"] = []string{"Basic x"}
	}
	s.upgrader = ws.Upgrader{
		Subprotocols: []string{"chat.v2"},
		Header:       http.Header{"Set-Cookie": {"s=1", "u=2"}, "X-Backend": {"yes"}},
	}
	s.proxy = func(p *relay.Proxy) {
		to := p.Rewrite
		p.Rewrite = func(r *httputil.ProxyRequest) {
			to(r)
			r.SetXForwarded()
			r.Out.Header.Set("X-Proxy", "relay")
			r.Out.Host = "public.example"
		}
	}
	b := newBridge(t, s)
	for name, want := range map[string]string{
		"Origin": "https://example.com", "Cookie": "a=b; c=d", "Authorization": "Bearer token",
		"X-Two": "1,2", "X-Proxy": "relay", "X-Forwarded-For": "127.0.0.1",
		"Forwarded": "", "Keep-Alive": "", "Te": "", "Proxy-Authorization": "", "User-Agent": "",
	} {
		if got := strings.Join(b.request.Header.Values(name), ","); got != want {
			t.Errorf("the backend got %s %q, want %q", name, got, want)
		}
	}
	if b.request.Host != "public.example" {
		t.Errorf("the backend got Host %q, want Rewrite's", b.request.Host)
	}
	if a, z := b.client.Subprotocol(), b.backend.Subprotocol(); a != "chat.v2" || z != "chat.v2" {
		t.Errorf("subprotocols %q and %q, want chat.v2", a, z)
	}
}

// TestResponseHeader gives the client the header of the backend's answer.
func TestResponseHeader(t *testing.T) {
	for _, front := range []way{http1, http2} {
		for _, m := range modes {
			u := ws.Upgrader{Header: http.Header{"Set-Cookie": {"s=1", "u=2"}, "Keep-Alive": {"x"}}}
			backend := http1.serve(t, u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) { _, _, _ = c.Read(bg) }))
			p := proxyTo(t, backend, http1)
			p.Messages = m.messages
			srv := front.serve(t, p)
			c, resp, err := front.dial(t, ws.Dialer{}, srv, "/")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(resp.Header["Set-Cookie"], ","); got != "s=1,u=2" || resp.Header.Get("Keep-Alive") != "" {
				t.Errorf("%s %s: the client got %v, want the backend's cookies", front.name, m.name, resp.Header)
			}
			_ = c.CloseNow()
		}
	}
}

// TestPath joins the paths, and keeps the query.
func TestPath(t *testing.T) {
	var got string
	backend := http1.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
	p := proxyTo(t, backend, http1)
	srv := http1.serve(t, p)
	_, _, _ = http1.dial(t, ws.Dialer{}, srv, "/a%2Fb/c?x=1&y=%20")
	if want := "/a%2Fb/c?x=1&y=%20"; got != want {
		t.Errorf("the backend got %q, want %q", got, want)
	}
	nc, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "GET /?x=1&y=%zz;z=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	_, _ = nc.Read(make([]byte, 1))
	if want := "/?x=1"; got != want {
		t.Errorf("the backend got %q, want %q: what can't be parsed is taken out", got, want)
	}
}

// TestRefusals gives the client the backend's refusal.
func TestRefusals(t *testing.T) {
	backend := http1.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		w.Header().Set("WWW-Authenticate", "Basic realm=x")
		http.Error(w, "who are you?", http.StatusUnauthorized)
	}))
	for _, front := range []way{http1, http2} {
		for _, m := range modes {
			p := proxyTo(t, backend, http1)
			p.Messages = m.messages
			srv := front.serve(t, p)
			_, resp, err := front.dial(t, ws.Dialer{}, srv, "/")
			wantStatus(t, front.name+" "+m.name, err, http.StatusUnauthorized)
			if resp != nil {
				if body, _ := io.ReadAll(resp.Body); string(body) != "who are you?\n" || resp.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s: body %q, header %v, want the backend's", front.name, m.name, body, resp.Header)
				}
			}
			_, resp, err = front.dial(t, ws.Dialer{MaxRedirects: -1}, srv, "/moved")
			wantStatus(t, front.name+" "+m.name, err, http.StatusFound)
			if resp != nil && resp.Header.Get("Location") != "/elsewhere" {
				t.Errorf("Location %q, want the backend's", resp.Header.Get("Location"))
			}
		}
	}
}

// wantStatus checks that a dial was refused with a status.
func wantStatus(t *testing.T, name string, err error, status int) {
	t.Helper()
	var refused *ws.HandshakeError
	if !errors.As(err, &refused) || refused.Status != status {
		t.Errorf("%s: %v, want status %d", name, err, status)
	}
}

// TestFailures answers with 502 or 504 if the backend gives no answer that can be passed on.
func TestFailures(t *testing.T) {
	closed := wstest.Listen(t)
	_ = closed.Close()
	silent := wstest.Listen(t)
	answers := func(text string) net.Listener {
		ln := wstest.Listen(t)
		go func() {
			for {
				nc, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = nc.Read(make([]byte, 4096))
				_, _ = io.WriteString(nc, text)
				_ = nc.Close()
			}
		}()
		return ln
	}
	for _, test := range []struct {
		name    string
		ln      net.Listener
		rewrite func(*httputil.ProxyRequest)
		status  int
	}{
		{"a port that is closed", closed, nil, 502},
		{"a server that says nothing", silent, nil, 504},
		{"a server that hangs up", answers(""), nil, 502},
		{"what is not HTTP", answers("SSH-2.0-x\r\n"), nil, 502},
		{"a page", answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), nil, 502},
		{"a wrong Accept", answers("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"), nil, 502},
		{"no URL", silent, func(*httputil.ProxyRequest) {}, 502},
		{"a URL of another scheme", silent, func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "ftp", "h" }, 502},
	} {
		for _, m := range modes {
			var said bytes.Buffer
			p := &relay.Proxy{Messages: m.messages, Rewrite: test.rewrite, ErrorLog: log.New(&said, "", 0)}
			p.Dialer.Proxy = ws.NoProxy
			p.Dialer.HandshakeTimeout = patience
			if test.status == 504 {
				p.Dialer.HandshakeTimeout = 50 * time.Millisecond
			}
			if p.Rewrite == nil {
				p.Rewrite = rewriteTo(&httptest.Server{URL: "http://" + test.ln.Addr().String()})
			}
			srv := http1.serve(t, p)
			_, _, err := http1.dial(t, ws.Dialer{}, srv, "/?secret=hunter2")
			wantStatus(t, test.name+" "+m.name, err, test.status)
			srv.Close() // the log is complete
			if !strings.Contains(said.String(), "relay") || strings.Contains(said.String(), "hunter2") {
				t.Errorf("%s: logged %q, want the error, without the query", test.name, said.String())
			}
		}
	}
}

// TestClientGivesUp ends the dial when the client goes.
func TestClientGivesUp(t *testing.T) {
	silent := wstest.Listen(t)
	p := &relay.Proxy{Rewrite: rewriteTo(&httptest.Server{URL: "http://" + silent.Addr().String()})}
	p.Dialer.Proxy = ws.NoProxy
	p.Dialer.HandshakeTimeout = -1
	failed := make(chan error, 1)
	p.ErrorHandler = func(_ http.ResponseWriter, _ *http.Request, err error) { failed <- err }
	srv := http1.serve(t, p)
	ctx, cancel := context.WithCancel(bg)
	go func() {
		nc, err := silent.Accept()
		if err != nil {
			t.Error(err)
			cancel()
			return
		}
		t.Cleanup(func() { _ = nc.Close() })
		_, _ = nc.Read(make([]byte, 1)) // the Proxy's handshake is under way
		cancel()
	}()
	d := ws.Dialer{Proxy: ws.NoProxy}
	if _, _, err := d.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")); err == nil {
		t.Fatal("no error, want that of the context")
	}
	select {
	case err := <-failed:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ErrorHandler got %v, want context.Canceled", err)
		}
	case <-time.After(patience):
		t.Error("the dial goes on")
	}
}

// TestOther refuses what is no handshake, or gives it to Other.
func TestOther(t *testing.T) {
	p := &relay.Proxy{Rewrite: func(*httputil.ProxyRequest) { t.Error("Rewrite is called") }}
	srv := http1.serve(t, p)
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d, want 426", resp.StatusCode)
	}
	other := &relay.Proxy{Other: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })}
	srv = http2.serve(t, other)
	resp, err = srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "page" {
		t.Errorf("body %q, want Other's", body)
	}
}

// TestRewriteOffer lets Rewrite take an offer away.
func TestRewriteOffer(t *testing.T) {
	takeover := ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}}
	b := newBridge(t, setup{
		dialer:   ws.Dialer{Config: takeover, Subprotocols: []string{"a", "b"}},
		upgrader: ws.Upgrader{Config: takeover, Subprotocols: []string{"a", "b"}},
		proxy: func(p *relay.Proxy) {
			to := p.Rewrite
			p.Rewrite = func(r *httputil.ProxyRequest) {
				to(r)
				r.Out.Header.Set("Sec-WebSocket-Protocol", "b")
				r.Out.Header.Del("Sec-WebSocket-Extensions")
			}
		},
	})
	if got := b.client.Subprotocol(); got != "b" || b.request.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("subprotocol %q, extensions %q offered, want b and none", got, b.request.Header.Get("Sec-WebSocket-Extensions"))
	}
	echo(t, b.client, b.backend, ws.Text, bytes.Repeat([]byte("x"), 1000))
}

// TestAbsoluteTarget: a request-target may be an absolute URI (RFC 9112 section 3.2.2). It must not
// choose the backend if Rewrite has set none.
func TestAbsoluteTarget(t *testing.T) {
	inside := http1.serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the client has reached a server that Rewrite has not named")
	}))
	p := proxyTo(t, inside, http1)
	p.Rewrite = func(*httputil.ProxyRequest) {}
	srv := http1.serve(t, p)
	nc, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "GET "+inside.URL+"/ HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Version: 13\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d, want 502", resp.StatusCode)
	}
}
