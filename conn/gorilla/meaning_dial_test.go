package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	websocket "github.com/rfc6455/ws/conn/gorilla"
)

// echo is a server that sends messages back, and passes each request to seen first.
func echo(seen func(r *http.Request)) http.Handler {
	u := &websocket.Upgrader{
		CheckOrigin:       func(*http.Request) bool { return true },
		EnableCompression: true, Subprotocols: []string{"b", "a"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r)
		c, err := u.Upgrade(w, r, http.Header{"Set-Cookie": {"from=server"}})
		if err != nil {
			return
		}
		defer c.Close()
		for {
			op, p, err := c.ReadMessage()
			if err != nil || c.WriteMessage(op, p) != nil {
				return
			}
		}
	})
}

// wsURL returns the ws or wss URL of a test server.
func wsURL(s *httptest.Server) string {
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/path?q=1"
}

// wantEcho sends a message and wants it back.
func wantEcho(t *testing.T, c *websocket.Conn) {
	t.Helper()
	check(t, c.SetReadDeadline(time.Now().Add(long)))
	check(t, c.WriteMessage(websocket.TextMessage, []byte("hello")))
	op, p, err := c.ReadMessage()
	if op != websocket.TextMessage || string(p) != "hello" || err != nil {
		t.Fatalf("ReadMessage = %d, %q, %v, want the message that was sent", op, p, err)
	}
}

func TestDial(t *testing.T) {
	requests := make(chan *http.Request, 1)
	s := httptest.NewServer(echo(func(r *http.Request) { requests <- r }))
	defer s.Close()
	jar, err := cookiejar.New(nil)
	check(t, err)
	u, err := url.Parse(s.URL)
	check(t, err)
	jar.SetCookies(u, []*http.Cookie{{Name: "of", Value: "jar"}})
	d := &websocket.Dialer{
		Jar: jar, Subprotocols: []string{"a", "b"}, EnableCompression: true,
		HandshakeTimeout: long,
	}
	c, resp, err := d.Dial(wsURL(s), http.Header{
		"Origin": {"http://page.example"},
		"Host":   {"virtual.example"}, "X-Mine": {"1"},
	})
	check(t, err)
	defer c.Close()
	wantEcho(t, c)
	if resp.StatusCode != http.StatusSwitchingProtocols || c.Subprotocol() != "b" {
		t.Errorf("the status is %d, the subprotocol %q", resp.StatusCode, c.Subprotocol())
	}
	if p, err := io.ReadAll(resp.Body); len(p) > 0 || err != nil {
		t.Errorf("the response has a body: %q, %v", p, err)
	}
	got := <-requests
	for name, want := range map[string]string{
		"Origin": "http://page.example", "X-Mine": "1", "Cookie": "of=jar",
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Version": "13",
		"Sec-Websocket-Protocol": "a, b", "Sec-Websocket-Extensions": noTakeover,
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if got.Host != "virtual.example" || got.RequestURI != "/path?q=1" {
		t.Errorf("Host %q, target %q", got.Host, got.RequestURI)
	}
	if cookies := jar.Cookies(u); !slices.ContainsFunc(cookies,
		func(c *http.Cookie) bool { return c.Name == "from" }) {
		t.Errorf("the jar has %v, want the server's cookie", cookies)
	}
}

// TestDialers: a nil Dialer and the default one.
func TestDialers(t *testing.T) {
	s := httptest.NewServer(echo(func(*http.Request) {}))
	defer s.Close()
	for _, d := range []*websocket.Dialer{nil, websocket.DefaultDialer, {}} {
		c, _, err := d.Dial(wsURL(s), http.Header{"Sec-Websocket-Protocol": {"a"}})
		check(t, err)
		wantEcho(t, c)
		if c.Subprotocol() != "a" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
		check(t, c.Close())
	}
	if websocket.DefaultDialer.HandshakeTimeout != 45*time.Second ||
		websocket.DefaultDialer.Proxy == nil {
		t.Error("DefaultDialer has other fields")
	}
}

// TestWrongRequests are refused before any connection.
func TestWrongRequests(t *testing.T) {
	d := &websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { panic("dialed") }}
	for _, u := range []string{
		"http://example.com", "https://example.com", "ftp://example.com",
		"example.com", "ws://user:pw@example.com", "ws://%zz",
	} {
		if _, _, err := d.Dial(u, nil); err == nil {
			t.Errorf("Dial(%q): nil", u)
		}
	}
	d.Subprotocols = []string{"a"}
	for _, name := range []string{
		"Upgrade", "Connection", "Sec-Websocket-Key",
		"Sec-Websocket-Version", "Sec-Websocket-Extensions", "Sec-Websocket-Protocol",
	} {
		_, _, err := d.Dial("ws://example.com", http.Header{name: {"x"}})
		if err == nil || err.Error() != "websocket: duplicate header not allowed: "+name {
			t.Errorf("with %s: %v", name, err)
		}
	}
}

func TestBadHandshake(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "go away", http.StatusTeapot)
		},
		"accept": func(w http.ResponseWriter, r *http.Request) {
			nc, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(nc, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "+
				"upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
			_ = nc.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			c, resp, err := websocket.DefaultDialer.Dial(wsURL(s), nil)
			if c != nil || err != websocket.ErrBadHandshake || resp == nil {
				t.Fatalf("Dial = %v, %v, %v, want a response and ErrBadHandshake", c, resp, err)
			}
			p, err := io.ReadAll(resp.Body)
			if name == "status" && (resp.StatusCode != http.StatusTeapot ||
				string(p) != "go away\n" || err != nil) {
				t.Errorf("the response is %d %q, %v", resp.StatusCode, p, err)
			}
		})
	}
}

// TestBadCompression: a server that does not do without takeover.
func TestBadCompression(t *testing.T) {
	near, far := pipe(t)
	go func() {
		_ = answer(bufio.NewReader(far), far,
			http.Header{"Sec-Websocket-Extensions": {"permessage-deflate"}})
	}()
	d := &websocket.Dialer{
		EnableCompression: true,
		NetDial:           func(string, string) (net.Conn, error) { return near, nil },
	}
	if _, resp, err := d.Dial("ws://example.com", nil); resp == nil || err == nil ||
		err.Error() != "websocket: invalid compression negotiation" {
		t.Errorf("Dial: %v", err)
	}
}

// TestExtensionsOfAResponse: what is no permessage-deflate is passed over. A program may offer that
// itself, by a header whose name is not in the canonical form.
func TestExtensionsOfAResponse(t *testing.T) {
	offered := http.Header{"Sec-WebSocket-Extensions": {noTakeover}}
	windows := []string{
		noTakeover + "; server_max_window_bits=15", noTakeover + "; client_max_window_bits=15",
	}
	for name, x := range map[string]struct {
		enabled bool
		set     http.Header // of the request
		answer  string
		zipped  bool
	}{
		"empty":              {enabled: true, answer: ""},
		"empty, not asked":   {answer: ""},
		"another":            {enabled: true, answer: "x-other; a=1"},
		"another, not asked": {answer: "x-other"},
		"another first":      {enabled: true, answer: "x-other, " + noTakeover, zipped: true},
		"twice":              {enabled: true, answer: noTakeover + ", " + noTakeover, zipped: true},
		"server's window":    {enabled: true, answer: windows[0], zipped: true},
		"client's window":    {enabled: true, answer: windows[1], zipped: true},
		"offered by hand":    {set: offered, answer: noTakeover, zipped: true},
		"not offered":        {answer: noTakeover, zipped: true},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := pipe(t)
			in := bufio.NewReader(far)
			go func() {
				_ = answer(in, far, http.Header{"Sec-Websocket-Extensions": {x.answer}})
			}()
			d := &websocket.Dialer{
				EnableCompression: x.enabled,
				NetDial:           func(string, string) (net.Conn, error) { return near, nil },
			}
			c, _, err := d.Dial("ws://example.com", x.set)
			check(t, err)
			check(t, c.WriteMessage(websocket.TextMessage, []byte("x")))
			h, _, err := readFrame(in)
			if err != nil || h.RSV != 0 != x.zipped {
				t.Errorf("a message has RSV %d, %v, want it compressed: %t", h.RSV, err, x.zipped)
			}
		})
	}
}

// TestOfferByHand: EnableCompression replaces the program's own offer.
func TestOfferByHand(t *testing.T) {
	near, far := pipe(t)
	got := make(chan string, 1)
	go func() {
		r, err := http.ReadRequest(bufio.NewReader(far))
		if err == nil {
			got <- r.Header.Get("Sec-WebSocket-Extensions")
		}
		_ = far.Close()
	}()
	d := &websocket.Dialer{
		EnableCompression: true,
		NetDial:           func(string, string) (net.Conn, error) { return near, nil },
	}
	_, _, _ = d.Dial("ws://example.com", http.Header{"Sec-WebSocket-Extensions": {"x"}})
	if offer := <-got; offer != noTakeover {
		t.Errorf("the request offers %q, want %q", offer, noTakeover)
	}
}

// TestFramesBehindTheResponse: they may come in the same packet.
func TestFramesBehindTheResponse(t *testing.T) {
	near, far := pipe(t)
	go func() {
		var b bytes.Buffer
		_ = answer(bufio.NewReader(far), &b, nil)
		b.WriteString("\x81\x05early")
		_, _ = far.Write(b.Bytes())
	}()
	d := &websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return near, nil }}
	c, _, err := d.Dial("ws://example.com", nil)
	check(t, err)
	if _, p, err := c.ReadMessage(); string(p) != "early" || err != nil {
		t.Errorf("ReadMessage = %q, %v", p, err)
	}
}

// TestHandshakeTimeout: a server that does not answer.
func TestHandshakeTimeout(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer ln.Close()
	d := &websocket.Dialer{HandshakeTimeout: 20 * time.Millisecond}
	if _, _, err := d.Dial("ws://"+ln.Addr().String(), nil); !isTimeout(err) {
		t.Errorf("Dial: %v, want a timeout", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, _, err = new(websocket.Dialer).DialContext(ctx, "ws://"+ln.Addr().String(), nil)
	if !isTimeout(err) {
		t.Errorf("DialContext: %v, want a timeout", err)
	}
}

// TestContextOfADial has no effect on the connection.
func TestContextOfADial(t *testing.T) {
	s := httptest.NewServer(echo(func(*http.Request) {}))
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	c, _, err := websocket.DefaultDialer.DialContext(ctx, wsURL(s), nil)
	check(t, err)
	defer c.Close()
	cancel()
	wantEcho(t, c)
}

// TestNetDials: which function opens the connection.
func TestNetDials(t *testing.T) {
	mine := errors.New("mine")
	plain := func(network, addr string) (net.Conn, error) { return nil, mine }
	other := func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("other")
	}
	never := func(string, string) (net.Conn, error) { return nil, io.EOF }
	withContext := func(_ context.Context, network, addr string) (net.Conn, error) {
		if network != "tcp" || addr != "example.com:80" && addr != "example.com:443" {
			return nil, errors.New(network + " " + addr)
		}
		return nil, mine
	}
	for name, x := range map[string]struct {
		d   websocket.Dialer
		url string
	}{
		"NetDial, ws": {
			websocket.Dialer{NetDial: plain, NetDialTLSContext: other},
			"ws://example.com",
		},
		"NetDial, wss": {websocket.Dialer{NetDial: plain}, "wss://example.com"},
		"NetDialContext, ws": {
			websocket.Dialer{NetDial: never, NetDialContext: withContext},
			"ws://example.com",
		},
		"NetDialContext, wss": {
			websocket.Dialer{NetDialContext: withContext},
			"wss://example.com",
		},
		"NetDialTLSContext, wss": {websocket.Dialer{
			NetDialContext:    other,
			NetDialTLSContext: withContext,
		}, "wss://example.com"},
	} {
		if _, _, err := x.d.Dial(x.url, nil); err != mine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDialTLS(t *testing.T) {
	s := httptest.NewTLSServer(echo(func(*http.Request) {}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots}, HandshakeTimeout: long}
	c, _, err := d.Dial(wsURL(s), nil)
	check(t, err)
	wantEcho(t, c)
	if _, ok := c.NetConn().(*tls.Conn); !ok {
		t.Errorf("NetConn is a %T", c.NetConn())
	}
	for _, n := range sizes {
		sent := strings.Repeat("0123456789", n/10+1)[:n]
		done := make(chan error, 1)
		go func() { done <- c.WriteMessage(websocket.BinaryMessage, []byte(sent)) }()
		_, r, err := c.NextReader()
		check(t, err)
		if p, err := io.ReadAll(r); string(p) != sent || err != nil {
			t.Fatalf("a message of %d bytes came back as %d bytes, %v", n, len(p), err)
		}
		check(t, <-done)
	}
	check(t, c.Close())
	if _, _, err := new(websocket.Dialer).Dial(wsURL(s), nil); err == nil {
		t.Error("Dial of a server with an unknown certificate: nil")
	}
	d.TLSClientConfig.ServerName = "other.example"
	if _, _, err := d.Dial(wsURL(s), nil); err == nil {
		t.Error("Dial of a server with another name: nil")
	}
	d = new(websocket.Dialer)
	d.NetDialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: &tls.Config{RootCAs: roots}}).DialContext(ctx, network, addr)
	}
	c, _, err = d.Dial(wsURL(s), nil)
	check(t, err)
	wantEcho(t, c)
	check(t, c.Close())
}

// TestProxy: a tunnel through a proxy that wants a password.
func TestProxy(t *testing.T) {
	s := httptest.NewServer(echo(func(*http.Request) {}))
	defer s.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect ||
			r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		check(t, err)
		nc, _, err := w.(http.Hijacker).Hijack()
		check(t, err)
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, nc); _ = to.Close() }()
		_, _ = io.Copy(nc, to)
		_ = nc.Close()
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	check(t, err)
	d := &websocket.Dialer{Proxy: func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "http" {
			t.Errorf("Proxy got the scheme %q", r.URL.Scheme)
		}
		return u, nil
	}}
	if _, _, err := d.Dial(wsURL(s), nil); err == nil ||
		!strings.Contains(err.Error(), "Proxy Authentication Required") {
		t.Errorf("Dial without the password: %v", err)
	}
	u.User = url.UserPassword("user", "pass")
	c, _, err := d.Dial(wsURL(s), nil)
	check(t, err)
	wantEcho(t, c)
	check(t, c.Close())
	mine := errors.New("mine")
	d.Proxy = func(*http.Request) (*url.URL, error) { return nil, mine }
	if _, _, err := d.Dial(wsURL(s), nil); err != mine {
		t.Errorf("Dial: %v, want the error of Proxy", err)
	}
	d.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("ftp://127.0.0.1") }
	if _, _, err := d.Dial(wsURL(s), nil); err == nil || err.Error() != "proxy: unknown scheme: ftp" {
		t.Errorf("Dial through a proxy with the scheme ftp: %v", err)
	}
}

func TestHTTPTrace(t *testing.T) {
	s := httptest.NewTLSServer(echo(func(*http.Request) {}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	var got []string
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn:              func(string) { got = append(got, "get") },
		GotConn:              func(i httptrace.GotConnInfo) { got = append(got, "got") },
		TLSHandshakeStart:    func() { got = append(got, "start") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { got = append(got, "done") },
		GotFirstResponseByte: func() { got = append(got, "byte") },
	})
	d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots}}
	c, _, err := d.DialContext(ctx, wsURL(s), nil)
	check(t, err)
	check(t, c.Close())
	if want := []string{"get", "got", "start", "done", "byte"}; !slices.Equal(got, want) {
		t.Errorf("the hooks were called in the order %q, want %q", got, want)
	}
}

func TestNewClient(t *testing.T) {
	s := httptest.NewServer(echo(func(*http.Request) {}))
	defer s.Close()
	nc, err := net.Dial("tcp", s.Listener.Addr().String())
	check(t, err)
	u, err := url.Parse(wsURL(s))
	check(t, err)
	c, resp, err := websocket.NewClient(nc, u, http.Header{"Origin": {"http://page.example"}},
		1024, 1024)
	check(t, err)
	wantEcho(t, c)
	if c.NetConn() != nc || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Error("the connection is another one")
	}
	check(t, c.Close())
}
