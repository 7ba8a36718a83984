package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"golang.org/x/net/http2"
)

// TestOver has a client like a browser, with one connection of HTTP/2 for its
// requests and its sockets, ask what that carries.
func TestOver(t *testing.T) {
	url, stop := start(t, true)
	transport := &http2.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	wantOver(t, transport, url, "HTTP/2.0", 0)
	d := &h2.Dialer{Transport: transport, Fallback: h2.Fail}
	socket := "wss" + strings.TrimPrefix(url, "https")
	for i, path := range []string{"/echo", "/chat", "/die"} {
		c, _, err := d.Dial(context.Background(), socket+path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		wantOver(t, transport, url, "HTTP/2.0", int32(i+1))
		go c.Serve(context.Background(), &conn.Events{})
	}
	http1 := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer http1.CloseIdleConnections()
	wantOver(t, http1, url, "HTTP/1.1", 0)
	http1.CloseIdleConnections()
	if err := stop(); err != nil { // with the sockets open
		t.Error(err)
	}
}

func wantOver(t *testing.T, rt http.RoundTripper, url, protocol string, sockets int32) {
	t.Helper()
	resp, err := (&http.Client{Transport: rt}).Get(url + "/over")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Protocol string
		Sockets  int32
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Protocol != protocol || got.Sockets != sockets {
		t.Errorf("%+v, %v, want %s and %d sockets", got, err, protocol, sockets)
	}
}
