package conn

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rfc6455/ws/handshake"
)

// canary stands for a secret, in all that a caller or a peer may put one into.
const canary = "s3cr3t"

// TestNoSecretInDial: no error of a dial repeats a header's value, a cookie, a
// subprotocol, user information or a query, whatever the server makes of them.
func TestNoSecretInDial(t *testing.T) {
	over, trusting := secure(t)
	const dialed = "ws://" + canary + ":" + canary + "@example.com/path?token=" + canary
	refuse := func(head, body string) script { return respond("HTTP/1.1 " + head + "\r\n\r\n" + body) }
	for name, tt := range map[string]struct {
		url, proxy string
		break_     func(*Dialer)
		s          []script
	}{
		"no server":         {},
		"header":            {break_: func(d *Dialer) { d.Header.Set("Authorization", "Bearer "+canary+"\n") }},
		"header's name":     {break_: func(d *Dialer) { d.Header["Authorization: "+canary] = []string{""} }},
		"subprotocol":       {break_: func(d *Dialer) { d.Subprotocols = []string{canary + "/"} }},
		"subprotocols":      {break_: func(d *Dialer) { d.Subprotocols = []string{canary, canary} }},
		"Host":              {break_: func(d *Dialer) { d.Host = canary + "/" }},
		"proxy header":      {break_: func(d *Dialer) { d.ProxyHeader = http.Header{"X": {canary + "\n"}} }},
		"silence":           {s: []script{func(net.Conn) {}}},
		"no HTTP":           {s: []script{func(nc net.Conn) { io.WriteString(nc, canary+"\r\n\r\n") }}},
		"echoed in status":  {s: []script{refuse("403 "+canary, "")}},
		"echoed in header":  {s: []script{refuse("401 No\r\nWWW-Authenticate: "+canary, "")}},
		"echoed in body":    {s: []script{refuse("403 No", "the token "+canary+" has run out\n")}},
		"wrong subprotocol": {s: []script{accept(nil, "Sec-WebSocket-Protocol: x"+canary)}},
		"wrong extension":   {s: []script{accept(nil, "Sec-WebSocket-Extensions: "+canary)}},
		"redirects":         {s: []script{redirectTo(302, "/?"+canary, nil), redirectTo(302, "/?"+canary, nil), redirectTo(302, "/?"+canary, nil)}},
		"redirect elsewhere": {s: []script{
			redirectTo(302, "ws://"+canary+"@other/?"+canary, nil), refuse("500 No", ""),
		}},
		"redirect to no URL":   {s: []script{redirectTo(302, "http://[/?"+canary, nil)}},
		"redirect to ftp":      {s: []script{redirectTo(302, "ftp://"+canary+"@h/?"+canary, nil)}},
		"redirect without TLS": {url: "wss://example.com/?" + canary, s: []script{over(redirectTo(302, "ws://example.com/?"+canary, nil))}},
		"TLS":                  {url: "wss://" + canary + "@example.org/?" + canary, s: []script{over(func(net.Conn) {})}},
		"proxy refuses":        {proxy: "http://" + canary + ":" + canary + "@proxy", s: []script{refuse("407 "+canary, canary+" is wrong")}},
		"proxy is gone":        {proxy: "http://" + canary + ":" + canary + "@proxy", s: []script{func(net.Conn) {}}},
		"proxy of SOCKS":       {proxy: "socks5://" + canary + ":" + canary + "@proxy"},
		"proxy of no kind":     {proxy: "x://" + canary + ":" + canary + "@proxy"},
		"URL":                  {url: "ws://h:" + canary + "/"},
		"URL's query":          {url: "ws://h/?" + canary + "%"},
		"URL's user":           {url: "ws://" + canary + ":" + canary + "@/"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Dialer{
				Header:       http.Header{"Authorization": {"Bearer " + canary}, "Cookie": {"session=" + canary}},
				Subprotocols: []string{"v1", canary}, TLSConfig: trusting, MaxRedirects: 2, Proxy: proxyTo(tt.proxy),
			}
			d.NetDial, _ = scripted(t, tt.s...)
			if tt.break_ != nil {
				tt.break_(d)
			}
			if tt.url == "" {
				tt.url = dialed
			}
			c, _, err := d.Dial(within(t), tt.url)
			if c != nil || err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestNoSecretInUpgrade: neither an error, nor a refusal, nor a log repeats what
// the client has sent.
func TestNoSecretInUpgrade(t *testing.T) {
	var mu sync.Mutex
	var text bytes.Buffer
	log := LogTrace(slog.New(slog.NewTextHandler(locked{&mu, &text}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ends := make(chan error, 1)
	told := JoinTraces(log, &Trace{
		Refused: func(_ *handshake.Request, err error) { ends <- err },
		Opened:  func(*Conn, *handshake.Request) { ends <- nil },
	})
	secrets := []string{
		"Authorization: Bearer " + canary, "Cookie: session=" + canary, "Sec-WebSocket-Protocol: v1, " + canary, "User-Agent: " + canary,
	}
	for name, tt := range map[string]struct {
		u       Upgrader
		request string
	}{
		"accepted":       {request: "GET"},
		"subprotocol":    {u: Upgrader{SelectSubprotocol: func(*handshake.Request) (string, error) { return canary, nil }}, request: "GET"},
		"no subprotocol": {u: Upgrader{SelectSubprotocol: func(*handshake.Request) (string, error) { return "x" + canary, nil }}, request: "GET"},
		"refused":        {u: Upgrader{Check: func(*handshake.Request) error { return &handshake.Error{Status: 401, Reason: "no"} }}, request: "GET"},
		"failed":         {u: Upgrader{Check: func(*handshake.Request) error { return errors.New("no database") }}, request: "GET"},
		"origin":         {u: Upgrader{Origins: []string{"https://example.com"}}, request: "GET"},
		"header":         {u: Upgrader{Header: http.Header{"Set-Cookie": {canary + "\n"}}}, request: "GET"},
		"list":           {u: Upgrader{Subprotocols: []string{canary + "/"}}, request: "GET"},
		"method":         {request: "POST"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.u.Trace = told
			overDoors(t, &tt.u, func(t *testing.T, e *entrance) {
				nc := e.connect()
				r := strings.Replace(chatRequest(append(secrets, "Origin: http://evil.example")...), "GET /chat", tt.request+" /chat?token="+canary, 1)
				if name == "accepted" || name == "subprotocol" {
					r = strings.Replace(r, "Origin: http://evil.example\r\n", "", 1)
				}
				send(t, nc, r)
				_, body := answer(t, nc)
				up := <-e.up
				if up.err != nil && strings.Contains(up.err.Error(), canary) {
					t.Errorf("the error has it: %v", up.err)
				}
				if err := <-ends; (err == nil) != (up.err == nil) || err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("Trace.Refused has it: %v", err)
				}
				if strings.Contains(body, canary) {
					t.Errorf("the refusal has it: %s", body)
				}
				if up.c != nil {
					_ = up.c.CloseNow()
				}
			})
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(text.String(), canary) || text.Len() == 0 {
				t.Errorf("the log has it: %s", &text)
			}
			text.Reset()
		})
	}
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// TestDialProxyRefuses: the proxy's answer reaches the caller as a server's does,
// and is not taken for one.
func TestDialProxyRefuses(t *testing.T) {
	for status, want := range map[string]int{"407 Who": 407, "302 Go": 302, "503 Down": 503} {
		d := &Dialer{Proxy: proxyTo("http://proxy"), ProxyHeader: http.Header{"X-Corp": {"1"}, "Proxy-Authorization": {"Bearer x"}}}
		var got *http.Request
		d.NetDial, _ = scripted(t, func(nc net.Conn) {
			readRequest(nc, func(r *http.Request) { got = r })
			io.WriteString(nc, "HTTP/1.1 "+status+"\r\nProxy-Authenticate: Negotiate\r\nLocation: http://evil/\r\nContent-Length: 17\r\n\r\nask\x07 the helpdesk")
		})
		c, resp, err := d.Dial(within(t), "ws://h/")
		var refused *handshake.Error
		if c != nil || resp == nil || !errors.As(err, &refused) || refused.Status != want {
			t.Fatal(c, resp, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != want || resp.Header.Get("Proxy-Authenticate") != "Negotiate" || string(body) != "ask\x07 the helpdesk" {
			t.Errorf("response %v, body %q", resp, body)
		}
		if want == 407 && !strings.Contains(err.Error(), "Proxy-Authenticate") || !strings.Contains(err.Error(), "the helpdesk") || strings.Contains(err.Error(), "\x07") {
			t.Errorf("error %q", err)
		}
		if got.Method != "CONNECT" || got.Header.Get("X-Corp") != "1" || got.Header.Get("Proxy-Authorization") != "Bearer x" {
			t.Errorf("the proxy got %v", got)
		}
	}
	// What is set on ProxyHeader comes before the URL's own.
	d := &Dialer{Proxy: proxyTo("http://me:x@proxy"), ProxyHeader: http.Header{"proxy-authorization": {"Bearer x"}}}
	var lines []string
	d.NetDial, _ = scripted(t, func(nc net.Conn) {
		readRequest(nc, func(r *http.Request) { lines = r.Header["Proxy-Authorization"] })
	})
	if _, _, err := d.Dial(within(t), "ws://h/"); err == nil || len(lines) != 1 || lines[0] != "Bearer x" {
		t.Error(err, lines)
	}
}

// TestDialUserAgent: one of our own, one of the caller's, or none.
func TestDialUserAgent(t *testing.T) {
	for name, tt := range map[string]struct {
		h    http.Header
		want []string
	}{
		"default": {nil, []string{"Go-websocket-client"}},
		"changed": {http.Header{"user-agent": {"mine/1"}}, []string{"mine/1"}},
		"removed": {http.Header{"User-Agent": {""}}, nil},
		"nil":     {http.Header{"User-Agent": nil}, nil},
	} {
		d := &Dialer{Header: tt.h}
		var got *http.Request
		d.NetDial, _ = scripted(t, accept(func(r *http.Request) { got = r }))
		c, _, err := d.Dial(within(t), "ws://h/")
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
		if v := got.Header["User-Agent"]; strings.Join(v, "|") != strings.Join(tt.want, "|") || len(v) != len(tt.want) {
			t.Errorf("%s: %q, want %q", name, v, tt.want)
		}
	}
}

// TestDialSaysWhy: the error has the first line of the refusal's body that says
// something, and what a redirect, or TLS, has to do with it.
func TestDialSaysWhy(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		s    []script
		say  []string
		deny string
	}{
		"line":         {s: []script{respond("HTTP/1.1 403 No\r\n\r\n\r\n  quota exceeded \r\nmore")}, say: []string{`: "quota exceeded"`}, deny: "more"},
		"our own":      {s: []script{respond("HTTP/1.1 403 No\r\n\r\n403 Forbidden\n\nOrigin: is not allowed here\n")}, say: []string{`"Origin: is not allowed here"`}, deny: "Forbidden"},
		"HTML":         {s: []script{respond("HTTP/1.1 403 No\r\n\r\n<!DOCTYPE html>\n<p>x")}, deny: "DOCTYPE"},
		"long":         {s: []script{respond("HTTP/1.1 403 No\r\n\r\n" + strings.Repeat("ä", 1000))}, say: []string{"ää"}, deny: strings.Repeat("ä", 201)},
		"not text":     {s: []script{respond("HTTP/1.1 403 No\r\n\r\n\xff\xfe\x00")}, deny: `"`},
		"empty":        {s: []script{respond("HTTP/1.1 403 No\r\n\r\n")}, deny: `"`},
		"redirects":    {s: []script{redirectTo(302, "/", nil), redirectTo(302, "/", nil), redirectTo(302, "/", nil)}, say: []string{"2 redirects were followed", "MaxRedirects"}},
		"plain":        {url: "ws://h:8443/", s: []script{respond("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")}, say: []string{"wss://"}},
		"plain, nginx": {s: []script{respond("HTTP/1.1 400 Bad\r\n\r\n<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title>")}, say: []string{"wss://"}},
		"alert":        {s: []script{func(nc net.Conn) { readRequest(nc, nil); io.WriteString(nc, "\x15\x03\x01\x00\x02\x02\x46") }}, say: []string{"wss://"}},
		"silent, 443":  {url: "ws://h:443/", s: []script{func(nc net.Conn) { readRequest(nc, nil) }}, say: []string{"wss://"}},
		"silent":       {s: []script{func(nc net.Conn) { readRequest(nc, nil) }}, deny: "wss://"},
		"TLS to plain": {url: "wss://h/", s: []script{func(nc net.Conn) { io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n"); silent(nc) }}, say: []string{"ws://"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.url == "" {
				tt.url = "ws://h/"
			}
			d := &Dialer{MaxRedirects: 2}
			d.NetDial, _ = scripted(t, tt.s...)
			_, _, err := d.Dial(within(t), tt.url)
			if err == nil {
				t.Fatal("no error")
			}
			rest := strings.TrimPrefix(err.Error(), "websocket: dial "+tt.url+": ")
			for _, say := range tt.say {
				if !strings.Contains(rest, say) {
					t.Errorf("error %q does not say %q", rest, say)
				}
			}
			if tt.deny != "" && strings.Contains(rest, tt.deny) {
				t.Errorf("error %q has %q", rest, tt.deny)
			}
		})
	}
}

// TestRefusalStatus: a hook can't refuse with a status of success, nor with
// none; the log takes that for a mistake of the server's.
func TestRefusalStatus(t *testing.T) {
	for status, want := range map[int]int{0: 500, 101: 500, 200: 500, 299: 500, 302: 302, 403: 403, 599: 599, 600: 500} {
		var log bytes.Buffer
		u := &Upgrader{Check: func(*handshake.Request) error { return &handshake.Error{Status: status, Reason: "no"} }}
		u.Trace = LogTrace(slog.New(slog.NewTextHandler(&log, nil)))
		r := httptest.NewRequest("GET", "http://example.com/", nil)
		r.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {handshake.NewKey()}}
		w := httptest.NewRecorder()
		if _, err := u.Upgrade(w, r); err == nil || w.Code != want {
			t.Errorf("status %d goes out as %d, %v, want %d", status, w.Code, err, want)
		}
		if level := map[bool]string{true: "ERROR", false: "INFO"}[want == 500]; !strings.Contains(log.String(), "level="+level) {
			t.Errorf("status %d is logged as %s", status, &log)
		}
	}
}

// TestUpgradeReplacesHeaders: what a middleware has set of the handshake's own
// headers does not get in its way.
func TestUpgradeReplacesHeaders(t *testing.T) {
	own := http.Header{
		"Connection": {"close"}, "Upgrade": {"h2c"}, "Content-Length": {"3"}, "Transfer-Encoding": {"chunked"},
		"Sec-Websocket-Accept": {"x"}, "sec-websocket-protocol": {"x"}, "Sec-Websocket-Extensions": {"x"}, "X-Mine": {"1"},
	}
	inner := (&Upgrader{}).Handler(echo)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), own)
		inner.ServeHTTP(w, r)
	}))
	defer srv.Close()
	d := &Dialer{}
	c, resp, err := d.Dial(within(t), wsURL(srv))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("X-Mine") != "1" || len(resp.Header["Connection"]) != 1 {
		t.Errorf("headers %v", resp.Header)
	}
	wantEcho(t, c)
}

// TestValidate finds at the start what would refuse every handshake.
func TestValidate(t *testing.T) {
	for say, cfg := range map[string]Config{
		"Compression.Mode":             {Compression: Compression{Mode: 9}},
		"Compression.Level":            {Compression: Compression{Level: 42}},
		"Compression.Level is -1":      {Compression: Compression{Level: -1}},
		"Compression.ServerWindowBits": {Compression: Compression{Mode: CompressionTakeover, ServerWindowBits: 7}},
		"Compression.ClientWindowBits": {Compression: Compression{ClientWindowBits: 16}},
		"QueuePolicy":                  {QueuePolicy: 99},
		"KeepAlive is 30ns":            {KeepAlive: 30},
		"PongTimeout is 10µs":          {PongTimeout: 10_000},
		"IdleTimeout is 60µs":          {IdleTimeout: 60_000},
		"WriteTimeout is 999.999µs":    {WriteTimeout: time.Millisecond - 1},
		"CloseTimeout is 5ns":          {CloseTimeout: 5},
	} {
		u, d := &Upgrader{Config: cfg}, &Dialer{Config: cfg}
		_, _, dialErr := d.Dial(bg, "ws://h")
		_, _, netErr := u.UpgradeNet(bg, newFeed([]byte(chatRequest()), nil), nil)
		for what, err := range map[string]error{"Upgrader": u.Validate(), "Dialer": d.Validate(), "Dial": dialErr, "UpgradeNet": netErr} {
			if err == nil || !strings.Contains(err.Error(), say) {
				t.Errorf("%s: error %v does not say %s", what, err, say)
			}
		}
	}
	for say, u := range map[string]*Upgrader{
		"Origins":     {Origins: []string{"https://ex*mple.com"}},
		"subprotocol": {Subprotocols: []string{"a b"}},
		"Upgrade":     {Header: http.Header{"Upgrade": {"x"}}},
		"control":     {Header: http.Header{"X": {"\n"}}},
	} {
		if err := u.Validate(); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("Upgrader: error %v does not say %s", err, say)
		}
	}
	for say, d := range map[string]*Dialer{
		"Host":        {Host: "a b"},
		"subprotocol": {Subprotocols: []string{"a", "a"}},
		"Upgrade":     {Header: http.Header{"Upgrade": {"x"}}},
		"ProxyHeader": {ProxyHeader: http.Header{"Host": {"x"}}},
		"control":     {ProxyHeader: http.Header{"X": {"\n"}}},
	} {
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("Dialer: error %v does not say %s", err, say)
		}
	}
	good := Config{Compression: Compression{Mode: CompressionTakeover, Level: 9, ServerWindowBits: 15, ClientWindowBits: 8}, QueuePolicy: QueueClose, KeepAlive: -1, PongTimeout: time.Millisecond}
	if err := (&Upgrader{Config: good, Origins: []string{"null", "https://*.example.com"}}).Validate(); err != nil {
		t.Error(err)
	}
	if err := errors.Join(new(Upgrader).Validate(), new(Dialer).Validate(), (&Dialer{Config: good, Host: "h:1"}).Validate()); err != nil {
		t.Error(err)
	}
}
