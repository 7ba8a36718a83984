package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
)

// TestDialBounds: the handshake ends in time in each of its stages, whatever
// bounds it, and nothing of it is left.
func TestDialBounds(t *testing.T) {
	stages := map[string]struct {
		url    string
		proxy  string
		script script
	}{
		"connect":        {url: "ws://h"},
		"proxy":          {url: "ws://h", proxy: "http://p", script: silent},
		"TLS":            {url: "wss://h", script: silent},
		"TLS to proxy":   {url: "ws://h", proxy: "https://p", script: silent},
		"response":       {url: "ws://h", script: silent},
		"slow response":  {url: "ws://h", script: func(nc net.Conn) { dribble(nc, "HTTP/1.1 101 "+strings.Repeat("x", 1000), time.Second) }},
		"slow redirects": {url: "ws://h", script: slowRedirect},
	}
	bounds := map[string]struct {
		timeout time.Duration
		ctx     func() (context.Context, context.CancelFunc)
		want    error
	}{
		"HandshakeTimeout": {5 * time.Second, func() (context.Context, context.CancelFunc) { return bg, func() {} }, context.DeadlineExceeded},
		"deadline":         {-1, func() (context.Context, context.CancelFunc) { return context.WithTimeout(bg, 5*time.Second) }, context.DeadlineExceeded},
		"cancel": {-1, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(bg)
			time.AfterFunc(5*time.Second, cancel)
			return ctx, cancel
		}, context.Canceled},
	}
	for stage, st := range stages {
		for bound, b := range bounds {
			t.Run(stage+"/"+bound, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := &Dialer{HandshakeTimeout: b.timeout}
					d.NetDial, _ = scripted(t, slices.Repeat([]script{st.script}, 10)...)
					if st.script == nil {
						d.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
							<-ctx.Done()
							return nil, ctx.Err()
						}
					}
					d.Proxy = func(*url.URL) (*url.URL, error) {
						if st.proxy == "" {
							return nil, nil
						}
						return url.Parse(st.proxy)
					}
					ctx, cancel := b.ctx()
					defer cancel()
					start := time.Now()
					c, _, err := d.Dial(ctx, st.url)
					if c != nil || !errors.Is(err, b.want) {
						t.Fatal(err)
					}
					if d := time.Since(start); d != 5*time.Second {
						t.Errorf("took %v", d)
					}
					if s := err.Error(); !strings.HasPrefix(s, "websocket: dial "+st.url) || strings.Contains(s, "unharmed") {
						t.Error(s)
					}
				})
			})
		}
	}
}

// slowRedirect leads to itself, after a while, with a body that never comes.
func slowRedirect(nc net.Conn) {
	readRequest(nc, nil)
	<-time.After(700 * time.Millisecond)
	io.WriteString(nc, "HTTP/1.1 302 \r\nLocation: /\r\nContent-Length: 5\r\n\r\n")
	silent(nc)
}

// TestDialContextAfter: once the connection is made its dialing's context and
// timeout are nothing to it.
func TestDialContextAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(bg)
		d := &Dialer{HandshakeTimeout: time.Second}
		d.NetDial, _ = scripted(t, func(nc net.Conn) {
			r := readRequest(nc, nil)
			io.WriteString(nc, switching(r))
			<-time.After(time.Minute)
			io.WriteString(nc, "\x81\x02hi")
			silent(nc)
		})
		c, _, err := d.Dial(ctx, "ws://h")
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		cancel()
		if _, p, err := c.Read(bg); err != nil || string(p) != "hi" {
			t.Fatalf("%q, %v", p, err)
		}
	})
}

// TestDialContextEndsWithResponse: a context that ends while the response is
// being read gives no connection that its deadline could strike later, and
// does not wait for the body of a refusal.
func TestDialContextEndsWithResponse(t *testing.T) {
	for name, s := range map[string]script{
		"accepted": accept(nil),
		"proxy":    respond("HTTP/1.1 200 OK\r\n\r\n"),
		"refused": func(nc net.Conn) {
			respond("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n")(nc)
			silent(nc)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(bg)
				defer cancel()
				serve, _ := scripted(t, s)
				d := &Dialer{NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					nc, err := serve(ctx, network, addr)
					return cancelling(nc, cancel, "read"), err
				}}
				if name == "proxy" {
					d.Proxy = func(*url.URL) (*url.URL, error) { return url.Parse("http://proxy") }
				}
				start := time.Now()
				c, _, err := d.Dial(ctx, "ws://h")
				if c != nil || err == nil || name != "refused" && !errors.Is(err, context.Canceled) {
					t.Fatal(c, err)
				}
				if d := time.Since(start); d > 0 {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

// cancellingConn cancels a context at the first read or write, when that is
// done, and waits for the deadline or the Close that this leads to.
type cancellingConn struct {
	net.Conn
	cancel context.CancelFunc
	on     string
	struck chan struct{}
	once   *sync.Once
}

func cancelling(nc net.Conn, cancel context.CancelFunc, on string) net.Conn {
	return cancellingConn{nc, cancel, on, make(chan struct{}), new(sync.Once)}
}

func (c cancellingConn) strike(at string) {
	if at == c.on {
		c.cancel()
		<-c.struck
	}
}

func (c cancellingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.strike("read")
	}
	return n, err
}

func (c cancellingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.strike("write")
	return n, err
}

func (c cancellingConn) SetDeadline(t time.Time) error {
	err := c.Conn.SetDeadline(t)
	if t == transport.LongAgo {
		c.once.Do(func() { close(c.struck) })
	}
	return err
}

func (c cancellingConn) Close() error {
	c.once.Do(func() { close(c.struck) })
	return c.Conn.Close()
}
