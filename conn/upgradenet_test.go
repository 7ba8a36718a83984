package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// TestUpgradeNetEarly: what the caller has read may be any part of the request
// and of the frames after it.
func TestUpgradeNetEarly(t *testing.T) {
	all := chatRequest() + "\x81\x82\x00\x00\x00\x00hi"
	for n := range len(all) + 1 {
		a, b := wstest.Pipe(1 << 20)
		send(t, b, all[n:])
		early := []byte(all[:n])
		c, req, err := (&Upgrader{}).UpgradeNet(within(t), a, early)
		if err != nil || req.Target != "/chat" {
			t.Fatal(n, req, err)
		}
		clear(early) // the caller's again
		if _, p, err := c.Read(within(t)); err != nil || string(p) != "hi" {
			t.Fatalf("%d early: %q, %v", n, p, err)
		}
		_ = c.CloseNow()
	}
}

// TestUpgradeNetEnds: a handshake that does not come to its end, by whatever
// bound, leaves nothing open.
func TestUpgradeNetEnds(t *testing.T) {
	cancelled := func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(bg)
		time.AfterFunc(3*time.Second, cancel)
		return ctx, cancel
	}
	background := func() (context.Context, context.CancelFunc) { return bg, func() {} }
	for name, tt := range map[string]struct {
		u        Upgrader
		ctx      func() (context.Context, context.CancelFunc)
		capacity int
		client   func(net.Conn)
		after    time.Duration
		want     error
	}{
		"default":     {ctx: background, client: silent, after: 10 * time.Second, want: os.ErrDeadlineExceeded},
		"timeout":     {u: Upgrader{HandshakeTimeout: 2 * time.Second}, ctx: background, client: silent, after: 2 * time.Second, want: os.ErrDeadlineExceeded},
		"byte a time": {ctx: background, client: func(nc net.Conn) { dribble(nc, chatRequest(), time.Second) }, after: 10 * time.Second, want: os.ErrDeadlineExceeded},
		"cancel":      {u: Upgrader{HandshakeTimeout: -1}, ctx: cancelled, client: silent, after: 3 * time.Second, want: context.Canceled},
		"end":         {ctx: background, client: func(nc net.Conn) { io.WriteString(nc, "GET / H"); nc.Close() }, want: io.EOF},
		"response": {
			ctx: background, capacity: 20, client: func(nc net.Conn) { io.WriteString(nc, chatRequest()) },
			after: 10 * time.Second, want: os.ErrDeadlineExceeded,
		},
		"cancelled response": {
			u: Upgrader{HandshakeTimeout: -1}, ctx: cancelled, capacity: 20,
			client: func(nc net.Conn) { io.WriteString(nc, chatRequest()) }, after: 3 * time.Second, want: context.Canceled,
		},
		"refusal": {
			ctx: background, capacity: 20, client: func(nc net.Conn) { io.WriteString(nc, "x x x\r\n\r\n") }, after: 10 * time.Second,
		},
		"unread refusal": {
			ctx: background, client: func(nc net.Conn) { io.WriteString(nc, "x x x\r\n\r\n") }, after: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.capacity == 0 {
					tt.capacity = 1 << 20
				}
				a, b := wstest.Pipe(tt.capacity)
				var client sync.WaitGroup
				defer client.Wait()
				defer b.Close()
				client.Go(func() { tt.client(b) })
				ctx, cancel := tt.ctx()
				defer cancel()
				start := time.Now()
				c, req, err := tt.u.UpgradeNet(ctx, a, nil)
				if c != nil || req != nil || err == nil || tt.want != nil && !errors.Is(err, tt.want) {
					t.Fatal(c, err)
				}
				if s := err.Error(); !strings.HasPrefix(s, "websocket: handshake: ") || strings.Contains(s, "unharmed") {
					t.Error(s)
				}
				if d := time.Since(start); d != tt.after {
					t.Errorf("took %v, want %v", d, tt.after)
				}
				if err := a.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					t.Error("the connection was left open")
				}
			})
		})
	}
}

// TestUpgradeNetNoHalfClose: a refusal is sent and the connection closed also
// where it can't be half-closed.
func TestUpgradeNetNoHalfClose(t *testing.T) {
	a, b := wstest.Pipe(1 << 10)
	c, _, err := (&Upgrader{}).UpgradeNet(within(t), struct{ net.Conn }{a}, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	if c != nil || !isErr[*handshake.Error](err) {
		t.Fatal(c, err)
	}
	if resp, _ := answer(t, b); resp.StatusCode != 426 || !resp.Close {
		t.Error(resp)
	}
}

// TestUpgradeNetSlow: a client that is slow and in time is served, and none of
// the handshake's bounds is left behind.
func TestUpgradeNetSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(bg)
		a, b := wstest.Pipe(1 << 10)
		defer b.Close()
		go dribble(b, chatRequest()+"\x81\x82\x00\x00\x00\x00hi", time.Second)
		c, _, err := (&Upgrader{HandshakeTimeout: time.Hour}).UpgradeNet(ctx, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		cancel()
		<-time.After(2 * time.Hour)
		if _, p, err := c.Read(bg); err != nil || string(p) != "hi" {
			t.Fatalf("%q, %v", p, err)
		}
	})
}

// TestUpgradeNetContextEndsWithResponse: a context that ends with the last
// byte of the handshake gives no connection that its deadline could strike.
func TestUpgradeNetContextEndsWithResponse(t *testing.T) {
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	a, b := wstest.Pipe(1 << 10)
	defer b.Close()
	c, _, err := (&Upgrader{}).UpgradeNet(ctx, cancelling(a, cancel, "write"), []byte(chatRequest()))
	if c != nil || !errors.Is(err, context.Canceled) {
		t.Fatal(c, err)
	}
}

// TestUpgradeNetTLS: hooks see the state of TLS and the peer's address.
func TestUpgradeNetTLS(t *testing.T) {
	over, trusting := secure(t)
	var seen *handshake.Request
	u := &Upgrader{Check: func(r *handshake.Request) error { seen = r; return nil }}
	d := &Dialer{TLSConfig: trusting}
	d.NetDial, _ = scripted(t, over(func(nc net.Conn) {
		c, _, err := u.UpgradeNet(within(t), nc, nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.Serve(bg, echo)
	}))
	c, _, err := d.Dial(within(t), "wss://example.com/chat")
	if err != nil {
		t.Fatal(err)
	}
	wantEcho(t, c)
	if seen.TLS == nil || seen.TLS.ServerName != "example.com" || seen.RemoteAddr != "pipe:a" {
		t.Errorf("%+v, %q", seen.TLS, seen.RemoteAddr)
	}
}

// TestUpgradeNetDeadline: the end of a handshake by its context's deadline does
// not say that there is a connection which is unharmed.
func TestUpgradeNetDeadline(t *testing.T) {
	a, _ := wstest.Pipe(1 << 10)
	ctx, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	_, _, err := new(Upgrader).UpgradeNet(ctx, a, nil)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "unharmed") {
		t.Error(err)
	}
}
