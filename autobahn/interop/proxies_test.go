package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// proxy is a proxy server between the two sides.
type proxy struct {
	name string
	// arguments are those of its program.
	program   string
	arguments []string
	// config is its configuration: for a listener on a port, in front of another
	// port on this machine, with a directory for its files.
	config func(port, backend, dir string) string
	// connect says that it is a proxy for clients, by CONNECT. It needs no
	// backend; the server is behind another proxy if there is one.
	connect bool
	behind  *proxy
}

// The reverse proxies end TLS; the server behind them speaks without it.
var (
	nginx = &proxy{name: "nginx (TLS)", program: "nginx", arguments: []string{"-e", "stderr", "-c"}, config: func(port, backend, dir string) string {
		var temp strings.Builder
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&temp, "  %s_temp_path %s;\n", kind, dir)
		}
		return `
daemon off;
master_process off;
pid ` + dir + `/pid;
error_log stderr warn;
events {}
http {
` + temp.String() + `  access_log off;
  server {
    listen 127.0.0.1:` + port + ` ssl;
    ssl_certificate ` + built.certificate + `;
    ssl_certificate_key ` + built.certificate + `;
    location / {
      proxy_pass http://127.0.0.1:` + backend + `;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host;
    }
  }
}
`
	}}
	haproxy = &proxy{name: "HAProxy (TLS)", program: "haproxy", arguments: []string{"-db", "-f"}, config: func(port, backend, _ string) string {
		return `
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend tls
  bind 127.0.0.1:` + port + ` ssl crt ` + built.certificate + `
  default_backend ours
backend ours
  server ours 127.0.0.1:` + backend + `
`
	}}
	tinyproxy = &proxy{name: "tinyproxy (CONNECT)", program: "tinyproxy", arguments: []string{"-d", "-c"}, connect: true, config: func(port, _, _ string) string {
		return `
Port ` + port + `
Listen 127.0.0.1
Timeout 60
Allow 127.0.0.1
BasicAuth user secret
LogLevel Warning
`
	}}
)

// tinyproxyTLS has wss go through tinyproxy.
var tinyproxyTLS = &proxy{
	name: tinyproxy.name + " and " + nginx.name, program: tinyproxy.program, arguments: tinyproxy.arguments, config: tinyproxy.config,
	connect: true, behind: nginx,
}

// TestProxies: everything with a peer through proxies, in both roles.
func TestProxies(t *testing.T) {
	far := peerNamed("Node ws")
	for _, p := range []*proxy{nginx, haproxy, caddy, apache, lighttpd} {
		for _, r := range both {
			t.Run(p.name+"/"+string(r), func(t *testing.T) { throughProxy(t, &subject{peer: far, role: r, via: p}) })
		}
	}
	for _, p := range []*proxy{tinyproxy, tinyproxyTLS} {
		t.Run(p.name, func(t *testing.T) { throughProxy(t, &subject{peer: far, role: asServer, via: p}) })
	}
}

func throughProxy(t *testing.T, s *subject) {
	secure := s.via.tls() != nil
	s.run(t, "plain", setting{secure: secure}, (*subject).everything)
	s.run(t, "deflate", setting{secure: secure, words: []string{"deflate"}, ours: widest}, (*subject).everything)
}

func peerNamed(name string) *peer {
	for i := range peers {
		if peers[i].name == name {
			return &peers[i]
		}
	}
	panic("no peer " + name)
}

// listen runs the proxy in front of a port until the test ends, and returns its
// own port. Another program may be faster to take that port: then the proxy ends,
// and gets another one.
func (p *proxy) listen(ctx context.Context, t *testing.T, backend string) (port string, err error) {
	t.Helper()
	for range 3 {
		if port, err = p.try(ctx, t, backend); !errors.Is(err, errProxyEnded) {
			break
		}
	}
	return port, err
}

var errProxyEnded = errors.New("it has ended")

// try is one attempt of listen.
func (p *proxy) try(ctx context.Context, t *testing.T, backend string) (port string, err error) {
	t.Helper()
	port, err = freePort()
	if err != nil {
		return "", err
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(p.config(port, backend, dir)), 0o600); err != nil {
		return "", err
	}
	program, err := executable(p.program)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(program, append(p.arguments, file)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var printed output
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	if err := accepts(ctx, port, ended); err != nil {
		return "", fmt.Errorf("%s: %w; it printed: %s", p.name, err, &printed)
	}
	return port, nil
}

// executable finds a program that Debian keeps in a folder that is not
// everybody's.
func executable(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("needed: %s (Debian: apt-get install %s)", name, name)
	}
	return path, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// accepts waits until a program listens on a port, unless it ends.
func accepts(ctx context.Context, port string, ended <-chan struct{}) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil {
			return nc.Close()
		}
		select {
		case <-tick.C:
		case <-ended:
			return errProxyEnded
		case <-ctx.Done():
			return err
		}
	}
}

// tls returns the proxy that is the TLS server for the client, if there is one.
func (p *proxy) tls() *proxy {
	if p != nil && p.connect {
		return p.behind
	}
	return p
}

// front puts the reverse proxy, where there is one, before a server's URL, for
// the side that connects. A proxy by CONNECT leaves the URL and is the Dialer's.
func (s *subject) front(ctx context.Context, t *testing.T, target string) (string, error) {
	p := s.via.tls()
	if p == nil {
		return target, nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	port, err := p.listen(ctx, t, u.Port())
	return "wss://127.0.0.1:" + port + u.Path, err
}

// connectThrough has a Dialer use the proxy, and nothing else.
func (s *subject) connectThrough(ctx context.Context, t *testing.T, d *ws.Dialer) error {
	port, err := s.via.listen(ctx, t, "")
	if err != nil {
		return err
	}
	proxy := &url.URL{Scheme: "http", User: url.UserPassword("user", "secret"), Host: "127.0.0.1:" + port}
	d.Proxy = func(*url.URL) (*url.URL, error) { return proxy, nil }
	d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != proxy.Host {
			return nil, fmt.Errorf("%s was dialed without the proxy", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return nil
}
