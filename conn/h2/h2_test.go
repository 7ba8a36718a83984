package h2_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of these tests
	"github.com/rfc6455/ws/handshake"
)

var bg = context.Background()

// TestMain fails the tests if they leave goroutines of this module behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := left(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

func left() (stacks string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		stacks = ""
		buf := make([]byte, 4<<20)
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "rfc6455/ws/conn") && !strings.Contains(g, "TestMain") {
				stacks += g + "\n\n"
			}
		}
		if stacks == "" {
			return ""
		}
		<-tick.C
	}
	return stacks
}

// server is a server that counts its connections.
type server struct {
	*httptest.Server
	conns atomic.Int32
}

// serve starts a server with an echo, after change. http2 switches HTTP/2 on.
func serve(t testing.TB, u *ws.Upgrader, change func(*server)) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewUnstartedServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	s.EnableHTTP2 = true
	if change != nil {
		change(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) url() string { return "wss" + strings.TrimPrefix(s.URL, "https") }

// dialer returns a Dialer that trusts s.
func (s *server) dialer(t testing.TB) *h2.Dialer {
	d := &h2.Dialer{Dialer: ws.Dialer{TLSConfig: &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}}
	t.Cleanup(d.CloseIdleConnections)
	return d
}

// echo sends a message and wants it back.
func echo(c *ws.Conn, text string) error {
	if err := c.Write(bg, ws.Text, []byte(text)); err != nil {
		return err
	}
	_, p, err := c.Read(bg)
	if err == nil && string(p) != text {
		err = fmt.Errorf("got %q, want the message back", p)
	}
	return err
}

// TestShared holds many sockets open at once. They share few connections, and all of them work.
func TestShared(t *testing.T) {
	const sockets = 1000
	patient := ws.Config{CloseTimeout: time.Minute} // a busy machine must not fail it
	s := serve(t, &ws.Upgrader{Config: patient}, nil)
	d := s.dialer(t)
	d.Dialer.Config, d.Dialer.HandshakeTimeout = patient, time.Minute
	conns := make([]*ws.Conn, sockets)
	inParallel(sockets, func(i int) {
		c, resp, err := d.Dial(bg, s.url())
		if err != nil {
			t.Error(err)
			return
		}
		if conns[i] = c; resp.ProtoMajor != 2 {
			t.Errorf("HTTP/%d, want HTTP/2", resp.ProtoMajor)
		}
	})
	if t.Failed() {
		return
	}
	inParallel(sockets, func(i int) {
		if err := echo(conns[i], fmt.Sprint("hello from ", i)); err != nil {
			t.Error(err)
		}
	})
	if n := s.conns.Load(); n > 8 { // net/http lets 250 streams be open
		t.Errorf("%d sockets took %d connections, want few", sockets, n)
	}
	inParallel(sockets, func(i int) {
		if err := conns[i].Close(ws.CloseNormal, ""); err != nil {
			t.Error(err)
		}
	})
}

// inParallel calls f for 0 to n-1, some at a time.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int32
	for range 50 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// TestHandshake checks that the fields of the Dialer below are used.
func TestHandshake(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := &ws.Upgrader{
		Config:       ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}},
		Subprotocols: []string{"b"},
		Header:       http.Header{"Set-Cookie": {"seen=1"}},
		Check: func(r *handshake.Request) error {
			if r.URL.Path == "/again" {
				if c, err := r.Cookie("seen"); err != nil || c.Value != "1" {
					return &handshake.Error{Status: 401, Reason: "no cookie", Extra: http.Header{"Www-Authenticate": {"x"}}}
				}
			}
			if r.Get("X-A") != "1" || r.Host != "other.example" {
				return &handshake.Error{Status: 400, Reason: "no header"}
			}
			return nil
		},
	}
	s := serve(t, u, nil)
	d := s.dialer(t)
	d.Dialer.Config, d.Dialer.Subprotocols, d.Dialer.Jar, d.Dialer.Host = u.Config, []string{"a", "b"}, jar, "other.example"
	if _, resp, err := d.Dial(bg, s.url()); !isRefusal(err, 400) || resp.ProtoMajor != 2 {
		t.Errorf("Dial: %v, want a refusal with 400 over HTTP/2", err)
	}
	d.Dialer.Header = http.Header{"X-A": {"1"}}
	if _, _, err := d.Dial(bg, s.url()+"/again"); !isRefusal(err, 401) {
		t.Errorf("Dial: %v, want a refusal with 401", err)
	}
	for _, path := range []string{"/", "/again"} {
		c, resp, err := d.Dial(bg, s.url()+path)
		if err != nil {
			t.Fatal(err)
		}
		if c.Subprotocol() != "b" || c.Deflate() == (handshake.Deflate{}) || resp.StatusCode != 200 {
			t.Errorf("subprotocol %q, deflate %+v, status %d, want \"b\", some and 200", c.Subprotocol(), c.Deflate(), resp.StatusCode)
		}
		if err := c.Close(ws.CloseNormal, ""); err != nil {
			t.Error(err)
		}
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func isRefusal(err error, status int) bool {
	var e *handshake.Error
	return errors.As(err, &e) && e.Status == status
}

// http1Only makes a server announce HTTP/1.1 alone.
func http1Only(s *server) { s.EnableHTTP2 = false }

// TestFallback dials a server that does not speak HTTP/2.
func TestFallback(t *testing.T) {
	s := serve(t, &ws.Upgrader{}, http1Only)
	d := s.dialer(t)
	c, resp, err := d.Dial(bg, s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := echo(c, "over HTTP/1.1"); err != nil || resp.ProtoMajor != 1 {
		t.Errorf("HTTP/%d, %v, want HTTP/1 and no error", resp.ProtoMajor, err)
	}
	strict := s.dialer(t)
	strict.Fallback = h2.Fail
	if _, _, err := strict.Dial(bg, s.url()); !errors.Is(err, h2.ErrNotSupported) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Dial with Fail: %v, want %v", err, h2.ErrNotSupported)
	}
	other := s.dialer(t)
	other.Fallback = h2.Fail
	other.Dialer.TLSConfig = nil
	if _, _, err := other.Dial(bg, s.url()); err == nil || errors.Is(err, h2.ErrNotSupported) {
		t.Errorf("a certificate that is not trusted: %v, want an error that says so", err)
	}
}

// TestFailCleartext checks that a ws URL is not silently dialed over HTTP/1.1 if only HTTP/2 is
// wanted.
func TestFailCleartext(t *testing.T) {
	for _, target := range []string{"ws://127.0.0.1:1/", "WS://127.0.0.1:1/"} {
		d := &h2.Dialer{Fallback: h2.Fail}
		_, _, err := d.Dial(bg, target)
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "Cleartext") {
			t.Errorf("%s: %v, want an error that names Cleartext", target, err)
		}
	}
}

// TestCleartext uses HTTP/2 without TLS, with a server that does so, too.
func TestCleartext(t *testing.T) {
	s := serve(t, &ws.Upgrader{}, nil)
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	plain := httptest.NewUnstartedServer(s.Config.Handler)
	plain.Config.Protocols = &p
	plain.Start()
	defer plain.Close()
	target := "ws" + strings.TrimPrefix(plain.URL, "http")
	for _, cleartext := range []bool{true, false} {
		d := &h2.Dialer{Cleartext: cleartext}
		defer d.CloseIdleConnections()
		c, resp, err := d.Dial(bg, target)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if err := echo(c, "in the clear"); err != nil || (resp.ProtoMajor == 2) != cleartext {
			t.Errorf("Cleartext %t: HTTP/%d, %v, want HTTP/2 only with it", cleartext, resp.ProtoMajor, err)
		}
	}
}

// TestProxy dials through a proxy by ordinary CONNECT: RFC 8441 section 7.
func TestProxy(t *testing.T) {
	for _, id := range []string{"H2-7-14"} {
		t.Run(id+"/client", testProxy)
	}
}

func testProxy(t *testing.T) {
	s := serve(t, &ws.Upgrader{}, nil)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		if r.Header.Get(":protocol") != "" {
			t.Error("the proxy was asked for an extended CONNECT, want an ordinary one")
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = from.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		go func() { defer to.Close(); _, _ = to.(*net.TCPConn).ReadFrom(from) }()
		defer from.Close()
		_, _ = from.(*net.TCPConn).ReadFrom(to)
	}))
	defer proxy.Close()
	d := s.dialer(t)
	d.Dialer.Proxy = func(u *url.URL) (*url.URL, error) { return url.Parse(proxy.URL) }
	c, resp, err := d.Dial(bg, s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := echo(c, "through the proxy"); err != nil || resp.ProtoMajor != 2 {
		t.Errorf("HTTP/%d, %v, want HTTP/2 and no error", resp.ProtoMajor, err)
	}
	if want := "CONNECT " + strings.TrimPrefix(s.URL, "https://"); asked.Load() != want {
		t.Errorf("%v, want %s", asked.Load(), want)
	}
}

// TestContext checks that the end of Dial's context does nothing after Dial, and ends it before
// that.
func TestContext(t *testing.T) {
	s := serve(t, &ws.Upgrader{}, nil)
	d := s.dialer(t)
	ctx, cancel := context.WithCancel(bg)
	c, _, err := d.Dial(ctx, s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	cancel()
	if err := echo(c, "alive"); err != nil {
		t.Error(err)
	}
	if _, _, err := d.Dial(ctx, s.url()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	held := make(chan struct{})
	slow := serve(t, &ws.Upgrader{Check: func(*handshake.Request) error { <-held; return nil }}, nil)
	d = slow.dialer(t)
	d.Dialer.HandshakeTimeout = 20 * time.Millisecond
	if _, _, err := d.Dial(bg, slow.url()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	close(held)
}

// TestHeapPerSocket bounds what an idle socket holds, both ends together. Most of it is net/http's
// at the server's end.
func TestHeapPerSocket(t *testing.T) {
	const sockets = 100
	s := serve(t, &ws.Upgrader{}, nil)
	d := s.dialer(t)
	conns := make([]*ws.Conn, sockets)
	open := func(i int) {
		c, _, err := d.Dial(bg, s.url())
		if err != nil {
			t.Fatal(err)
		}
		if err := echo(c, "hello"); err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	open(0) // and the connection that they share
	before := heap()
	for i := 1; i < sockets; i++ {
		open(i)
	}
	if per := (heap() - before) / (sockets - 1); per > 40<<10 {
		t.Errorf("%d bytes, want at most 40 KiB", per)
	}
	for _, c := range conns {
		_ = c.CloseNow()
	}
}

// heap returns how many bytes are reachable.
func heap() int {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestDialerPromotesNothing: the methods of ws.Dialer that mean nothing over HTTP/2 are not the Dialer's.
func TestDialerPromotesNothing(t *testing.T) {
	for _, name := range []string{"DialNet", "DialVia", "Validate"} {
		if _, ok := reflect.TypeFor[*h2.Dialer]().MethodByName(name); ok {
			t.Errorf("h2.Dialer has the method %s", name)
		}
	}
}

// TestFallbackNames: each value has a name of its own, and so does what is no value.
func TestFallbackNames(t *testing.T) {
	for v, want := range map[h2.Fallback]string{
		h2.HTTP1: "HTTP/1.1",
		h2.Fail:  "fail",
		2:        "unknown",
	} {
		if got := v.String(); got != want {
			t.Errorf("Fallback %d is named %q, want %q", uint8(v), got, want)
		}
	}
}

// TestCleartextToHTTP1: a server that does not speak HTTP/2 without TLS is no server that breaks the
// rules of HTTP/2.
func TestCleartextToHTTP1(t *testing.T) {
	srv := httptest.NewServer(new(ws.Upgrader).Handler(nil))
	defer srv.Close()
	d := h2.Dialer{Cleartext: true}
	_, _, err := d.Dial(bg, srv.URL)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "answers with HTTP/1.1") || strings.Contains(err.Error(), "broke") {
		t.Errorf("Dial = %v, want an error that says that the server answers with HTTP/1.1", err)
	}
}
