package conn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rfc6455/ws/handshake"
)

// redirectTo is a script that sends the client elsewhere.
func redirectTo(status int, location string, see func(*http.Request)) script {
	return func(nc net.Conn) {
		if readRequest(nc, see) != nil {
			fmt.Fprintf(nc, "HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location)
		}
	}
}

// secure returns a script that speaks TLS, with the certificate of
// example.com, and the configuration of a client that trusts it.
func secure(t *testing.T) (over func(script) script, trusting *tls.Config) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	over = func(s script) script {
		return func(nc net.Conn) {
			tc := tls.Server(nc, &tls.Config{Certificates: srv.TLS.Certificates})
			s(tc)
			_ = tc.Close()
		}
	}
	return over, srvTLS(srv)
}

// TestRedirectStatus: which responses lead elsewhere.
func TestRedirectStatus(t *testing.T) {
	for status, follows := range map[int]bool{
		301: true, 302: true, 303: true, 307: true, 308: true,
		201: false, 300: false, 304: false, 305: false, 401: false,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			d := &Dialer{}
			d.NetDial, _ = scripted(t, redirectTo(status, "/there", nil), accept(nil))
			c, resp, err := d.Dial(within(t), "ws://example.com/here")
			if follows {
				if err != nil || resp.StatusCode != 101 {
					t.Fatal(resp, err)
				}
				_ = c.CloseNow()
				if u := resp.Request.URL; u.Path != "/there" {
					t.Errorf("the response is to a request of %v, want that of /there", u)
				}
				return
			}
			var refused *handshake.Error
			if !errors.As(err, &refused) || refused.Status != status || resp.StatusCode != status {
				t.Fatal(resp, err)
			}
		})
	}
	d := &Dialer{}
	d.NetDial, _ = scripted(t, respond("HTTP/1.1 302 \r\nContent-Length: 0\r\n\r\n"))
	if _, resp, err := d.Dial(within(t), "ws://example.com/here"); err == nil || resp.StatusCode != 302 {
		t.Fatal(resp, err)
	}
}

// TestRedirectLocation: where a Location leads to, from ws://example.com/a/b?q.
func TestRedirectLocation(t *testing.T) {
	over, trusting := secure(t)
	for location, tt := range map[string]struct {
		addr, uri string
		tls       bool
	}{
		"/x":                            {addr: "example.com:80", uri: "/x"},
		"x?y":                           {addr: "example.com:80", uri: "/a/x?y"},
		"../x/./y":                      {addr: "example.com:80", uri: "/x/y"},
		"?z":                            {addr: "example.com:80", uri: "/a/b?z"},
		"/x#part":                       {addr: "example.com:80", uri: "/x"},
		"//example.com:81":              {addr: "example.com:81", uri: "/"},
		"http://example.com/x":          {addr: "example.com:80", uri: "/x"},
		"ws://example.com/x":            {addr: "example.com:80", uri: "/x"},
		"HTTPS://example.com/x":         {addr: "example.com:443", uri: "/x", tls: true},
		"wss://example.com:8443/%C3%A4": {addr: "example.com:8443", uri: "/%C3%A4", tls: true},
		"http://B\u00dcCHER.example/":   {addr: "xn--bcher-kva.example:80", uri: "/"},
	} {
		t.Run(location, func(t *testing.T) {
			var got *http.Request
			end := accept(func(r *http.Request) { got = r })
			if tt.tls {
				end = over(end)
			}
			d := &Dialer{TLSConfig: trusting}
			var addrs *[]string
			d.NetDial, addrs = scripted(t, redirectTo(302, location, nil), end)
			c, _, err := d.Dial(within(t), "ws://example.com/a/b?q")
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if (*addrs)[1] != tt.addr || got.RequestURI != tt.uri {
				t.Errorf("led to %s%s, want %s%s", (*addrs)[1], got.RequestURI, tt.addr, tt.uri)
			}
		})
	}
}

// TestRedirectRefused: Locations that are not followed. The response is there
// to see.
func TestRedirectRefused(t *testing.T) {
	over, trusting := secure(t)
	for location, say := range map[string]string{
		"ftp://example.com/":     "ws://",
		"http://[::1":            "Location",
		"http:///":               "no host",
		"http://h:99999/":        "port",
		"http://example.com/x":   "wss to ws",
		"ws://example.com:443/x": "wss to ws",
		"http://h/%zz":           "Location",
		"javascript:alert(1)":    "ws://",
	} {
		t.Run(location, func(t *testing.T) {
			d := &Dialer{TLSConfig: trusting}
			d.NetDial, _ = scripted(t, over(redirectTo(302, location, nil)))
			c, resp, err := d.Dial(within(t), "wss://me:secret@example.com/from")
			if c != nil || err == nil || !strings.Contains(err.Error(), say) || resp == nil || resp.StatusCode != 302 {
				t.Fatal(c, resp, err)
			}
			if !strings.HasPrefix(err.Error(), "websocket: dial wss://example.com/from: redirect: ") {
				t.Error(err)
			}
		})
	}
}

// TestRedirectBound: loops end.
func TestRedirectBound(t *testing.T) {
	for limit, dials := range map[int]int{0: 11, 1: 2, 3: 4, -1: 1} {
		var keys []string
		see := func(r *http.Request) { keys = append(keys, r.Header.Get("Sec-WebSocket-Key")) }
		d := &Dialer{MaxRedirects: limit}
		d.NetDial, _ = scripted(t, slices.Repeat([]script{redirectTo(307, "/", see)}, 20)...)
		_, resp, err := d.Dial(within(t), "ws://example.com/")
		if resp == nil || resp.StatusCode != 307 || !isErr[*handshake.Error](err) {
			t.Fatal(resp, err)
		}
		slices.Sort(keys)
		if len(keys) != dials || len(slices.Compact(keys)) != dials {
			t.Errorf("MaxRedirects %d: %d requests, %d keys, want %d of each", limit, len(keys), len(slices.Compact(keys)), dials)
		}
	}
}

// TestRedirectCredentials go to the same origin again and to no other.
func TestRedirectCredentials(t *testing.T) {
	over, trusting := secure(t)
	mine := http.Header{"Authorization": {"Basic bWU6c2VjcmV0"}, "Cookie": {"own=1"}, "proxy-authorization": {"x"}, "X-Other": {"stays"}}
	kept := http.Header{"Authorization": {"Basic bWU6c2VjcmV0"}, "Cookie": {"own=1; jar=1"}, "Proxy-Authorization": {"x"}, "X-Other": {"stays"}}
	dropped := http.Header{"X-Other": {"stays"}}
	for name, tt := range map[string]struct {
		locations []string
		host      string
		want      http.Header
		tls       bool
	}{
		"same":                    {locations: []string{"/x"}, host: "virtual", want: kept},
		"same, absolute":          {locations: []string{"http://example.com:80/x"}, host: "virtual", want: kept},
		"other host":              {locations: []string{"http://example.org/"}, host: "example.org", want: dropped},
		"subdomain":               {locations: []string{"http://www.example.com/"}, host: "www.example.com", want: dropped},
		"other port":              {locations: []string{"http://example.com:81/"}, host: "example.com:81", want: http.Header{"X-Other": {"stays"}, "Cookie": {"jar=1"}}},
		"to TLS":                  {locations: []string{"https://example.com/"}, host: "virtual", want: kept, tls: true},
		"to TLS, other port":      {locations: []string{"wss://EXAMPLE.com:8443/"}, host: "virtual", want: kept, tls: true},
		"to TLS, of another host": {locations: []string{"https://www.example.com/"}, host: "www.example.com", want: dropped, tls: true},
		"to TLS, with a user":     {locations: []string{"https://example.com/"}, host: "virtual", want: kept, tls: true},
		"there and back":          {locations: []string{"http://example.org/", "http://example.com/"}, host: "example.com", want: http.Header{"X-Other": {"stays"}, "Cookie": {"jar=1"}}},
		"of the Location's own":   {locations: []string{"http://you:it@example.org/"}, host: "example.org", want: http.Header{"X-Other": {"stays"}, "Authorization": {"Basic eW91Oml0"}}},
		"same, of the URL's user": {locations: []string{"http://example.com/", "/x"}, host: "virtual", want: kept},
	} {
		t.Run(name, func(t *testing.T) {
			jar, _ := cookiejar.New(nil)
			jar.SetCookies(&url.URL{Scheme: "http", Host: "example.com"}, []*http.Cookie{{Name: "jar", Value: "1"}})
			d := &Dialer{Header: mine.Clone(), Host: "virtual", Jar: jar, TLSConfig: trusting}
			dialed := "ws://example.com/"
			if strings.HasSuffix(name, "user") {
				d.Header.Del("Authorization")
				dialed = "ws://me:secret@example.com/"
			}
			before := d.Header.Clone()
			var scripts []script
			for _, l := range tt.locations {
				scripts = append(scripts, redirectTo(302, l, nil))
			}
			var got *http.Request
			end := accept(func(r *http.Request) { got = r })
			if tt.tls {
				end = over(end)
			}
			d.NetDial, _ = scripted(t, append(scripts, end)...)
			c, _, err := d.Dial(within(t), dialed)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			for _, own := range []string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version", "User-Agent"} {
				got.Header.Del(own)
			}
			if diff := cmp.Diff(tt.want, got.Header); diff != "" || got.Host != tt.host {
				t.Errorf("Host %q, headers %s", got.Host, diff)
			}
			if diff := cmp.Diff(before, d.Header); diff != "" {
				t.Error("the caller's Header was changed", diff)
			}
		})
	}
}
