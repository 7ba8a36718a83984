package conn

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

var errNoDeadline = errors.New("deadlines are not supported")

// refusingConn is a transport whose deadlines can't be set, as a channel of SSH.
type refusingConn struct{ net.Conn }

func (refusingConn) SetDeadline(time.Time) error      { return errNoDeadline }
func (refusingConn) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (refusingConn) SetWriteDeadline(time.Time) error { return errNoDeadline }

// idleConn is a transport whose deadlines do nothing.
type idleConn struct{ net.Conn }

func (idleConn) SetDeadline(time.Time) error      { return nil }
func (idleConn) SetReadDeadline(time.Time) error  { return nil }
func (idleConn) SetWriteDeadline(time.Time) error { return nil }

// deafConn is an idleConn whose Close ends no call that is under way.
type deafConn struct {
	idleConn
	closed chan struct{}
	once   *sync.Once
}

func deaf(nc net.Conn) deafConn { return deafConn{idleConn{nc}, make(chan struct{}), new(sync.Once)} }

func (c deafConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// withoutDeadlines runs f over transports without deadlines that work.
func withoutDeadlines(t *testing.T, f func(t *testing.T, wrap func(net.Conn) net.Conn)) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"refused":      func(nc net.Conn) net.Conn { return refusingConn{nc} },
		"do nothing":   func(nc net.Conn) net.Conn { return idleConn{nc} },
		"end no calls": func(nc net.Conn) net.Conn { return deaf(nc) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, wrap) })
		})
	}
}

// TestNewWithoutDeadlines: contexts end reads all the same, and harm nothing.
func TestNewWithoutDeadlines(t *testing.T) {
	withoutDeadlines(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		a, b := wstest.Pipe(1 << 20)
		defer a.Close()
		nc := wrap(a)
		peer := wstest.NewPeer(t, b, frame.Client)
		peer.Text("early") // before anybody asks
		c := New(nc, frame.Server, Negotiated{}, Config{})
		defer c.CloseNow()
		wantRead(t, c, "early")
		for range 3 {
			ctx, cancel := context.WithTimeout(bg, time.Second)
			if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Read = %v, want the context's end", err)
			}
			cancel()
			peer.Text("next")
			wantRead(t, c, "next")
		}
		if c.NetConn() == nil || c.RemoteAddr() == nil {
			t.Error("NetConn, RemoteAddr = nil")
		}
	})
}

func wantRead(t *testing.T, c *Conn, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, time.Minute)
	defer cancel()
	if _, p, err := c.Read(ctx); err != nil || string(p) != want {
		t.Fatalf("Read = %q, %v, want %q", p, err, want)
	}
}

// TestNewKeepsDeadlines: a transport of a type that is not known, with
// deadlines that work, gets no goroutine, and its own are the user's.
func TestNewKeepsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		start := time.Now()
		c := New(struct{ net.Conn }{a}, frame.Server, Negotiated{}, Config{})
		defer c.CloseNow()
		if d := time.Since(start); d != 0 {
			t.Errorf("New took %v", d)
		}
		if pumpOf(c).IsValid() {
			t.Error("it reads through a goroutine")
		}
		_ = c.NetConn().SetReadDeadline(time.Now().Add(time.Second))
		if _, _, err := c.Read(bg); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want the deadline's end", err)
		}
		_ = c.NetConn().SetReadDeadline(time.Time{})
		go b.Write([]byte("\x81\x82\x00\x00\x00\x00hi"))
		wantRead(t, c, "hi")
	})
}

// TestDialWithoutDeadlines over each kind of transport, from end to end.
func TestDialWithoutDeadlines(t *testing.T) {
	over, trusting := secure(t)
	withoutDeadlines(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		serve := func(nc net.Conn) {
			c, _, err := new(Upgrader).UpgradeNet(bg, wrap(nc), nil)
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.Serve(bg, echo)
		}
		for url, s := range map[string]script{"ws://h": serve, "wss://example.com": over(serve)} {
			dial, _ := scripted(t, s)
			d := &Dialer{TLSConfig: trusting, NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := dial(ctx, network, addr)
				if err == nil {
					t.Cleanup(func() { nc.Close() })
				}
				return wrap(nc), err
			}}
			c, _, err := d.Dial(bg, url)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(bg, time.Second)
			if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Read = %v, want the context's end", err)
			}
			cancel()
			if err := c.Write(bg, Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			wantRead(t, c, "hello")
			_ = c.Close(CloseNormal, "")
		}
	})
}

// TestDialEndsWithoutDeadlines: the end of the context is the end of the dial,
// in each of its stages, and the connection is closed.
func TestDialEndsWithoutDeadlines(t *testing.T) {
	withoutDeadlines(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		for stage, d := range map[string]struct {
			url   string
			proxy string
			s     script
		}{
			"response":     {url: "ws://h", s: silent},
			"body":         {url: "ws://h", s: func(nc net.Conn) { respond("HTTP/1.1 403 No\r\n\r\nhalf")(nc); silent(nc) }},
			"TLS":          {url: "wss://h", s: silent},
			"proxy":        {url: "ws://h", proxy: "http://p", s: silent},
			"TLS to proxy": {url: "ws://h", proxy: "https://p", s: silent},
		} {
			closed := make(chan struct{})
			dial, _ := scripted(t, d.s)
			dialer := &Dialer{Proxy: proxyTo(d.proxy), HandshakeTimeout: 900 * time.Millisecond}
			dialer.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := dial(ctx, network, addr)
				t.Cleanup(func() { nc.Close() })
				return closeTeller{wrap(nc), sync.OnceFunc(func() { close(closed) })}, err
			}
			start := time.Now()
			c, _, err := dialer.Dial(bg, d.url)
			if c != nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 900*time.Millisecond {
				t.Errorf("%s: %v after %v", stage, err, time.Since(start))
			}
			<-closed
		}
	})
}

// closeTeller tells that it was closed.
type closeTeller struct {
	net.Conn
	tell func()
}

func (c closeTeller) Close() error { c.tell(); return c.Conn.Close() }

// TestDialNetDialIgnoresContext: Dial returns with the context's end, and what
// NetDial makes of it later is closed.
func TestDialNetDialIgnoresContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(1 << 10)
		d := &Dialer{HandshakeTimeout: time.Second, NetDial: func(context.Context, string, string) (net.Conn, error) {
			wait(time.Minute)
			return a, nil
		}}
		start := time.Now()
		if _, _, err := d.Dial(bg, "ws://h"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Dial = %v after %v, want the timeout after 1s", err, time.Since(start))
		}
		if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF || time.Since(start) != time.Minute {
			t.Errorf("the connection that came too late: %d, %v after %v, want EOF after 1m", n, err, time.Since(start))
		}
	})
}

// TestUpgradeNetWithoutDeadlines: HandshakeTimeout and the context bound a
// handshake all the same, and a refusal is read.
func TestUpgradeNetWithoutDeadlines(t *testing.T) {
	withoutDeadlines(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		for name, client := range map[string]func(net.Conn){
			"silent":   func(net.Conn) {},
			"halfway":  func(nc net.Conn) { send(t, nc, chatRequest()[:40]) },
			"answered": func(nc net.Conn) { send(t, nc, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") },
		} {
			a, b := wstest.Pipe(1 << 10)
			client(b)
			nc := wrap(a)
			start := time.Now()
			c, _, err := (&Upgrader{HandshakeTimeout: 5 * time.Second}).UpgradeNet(bg, nc, nil)
			if c != nil || err == nil || time.Since(start) > 5*time.Second {
				t.Errorf("%s: %v, %v after %v", name, c, err, time.Since(start))
			}
			if name == "answered" {
				if resp, err := http.ReadResponse(bufio.NewReader(b), nil); err != nil || resp.StatusCode != 426 {
					t.Errorf("the answer is %v, %v", resp, err)
				}
			} else if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v, want a timeout", name, err)
			}
			a.Close()
			b.Close()
		}
	})
}

// proxyTo is a Dialer.Proxy for an URL, none if it is empty.
func proxyTo(proxy string) func(*url.URL) (*url.URL, error) {
	if proxy == "" {
		return NoProxy
	}
	return func(*url.URL) (*url.URL, error) { return url.Parse(proxy) }
}

// TestUpgradeNetHiddenTLS: the TLS handshake of a connection whose type does not
// tell of it happens when the request is read, and is not disturbed.
func TestUpgradeNetHiddenTLS(t *testing.T) {
	over, trusting := secure(t)
	d := &Dialer{TLSConfig: trusting}
	d.NetDial, _ = scripted(t, over(func(nc net.Conn) {
		c, _, err := new(Upgrader).UpgradeNet(within(t), struct{ net.Conn }{nc}, nil)
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
}

// slowConn is a transport whose read ends a second after its deadline.
type slowConn struct{ net.Conn }

func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		wait(time.Second)
	}
	return n, err
}

// TestNewSlowDeadline: the deadline of New's own read, if it strikes after New
// has returned, is no error of the connection.
func TestNewSlowDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(1 << 10)
		c := New(slowConn{a}, frame.Server, Negotiated{}, Config{})
		defer c.CloseNow()
		peer := wstest.NewPeer(t, b, frame.Client)
		for range 2 {
			peer.Text("hi")
			wantRead(t, c, "hi")
		}
	})
}
