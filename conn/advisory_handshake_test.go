package conn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// upgradeWith is the response to a request, and what UpgradeNet returned.
func upgradeWith(t *testing.T, u *Upgrader, req string) (response string, err error) {
	t.Helper()
	s := newFeed([]byte(req), nil)
	c, _, err := u.UpgradeNet(bg, s, nil)
	if c != nil {
		defer c.CloseNow()
	}
	return string(s.out), err
}

// badParameters are permessage-deflate parameters that no side may use.
var badParameters = []string{
	"server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08", `server_max_window_bits=""`,
	"server_max_window_bits=-8", "server_max_window_bits=999999999999999999999", "server_max_window_bits=0x8",
	"server_max_window_bits=10; server_max_window_bits=10", "server_no_context_takeover=1", "unknown", "client_max_window_bits=7",
	`client_max_window_bits="16"`, "client_max_window_bits=08", "client_max_window_bits=0",
}

func deflateOffers(t *testing.T) {
	for _, params := range append(badParameters, "server_max_window_bits") {
		response, err := upgradeWith(t, &Upgrader{Config: takeover},
			request("Host: localhost", "Sec-WebSocket-Extensions: permessage-deflate; "+params))
		// What the grammar of section 9.1 forbids is a bad request; the rest is
		// an offer that is declined.
		ok := strings.HasPrefix(response, "HTTP/1.1 101 ")
		if ok != (err == nil) || ok == (params == badParameters[3]) || strings.Contains(response, "permessage-deflate") {
			t.Errorf("%s: %v, %s", params, err, response)
		}
	}
}

func deflateAnswers(t *testing.T) {
	for _, params := range append(badParameters, "server_max_window_bits", "client_max_window_bits") {
		s := newFeed([]byte("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+sampleAccept+
			"\r\nSec-WebSocket-Extensions: permessage-deflate; "+params+"\r\n\r\n"), nil)
		d := &Dialer{Config: takeover, Proxy: NoProxy}
		d.NetDial = func(context.Context, string, string) (net.Conn, error) { return answering{s}, nil }
		_, _, err := d.Dial(bg, "ws://localhost/")
		var refused *handshake.Error
		if !errors.As(err, &refused) || refused.Field != "Sec-WebSocket-Extensions" {
			t.Errorf("%s: %v", params, err)
		}
	}
}

// wantRefusal wants a request to be refused with this status.
func wantRefusal(t *testing.T, name, req string, status int) {
	t.Helper()
	response, err := upgradeWith(t, &Upgrader{}, req)
	var refused *handshake.Error
	if !errors.As(err, &refused) || refused.Status != status || !strings.HasPrefix(response, fmt.Sprintf("HTTP/1.1 %d ", status)) {
		t.Errorf("%s: %v, %.40q, want status %d", name, err, response, status)
	}
}

func handshakeFloods(t *testing.T) {
	wantRefusal(t, "2000 headers", request(append(slices.Repeat([]string{"X: y"}, 2000), "Host: localhost")...), 431)
	wantRefusal(t, "a header of 64 KiB", request("Host: localhost", "X: "+strings.Repeat("x", 64<<10)), 431)
	wantRefusal(t, "a header without an end", "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 1<<20), 431)
	wantRefusal(t, "a name without an end", "GET / HTTP/1.1\r\n"+strings.Repeat("x", 1<<20), 431)
	wantRefusal(t, "a target without an end", "GET /"+strings.Repeat("x", 1<<20), 431)
	wantRefusal(t, "10,000 subprotocols", request("Host: localhost", "Sec-WebSocket-Protocol: "+strings.Repeat("a,", 10000)+"b"), 400)
}

func missingHeaders(t *testing.T) {
	whole := strings.Split(request("Host: localhost"), "\r\n")
	for i := 1; i < len(whole)-2; i++ {
		req := strings.Join(slices.Delete(slices.Clone(whole), i, i+1), "\r\n")
		if response, err := upgradeWith(t, &Upgrader{}, req); err == nil || !strings.HasPrefix(response, "HTTP/1.1 4") {
			t.Errorf("without %q: %v, %q", whole[i], err, response)
		}
	}
}

// byteByByte: 60 KiB in single bytes are parsed once, when all are there; that
// each byte is looked at once until then, handshake's TestParserPieces counts.
func byteByByte(t *testing.T) {
	req := request("Host: localhost", "X: "+strings.Repeat("x", 60<<10))
	s := &bytewise{newFeed([]byte(req), nil)}
	before := allocated()
	c, _, err := new(Upgrader).UpgradeNet(bg, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := allocated() - before; n > 1<<20 && !raceEnabled {
		t.Errorf("%d bytes were allocated", n)
	}
	_ = c.CloseNow()
}

// bytewise delivers one byte at a time.
type bytewise struct{ *feed }

func (b *bytewise) Read(p []byte) (int, error) { return b.feed.Read(p[:1]) }

// slowHandshake: a client that sends a byte every second is cut off in the end,
// and so is one that is silent.
func slowHandshake(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			a, b := wstest.Pipe(1 << 10)
			var sending sync.WaitGroup
			defer sending.Wait()
			sending.Go(func() {
				for _, x := range []byte(request("Host: localhost")) {
					<-time.After(interval)
					if _, err := b.Write([]byte{x}); err != nil {
						return
					}
				}
			})
			start := time.Now()
			_, _, err := new(Upgrader).UpgradeNet(bg, a, nil)
			if d := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || d > defaultHandshakeTimeout+2*time.Second {
				t.Errorf("after %v: %v", d, err)
			}
			_ = b.Close()
		})
	}
}

func originMatrix(t *testing.T) {
	for _, tt := range []struct {
		host, origin string
		want         bool
	}{
		{"example.com", "", true},
		{"example.com", "Origin: https://example.com", true},
		{"example.com", "Origin: http://example.com", true},
		{"example.com", "Origin: https://EXAMPLE.com", true},
		{"example.com", "Origin: https://example.com:443", true},
		{"example.com:8080", "Origin: http://example.com:8080", true},
		{"[::1]:8080", "Origin: http://[::1]:8080", true},
		{"127.0.0.1", "Origin: http://127.0.0.1", true},
		{"example.com", "Origin: null", false},
		{"example.com", "Origin: ", false},
		{"example.com", "Origin: https://other.com", false},
		{"example.com", "Origin: https://example.com:8443", false},
		{"example.com:8080", "Origin: http://example.com", false},
		{"example.com", "Origin: https://evil-example.com", false},
		{"example.com", "Origin: https://example.com.evil.com", false},
		{"example.com", "Origin: https://www.example.com", false},
		{"example.com", "Origin: https://example.com@evil.com", false},
		{"example.com", "Origin: https://evil.com@example.com", false},
		{"example.com", "Origin: https://evil.com/example.com", false},
		{"example.com", "Origin: example.com", false},
		{"127.0.0.1", "Origin: http://localhost", false},
		{"127.0.0.1", "Origin: http://127.0.0.1.evil.com", false},
		{"192.168.1.5", "Origin: http://192.168.1.6", false},
		{"[::1]", "Origin: http://[::2]", false},
		{"example.com", "Origin: file://", false},
		{"example.com", "Origin: https://example.com\r\nOrigin: https://evil.com", false},
	} {
		headers := []string{"Host: " + tt.host}
		if tt.origin != "" {
			headers = append(headers, tt.origin)
		}
		eachDoor(t, &Upgrader{}, request(headers...), func(door, response string, err error) {
			if (err == nil) != tt.want || !tt.want && !strings.HasPrefix(response, "HTTP/1.1 403 ") {
				t.Errorf("%s, Host %q, %q: %v, %.40q", door, tt.host, tt.origin, err, response)
			}
		})
	}
}

// checkComesFirst: a refusal of Upgrader.Check reaches the client instead of a
// 101, and no connection is made.
func checkComesFirst(t *testing.T) {
	u := &Upgrader{Check: func(*handshake.Request) error { return &handshake.Error{Status: 401, Reason: "who are you?"} }}
	eachDoor(t, u, request("Host: localhost"), func(door, response string, err error) {
		if err == nil || !strings.HasPrefix(response, "HTTP/1.1 401 ") || strings.Contains(response, " 101 ") {
			t.Errorf("%s: %v, %q", door, err, response)
		}
	})
}

// injections are what must not reach a header.
var injections = []string{"a\r\nEvil: 1", "a\nEvil: 1", "a\rEvil: 1", "a\x00b", "a\r\n\r\nGET / HTTP/1.1"}

func injectionByDialer(t *testing.T) {
	for _, evil := range injections {
		for name, d := range map[string]*Dialer{
			"header value": {Header: http.Header{"X": {evil}}},
			"header name":  {Header: http.Header{evil: {"x"}}},
			"subprotocol":  {Subprotocols: []string{evil}},
			"host":         {Host: evil},
		} {
			wantNoDial(t, name, d, "ws://localhost/")
		}
		for _, u := range []string{"ws://localhost/" + evil, "ws://localhost/?" + evil, "ws://" + evil + "/"} {
			wantNoDial(t, "URL", new(Dialer), u)
		}
		injectionByProxy(t, evil)
		injectionByJar(t, evil)
		// What a URL may hold escaped is sent escaped.
		s := newFeed(nil, nil)
		d := &Dialer{Proxy: NoProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return s, nil }}
		_, _, _ = d.Dial(bg, "ws://"+url.UserPassword(evil, evil).String()+"@localhost/"+url.PathEscape(evil)+"?"+url.QueryEscape(evil))
		if out := string(s.out); len(out) == 0 || strings.Contains(out, "\nEvil") || strings.Contains(out, "\x00") || strings.Count(out, "GET /") != 1 {
			t.Errorf("%q was sent as %q", evil, out)
		}
	}
}

// injectionByProxy: a proxy's name and password are sent encoded, and a host that
// splits a request is none.
func injectionByProxy(t *testing.T, evil string) {
	for _, proxy := range []*url.URL{
		{Scheme: "http", Host: "proxy", User: url.UserPassword(evil, evil)},
		{Scheme: "http", Host: "proxy/" + evil},
		{Scheme: "http", Host: "proxy", Path: "/" + evil},
	} {
		s := newFeed(nil, nil)
		d := &Dialer{
			Proxy:   func(*url.URL) (*url.URL, error) { return proxy, nil },
			NetDial: func(context.Context, string, string) (net.Conn, error) { return s, nil },
		}
		_, _, err := d.Dial(bg, "ws://localhost/")
		if out := string(s.out); err == nil || strings.Contains(out, "Evil") || strings.Contains(out, "\x00") || strings.Contains(out, "GET /") {
			t.Errorf("%v: %v, %q was sent", proxy, err, out)
		}
	}
}

// injectionByJar: a jar's cookie is sent without what would split the request, or
// not at all.
func injectionByJar(t *testing.T, evil string) {
	for _, c := range []*http.Cookie{{Name: "a", Value: evil}, {Name: evil, Value: "b"}} {
		s := newFeed(nil, nil)
		d := &Dialer{Jar: oneCookie{c}, Proxy: NoProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return s, nil }}
		_, _, _ = d.Dial(bg, "ws://localhost/")
		if out := string(s.out); strings.Contains(out, "\nEvil") || strings.Contains(out, "\rEvil") || strings.Contains(out, "\x00") || strings.Count(out, "GET /") > 1 && strings.Contains(out, "\nGET") {
			t.Errorf("cookie %q was sent as %q", evil, out)
		}
	}
}

// oneCookie is a jar with one cookie.
type oneCookie struct{ c *http.Cookie }

func (oneCookie) SetCookies(*url.URL, []*http.Cookie) {}
func (j oneCookie) Cookies(*url.URL) []*http.Cookie   { return []*http.Cookie{j.c} }

// wantNoDial wants an error before anything is connected to.
func wantNoDial(t *testing.T, name string, d *Dialer, u string) {
	t.Helper()
	d.Proxy = NoProxy
	d.NetDial = func(context.Context, string, string) (net.Conn, error) {
		t.Errorf("%s: it was dialed", name)
		return nil, io.EOF
	}
	if _, _, err := d.Dial(bg, u); err == nil {
		t.Errorf("%s: no error", name)
	}
}

func injectionByUpgrader(t *testing.T) {
	for _, evil := range injections {
		for name, u := range map[string]*Upgrader{
			"header value":         {Header: http.Header{"X": {evil}}},
			"header name":          {Header: http.Header{evil: {"x"}}},
			"subprotocol":          {Subprotocols: []string{evil}},
			"subprotocol selected": {SelectSubprotocol: func(*handshake.Request) (string, error) { return evil, nil }},
			"origin":               {Origins: []string{evil}},
			"reason":               {Check: func(*handshake.Request) error { return &handshake.Error{Status: 403, Field: evil, Reason: evil} }},
			"a refusal's header": {Check: func(*handshake.Request) error {
				return &handshake.Error{Status: 403, Reason: "no", Extra: http.Header{"X": {evil}, evil: {"x"}}}
			}},
		} {
			eachDoor(t, u, request("Host: localhost", "Sec-WebSocket-Protocol: a"), func(door, response string, err error) {
				if refusedWhole(response) || err == nil && name == "subprotocol" && !splits(response) {
					return // a subprotocol that nobody can ask for is never sent
				}
				t.Errorf("%s, %s %q: %v, %q", door, name, evil, err, response)
			})
		}
		for name, h := range map[string]http.Header{"value": {"X": {evil}}, "name": {evil: {"x"}}} {
			response, err := upgradeHTTP(t, new(Upgrader), request("Host: localhost"), h)
			if err == nil || strings.Contains(response, " 101 ") {
				t.Errorf("a handler's header %s %q: %v, %q", name, evil, err, response)
			}
		}
	}
}

// splits reports whether a string of the caller's shows in the head of a
// response as something of its own.
func splits(response string) bool {
	head, _, _ := strings.Cut(response, "\r\n\r\n")
	return strings.Contains(head, "\nEvil") || strings.Contains(head, "\rEvil") || strings.Contains(head, "\x00")
}

// refusedWhole reports whether a response is a refusal with nothing injected.
func refusedWhole(response string) bool {
	return !splits(response) && !strings.HasPrefix(response, "HTTP/1.1 101") && strings.HasPrefix(response, "HTTP/1.1 ")
}

// tlsNames: a certificate for another name, or of nobody who is trusted, is
// refused unless the caller says otherwise.
func tlsNames(t *testing.T) {
	srv := httptest.NewUnstartedServer(new(Upgrader).Handler(&Events{}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	roots := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for _, tt := range []struct {
		host string
		cfg  *tls.Config
		want error // nil: it connects
	}{
		{"127.0.0.1", &tls.Config{RootCAs: roots}, nil},
		{"localhost", &tls.Config{RootCAs: roots, ServerName: "example.com"}, nil},
		{"localhost", &tls.Config{RootCAs: roots}, new(x509.HostnameError)},
		{"127.0.0.1", &tls.Config{RootCAs: roots, ServerName: "other.test"}, new(x509.HostnameError)},
		{"127.0.0.1", nil, new(tls.CertificateVerificationError)},
	} {
		d := &Dialer{TLSConfig: tt.cfg, Proxy: NoProxy}
		d.NetDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
		}
		c, _, err := d.Dial(within(t), "wss://"+tt.host+":"+port)
		switch want := tt.want.(type) {
		case nil:
			if err != nil {
				t.Errorf("%s: %v", tt.host, err)
				continue
			}
			_ = c.CloseNow()
			<-c.Done()
		case *x509.HostnameError:
			if !errors.As(err, want) {
				t.Errorf("%s: %v", tt.host, err)
			}
		default:
			if verification := new(tls.CertificateVerificationError); !errors.As(err, &verification) {
				t.Errorf("%s: %v", tt.host, err)
			}
		}
	}
}

// noCompressionUnasked: the zero values neither offer nor accept compression.
func noCompressionUnasked(t *testing.T) {
	response, err := upgradeWith(t, &Upgrader{}, request("Host: localhost", "Sec-WebSocket-Extensions: permessage-deflate"))
	if err != nil || strings.Contains(response, "Extensions") {
		t.Errorf("%v, %q", err, response)
	}
	s := newFeed(nil, nil)
	d := &Dialer{Proxy: NoProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return s, nil }}
	_, _, _ = d.Dial(bg, "ws://localhost/")
	if len(s.out) == 0 || strings.Contains(string(s.out), "Extensions") {
		t.Errorf("%q", s.out)
	}
}
