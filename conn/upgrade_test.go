package conn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// answer reads a response and its body, and the end of the connection where
// the server announces that.
func answer(t *testing.T, nc net.Conn) (*http.Response, string) {
	t.Helper()
	_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
	br := bufio.NewReader(nc)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("the body was cut: %v", err)
	}
	if resp.Close {
		if _, err := br.ReadByte(); err != io.EOF {
			t.Fatalf("after the refusal: %v, want the end", err)
		}
	}
	return resp, string(body)
}

// TestUpgradeHeaders: what the Upgrader and the handler set goes into the 101,
// and the handler's counts where both set it.
func TestUpgradeHeaders(t *testing.T) {
	u := &Upgrader{Subprotocols: []string{"chat"}, Header: http.Header{"X-Both": {"upgrader"}, "X-Upgrader": {"1", "2"}}}
	throughDoor(t, "Upgrade", u, &http.Server{}, func(t *testing.T, e *entrance) {
		e.wrap = nil
		nc := e.connect()
		send(t, nc, chatRequest("Sec-WebSocket-Protocol: chat"))
		resp, _ := answer(t, nc)
		if up := <-e.up; up.err != nil || up.c.Subprotocol() != "chat" {
			t.Fatal(up)
		}
		if resp.StatusCode != 101 || len(resp.Header["X-Upgrader"]) != 2 || resp.Header.Get("Sec-Websocket-Protocol") != "chat" {
			t.Error(resp)
		}
	})
	rec := hijackable{httptest.NewRecorder(), nil}
	rec.Header().Set("X-Both", "handler")
	rec.Header().Add("Set-Cookie", "a=1")
	rec.Header().Add("Set-Cookie", "b=2")
	resp := rec.upgrade(t, u)
	if resp.Header.Get("X-Both") != "handler" || len(resp.Header["Set-Cookie"]) != 2 || len(resp.Header["X-Upgrader"]) != 2 {
		t.Error(resp.Header)
	}
	if u.Header.Get("X-Both") != "upgrader" || len(u.Header) != 2 {
		t.Error("the Upgrader's Header was changed")
	}
}

// hijackable is a recorder with a connection to take over.
type hijackable struct {
	*httptest.ResponseRecorder
	nc net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.nc, bufio.NewReadWriter(bufio.NewReader(h.nc), bufio.NewWriter(h.nc)), nil
}

// upgrade upgrades a good request and returns the response.
func (h hijackable) upgrade(t *testing.T, u *Upgrader) *http.Response {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(chatRequest())))
	if err != nil {
		t.Fatal(err)
	}
	a, b := wstest.Pipe(1 << 20)
	h.nc = a
	c, err := u.Upgrade(h, r)
	if err != nil {
		return h.Result()
	}
	defer c.CloseNow()
	resp, _ := answer(t, b)
	return resp
}

// TestUpgradeBadHeaders: a mistake in the server's own headers is a 500 that
// says nothing of it, and never a response that is broken in two.
func TestUpgradeBadHeaders(t *testing.T) {
	for name, h := range map[string]http.Header{
		"value":    {"X-A": {"a\r\nX-Evil: 1\r\n\r\nevil"}},
		"NUL":      {"X-A": {"a\x00"}},
		"name":     {"X-A: a\r\nX-Evil": {"1"}},
		"accept":   {"Sec-Websocket-Accept": {"x"}},
		"protocol": {"sec-websocket-protocol": {"x"}},
		"own":      {"Connection": {"close"}},
		"upgrade":  {"Upgrade": {"h2c"}},
		"length":   {"Content-Length": {"3"}},
		"coding":   {"Transfer-Encoding": {"chunked"}},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(t *testing.T, e *entrance) {
				nc := e.connect()
				send(t, nc, chatRequest())
				resp, body := answer(t, nc)
				if up := <-e.up; up.c != nil || up.err == nil || isErr[*handshake.Error](up.err) {
					t.Error(up)
				}
				if resp.StatusCode != 500 || resp.Header.Get("X-Evil") != "" || strings.Contains(body, "evil") || !strings.Contains(body, "failed") {
					t.Error(resp, body)
				}
			}
			overDoors(t, &Upgrader{Header: h}, check)
			if name == "NUL" {
				return // net/http sends it with a refusal, as with any response
			}
			if name != "value" && name != "name" {
				return // replaced: see TestUpgradeReplacesHeaders
			}
			t.Run("handler", func(t *testing.T) {
				srv := &http.Server{}
				throughDoor(t, "Upgrade", &Upgrader{}, srv, func(t *testing.T, e *entrance) {
					inner := srv.Handler
					srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						maps.Copy(w.Header(), h)
						inner.ServeHTTP(w, r)
					})
					check(t, e)
				})
			})
		})
	}
}

// TestUpgradeBadConfiguration is a 500 too, and tells its caller why.
func TestUpgradeBadConfiguration(t *testing.T) {
	for say, u := range map[string]*Upgrader{
		"Compression.Mode": {Config: Config{Compression: Compression{Mode: 9}}},
		"8 to 15":          {Config: Config{Compression: Compression{Mode: CompressionTakeover, ClientWindowBits: 16}}},
		"Origins":          {Origins: []string{"example.com"}},
		"subprotocol":      {Subprotocols: []string{"a b"}},
	} {
		overDoors(t, u, func(t *testing.T, e *entrance) {
			nc := e.connect()
			send(t, nc, chatRequest())
			resp, body := answer(t, nc)
			if up := <-e.up; up.c != nil || up.err == nil || !strings.Contains(up.err.Error(), say) {
				t.Errorf("%v, want %q", up.err, say)
			}
			if resp.StatusCode != 500 || strings.Contains(body, say) {
				t.Error(resp, body)
			}
		})
	}
}

// TestUpgradeCheck: the hook decides before the connection is taken over, and
// what it says is not for everybody.
func TestUpgradeCheck(t *testing.T) {
	unauthorized := &handshake.Error{Status: 401, Reason: "log in", Extra: http.Header{"Www-Authenticate": {"Basic"}}}
	hidden := errors.New("the database secret is down")
	for name, tt := range map[string]struct {
		err    error
		status int
		body   string
	}{
		"refusal":         {unauthorized, 401, "log in"},
		"wrapped":         {fmt.Errorf("secret: %w", unauthorized), 401, "log in"},
		"another error":   {hidden, 500, "failed"},
		"a backend's 101": {&handshake.Error{Status: 101, Field: "Sec-WebSocket-Accept", Reason: "secret"}, 500, "failed"},
		"no status":       {&handshake.Error{Reason: "secret"}, 500, "failed"},
		"odd status":      {&handshake.Error{Status: 1000, Reason: "secret"}, 500, "failed"},
		"redirect":        {&handshake.Error{Status: 302, Reason: "over there", Extra: http.Header{"Location": {"/x"}}}, 302, "over there"},
	} {
		t.Run(name, func(t *testing.T) {
			u := &Upgrader{Check: func(r *handshake.Request) error {
				if r.Get("X-Token") != "abc" || r.Target != "/chat" || r.RemoteAddr == "" {
					t.Errorf("the hook got %+v", r)
				}
				return tt.err
			}}
			overDoors(t, u, func(t *testing.T, e *entrance) {
				nc := e.connect()
				send(t, nc, chatRequest("X-Token: abc"))
				resp, body := answer(t, nc)
				if up := <-e.up; up.c != nil || !errors.Is(up.err, tt.err) {
					t.Error(up)
				}
				if resp.StatusCode != tt.status || !strings.Contains(body, tt.body) || strings.Contains(body, "secret") {
					t.Error(resp, body)
				}
				if tt.status == 401 && resp.Header.Get("WWW-Authenticate") != "Basic" {
					t.Error(resp.Header)
				}
			})
			rec := httptest.NewRecorder() // can't be taken over, which would be 501
			r, _ := http.ReadRequest(bufio.NewReader(strings.NewReader(chatRequest("X-Token: abc"))))
			r.RemoteAddr = "somewhere"
			if _, err := u.Upgrade(rec, r); err == nil || rec.Code != tt.status {
				t.Error(rec.Code, err)
			}
		})
	}
}

// TestUpgradeNotHijackable is a 501 for the client, and a hint for the caller.
func TestUpgradeNotHijackable(t *testing.T) {
	rec := httptest.NewRecorder()
	r, _ := http.ReadRequest(bufio.NewReader(strings.NewReader(chatRequest())))
	c, err := Upgrade(rec, r)
	if c != nil || !errors.Is(err, http.ErrNotSupported) || !strings.Contains(err.Error(), "Unwrap") {
		t.Fatal(c, err)
	}
	body := rec.Body.String()
	if rec.Code != 501 || !strings.Contains(body, "HTTP/1.1") || !strings.Contains(body, "without Unwrap") {
		t.Error(rec.Code, body)
	}
}

// TestUpgradeHTTP2 is refused in a way that a client can understand: what is no
// extended CONNECT is 400, and that can't be taken over.
func TestUpgradeHTTP2(t *testing.T) {
	failed := make(chan error, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := Upgrade(w, r)
		failed <- err
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 400 || !strings.Contains(string(body), "CONNECT") || !isErr[*handshake.Error](<-failed) {
		t.Errorf("%v, %s", resp, body)
	}
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("CONNECT", "https://example.com/chat", nil)
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	r.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if c, err := Upgrade(rec, r); c != nil || !errors.Is(err, http.ErrNotSupported) || rec.Code != 501 {
		t.Error(c, err, rec.Code)
	}
}

// TestUpgradeServerTimeouts: those of http.Server end with the handshake.
func TestUpgradeServerTimeouts(t *testing.T) {
	srv := &http.Server{
		ReadTimeout: time.Second, ReadHeaderTimeout: time.Second,
		WriteTimeout: time.Second, IdleTimeout: time.Second,
	}
	throughDoor(t, "Upgrade", &Upgrader{HandshakeTimeout: time.Second}, srv, func(t *testing.T, e *entrance) {
		nc := e.connect()
		send(t, nc, chatRequest())
		answer(t, nc)
		c := (<-e.up).c
		<-time.After(time.Hour)
		_ = nc.SetDeadline(time.Time{})
		send(t, nc, "\x81\x82\x00\x00\x00\x00hi")
		if _, p, err := c.Read(bg); err != nil || string(p) != "hi" {
			t.Fatalf("%q, %v", p, err)
		}
		<-time.After(time.Hour)
		if err := c.Write(bg, Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHandlerLetsGo: the handler, and with it net/http's goroutine, ends while
// the connection lives, and its Events see the request.
func TestHandlerLetsGo(t *testing.T) {
	left := make(chan bool, 1)
	opened := make(chan string, 1)
	closed := make(chan *CloseError, 1)
	inner := (&Upgrader{}).Handler(&Events{
		Open:    func(_ *Conn, r *handshake.Request) { opened <- r.Target + " " + r.Get("X-Token") },
		Message: echo.Message,
		Close:   func(_ *Conn, err *CloseError) { closed <- err },
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		left <- true
	}))
	defer srv.Close()
	d := &Dialer{Header: http.Header{"X-Token": {"abc"}}}
	c, _, err := d.Dial(within(t), wsURL(srv)+"/path")
	if err != nil {
		t.Fatal(err)
	}
	<-left
	if got := <-opened; got != "/path abc" {
		t.Errorf("Open got %q", got)
	}
	wantEcho(t, c)
	if end := <-closed; end.Code != CloseNormal || !end.Remote {
		t.Error(end)
	}
	resp, err := srv.Client().Get(srv.URL)
	if err != nil || resp.StatusCode != 426 || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
}

// TestUpgradeEarlyBytes: frames in the same packet as the request are kept,
// few and more than any buffer.
func TestUpgradeEarlyBytes(t *testing.T) {
	for _, n := range []int{1, 700, 20000} {
		overDoors(t, &Upgrader{}, func(t *testing.T, e *entrance) {
			nc := e.connect()
			send(t, nc, chatRequest()+strings.Repeat("\x81\x82\x00\x00\x00\x00hi", n))
			answer(t, nc)
			c := (<-e.up).c
			for i := range n {
				if _, p, err := c.Read(bg); err != nil || string(p) != "hi" {
					t.Fatalf("message %d of %d: %q, %v", i, n, p, err)
				}
			}
		})
	}
}

// TestUpgradeContinue: "100 Continue" comes before the 101 (RFC 9110 section
// 7.8).
func TestUpgradeContinue(t *testing.T) {
	overDoors(t, &Upgrader{}, func(t *testing.T, e *entrance) {
		nc := e.connect()
		send(t, nc, chatRequest("Expect: 100-continue"))
		br := bufio.NewReader(nc)
		for _, want := range []int{100, 101} {
			resp, err := http.ReadResponse(br, nil)
			if err != nil || resp.StatusCode != want {
				t.Fatal(resp, err)
			}
		}
	})
}

// TestUpgradeRefusalIsRead: a client that has sent more than its request gets
// the whole refusal, and no reset.
func TestUpgradeRefusalIsRead(t *testing.T) {
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"frames behind":   {chatRequest("Origin: https://evil.example") + strings.Repeat("\x81\x82\x00\x00\x00\x00hi", 100), 403},
		"many frames":     {chatRequest("Origin: https://evil.example") + strings.Repeat("\x81\x82\x00\x00\x00\x00hi", 5000), 403},
		"HTTP/1.0":        {strings.Replace(chatRequest(), "HTTP/1.1", "HTTP/1.0", 1), 426},
		"no upgrade":      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426},
		"no HTTP":         {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 500), 400},
		"too large":       {chatRequest("X-Large: "+strings.Repeat("x", 100_000)) + "more", 431},
		"body":            {strings.Replace(chatRequest("Content-Length: 5"), "GET", "POST", 1) + "hello", 405},
		"another version": {strings.Replace(chatRequest(), "Version: 13", "Version: 8", 1), 426},
	} {
		t.Run(name, func(t *testing.T) {
			u := &Upgrader{}
			overDoors(t, u, func(t *testing.T, e *entrance) {
				if strings.HasSuffix(t.Name(), "/Upgrade") && (name == "no HTTP" || name == "too large" || name == "many frames") {
					return // net/http's own affair: it answers the first two, and closes without draining
				}
				nc := e.connect()
				send(t, nc, tt.request)
				resp, body := answer(t, nc)
				if resp.StatusCode != tt.status || !strings.HasPrefix(body, fmt.Sprint(tt.status)) {
					t.Error(resp, body)
				}
				if tt.status == 426 && (resp.Header.Get("Upgrade") != "websocket" || resp.Header.Get("Sec-WebSocket-Version") != "13") {
					t.Error(resp.Header)
				}
				var refused *handshake.Error
				if up := <-e.up; !errors.As(up.err, &refused) || refused.Status != tt.status {
					t.Error(up.err)
				}
			})
		})
	}
}

// TestUpgradeTransportFails between the request and the response.
func TestUpgradeTransportFails(t *testing.T) {
	overDoors(t, &Upgrader{}, func(t *testing.T, e *entrance) {
		e.wrap = func(nc net.Conn) net.Conn { return brokenConn{nc, "write"} }
		nc := e.connect()
		send(t, nc, chatRequest())
		if up := <-e.up; up.c != nil || !errors.Is(up.err, errBroken) || !strings.HasPrefix(up.err.Error(), "websocket: handshake: ") {
			t.Error(up)
		}
		if b, err := io.ReadAll(nc); len(b) > 0 || err != nil {
			t.Errorf("the client read %q, %v", b, err)
		}
	})
}

// TestOriginBehindReverseProxy: a proxy that changes the Host header has the pages of its own host
// refused, unless their origin is listed or the proxy passes the header on. README says so.
func TestOriginBehindReverseProxy(t *testing.T) {
	for name, tt := range map[string]struct {
		listed, passes bool
		want           int
	}{
		"changed Host":             {want: http.StatusForbidden},
		"changed Host, and listed": {listed: true, want: http.StatusSwitchingProtocols},
		"passed on":                {passes: true, want: http.StatusSwitchingProtocols},
	} {
		t.Run(name, func(t *testing.T) {
			u := new(Upgrader)
			backend := httptest.NewServer(u.Handler(nil))
			defer backend.Close()
			target, err := url.Parse(backend.URL)
			check(err)
			front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				if tt.passes {
					r.Out.Host = r.In.Host
				}
			}})
			defer front.Close()
			if tt.listed {
				u.Origins = []string{front.URL}
			}
			d := &Dialer{Header: http.Header{"Origin": {front.URL}}}
			c, resp, err := d.Dial(within(t), wsURL(front))
			if resp == nil || resp.StatusCode != tt.want {
				t.Fatalf("Dial = %v, %v, want %d", resp, err, tt.want)
			}
			if err == nil {
				_ = c.CloseNow()
			}
		})
	}
}
