package h3_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
)

// TestEcho sends messages of several sizes there and back, over both of a server's interfaces.
func TestEcho(t *testing.T) {
	s := serve(t, echoing(&ws.Upgrader{Config: ws.Config{MaxMessageSize: 4 << 20}}), nil)
	d := dialer(t)
	d.Dialer.MaxMessageSize = 4 << 20
	c := dial(t, d, s.url())
	for _, size := range []int{0, 1, 125, 1024, 1 << 16, 2 << 20} {
		if err := echo(c, strings.Repeat("x", size)); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if c.NetConn() != nil {
		t.Errorf("NetConn() = %v, want nil", c.NetConn())
	}
	if err := c.Close(ws.CloseNormal, "bye"); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
}

// TestEnds ends a connection from either side, in both ways, and checks what the other side learns.
func TestEnds(t *testing.T) {
	for _, by := range []string{"server", "client"} {
		t.Run(by+" closes", func(t *testing.T) {
			a, b := pair(t, by)
			result := make(chan error, 1)
			go func() { result <- a.Close(4001, "bye") }()
			_, _, err := b.Read(bg)
			var e *ws.CloseError
			if !errors.As(err, &e) || e.Code != 4001 || !e.Remote {
				t.Errorf("Read = %v, want the code 4001", err)
			}
			_ = b.CloseNow() // must not overtake the answer
			if err := await(t, result, "end of Close"); err != nil {
				t.Errorf("Close = %v, want nil", err)
			}
		})
		t.Run(by+" cuts", func(t *testing.T) {
			a, b := pair(t, by)
			_ = a.CloseNow()
			_, _, err := b.Read(bg)
			if code, _ := ws.CloseStatus(err); code != ws.CloseAbnormal || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("Read = %v, want 1006 and %v", err, io.ErrUnexpectedEOF)
			}
			wantCode(t, "Read", err, http3.ErrCodeRequestCanceled)
		})
	}
}

// pair returns the two ends of a socket, that of role first.
func pair(t testing.TB, role string) (a, b *ws.Conn) {
	t.Helper()
	opened := make(chan *ws.Conn, 1)
	s := serve(t, accepting(&ws.Upgrader{Config: ws.Config{CloseTimeout: limit}}, opened), nil)
	c := dial(t, dialer(t), s.url())
	other := await(t, opened, "socket")
	t.Cleanup(func() { _ = other.CloseNow() })
	if role == "server" {
		return other, c
	}
	return c, other
}

// TestNotTaken has servers from which the stream can't be taken: without Configure, and with a
// middleware that hides it. The client is told, and so is the server's owner.
func TestNotTaken(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprint("middleware ", hidden), func(t *testing.T) {
			refused := make(chan error, 1)
			u := &ws.Upgrader{Config: ws.Config{Trace: &ws.Trace{Refused: func(_ *ws.Request, err error) { refused <- err }}}}
			h := u.Handler(nil)
			around := http.TimeoutHandler(h, limit, "")
			if !hidden { // as without Handler
				around = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(w.(interface{ Unwrap() http.ResponseWriter }).Unwrap(), r)
				})
			}
			s := serve(t, around, nil)
			_, resp, err := dialer(t).Dial(bg, s.url())
			if resp == nil || resp.StatusCode != http.StatusNotImplemented {
				t.Errorf("Dial = %v, %v, want status 501", resp, err)
			}
			if err := await(t, refused, "refusal"); !strings.Contains(err.Error(), "conn/h3") {
				t.Errorf("refused with %v, want a hint at conn/h3", err)
			}
		})
	}
}

// TestPanic: a panic of a handler that has taken the stream ends its goroutine alone, and the
// socket is served on.
func TestPanic(t *testing.T) {
	opened := make(chan *ws.Conn, 1)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := ws.Upgrade(w, r); err == nil {
			opened <- c
		}
		panic(http.ErrAbortHandler)
	}), nil)
	c := dial(t, dialer(t), s.url())
	other := await(t, opened, "socket")
	bothWays(t, c, other, "goes on")
	_ = other.CloseNow()
}

// TestHandlerFunc serves a socket by a function, and ends it when the function returns.
func TestHandlerFunc(t *testing.T) {
	u := &ws.Upgrader{Config: ws.Config{CloseTimeout: limit}}
	s := serve(t, u.HandlerFunc(func(c *ws.Conn, r *ws.Request) {
		if r.HTTPRequest().ProtoMajor != 3 || r.RemoteAddr == "" || c.RemoteAddr() == nil || c.LocalAddr() == nil {
			t.Errorf("HTTP/%d from %q, addresses %v and %v, want HTTP/3 and addresses", r.HTTPRequest().ProtoMajor, r.RemoteAddr, c.RemoteAddr(), c.LocalAddr())
		}
		_, p, err := c.Read(bg)
		if err == nil {
			err = c.Write(bg, ws.Text, p)
		}
		if err != nil {
			t.Error(err)
		}
	}), nil)
	c := dial(t, dialer(t), s.url())
	if err := echo(c, "once"); err != nil {
		t.Error(err)
	}
	_, _, err := c.Read(bg)
	if code, _ := ws.CloseStatus(err); code != ws.CloseNormal {
		t.Errorf("Read = %v, want code 1000", err)
	}
}
