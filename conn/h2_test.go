package conn

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rfc6455/ws/conn/internal/h2client"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of these tests
)

// h2Server serves h over HTTP/2 and TLS, and over HTTP/1.1 to those who ask for
// no more. Its URL is wss.
func h2Server(t testing.TB, h http.Handler) (srv *httptest.Server, url string) {
	t.Helper()
	srv = httptest.NewUnstartedServer(h)
	return srv, startH2(t, srv)
}

func startH2(t testing.TB, srv *httptest.Server) (url string) {
	t.Helper()
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return "wss" + strings.TrimPrefix(srv.URL, "https")
}

// h2Transport is conn/h2's client, which trusts srv.
func h2Transport(t testing.TB, srv *httptest.Server) *h2client.Client {
	t.Helper()
	cfg := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.NextProtos = []string{"h2"}
	tr := &h2client.Client{Dial: func(ctx context.Context, u *url.URL) (net.Conn, error) {
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", u.Host)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// dialH2 connects to a server of h2Server.
func dialH2(t testing.TB, d *Dialer, url string, rt http.RoundTripper) *Conn {
	t.Helper()
	c, _, err := d.DialVia(bg, url, rt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// h2Pair returns two connections over one HTTP/2 stream. The handler stays until
// the server's has ended.
func h2Pair(t testing.TB, scfg, ccfg Config) (server, client *Conn) {
	t.Helper()
	upgraded := make(chan *Conn, 1)
	u := Upgrader{Config: scfg}
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			t.Error(err)
			close(upgraded)
			return
		}
		upgraded <- c
		<-c.Done()
	}))
	client = dialH2(t, &Dialer{Config: ccfg}, url, h2Transport(t, srv))
	server = <-upgraded
	t.Cleanup(func() { _ = server.CloseNow() })
	return server, client
}

// h2Settings is the configuration of tests in which the peers compress.
func h2Settings() Config {
	return Config{Compression: Compression{Mode: CompressionTakeover}}
}

// bothWays sends a message each way.
func bothWays(t testing.TB, ctx context.Context, a, b *Conn, text string) {
	t.Helper()
	for _, way := range [][2]*Conn{{a, b}, {b, a}} {
		if err := way[0].Write(ctx, Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if typ, p, err := way[1].Read(ctx); err != nil || typ != Text || string(p) != text {
			t.Fatalf("%v, %d bytes, %v", typ, len(p), err)
		}
	}
}
