package conn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rfc6455/ws/handshake"
)

// quiet is for servers whose clients misbehave on purpose.
var quiet = log.New(io.Discard, "", 0)

// TestDial over ws and wss, from end to end.
func TestDial(t *testing.T) {
	u := &Upgrader{Subprotocols: []string{"b", "a"}, Header: http.Header{"X-Server": {"yes"}}}
	plain := httptest.NewServer(u.Handler(echo))
	defer plain.Close()
	secure := httptest.NewTLSServer(u.Handler(echo))
	defer secure.Close()
	for _, srv := range []*httptest.Server{plain, secure} {
		d := &Dialer{Subprotocols: []string{"a", "b"}, TLSConfig: srvTLS(srv)}
		c, resp, err := d.Dial(within(t), wsURL(srv))
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 101 || resp.Header.Get("X-Server") != "yes" {
			t.Errorf("response %v", resp)
		}
		if c.Subprotocol() != "b" || c.State() != StateOpen || c.RemoteAddr().String() != srv.Listener.Addr().String() {
			t.Errorf("%q, %v, %v", c.Subprotocol(), c.State(), c.RemoteAddr())
		}
		wantEcho(t, c)
	}
	c, err := Dial(within(t), wsURL(plain))
	if err != nil {
		t.Fatal(err)
	}
	wantEcho(t, c)
}

// srvTLS is a client's TLS configuration that trusts the server; nil for none.
func srvTLS(srv *httptest.Server) *tls.Config {
	if srv.Certificate() == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return &tls.Config{RootCAs: pool}
}

// TestDialTLS: the server is verified, and ALPN never leaves HTTP/1.1.
func TestDialTLS(t *testing.T) {
	var hello *tls.ClientHelloInfo
	srv := httptest.NewUnstartedServer((&Upgrader{}).Handler(echo))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = quiet
	srv.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = h
		return nil, nil
	}}
	srv.StartTLS()
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	trusting := srvTLS(srv)
	named := trusting.Clone()
	named.ServerName = "example.com"
	h2 := trusting.Clone()
	h2.NextProtos = []string{"h2", "http/1.1"}

	for name, tt := range map[string]struct {
		cfg  *tls.Config
		host string
		sni  string
		want func(error) bool
	}{
		"address":           {cfg: trusting, host: "127.0.0.1"},
		"ServerName":        {cfg: named, host: "127.0.0.1", sni: "example.com"},
		"h2 in NextProtos":  {cfg: h2, host: "127.0.0.1"},
		"another name":      {cfg: trusting, host: "localhost", sni: "localhost", want: isErr[x509.HostnameError]},
		"unknown authority": {cfg: nil, host: "127.0.0.1", want: isErr[x509.UnknownAuthorityError]},
	} {
		t.Run(name, func(t *testing.T) {
			var nc net.Conn
			d := &Dialer{TLSConfig: tt.cfg, NetDial: func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
				nc, err = new(net.Dialer).DialContext(ctx, network, addr)
				return nc, err
			}}
			c, _, err := d.Dial(within(t), "wss://"+net.JoinHostPort(tt.host, port))
			if hello.ServerName != tt.sni || !slices.Equal(hello.SupportedProtos, []string{"http/1.1"}) {
				t.Errorf("the client said %q, %q", hello.ServerName, hello.SupportedProtos)
			}
			if tt.want != nil {
				if err == nil || !tt.want(err) || !strings.Contains(err.Error(), "TLS: ") {
					t.Fatal(err)
				}
				if err := nc.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					t.Error("the connection was left open")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantEcho(t, c)
		})
	}
	if len(h2.NextProtos) != 2 {
		t.Error("the caller's configuration was changed")
	}
}

// TestDialUnixSocket: NetDial leads anywhere, and a Unix socket is read the raw
// way.
func TestDialUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	srv := &http.Server{Handler: (&Upgrader{}).Handler(echo)}
	go srv.Serve(ln)
	defer srv.Close()
	d := &Dialer{Proxy: NoProxy, NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	c, _, err := d.Dial(within(t), "ws://service.invalid/")
	if err != nil {
		t.Fatal(err)
	}
	if !c.transport.Socket() && runtime.GOOS != "windows" {
		t.Error("the socket is not read the raw way")
	}
	wantEcho(t, c)
}

// TestDialRequest: what the caller asks for is in the request.
func TestDialRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		d    Dialer
		url  string
		addr string
		host string
		uri  string
		want http.Header // besides the handshake's own
	}{
		"plain":         {url: "ws://example.com", addr: "example.com:80", host: "example.com", uri: "/"},
		"path, query":   {url: "ws://example.com:8080/a%2fb/%C3%A4?q=1 2", addr: "example.com:8080", host: "example.com:8080", uri: "/a%2fb/%C3%A4?q=1%202"},
		"beyond ASCII":  {url: "ws://example.com/ä?ä", addr: "example.com:80", host: "example.com", uri: "/%C3%A4?%C3%A4"},
		"Host":          {d: Dialer{Host: "other:81"}, url: "ws://example.com", addr: "example.com:80", host: "other:81", uri: "/"},
		"IDNA":          {url: "ws://BÜCHER.example:81", addr: "xn--bcher-kva.example:81", host: "xn--bcher-kva.example:81", uri: "/"},
		"IPv6":          {url: "ws://[::1]:81/", addr: "[::1]:81", host: "[::1]:81", uri: "/"},
		"IPv6 and zone": {url: "ws://[fe80::1%25lo]/", addr: "[fe80::1%lo]:80", host: "[fe80::1]", uri: "/"},
		"user": {
			url: "ws://me:a%3Ab@example.com", addr: "example.com:80", host: "example.com", uri: "/",
			want: http.Header{"Authorization": {"Basic bWU6YTpi"}},
		},
		"Authorization before user": {
			d:   Dialer{Header: http.Header{"authorization": {"Bearer x"}}},
			url: "ws://me:secret@example.com", addr: "example.com:80", host: "example.com", uri: "/",
			want: http.Header{"Authorization": {"Bearer x"}},
		},
		"Header, Subprotocols": {
			d:   Dialer{Header: http.Header{"Origin": {"https://example.com"}, "X-Two": {"1", "2"}}, Subprotocols: []string{"v2", "v1"}},
			url: "ws://example.com", addr: "example.com:80", host: "example.com", uri: "/",
			want: http.Header{"Origin": {"https://example.com"}, "X-Two": {"1", "2"}, "Sec-Websocket-Protocol": {"v2, v1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var addrs *[]string
			tt.d.NetDial, addrs = scripted(t, accept(func(r *http.Request) { got = r }))
			c, _, err := tt.d.Dial(within(t), tt.url)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if (*addrs)[0] != tt.addr || got.Host != tt.host || got.RequestURI != tt.uri {
				t.Errorf("dialed %q, Host %q, target %q", (*addrs)[0], got.Host, got.RequestURI)
			}
			for _, own := range []string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version", "User-Agent"} {
				got.Header.Del(own)
			}
			if tt.want == nil {
				tt.want = http.Header{}
			}
			if d := cmp.Diff(tt.want, got.Header); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestDialBadArguments are errors before any connection: nothing of what a
// caller passes can break out of its line of the request.
func TestDialBadArguments(t *testing.T) {
	const crlf = "a\r\nX-Evil: 1"
	for name, tt := range map[string]struct {
		d   Dialer
		url string
		say string
	}{
		"no URL":           {url: "", say: "ws://"},
		"ftp URL":          {url: "ftp://h/", say: "ws://"},
		"no host":          {url: "ws:///", say: "no host"},
		"port":             {url: "ws://h:70000/", say: "port"},
		"fragment":         {url: "ws://h/#f", say: "fragment"},
		"escape":           {url: "ws://h/%zz", say: "escape"},
		"path":             {url: "ws://h/" + crlf, say: "control character"},
		"query":            {url: "ws://h/?" + crlf, say: "control character"},
		"URL's host":       {url: "ws://" + crlf + "/", say: "invalid"},
		"host not IDNA":    {url: "ws://h\u2603/", say: "xn--"},
		"user":             {url: "ws://" + crlf + ":secret@h/", say: "invalid"},
		"no scheme":        {url: "h:8080/", say: "no scheme"},
		"header name":      {d: Dialer{Header: http.Header{crlf: {"v"}}}, say: "token"},
		"header value":     {d: Dialer{Header: http.Header{"X": {crlf}}}, say: "header X"},
		"header value NUL": {d: Dialer{Header: http.Header{"X": {"a\x00"}}}, say: "header X"},
		"own header":       {d: Dialer{Header: http.Header{"sec-websocket-Key": {"v"}}}, say: "sec-websocket-Key"},
		"Host as header":   {d: Dialer{Header: http.Header{"Host": {"h"}}}, say: "Host"},
		"Host":             {d: Dialer{Host: crlf}, say: "Host"},
		"subprotocol":      {d: Dialer{Subprotocols: []string{crlf}}, say: "subprotocol"},
		"compression":      {d: Dialer{Config: Config{Compression: Compression{Mode: 9}}}, say: "Compression.Mode"},
		"window":           {d: Dialer{Config: Config{Compression: Compression{Mode: CompressionTakeover, ServerWindowBits: 7}}}, say: "8 to 15"},
		"subprotocols":     {d: Dialer{Subprotocols: []string{"a", "a"}}, say: "subprotocol"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.d.NetDial, _ = scripted(t) // any connection is unexpected
			if tt.url == "" && name != "no URL" {
				tt.url = "ws://h/"
			}
			c, resp, err := tt.d.Dial(bg, tt.url)
			if c != nil || resp != nil || err == nil || strings.Contains(err.Error(), "not expected") {
				t.Fatal(c, resp, err)
			}
			if s := err.Error(); !strings.HasPrefix(s, "websocket: ") || !strings.Contains(s, tt.say) ||
				strings.Contains(s, "secret") || strings.ContainsAny(s, "\r\n") {
				t.Errorf("error %q, want it to say %q", s, tt.say)
			}
		})
	}
}

// TestDialUserInfoInjection: what is escaped in the user information stays
// within the credentials.
func TestDialUserInfoInjection(t *testing.T) {
	var got *http.Request
	d := &Dialer{}
	d.NetDial, _ = scripted(t, accept(func(r *http.Request) { got = r }))
	c, _, err := d.Dial(within(t), "ws://a%0d%0aX-Evil=1:b%00@h/%0d%0aX-Evil:1?%0d%0a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	user, password, _ := got.BasicAuth()
	if got.Header.Get("X-Evil") != "" || user != "a\r\nX-Evil=1" || password != "b\x00" || got.RequestURI != "/%0d%0aX-Evil:1?%0d%0a" {
		t.Errorf("%q, %q, %q, %v", user, password, got.RequestURI, got.Header)
	}
}

// TestDialJar: cookies are sent, and taken from every response.
func TestDialJar(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	u := &url.URL{Scheme: "https", Host: "example.com"}
	jar.SetCookies(u, []*http.Cookie{{Name: "a", Value: "1", Secure: true}, {Name: "path", Value: "1", Path: "/x"}})
	var sent []string
	see := func(r *http.Request) { sent = append(sent, strings.Join(r.Header["Cookie"], "|")) }
	d := &Dialer{Jar: jar, Header: http.Header{"Cookie": {"own=1"}}}
	d.NetDial, _ = scripted(t,
		func(nc net.Conn) {
			readRequest(nc, see)
			io.WriteString(nc, "HTTP/1.1 401 No\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
		},
		accept(see, "Set-Cookie: c=3", "Set-Cookie: b=; Max-Age=0"),
		accept(see))
	for range 3 {
		if c, _, err := d.Dial(within(t), "ws://example.com/"); err == nil {
			defer c.CloseNow()
		} else if !isErr[*handshake.Error](err) {
			t.Fatal(err)
		}
	}
	// The cookie a is for https, and so for wss alone.
	if want := []string{"own=1", "own=1; b=2", "own=1; c=3"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
	if d.Header.Get("Cookie") != "own=1" {
		t.Error("the caller's Header was changed")
	}
	d.Header = nil
	d.NetDial, _ = scripted(t, accept(see))
	c, _, err := d.Dial(within(t), "ws://example.com/")
	if err != nil || sent[3] != "c=3" || d.Header != nil {
		t.Errorf("%v, sent %q without a Header, which is now %v", err, sent, d.Header)
	}
	defer c.CloseNow()
	if got := jar.Cookies(&url.URL{Scheme: "https", Host: "example.com"}); len(got) != 2 {
		t.Errorf("a wss URL gets %v", got)
	}
}
