package wsfasthttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	ws "github.com/rfc6455/ws/conn"
)

var bg = context.Background()

// serve serves h over TCP, and over TLS if secure is set. It returns how to dial it.
func serve(t *testing.T, h fasthttp.RequestHandler, secure bool) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if secure {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	}
	s := &fasthttp.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil || !secure {
			return nc, err
		}
		return tls.Client(nc, &tls.Config{InsecureSkipVerify: true}), nil
	}
}

// certificate returns that of net/http/httptest.
func certificate(t *testing.T) tls.Certificate {
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.TLS.Certificates[0]
}

func onBoth(t *testing.T, f func(t *testing.T, secure bool)) {
	t.Run("TCP", func(t *testing.T) { f(t, false) })
	t.Run("TLS", func(t *testing.T) { f(t, true) })
}

func TestHandler(t *testing.T) {
	onBoth(t, func(t *testing.T, secure bool) {
		u := ws.Upgrader{
			Subprotocols: []string{"chat"},
			Config:       ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}},
			Check:        func(r *ws.Request) error { r.Data = r.Get("X-User"); return nil },
		}
		opened, closed := make(chan string, 1), make(chan *ws.CloseError, 1)
		dial := serve(t, Handler(&u, &ws.Events{
			Open:    func(c *ws.Conn, r *ws.Request) { opened <- r.Target + " " + c.Data().(string) },
			Message: func(c *ws.Conn, mt ws.MessageType, p []byte) { _ = c.Append(mt, p) },
			Close:   func(_ *ws.Conn, err *ws.CloseError) { closed <- err },
		}), secure)
		d := ws.Dialer{NetDial: dial, Subprotocols: []string{"chat"}, Header: map[string][]string{"x-user": {"ann"}}, Config: u.Config}
		c, _, err := d.Dial(bg, "ws://shim/room?x=1")
		if err != nil {
			t.Fatal(err)
		}
		if got := <-opened; got != "/room?x=1 ann" || c.Subprotocol() != "chat" {
			t.Errorf("opened %q with subprotocol %q", got, c.Subprotocol())
		}
		text := strings.Repeat("hello ", 5000)
		for range 3 {
			if err := c.Write(bg, ws.Text, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, p, err := c.Read(bg); err != nil || string(p) != text {
				t.Fatalf("read %d bytes, %v, want the echo", len(p), err)
			}
		}
		if err := c.Close(4000, "bye"); err != nil {
			t.Errorf("Close = %v, want a clean end", err)
		}
		if end := <-closed; end.Code != 4000 || !end.Remote {
			t.Errorf("the server saw %v, want 4000", end)
		}
	})
}

// TestReturnCloses: the return of the function closes the connection.
func TestReturnCloses(t *testing.T) {
	onBoth(t, func(t *testing.T, secure bool) {
		var u ws.Upgrader
		dial := serve(t, HandlerFunc(&u, func(c *ws.Conn, _ *ws.Request) { _ = c.Send(ws.Text, []byte("bye")) }), secure)
		c, _, err := (&ws.Dialer{NetDial: dial}).Dial(bg, "ws://shim/")
		if err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(bg); err != nil || string(p) != "bye" {
			t.Errorf("read %q, %v, want bye", p, err)
		}
		_, _, err = c.Read(bg)
		if code, _ := ws.CloseStatus(err); code != ws.CloseNormal {
			t.Errorf("the end is %v, want 1000", err)
		}
	})
}

const request = "GET / HTTP/1.1\r\nHost: shim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// TestEarly: bytes that come in one packet with the request belong to the connection, and so do
// those that come before an end.
func TestEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, secure bool) {
		var u ws.Upgrader
		dial := serve(t, Handler(&u, &ws.Events{
			Message: func(c *ws.Conn, mt ws.MessageType, p []byte) { _ = c.Append(mt, p) },
		}), secure)
		nc, err := dial(bg, "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		frames := bytes.Repeat([]byte("\x82\xfe\x01\x00\x00\x00\x00\x00"+strings.Repeat("x", 256)), 30)
		if _, err := nc.Write(append([]byte(request), append(frames, "\x88\x82\x00\x00\x00\x00\x03\xe8"...)...)); err != nil {
			t.Fatal(err)
		}
		_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
		all, err := io.ReadAll(nc)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := bytes.Cut(all, []byte("\r\n\r\n"))
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) || bytes.Contains(head, []byte("fasthttp")) {
			t.Errorf("the response is %q, want the Upgrader's alone", head)
		}
		want := append(bytes.Repeat([]byte("\x82\x7e\x01\x00"+strings.Repeat("x", 256)), 30), "\x88\x02\x03\xe8"...)
		if !bytes.Equal(rest, want) {
			t.Errorf("%d bytes came back, want the %d of the echoes and the Close frame", len(rest), len(want))
		}
	})
}

// TestRefused: the refusal is the Upgrader's, and its Origins are in force.
func TestRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, secure bool) {
		var u ws.Upgrader
		dial := serve(t, HandlerFunc(&u, func(*ws.Conn, *ws.Request) { t.Error("a refused request opened a connection") }), secure)
		for name, test := range map[string]struct{ request, want string }{
			"plain":        {"GET / HTTP/1.1\r\nHost: shim\r\n\r\n", "HTTP/1.1 426"},
			"other origin": {strings.Replace(request, "Host: shim", "Host: shim\r\nOrigin: https://evil.example", 1), "HTTP/1.1 403"},
			"no key":       {strings.Replace(request, "Sec-WebSocket-Key", "X", 1), "HTTP/1.1 400"},
		} {
			nc, err := dial(bg, "", "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(nc, test.request); err != nil {
				t.Fatal(err)
			}
			_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
			all, _ := io.ReadAll(nc)
			if !strings.HasPrefix(string(all), test.want) {
				t.Errorf("%s: %.60q, want %s", name, all, test.want)
			}
			nc.Close()
		}
	})
}
