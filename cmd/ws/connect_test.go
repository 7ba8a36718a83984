package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// TestConnectScript sends the lines of standard input and writes what comes.
func TestConnectScript(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	r := converse(t, "one\ntwo\n", "one\ntwo\n", "connect", url, "--wait", "1ms")
	r.want(t, 0, "connected to "+url, "closed with 1000")
	if r.out != "one\ntwo\n" {
		t.Errorf("standard output %q, want the two messages", r.out)
	}
}

// TestConnectWait waits for the server's end if that is wanted.
func TestConnectWait(t *testing.T) {
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		_, p, _ := c.Read(context.Background())
		_ = c.Write(context.Background(), ws.Text, append(p, '!'))
		_ = c.Close(ws.CloseNormal, "")
	})
	if r := runWS(t, "hi\n", "connect", url, "--wait", "0"); r.out != "hi!\n" || r.status != 0 {
		t.Errorf("%+v, want the answer", r)
	}
}

// TestConnectBinary sends bytes.
func TestConnectBinary(t *testing.T) {
	kinds := make(chan ws.MessageType, 1)
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		kind, _, _ := c.Read(context.Background())
		kinds <- kind
	})
	runWS(t, "\xff\n", "connect", url, "--binary", "--wait", "0").want(t, 0)
	if kind := <-kinds; kind != ws.Binary {
		t.Errorf("the server got %v, want binary", kind)
	}
}

// TestConnectJSONL exchanges lines of JSON, with frames.
func TestConnectJSONL(t *testing.T) {
	url := server(t, ws.Upgrader{Subprotocols: []string{"chat"}}, echoing)
	r := converse(t, "{\"text\":\"<hi>\"}\n\n{\"data\":\"/wA=\"}\n{\"event\":\"open\"}\n", `"event":"in","data"`,
		"connect", url, "--jsonl", "--frames", "--subprotocol", "chat", "--wait", "1ms")
	r.want(t, 0)
	counts := map[string]int{}
	for line := range strings.Lines(r.out) {
		var rec record
		if err := json.Unmarshal([]byte(line), &rec); err != nil || rec.Time == nil {
			t.Errorf("%q is not a record with a time: %v", line, err)
		}
		key := rec.Event
		switch {
		case rec.Text != nil:
			key += " " + *rec.Text
		case rec.Data != nil:
			key += fmt.Sprintf(" %x", *rec.Data)
		case rec.Opcode != "":
			key += " " + rec.Opcode
		case rec.Code != 0:
			key += fmt.Sprint(" ", rec.Code)
		case rec.Subprotocol != "":
			key += " " + rec.Subprotocol
		}
		counts[key]++
	}
	for _, want := range []string{
		"open chat", "out <hi>", "in <hi>", "out ff00", "in ff00", "close 1000",
		"frame-out text", "frame-in text", "frame-out binary", "frame-in binary", "frame-out close", "frame-in close",
	} {
		if counts[want] != 1 {
			t.Errorf("%d lines of %q in %s", counts[want], want, r.out)
		}
	}
	runWS(t, "hello\n", "connect", url, "--jsonl").want(t, 1, "line 1", `{"text":"hello"}`)
}

// TestConnectExitStatus tells a script how the server has closed.
func TestConnectExitStatus(t *testing.T) {
	for code, status := range map[ws.CloseCode]int{1000: 0, 1001: 0, 0: 0, 1002: 2, 1008: 8, 1011: 11, 1006: 6, 3000: 30, 4001: 40} {
		url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
			if code == ws.CloseAbnormal {
				_ = c.CloseNow()
				return
			}
			reason := "why"
			if code == 0 {
				reason = ""
			}
			_ = c.Close(code, reason)
		})
		in, w := io.Pipe() // standard input does not end
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		var out, errors safeBuffer
		got := run(&app{ctx: ctx, stdin: in, stdout: &out, stderr: &errors}, []string{"connect", url})
		if got != status {
			t.Errorf("code %d: exit status %d, want %d", code, got, status)
		}
		if code > 1001 && code != 1006 && !strings.Contains(errors.String(), "why") {
			t.Errorf("code %d: it wrote %q, want the reason", code, errors.String())
		}
		cancel()
		_ = w.Close()
	}
}

// TestConnectFlags sends what the flags say.
func TestConnectFlags(t *testing.T) {
	requests := make(chan *http.Request, 1)
	u := ws.Upgrader{
		Config:       ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}},
		Subprotocols: []string{"b"},
	}
	url := server(t, u, func(c *ws.Conn, r *ws.Request) {
		requests <- r.HTTPRequest()
		echoing(c, r)
	})
	r := converse(t, "x\n", "x\n", "connect", url+"/path?q=1", "-H", "X-One: 1", "-H", "X-Two:2", "--origin", "https://example.com",
		"--subprotocol", "a", "--subprotocol", "b", "--compress", "--wait", "1ms", "--timeout", "1m", "--max-message", "100", "--proxy", "none")
	r.want(t, 0, "subprotocol b", "with compression")
	req := <-requests
	if req.Header.Get("X-One") != "1" || req.Header.Get("X-Two") != "2" || req.Header.Get("Origin") != "https://example.com" || req.RequestURI != "/path?q=1" {
		t.Errorf("the server got %s %v", req.RequestURI, req.Header)
	}
	runWS(t, "", "connect", url, "-H", "X").want(t, statusUsage, "Name: value")
	runWS(t, "", "connect", url, "--proxy", "nowhere").want(t, statusUsage, "http://HOST:PORT")
	go func() { <-requests }()
	runWS(t, strings.Repeat("x", 200)+"\n", "connect", url, "--max-message", "100", "--wait", "0").want(t, 6, "100")
}

// TestConnectTLS trusts a server, shows a certificate, and speaks HTTP/2.
func TestConnectTLS(t *testing.T) {
	versions := make(chan *http.Request, 1)
	u := ws.Upgrader{Origins: []string{ws.AnyOrigin}}
	h := u.HandlerFunc(func(c *ws.Conn, r *ws.Request) {
		versions <- r.HTTPRequest()
		echoing(c, r)
	})
	url, ca := secure(t, h, &tls.Config{ClientAuth: tls.RequestClientCert})
	runWS(t, "", "connect", url).want(t, 1, "not trusted", "--ca", "--insecure")
	runWS(t, "", "connect", url, "--insecure").want(t, 0)
	<-versions
	cert, key := clientCertificate(t)
	runWS(t, "", "connect", url, "--ca", ca, "--cert", cert).want(t, 0)
	if r := <-versions; r.ProtoMajor != 1 || len(r.TLS.PeerCertificates) != 1 || r.TLS.PeerCertificates[0].Subject.CommonName != "client" {
		t.Errorf("the server got %s with %d certificates, want the client's over HTTP/1.1", r.Proto, len(r.TLS.PeerCertificates))
	}
	runWS(t, "", "connect", url, "--ca", ca, "--cert", cert, "--key", key).want(t, 0)
	<-versions
	if r := converse(t, "over two\n", "over two\n", "connect", url, "--ca", ca, "--http2", "--wait", "1ms"); r.out != "over two\n" {
		t.Errorf("over HTTP/2: %+v", r)
	}
	if r := <-versions; r.ProtoMajor != 2 {
		t.Errorf("the server got %s, want HTTP/2", r.Proto)
	}
	runWS(t, "", "connect", url, "--ca", key).want(t, 1, "no certificate")
	runWS(t, "", "connect", strings.Replace(url, "wss", "ws", 1)).want(t, 1, "wss://")
}

// clientCertificate returns a file with a certificate and its key, and one with the key.
func clientCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "client.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, cert, "CERTIFICATE", raw)
	writePEM(t, cert, "PRIVATE KEY", pkcs8)
	writePEM(t, key, "PRIVATE KEY", pkcs8)
	return cert, key
}

// TestConnectErrors says what to do.
func TestConnectErrors(t *testing.T) {
	status := make(chan int, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-status) }))
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	for code, hint := range map[int]string{
		404: "is the path of the URL right?", 401: "Authorization", 403: "--origin", 200: "serve WebSockets", 502: "behind it",
	} {
		status <- code
		runWS(t, "", "connect", url).want(t, 1, fmt.Sprint(code), hint)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	runWS(t, "", "connect", "ws://"+ln.Addr().String(), "--timeout", "50ms").want(t, 1, "--timeout")
	_ = ln.Close()
	runWS(t, "", "connect", ln.Addr().String()).want(t, 1, "Nobody listens there")
	runWS(t, "", "connect", "ftp://h/").want(t, 1, "wss://")
	runWS(t, "", "connect").want(t, statusUsage, "--help")
	runWS(t, "", "connect", "--nonsense", "x").want(t, statusUsage, "--nonsense")
	runWS(t, "", "nonsense").want(t, statusUsage, `See "ws --help"`)
}

// TestUsageErrors: a command line that makes no sense has the exit status that says so, and points
// to the help of its own command.
func TestUsageErrors(t *testing.T) {
	const url = "ws://127.0.0.1:1"
	for _, x := range []struct {
		args []string
		want []string
	}{
		{[]string{"connect", "--nonsense", url}, []string{"unknown flag --nonsense", `See "ws connect --help"`}},
		{[]string{"serve", "echo", "--port", "1"}, []string{`See "ws serve echo --help"`}},
		{[]string{"connect", "-H", "no colon", url}, []string{`-H: write it as "Name: value"`, `See "ws connect --help"`}},
		{[]string{"connect", "--proxy", "nowhere", url}, []string{"http://HOST:PORT"}},
		{[]string{"serve", "echo", "-l", "8080"}, []string{"-l 8080", "HOST:PORT", ":8080", `See "ws serve echo --help"`}},
		{[]string{"serve", "echo", "--http3", "-l", "8080"}, []string{"-l 8080", "HOST:PORT"}},
		{[]string{"proxy", "tcp", "2222", url}, []string{"2222", "HOST:PORT", `See "ws proxy tcp --help"`}},
	} {
		runWS(t, "", x.args...).want(t, statusUsage, x.want...)
	}
	runWS(t, "", "serve", "echo", "--help").want(t, 0, "Default: 127.0.0.1:8080.")
	runWS(t, "", "--version").want(t, 0, "ws ", runtime.Version())
}

// TestHeaderWithComma: the value of a header may have commas, as User-Agent and Accept do.
func TestHeaderWithComma(t *testing.T) {
	got := make(chan http.Header, 1)
	var u ws.Upgrader
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		u.Handler(nil).ServeHTTP(w, r)
	}))
	defer srv.Close()
	const agent = "Mozilla/5.0 (KHTML, like Gecko)"
	runWS(t, "", "connect", srv.URL, "-H", "User-Agent: "+agent, "-H", "X-Two: 2", "--wait", "1ms").want(t, 0)
	select {
	case h := <-got:
		if h.Get("User-Agent") != agent || h.Get("X-Two") != "2" {
			t.Errorf("the server got %v, want the two headers as they are", h)
		}
	default:
		t.Error("the server was not asked")
	}
}

// TestConnectHTTP2Hint: --http2 to a server that speaks HTTP/1.1 says what to leave out.
func TestConnectHTTP2Hint(t *testing.T) {
	var u ws.Upgrader
	srv := httptest.NewUnstartedServer(u.Handler(nil))
	srv.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	srv.StartTLS()
	defer srv.Close()
	runWS(t, "", "connect", srv.URL, "--http2", "--insecure").want(t, 1, "Without --http2")
	plain := httptest.NewServer(u.Handler(nil))
	defer plain.Close()
	runWS(t, "", "connect", plain.URL, "--http2").want(t, 1, "Without --http2")
}

// TestConnectProxy goes through a proxy.
func TestConnectProxy(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		far, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		near, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = io.Copy(far, rw); _ = far.Close() }()
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}))
	defer proxy.Close()
	if r := converse(t, "x\n", "x\n", "connect", url, "--proxy", proxy.URL, "--wait", "1ms"); r.out != "x\n" {
		t.Errorf("through the proxy: %+v", r)
	}
	if got, want := <-asked, "CONNECT "+strings.TrimPrefix(url, "ws://"); got != want {
		t.Errorf("the proxy was asked for %q, want %q", got, want)
	}
}

// TestReconnect connects again after a cut and after 1001, with which a server restarts. It stops
// after 1000.
func TestReconnect(t *testing.T) {
	var n atomic.Int32
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		switch n.Add(1) {
		case 1:
			_ = c.CloseNow()
			return
		case 2:
			_ = c.Close(ws.CloseGoingAway, "a restart")
			return
		}
		_ = c.Write(context.Background(), ws.Text, []byte("third time"))
		_ = c.Close(ws.CloseNormal, "")
	})
	in, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errors safeBuffer
	status := run(&app{ctx: ctx, stdin: in, stdout: &out, stderr: &errors}, []string{"connect", url, "--reconnect", "--retry", "1ms"})
	if got := (ran{status, out.String(), errors.String()}); out.String() != "third time\n" {
		got.want(t, 0, "third time")
	}
	(ran{status, out.String(), errors.String()}).want(t, 0, "connecting again")

	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	runWS(t, "", "connect", "ws"+strings.TrimPrefix(srv.URL, "http"), "--reconnect", "--retry", "1ms").want(t, 1, "404")
}

// TestSafe keeps a stranger's control characters from the terminal.
func TestSafe(t *testing.T) {
	if got := safe("a\x1b[2J\nb\u202e"); strings.ContainsAny(got, "\x1b\u202e") || !strings.Contains(got, "\n") {
		t.Errorf("safe = %q", got)
	}
}
