package conn

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/rfc6455/ws/handshake"
)

// littleProxy is a proxy that does CONNECT alone, to one server whatever it is
// asked for, and remembers what that was.
type littleProxy struct {
	to   string // address of the server
	user string // "name:password" that it wants

	mu   sync.Mutex
	seen []*http.Request
}

func (p *littleProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r)
	p.mu.Unlock()
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization")) // for BasicAuth
	user, password, _ := r.BasicAuth()
	switch {
	case r.Method != http.MethodConnect:
		http.Error(w, "CONNECT alone", http.StatusMethodNotAllowed)
		return
	case p.user != "" && p.user != user+":"+password:
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		io.Copy(out, rw)
		out.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(in, out)
}

// via is a Dialer.Proxy that leads to a test server.
func via(srv *httptest.Server, user *url.Userinfo) func(*url.URL) (*url.URL, error) {
	return func(*url.URL) (*url.URL, error) {
		u, err := url.Parse(srv.URL)
		u.User = user
		return u, err
	}
}

// TestProxy dials ws and wss through http and https proxies.
func TestProxy(t *testing.T) {
	plain := httptest.NewServer((&Upgrader{}).Handler(echo))
	defer plain.Close()
	secure := httptest.NewTLSServer((&Upgrader{}).Handler(echo))
	defer secure.Close()
	for _, scheme := range []string{"http", "https"} {
		for _, server := range []*httptest.Server{plain, secure} {
			u, _ := url.Parse(wsURL(server))
			t.Run(u.Scheme+" through "+scheme, func(t *testing.T) {
				p := &littleProxy{to: server.Listener.Addr().String(), user: "me:a:b"}
				srv := httptest.NewUnstartedServer(p)
				if scheme == "https" {
					srv.StartTLS()
				} else {
					srv.Start()
				}
				defer srv.Close()
				target := u.Scheme + "://example.com:1234/path"
				d := &Dialer{
					Proxy: via(srv, url.UserPassword("me", "a:b")), TLSConfig: srvTLS(secure),
					OneAtATime: true, Header: http.Header{"X-For-Server": {"1"}},
				}
				for range 2 {
					c, _, err := d.Dial(within(t), target)
					if err != nil {
						t.Fatal(err)
					}
					wantEcho(t, c)
				}
				for _, r := range p.seen {
					if r.RequestURI != "example.com:1234" || r.Host != "example.com:1234" || r.Header.Get("X-For-Server") != "" {
						t.Errorf("the proxy got %s for %s, headers %v", r.RequestURI, r.Host, r.Header)
					}
				}
			})
		}
	}
}

// TestProxyRequest: what the proxy is asked, for which URL.
func TestProxyRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		url   string
		proxy string
		addr  string // of the proxy
		want  string
	}{
		"ws":         {"ws://example.com/x", "http://proxy:3128", "proxy:3128", "example.com:80"},
		"wss":        {"wss://example.com/x", "http://proxy:3128", "proxy:3128", "example.com:443"},
		"IPv6":       {"ws://[2001:db8::1]:81", "http://[::1]", "[::1]:80", "[2001:db8::1]:81"},
		"https port": {"ws://example.com", "https://proxy", "proxy:443", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var request string
			d := &Dialer{Proxy: func(*url.URL) (*url.URL, error) { return url.Parse(tt.proxy) }}
			var addrs *[]string
			d.NetDial, addrs = scripted(t, func(nc net.Conn) {
				request, _ = bufio.NewReader(nc).ReadString('\n')
			})
			if _, _, err := d.Dial(within(t), tt.url); err == nil {
				t.Fatal("no error")
			}
			if (*addrs)[0] != tt.addr {
				t.Errorf("dialed %q, want %q", (*addrs)[0], tt.addr)
			}
			if want := "CONNECT " + tt.want + " HTTP/1.1\r\n"; tt.want != "" && request != want {
				t.Errorf("asked %q, want %q", request, want)
			}
		})
	}
}

// TestProxyCredentials can't break out of their line either.
func TestProxyCredentials(t *testing.T) {
	var got *http.Request
	d := &Dialer{Proxy: func(*url.URL) (*url.URL, error) {
		return &url.URL{Scheme: "http", Host: "proxy", User: url.UserPassword("a\r\nX-Evil: 1\r\n", "b\x00")}, nil
	}}
	d.NetDial, _ = scripted(t, func(nc net.Conn) {
		readRequest(nc, func(r *http.Request) { got = r })
	})
	_, _, err := d.Dial(within(t), "ws://h")
	if err == nil || got == nil || got.Header.Get("X-Evil") != "" || len(got.Header["Proxy-Authorization"]) != 1 {
		t.Fatal(got, err)
	}
	if strings.ContainsAny(err.Error(), "\r\n\x00") {
		t.Errorf("%q", err)
	}
}

// TestProxyErrors name the proxy, without its user information, and what it said.
func TestProxyErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		proxy  string
		script script
		status int
		say    []string
	}{
		"407":       {"http://me:secret@proxy", respond("HTTP/1.1 407 Who are you\r\n\r\n"), 407, []string{"proxy http://proxy", "407 Proxy Authentication Required"}},
		"403":       {"http://proxy", respond("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nnever"), 403, []string{"403 Forbidden", "never"}},
		"101":       {"http://proxy", respond("HTTP/1.1 101 Odd\r\n\r\n"), 101, []string{"101 Switching"}},
		"302":       {"http://proxy", respond("HTTP/1.1 302 Go\r\nLocation: http://evil/\r\n\r\n"), 302, []string{"302 Found"}},
		"no HTTP":   {"http://proxy", respond("220 smtp\r\n"), 0, []string{"proxy http://proxy: ", "HTTP/"}},
		"cut":       {"http://proxy", respond("HTTP/1.1 200"), 0, []string{"proxy http://proxy: ", "closed"}},
		"no TLS":    {"https://proxy", respond("HTTP/1.1 200 OK\r\n\r\n"), 0, []string{"proxy: ", "TLS: "}},
		"down":      {"http://proxy", nil, 0, []string{"proxy: ", "not expected"}},
		"socks5":    {"socks5://me:secret@proxy:1080", nil, 0, []string{"socks5://proxy:1080", "SOCKS5", "Dialer.NetDial"}},
		"socks5h":   {"socks5h://proxy:1080", nil, 0, []string{"SOCKS5", "Dialer.NetDial"}},
		"no scheme": {"//proxy:80", nil, 0, []string{"http://"}},
		"ftp":       {"ftp://me:secret@proxy", nil, 0, []string{"ftp://proxy", "http://"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Dialer{Proxy: func(*url.URL) (*url.URL, error) { return url.Parse(tt.proxy) }}
			scripts := []script{tt.script}
			if tt.script == nil {
				scripts = nil
			}
			d.NetDial, _ = scripted(t, scripts...)
			c, resp, err := d.Dial(within(t), "ws://example.com/x")
			if c != nil || (resp != nil) != (tt.status != 0) || err == nil {
				t.Fatal(c, resp, err)
			}
			for _, say := range append(tt.say, "websocket: dial ws://example.com/x: ") {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%v does not say %q", err, say)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v tells the password", err)
			}
			var refused *handshake.Error
			if tt.status != 0 && (!errors.As(err, &refused) || refused.Status != tt.status) {
				t.Errorf("%v has no status %d", err, tt.status)
			}
		})
	}
	wrong := errors.New("no such file")
	d := &Dialer{Proxy: func(*url.URL) (*url.URL, error) { return nil, wrong }}
	if _, _, err := d.Dial(bg, "ws://h"); !errors.Is(err, wrong) || !strings.Contains(err.Error(), "proxy: ") {
		t.Error(err)
	}
	d = &Dialer{Proxy: func(*url.URL) (*url.URL, error) { return url.Parse("http://proxy") }}
	d.NetDial = breaking(t, "write", respond("HTTP/1.1 200 OK\r\n\r\n"))
	if _, _, err := d.Dial(within(t), "ws://h"); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

// TestDialNetHost: a host that would split the CONNECT request is not sent.
func TestDialNetHost(t *testing.T) {
	for _, host := range []string{"h\r\nEvil: x", "h\nEvil", "h h", "h\x00", "h\x7f"} {
		f := newFeed(nil, nil)
		d := &Dialer{
			Proxy:   func(*url.URL) (*url.URL, error) { return url.Parse("http://proxy") },
			NetDial: func(context.Context, string, string) (net.Conn, error) { return f, nil },
		}
		_, err := d.DialNet(bg, &url.URL{Scheme: "ws", Host: host})
		if err == nil || len(f.out) > 0 || !strings.Contains(err.Error(), "url.Parse") {
			t.Errorf("%q: %v, %q was sent", host, err, f.out)
		}
	}
}

// TestProxyTunnelBytes: bytes that come with the proxy's response are the
// tunnel's.
func TestProxyTunnelBytes(t *testing.T) {
	d := &Dialer{Proxy: func(*url.URL) (*url.URL, error) { return url.Parse("http://proxy") }}
	d.NetDial, _ = scripted(t, func(nc net.Conn) {
		br := bufio.NewReader(nc)
		http.ReadRequest(br)
		// An over-eager server: half of its response comes along.
		io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: ")
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		io.WriteString(nc, "</x>\r\n\r\n"+switching(r)+"\x81\x02hi")
		silent(nc)
	})
	c, _, err := d.Dial(within(t), "ws://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, p, err := c.Read(within(t)); err != nil || string(p) != "hi" {
		t.Fatalf("%q, %v", p, err)
	}
}

// TestProxyRedirect: each hop asks for its own proxy.
func TestProxyRedirect(t *testing.T) {
	var asked []string
	d := &Dialer{Proxy: func(u *url.URL) (*url.URL, error) {
		asked = append(asked, u.String())
		return nil, nil
	}}
	d.NetDial, _ = scripted(t, redirectTo(302, "http://b/x", nil), accept(nil))
	c, _, err := d.Dial(within(t), "ws://a/")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	if got := strings.Join(asked, " "); got != "ws://a/ ws://b/x" {
		t.Error(got)
	}
}

// environments holds the variables that net/http reads once, and what comes of
// dialing a URL under them.
var environments = map[string]struct {
	env  []string
	want map[string]string
}{
	"upper case": {[]string{"HTTP_PROXY=http://p1", "HTTPS_PROXY=http://p2:81", "NO_PROXY=example.org"}, map[string]string{
		"ws://example.com":      "dials p1:80",
		"wss://example.com":     "dials p2:81",
		"ws://www.example.org":  "dials www.example.org:80",
		"wss://www.example.org": "dials www.example.org:443",
		"ws://127.0.0.1:9":      "dials 127.0.0.1:9",
	}},
	"lower case": {[]string{"http_proxy=p1:3128"}, map[string]string{
		"ws://example.com":  "dials p1:3128",
		"wss://example.com": "dials example.com:443",
	}},
	"socks5":  {[]string{"HTTP_PROXY=socks5://p1:1080"}, map[string]string{"ws://example.com": "SOCKS5"}},
	"invalid": {[]string{"HTTPS_PROXY=http://user:secret@[::1"}, map[string]string{"wss://example.com": "dials http:80"}},
	"opaque":  {[]string{"HTTPS_PROXY=user:secret@p1:port"}, map[string]string{"wss://example.com": "neither http nor https"}},
	"cgi":     {[]string{"HTTP_PROXY=p1:3128", "REQUEST_METHOD=GET"}, map[string]string{"ws://example.com": "refusing"}},
}

const environmentCase = "TEST_PROXY_ENVIRONMENT"

// TestProxyEnvironment runs each case in a process of its own, since net/http
// reads the environment once.
func TestProxyEnvironment(t *testing.T) {
	if name := os.Getenv(environmentCase); name != "" {
		dialByEnvironment(t, name)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	for name, tt := range environments {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(exe, "-test.run=^TestProxyEnvironment$", "-test.count=1")
			cmd.Env = append(tt.env, environmentCase+"="+name, "GORACE=atexit_sleep_ms=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// dialByEnvironment is a case within its process. Nothing is really dialed.
func dialByEnvironment(t *testing.T, name string) {
	for target, want := range environments[name].want {
		d := &Dialer{NetDial: breaking(t, "dial")}
		if _, _, err := d.Dial(bg, target); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", target, err, want)
		}
		d.Proxy = NoProxy
		u, _ := handshake.ParseURL(target)
		if _, _, err := d.Dial(bg, target); err == nil || !strings.Contains(err.Error(), "dials "+handshake.HostPort(u)) {
			t.Errorf("NoProxy: %s: %v", target, err)
		}
	}
}
