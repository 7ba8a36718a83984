package site

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// start runs the program on a free port. stop ends it as Ctrl+C does and returns its error.
func start(t *testing.T, secure bool) (url string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Addr: "127.0.0.1:0", TLS: secure}, in)
		in.Close()
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err, <-ended)
	}
	go io.Copy(io.Discard, lines)
	url = regexp.MustCompile(`https?://[^/ ]+`).FindString(line)
	if url == "" {
		t.Fatalf("no address in %q", line)
	}
	return url, func() error { cancel(); return <-ended }
}

func TestGoodbye(t *testing.T) {
	url, stop := start(t, false)
	ws := "ws" + strings.TrimPrefix(url, "http")
	conns := []*conn.Conn{dial(t, ws+"/echo"), dial(t, ws+"/chat"), dial(t, ws+"/die")}
	ends := make(chan *conn.CloseError)
	for _, c := range conns {
		go func() {
			for {
				if _, _, err := c.Read(context.Background()); err != nil {
					e, _ := c.Err().(*conn.CloseError)
					ends <- e
					return
				}
			}
		}()
	}
	if err := stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	for range conns {
		if e := <-ends; e == nil || e.Code != conn.CloseGoingAway || e.Reason != "the server is shutting down" {
			t.Errorf("a connection ended with %v, want 1001", e)
		}
	}
	if _, err := conn.Dial(patience(t), ws+"/echo"); err == nil {
		t.Error("the server still answers")
	}
}

// TestLateConnection checks that a connection that comes while the server ends is refused.
func TestLateConnection(t *testing.T) {
	d := newDemo()
	_ = d.open.Shutdown(t.Context())
	srv := httptest.NewServer(d.routes(""))
	defer srv.Close()
	for _, path := range []string{"/echo", "/chat", "/die"} {
		_, err := conn.Dial(patience(t), "ws"+strings.TrimPrefix(srv.URL, "http")+path)
		var e *handshake.Error
		if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v, want 503", path, err)
		}
	}
}

func TestTLS(t *testing.T) {
	url, stop := start(t, true)
	defer stop()
	addr := strings.TrimPrefix(url, "https://")
	pool := x509.NewCertPool()
	nc, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) // to learn the certificate
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(nc.ConnectionState().PeerCertificates[0])
	nc.Close()
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := nc.ConnectionState().PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("the certificate is not good for %s: %v", name, err)
		}
	}
	d := &conn.Dialer{TLSConfig: &tls.Config{RootCAs: pool}}
	c, _, err := d.Dial(patience(t), "wss://"+addr+"/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(patience(t), conn.Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(patience(t)); err != nil || string(p) != "hello" {
		t.Errorf("echoed %q, %v", p, err)
	}
}

func TestCertificateNamesTheHost(t *testing.T) {
	for addr, name := range map[string]string{"demo.example:443": "demo.example", "192.0.2.7:443": "192.0.2.7", ":443": "localhost", "0.0.0.0:443": "127.0.0.1"} {
		cert, err := selfSigned(addr)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := leaf.VerifyHostname(name); err != nil {
			t.Errorf("made for %q: %v", addr, err)
		}
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:99999", "nonsense"} {
		if err := Run(t.Context(), Options{Addr: addr, TLS: false}, io.Discard); err == nil || !strings.Contains(err.Error(), "-addr") {
			t.Errorf("on %q: %v, want a hint at -addr", addr, err)
		}
	}
}

func TestBrowsable(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1:8080": "127.0.0.1:8080", "[::]:8080": "localhost:8080", "0.0.0.0:80": "localhost:80", "[::1]:1": "[::1]:1"} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := browsable(a); got != want {
			t.Errorf("%s is shown as %s, want %s", addr, got, want)
		}
	}
}

// TestPageKeepsItsPolicy checks that the page has nothing that its policy forbids: an inline script
// or style, a handler in an attribute or a file of another host would not work.
func TestPageKeepsItsPolicy(t *testing.T) {
	url, stop := start(t, false)
	defer stop()
	body, header := get(t, url+"/")
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
	for _, bad := range []string{`<style`, `style="`, `<script>`, ` on[a-z]+="`, `(src|href)="(https?:)?//`} {
		if m := regexp.MustCompile(bad).FindString(body); m != "" {
			t.Errorf("the page has %s", m)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([a-z]+\.[a-z]+)"`).FindAllStringSubmatch(body, -1) {
		if text, _ := get(t, url+"/"+m[1]); strings.Contains(text, "innerHTML") {
			t.Errorf("%s parses text as HTML", m[1])
		}
	}
	if r, err := http.Get(url + "/nowhere"); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("/nowhere: %v %v", r.Status, err)
	}
}

func get(t *testing.T, url string) (string, http.Header) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(url, r.Status, err)
	}
	return string(b), r.Header
}
