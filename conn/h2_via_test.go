//go:build !go1.27 || http2legacy

//lint:file-ignore SA1019 DialVia is for those who bring this round tripper along, and has to go on working with it.

package conn

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// viaTransport is golang.org/x/net/http2's Transport: a round tripper of another
// make, whose streams are the request's body and the response's. From Go 1.27 on it
// is net/http's, which can't send extended CONNECT.
func viaTransport(t *testing.T, srv *httptest.Server) *http2.Transport {
	t.Helper()
	cfg := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.NextProtos = []string{"h2"}
	tr := &http2.Transport{TLSClientConfig: cfg}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// viaPair is h2Pair through viaTransport.
func viaPair(t *testing.T) (server, client *Conn) {
	t.Helper()
	upgraded := make(chan *Conn, 1)
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := Upgrade(w, r); err != nil {
			t.Error(err)
		} else {
			upgraded <- c
			<-c.Done()
		}
	}))
	client = dialH2(t, &Dialer{}, url, viaTransport(t, srv))
	server = <-upgraded
	t.Cleanup(func() { _ = server.CloseNow() })
	return server, client
}

// TestViaTransport: a connection over the two bodies of another round tripper
// carries messages and ends in each of the ways there are.
func TestViaTransport(t *testing.T) {
	t.Run("client closes", func(t *testing.T) {
		server, client := viaPair(t)
		bothWays(t, bg, server, client, "hello")
		bothWays(t, within(t), server, client, strings.Repeat("long ", 100_000))
		go server.Read(bg)
		if err := client.Close(4000, ""); err != nil {
			t.Error(err)
		}
		<-server.Done()
	})
	t.Run("server closes", func(t *testing.T) {
		server, client := viaPair(t)
		go client.Read(bg)
		if err := server.Close(4000, ""); err != nil {
			t.Error(err)
		}
		<-client.Done()
		if client.LocalAddr() == nil || client.RemoteAddr() == nil || client.NetConn() != nil {
			t.Errorf("%v, %v, %v", client.LocalAddr(), client.RemoteAddr(), client.NetConn())
		}
	})
	t.Run("client cuts", func(t *testing.T) {
		server, client := viaPair(t)
		fill(t, client)
		blocked := make(chan error, 1)
		go func() { blocked <- client.Write(bg, Binary, pattern(1<<20)) }()
		_ = client.CloseNow()
		if err := <-blocked; err == nil {
			t.Error("the write succeeded")
		}
		for {
			if _, _, err := server.Read(bg); err != nil {
				break
			}
		}
	})
	t.Run("server cuts", func(t *testing.T) {
		server, client := viaPair(t)
		_ = server.CloseNow()
		wantReset(t, client, http2.ErrCodeInternal)
		if err := client.Write(bg, Text, nil); err == nil {
			t.Error("a write succeeded")
		}
	})
	t.Run("refused", func(t *testing.T) {
		srv, url := h2Server(t, http.NotFoundHandler())
		_, resp, err := (&Dialer{}).DialVia(bg, url, viaTransport(t, srv))
		if err == nil || errors.Is(err, errors.ErrUnsupported) || resp.StatusCode != 404 {
			t.Error(err)
		}
	})
}
