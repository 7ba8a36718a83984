package handshake

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// bothViews returns the same request as read from net/http and from raw bytes.
func bothViews(t *testing.T, raw string) map[string]*Request {
	t.Helper()
	parsed, _, err := ParseRequest([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	hr := httptest.NewRequest(parsed.Method, parsed.Target, nil)
	hr.Host = parsed.Host
	for _, f := range parsed.fields {
		hr.Header.Add(f.name, f.value)
	}
	return map[string]*Request{"bytes": parsed, "net/http": NewRequest(hr)}
}

func TestRequest(t *testing.T) {
	raw := strings.Replace(browserRequest, "\r\n\r\n", "\r\nx-a: 1\r\nX-A:2, 3 \r\n\r\n", 1)
	for name, r := range bothViews(t, raw) {
		t.Run(name, func(t *testing.T) {
			if err := CheckRequest(r); err != nil {
				t.Fatal(err)
			}
			if r.Method != "GET" || r.Target != "/chat?room=1" || r.Host != "server.example.com" || r.ProtoMajor != 1 || r.ProtoMinor != 1 {
				t.Errorf("%+v", r)
			}
			if r.URL.Path != "/chat" || r.URL.Query().Get("room") != "1" || r.Key != testKey {
				t.Errorf("URL %v, key %q, want the request's", r.URL, r.Key)
			}
			if want := []string{"chat", "superchat"}; !slices.Equal(r.Subprotocols, want) {
				t.Errorf("subprotocols %q, want %q", r.Subprotocols, want)
			}
			if want := []Extension{{"permessage-deflate", []Param{{"client_max_window_bits", ""}}}}; !reflect.DeepEqual(r.Extensions, want) {
				t.Errorf("extensions %q, want %q", r.Extensions, want)
			}
			checkAccessors(t, r)
		})
	}
}

func checkAccessors(t *testing.T, r *Request) {
	if got := r.Get("x-A"); got != "1" {
		t.Errorf("Get(%q) = %q, want %q", "x-A", got, "1")
	}
	if got := r.Get("Sec-WebSocket-Version"); got != "13" {
		t.Errorf("Get(%q) = %q, want %q", "Sec-WebSocket-Version", got, "13")
	}
	if got := r.Get("Host") + r.Get("X-None"); got != "" {
		t.Errorf("Get of Host and of a header that is not there = %q, want nothing", got)
	}
	if got := r.Values("X-a"); !slices.Equal(got, []string{"1", "2, 3"}) {
		t.Errorf("Values = %q, want those of both lines", got)
	}
	if got := r.Header(); !slices.Equal(got["X-A"], []string{"1", "2, 3"}) || got.Get("Origin") == "" || got.Get("Host") != "" {
		t.Errorf("Header = %q, want X-A twice, Origin, and no Host", got)
	}
	if c, err := r.Cookie("session"); err != nil || c.Value != "0123456789" {
		t.Errorf("Cookie(%q) = %v, %v, want it", "session", c, err)
	}
	if c, err := r.Cookie("none"); !errors.Is(err, http.ErrNoCookie) {
		t.Errorf("Cookie(%q) = %v, %v, want %v", "none", c, err, http.ErrNoCookie)
	}
}

func TestNewRequest(t *testing.T) {
	hr := httptest.NewRequest("GET", "https://example.com/a?b", strings.NewReader("body"))
	r := NewRequest(hr)
	if r.TLS == nil || r.RemoteAddr == "" || r.Host != "example.com" || !r.body {
		t.Errorf("%+v", r)
	}
	// A request that was made by hand has no RequestURI, and may have no URL.
	hr = &http.Request{Method: "GET", URL: &url.URL{Path: "/a", RawQuery: "b"}, TLS: new(tls.ConnectionState)}
	if r = NewRequest(hr); r.Target != "/a?b" || r.body || r.TLS != hr.TLS || r.HTTPRequest() != hr {
		t.Errorf("%+v", r)
	}
	for _, target := range []string{"", "/a"} {
		r = NewRequest(&http.Request{Method: "GET", ProtoMajor: 1, ProtoMinor: 1, RequestURI: target})
		e := checkTarget(r)
		if (e == nil) != (target != "") || target != "" && r.URL.Path != target {
			t.Errorf("target %q: URL %v, %v, want it accepted: %t", target, r.URL, e, target != "")
		}
	}
}

// TestHTTPRequest shows that HTTPRequest is nil for a request that was read from raw bytes.
func TestHTTPRequest(t *testing.T) {
	for from, r := range bothViews(t, "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n") {
		if (r.HTTPRequest() == nil) != (from == "bytes") {
			t.Errorf("%s: %v", from, r.HTTPRequest())
		}
	}
}

// TestOffersLongLists shows that long lists are read over several lines and bounded over all of
// them.
func TestOffersLongLists(t *testing.T) {
	lines := func(n int) *Request {
		h := http.Header{}
		for i := range n {
			h.Add(nameProtocol, strings.Repeat("a", i+1))
		}
		return &Request{header: h}
	}
	t.Run("HS-4.2-11/server", func(t *testing.T) {
		if r := lines(MaxSubprotocols); checkSubprotocols(r) != nil || len(r.Subprotocols) != MaxSubprotocols {
			t.Errorf("%d subprotocols", len(r.Subprotocols))
		}
		if r := lines(MaxSubprotocols + 1); checkSubprotocols(r) == nil || r.Subprotocols != nil {
			t.Errorf("%d subprotocols", len(r.Subprotocols))
		}
	})
}

// TestAuthorization shows that a hook finds credentials (RFC 6455 section 10.5) and can answer with
// 401 and the headers that belong to it.
func TestAuthorization(t *testing.T) {
	hook := func(r *Request) error {
		if user, _, ok := (&http.Request{Header: r.Header()}).BasicAuth(); ok && user == "ada" {
			return nil
		}
		return &Error{Status: 401, Reason: "log in first", Extra: http.Header{"WWW-Authenticate": {`Basic realm="a"`}}}
	}
	raw := strings.Replace(browserRequest, "\r\n\r\n", "\r\nAuthorization: Basic YWRhOng=\r\n\r\n", 1)
	for _, id := range []string{"SE-10.5-05", "HS-4.2-27"} {
		t.Run(id+"/server", func(t *testing.T) {
			for name, r := range bothViews(t, raw) {
				if reply := string(serve(r, &Policy{Check: hook})); !strings.HasPrefix(reply, "HTTP/1.1 101 ") {
					t.Errorf("%s: %q", name, reply)
				}
			}
			for name, r := range bothViews(t, browserRequest) {
				reply := string(serve(r, &Policy{Check: hook}))
				if !strings.HasPrefix(reply, "HTTP/1.1 401 Unauthorized\r\n") || !strings.Contains(reply, "\r\nWww-Authenticate: Basic realm=\"a\"\r\n") {
					t.Errorf("%s: %q", name, reply)
				}
			}
		})
	}
}
