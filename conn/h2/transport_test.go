//go:build !go1.27 || http2legacy

//lint:file-ignore SA1019 DialVia is for those who bring this round tripper along, and has to go on working with it.

package h2_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"golang.org/x/net/http2"
)

// TestTransport dials through a Transport of the caller's.
func TestTransport(t *testing.T) {
	s := serve(t, &ws.Upgrader{}, nil)
	tr := &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}
	defer tr.CloseIdleConnections()
	d := &h2.Dialer{Transport: tr, Fallback: h2.Fail}
	c, _, err := d.Dial(bg, s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	resp, err := (&http.Client{Transport: tr}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := echo(c, "beside a request"); err != nil || s.conns.Load() != 1 {
		t.Errorf("%d connections, %v, want 1 and no error", s.conns.Load(), err)
	}
	http1 := serve(t, &ws.Upgrader{}, http1Only)
	d.Transport = &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: http1.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}
	if _, _, err := d.Dial(bg, http1.url()); !errors.Is(err, h2.ErrNotSupported) {
		t.Errorf("Dial: %v, want %v", err, h2.ErrNotSupported)
	}
}

func init() {
	clients["http2.Transport"] = func(s *server, t testing.TB) http.RoundTripper {
		tr := &http2.Transport{TLSClientConfig: s.dialer(t).Dialer.TLSConfig.Clone()}
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	}
}
