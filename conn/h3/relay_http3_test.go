package h3_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	bridge "github.com/rfc6455/ws/conn/relay"
)

// TestRelay has package relay bridge a client over HTTP/3 to a server over HTTP/1.1.
func TestRelay(t *testing.T) {
	backend := httptest.NewServer(echoing(&ws.Upgrader{Origins: []string{ws.AnyOrigin}}))
	t.Cleanup(backend.Close)
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &bridge.Proxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}, nil)
	c := dial(t, dialer(t), s.url())
	for range 10 {
		if err := echo(c, "through the relay"); err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(4001, "bye"); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	var e *ws.CloseError
	if !errors.As(c.Err(), &e) || e.Code != 4001 {
		t.Errorf("the connection ended with %v, want code 4001", c.Err())
	}
}

// TestRelayEnds relays to and from HTTP/3, in both ways to relay, and ends each pair from either
// side: with a code, without one, and by a cut. The other side learns what happened.
func TestRelayEnds(t *testing.T) {
	for _, way := range []struct{ front, back int }{{3, 1}, {1, 3}, {3, 3}} {
		for name, messages := range map[string]*bridge.Messages{"raw": nil, "messages": {}} {
			for _, by := range []string{"client", "backend"} {
				t.Run(fmt.Sprintf("%d to %d/%s/%s", way.front, way.back, name, by), func(t *testing.T) {
					for _, code := range []ws.CloseCode{4001, ws.CloseNoStatus, ws.CloseAbnormal} {
						from, to := relayed(t, way.front, way.back, messages)
						if by == "backend" {
							from, to = to, from
						}
						wantSameEnd(t, from, to, code)
					}
				})
			}
		}
	}
}

// relayed returns the two ends of a pair with a Proxy between them. front and back are the versions
// of HTTP.
func relayed(t *testing.T, front, back int, messages *bridge.Messages) (client, backend *ws.Conn) {
	t.Helper()
	opened := make(chan *ws.Conn, 1)
	h := accepting(&ws.Upgrader{Origins: []string{ws.AnyOrigin}}, opened)
	p := &bridge.Proxy{Messages: messages, Dialer: ws.Dialer{Proxy: ws.NoProxy}}
	var target *url.URL
	if back == 3 {
		d := dialer(t)
		p.Via = d
		target, _ = url.Parse("https://" + serve(t, h, nil).addr)
	} else {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		target, _ = url.Parse(srv.URL)
	}
	p.Rewrite = func(r *httputil.ProxyRequest) { r.SetURL(target) }
	if front == 3 {
		client = dial(t, dialer(t), serve(t, p, nil).url())
	} else {
		srv := httptest.NewServer(p)
		t.Cleanup(srv.Close)
		d := ws.Dialer{Proxy: ws.NoProxy}
		var err error
		client, _, err = d.Dial(bg, "ws"+strings.TrimPrefix(srv.URL, "http"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.CloseNow() })
	}
	backend = await(t, opened, "connection of the backend")
	t.Cleanup(func() { _ = backend.CloseNow() })
	return client, backend
}

// wantSameEnd sends a message, ends from, and checks what to learns. The code 1005 stands for a
// Close frame without one, and 1006 for a cut.
func wantSameEnd(t *testing.T, from, to *ws.Conn, code ws.CloseCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, limit)
	defer cancel()
	if err := from.Write(ctx, ws.Text, []byte("last words")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := to.Read(ctx); err != nil || string(p) != "last words" {
		t.Fatalf("read %q, %v; want the last words", p, err)
	}
	closed := make(chan error, 1)
	reason := ""
	switch code {
	case ws.CloseAbnormal:
		_ = from.CloseNow()
		closed <- nil
	case ws.CloseNoStatus:
		go func() { closed <- from.Close(0, "") }()
	default:
		reason = "wörds"
		go func() { closed <- from.Close(code, reason) }()
	}
	_, _, err := to.Read(ctx)
	var e *ws.CloseError
	if !errors.As(err, &e) || e.Code != code || e.Reason != reason ||
		e.Remote != (code != ws.CloseAbnormal) {
		t.Errorf("the other side ended with %v, want %d %q", err, code, reason)
	}
	if err := await(t, closed, "end of Close"); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
}
