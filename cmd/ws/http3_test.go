package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
)

// udp is a UDP socket of the test, which says nothing by itself.
func udp(t *testing.T) net.PacketConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

// server3 is a server over HTTP/3 alone. ca is a file with its certificate.
func server3(t *testing.T, h http.Handler) (url, ca string) {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS() // for its certificate
	t.Cleanup(certified.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, "CERTIFICATE", certified.Certificate().Raw)
	pc := udp(t)
	srv := &http3.Server{Handler: h, TLSConfig: &tls.Config{Certificates: certified.TLS.Certificates}}
	h3.Configure(srv)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(pc)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return "wss://" + pc.LocalAddr().String(), ca
}

// TestHTTP3 connects over HTTP/3, and over nothing else.
func TestHTTP3(t *testing.T) {
	requests := make(chan *http.Request, 10)
	next := func() *http.Request {
		t.Helper()
		select {
		case r := <-requests:
			return r
		case <-time.After(patience):
			t.Fatal("no connection came over HTTP/3")
		}
		return nil
	}
	var u ws.Upgrader
	url, ca := server3(t, u.HandlerFunc(func(c *ws.Conn, r *ws.Request) {
		requests <- r.HTTPRequest()
		echoing(c, r)
	}))
	r := converse(t, "over three\n", "over three\n", "connect", url, "--ca", ca, "--http3", "--wait", "1ms")
	r.want(t, 0, "connected to "+url, "closed with 1000")
	if r.out != "over three\n" {
		t.Errorf("over HTTP/3: %+v, want the message back", r)
	}
	if r := next(); r.ProtoMajor != 3 {
		t.Errorf("the server got %s, want HTTP/3", r.Proto)
	}

	runWS(t, "", "bench", url, "--ca", ca, "--http3", "-c", "3", "-t", "2s").want(t, 0)
	from := next().RemoteAddr
	for range 2 {
		if r := next(); r.RemoteAddr != from {
			t.Errorf("connections from %s and %s, want one QUIC connection", r.RemoteAddr, from)
		}
	}

	s := serve(t, "proxy", "show", "-l", "127.0.0.1:0", "--insecure", "--http3", url)
	if r := converse(t, "three\n", "three\n", "connect", s.addr, "--wait", "1ms"); r.out != "three\n" {
		t.Errorf("through a relay: %+v; %s", r, s.errors.String())
	}
	if r := next(); r.ProtoMajor != 3 {
		t.Errorf("the relay came over %s, want HTTP/3", r.Proto)
	}
}

// TestHTTP3Refused says what to do where there is no HTTP/3.
func TestHTTP3Refused(t *testing.T) {
	url, _ := server3(t, http.NotFoundHandler())
	runWS(t, "", "connect", url, "--http3").want(t, 1, "not trusted", "--ca")
	runWS(t, "", "connect", url, "--http3", "--insecure").want(t, 1, "404", "is the path of the URL right?")
	runWS(t, "", "connect", strings.Replace(url, "wss", "ws", 1), "--http3").want(t, 1, "use a wss URL", "Without --http3")
	runWS(t, "", "connect", url, "--http3", "--insecure", "--proxy", "http://127.0.0.1:1").want(t, 1, "proxy", "Without --http3")
	runWS(t, "", "connect", url, "--http3", "--http2").want(t, statusUsage, "--http2")
	silent := "wss://" + udp(t).LocalAddr().String()
	runWS(t, "", "connect", silent, "--http3", "--timeout", "200ms").want(t, 1, "did not answer in time")
}

// certificateFiles returns files with a certificate for 127.0.0.1 and with its key.
func certificateFiles(t *testing.T) (cert, key string) {
	t.Helper()
	pair, err := selfSigned("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, cert, "CERTIFICATE", pair.Certificate[0])
	writePEM(t, key, "PRIVATE KEY", pkcs8)
	return cert, key
}

// TestServeHTTP3 serves over HTTP/3 and over TCP, with a certificate of its own and a given one.
func TestServeHTTP3(t *testing.T) {
	cert, key := certificateFiles(t)
	for name, args := range map[string][]string{
		"made": nil, "given": {"--cert", cert, "--key", key},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, append([]string{"serve", "echo", "-l", "127.0.0.1:0", "--http3"}, args...)...)
			s.errors.await(t, `over HTTP/1.1, HTTP/2 and HTTP/3`)
			trust := []string{"--insecure"}
			if args != nil {
				trust = []string{"--ca", cert}
			}
			for _, version := range [][]string{{"--http3"}, {"--http2"}, nil} {
				to := append([]string{"connect", "wss://" + s.addr, "--wait", "1ms"}, append(version, trust...)...)
				if r := converse(t, "x\n", "x\n", to...); r.out != "x\n" || r.status != 0 {
					t.Errorf("connect %v: %+v, want the message back", version, r)
				}
			}
			d := h3.Dialer{Fallback: h3.Fail, Dialer: ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}}}
			c, _, err := d.Dial(t.Context(), "wss://"+s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			stopped := make(chan int, 1)
			go func() { stopped <- s.stop() }()
			_, _, err = c.Read(t.Context())
			if code, _ := ws.CloseStatus(err); code != ws.CloseGoingAway {
				t.Errorf("at the end: %v, want 1001", err)
			}
			if err := d.Close(); err != nil {
				t.Errorf("Close = %v, want nil", err)
			}
			if status := <-stopped; status != 0 {
				t.Errorf("exit status %d, want 0", status)
			}
		})
	}
}

// TestServeHTTP3Verbs has the other verbs that serve.
func TestServeHTTP3Verbs(t *testing.T) {
	connect := func(s *running, path, in, answer string) ran {
		return converse(t, in, answer, "connect", "wss://"+s.addr+path, "--http3", "--insecure", "--wait", "1ms")
	}
	s := serve(t, "serve", "exec", "-l", "127.0.0.1:0", "--http3", "--", "sh", "-c", `read -r line; echo "got $line"`)
	if r := connect(s, "", "one\n", "got one\n"); r.out != "got one\n" || r.status != 0 {
		t.Errorf("exec: %+v, want the command's line", r)
	}

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte("a page"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = serve(t, "serve", "dir", "-l", "127.0.0.1:0", "--http3", dir)
	if r := connect(s, "/echo", "x\n", "x\n"); r.out != "x\n" {
		t.Errorf("dir: %+v, want the message back", r)
	}
	insecure := &tls.Config{InsecureSkipVerify: true}
	over3 := &http3.Transport{TLSClientConfig: insecure}
	defer over3.Close()
	over1 := &http.Transport{TLSClientConfig: insecure}
	defer over1.CloseIdleConnections()
	for want, transport := range map[int]http.RoundTripper{3: over3, 1: over1} {
		resp, err := (&http.Client{Transport: transport}).Get("https://" + s.addr + "/page.html")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "a page" || resp.ProtoMajor != want {
			t.Errorf("got %q over HTTP/%d, want the page over HTTP/%d", body, resp.ProtoMajor, want)
		}
		_, port, _ := net.SplitHostPort(s.addr)
		if alt := resp.Header.Get("Alt-Svc"); want == 1 && !strings.Contains(alt, `h3=":`+port+`"`) {
			t.Errorf("Alt-Svc: %q, want that it names HTTP/3 on port %s", alt, port)
		}
	}

	s = serve(t, "proxy", "ws", "-l", "127.0.0.1:0", "--http3", tcpEcho(t))
	if r := connect(s, "", "carried\n", "carried"); !strings.Contains(r.out, "carried") {
		t.Errorf("proxy ws: %+v, want the bytes back", r)
	}
}

// TestServeHTTP3Busy: another program may have the port of UDP.
func TestServeHTTP3Busy(t *testing.T) {
	busy := udp(t).LocalAddr().String()
	runWS(t, "", "serve", "echo", "-l", busy, "--http3").want(t, 1, "Another program uses that port")
	runWS(t, "", "serve", "echo", "-l", "nowhere", "--http3").want(t, statusUsage, "HOST:PORT")
	runWS(t, "", "serve", "echo", "--help").want(t, 0, "--http3")
}
