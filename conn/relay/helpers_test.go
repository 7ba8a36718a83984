package relay_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/conn/relay"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of these tests
)

func TestMain(m *testing.M) {
	wstest.Main(m, "rfc6455/ws/conn.", "rfc6455/ws/conn/relay.", "rfc6455/ws/conn/internal/")
}

var bg = context.Background()

// patience bounds what a test waits for. It is for a machine that is busy with other things.
const patience = time.Minute

// within returns a context for one step of a test.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, patience)
	t.Cleanup(cancel)
	return ctx
}

// way is a way to reach a server.
type way struct {
	name string
	tls  bool
	h2   bool
}

var (
	http1 = way{name: "http1"}
	https = way{name: "https", tls: true}
	http2 = way{name: "http2", tls: true, h2: true}
)

// serve serves h so that it is reached in this way, and returns the server's URL.
func (w way) serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = w.h2
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	if w.tls {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// trust returns what a client of srv needs.
func trust(srv *httptest.Server) *tls.Config {
	tr := srv.Client().Transport.(*http.Transport)
	if tr.TLSClientConfig == nil {
		return nil
	}
	cfg := tr.TLSClientConfig.Clone()
	cfg.NextProtos = nil
	return cfg
}

// dial connects to srv in this way.
func (w way) dial(t testing.TB, d ws.Dialer, srv *httptest.Server, path string) (*ws.Conn, *http.Response, error) {
	t.Helper()
	d.Proxy = ws.NoProxy
	d.TLSConfig = trust(srv)
	u := "ws" + strings.TrimPrefix(srv.URL, "http") + path
	if !w.h2 {
		return d.Dial(within(t), u)
	}
	over := &h2.Dialer{Dialer: d}
	t.Cleanup(over.CloseIdleConnections)
	return over.Dial(within(t), u)
}

// mustDial is dial, and fails the test on an error.
func (w way) mustDial(t testing.TB, d ws.Dialer, srv *httptest.Server, path string) *ws.Conn {
	t.Helper()
	c, _, err := w.dial(t, d, srv, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// proxyTo returns a Proxy whose backend is srv, reached in this way.
func proxyTo(t testing.TB, srv *httptest.Server, w way) *relay.Proxy {
	t.Helper()
	p := &relay.Proxy{Rewrite: rewriteTo(srv), ErrorLog: log.New(io.Discard, "", 0)}
	p.Dialer.TLSConfig = trust(srv)
	p.Dialer.Proxy = ws.NoProxy
	if w.h2 {
		d := &h2.Dialer{Dialer: p.Dialer}
		t.Cleanup(d.CloseIdleConnections)
		p.Via = d
	}
	return p
}

func rewriteTo(srv *httptest.Server) func(*httputil.ProxyRequest) {
	u, _ := url.Parse(srv.URL)
	return func(r *httputil.ProxyRequest) { r.SetURL(u) }
}

// mode is a way to relay.
type mode struct {
	name     string
	messages *relay.Messages
}

var modes = []mode{{name: "raw"}, {name: "messages", messages: &relay.Messages{}}}

// bridge is a client's connection and a backend's, with a Proxy between them.
type bridge struct {
	client, backend *ws.Conn
	proxy           *relay.Proxy
	request         *http.Request // the backend's
	ended           chan relay.End
}

// setup says how to make a bridge. The zero setup is raw over HTTP/1.1.
type setup struct {
	front, back way
	messages    *relay.Messages
	dialer      ws.Dialer   // the client's
	upgrader    ws.Upgrader // the backend's
	proxy       func(p *relay.Proxy)
}

// newBridge makes one. All of it ends with the test.
func newBridge(t testing.TB, s setup) *bridge {
	t.Helper()
	b := &bridge{ended: make(chan relay.End, 1)}
	type upgraded struct {
		c *ws.Conn
		r *http.Request
	}
	came := make(chan upgraded, 1)
	s.upgrader.Origins = []string{ws.AnyOrigin}
	backend := s.back.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.upgrader.Upgrade(w, r)
		if err != nil {
			t.Error(err)
			close(came)
			return
		}
		came <- upgraded{c, r}
		<-c.Done()
	}))
	b.proxy = proxyTo(t, backend, s.back)
	b.proxy.Messages = s.messages
	b.proxy.Ended = func(_ *http.Request, e relay.End) { b.ended <- e }
	if s.proxy != nil {
		s.proxy(b.proxy)
	}
	front := s.front.serve(t, b.proxy)
	b.client = s.front.mustDial(t, s.dialer, front, "/")
	up := <-came
	if up.c == nil {
		t.FailNow()
	}
	b.backend, b.request = up.c, up.r
	t.Cleanup(func() { _ = b.backend.CloseNow() })
	return b
}

// end waits for the end of the pair.
func (b *bridge) end(t testing.TB) relay.End {
	t.Helper()
	select {
	case e := <-b.ended:
		return e
	case <-time.After(patience):
		t.Fatal("the pair has not ended")
	}
	panic("unreachable")
}

// wantEnd checks how a connection has ended. The code 1006 stands for a cut.
func wantEnd(t testing.TB, name string, err error, code ws.CloseCode, reason string, remote bool) {
	t.Helper()
	var e *ws.CloseError
	if !errors.As(err, &e) {
		t.Errorf("%s: %v, want a CloseError", name, err)
		return
	}
	if e.Code != code || e.Reason != reason || e.Remote != remote {
		t.Errorf("%s: ended with %d %q, remote %t (%v), want %d %q, remote %t", name, e.Code, e.Reason, e.Remote, err, code, reason, remote)
	}
}
