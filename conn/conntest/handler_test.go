package conntest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// TestDial dials a handler in a bubble, behind a router, whose Open has its request.
func TestDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &conn.Upgrader{Config: conn.Config{IdleTimeout: time.Hour}, Subprotocols: []string{"v1"}}
		mux := http.NewServeMux()
		mux.Handle("GET /rooms/{room}", u.Handler(&conn.Events{
			Open: func(c *conn.Conn, r *handshake.Request) {
				_ = c.Send(conn.Text, []byte(r.HTTPRequest().PathValue("room")+" for "+r.URL.Query().Get("who")))
			},
		}))
		c := conntest.Dial(t, mux, &conn.Dialer{Subprotocols: []string{"v1"}}, "/rooms/hall?who=ann")
		if _, p, err := c.Read(t.Context()); string(p) != "hall for ann" || err != nil || c.Subprotocol() != "v1" {
			t.Errorf("read %q, %v, speaking %q", p, err, c.Subprotocol())
		}
		start := time.Now()
		var end *conn.CloseError
		if _, _, err := c.Read(t.Context()); !errors.As(err, &end) || end.Code != conn.CloseGoingAway || time.Since(start) != time.Hour {
			t.Errorf("%v after %v, want 1001 after an hour", err, time.Since(start))
		}
	})
}

// TestDialUpgrade dials a handler that reads on net/http's goroutine, without a Dialer.
func TestDialUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := conntest.Dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := conn.Upgrade(w, r); err == nil {
				echo(c)
			}
		}), nil, "/")
		check(c.Write(t.Context(), conn.Text, []byte("hi")), t)
		if _, p, err := c.Read(t.Context()); string(p) != "hi" || err != nil {
			t.Errorf("read %q, %v", p, err)
		}
		check(c.Close(conn.CloseNormal, ""), t)
	})
}

func check(err error, t *testing.T) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestNetDial has several clients of one handler, one of which is refused.
func TestNetDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g conn.Group
		u := &conn.Upgrader{Config: conn.Config{Group: &g}, Origins: []string{"https://example.com"}}
		d := &conn.Dialer{Proxy: conn.NoProxy, NetDial: conntest.NetDial(t, u.Handler(nil))}
		for range 3 {
			c, _, err := d.Dial(t.Context(), "ws://example.com/")
			if err != nil {
				t.Fatal(err)
			}
			go c.Serve(context.Background(), nil)
		}
		synctest.Wait()
		if g.Len() != 3 {
			t.Errorf("%d connections, want 3", g.Len())
		}
		d.Header = http.Header{"Origin": {"https://evil.example"}}
		_, resp, err := d.Dial(t.Context(), "ws://example.com/")
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("dial with a foreign origin: %v, want 403", err)
		}
		check(g.Shutdown(t.Context()), t)
	})
}

// TestNetDialForgotten: a client that nobody closes is cut when the test ends. In a bubble of
// testing/synctest that would be a deadlock otherwise.
func TestNetDialForgotten(t *testing.T) {
	var closed *conn.CloseError
	synctest.Test(t, func(t *testing.T) {
		var u conn.Upgrader
		h := u.Handler(&conn.Events{Close: func(_ *conn.Conn, e *conn.CloseError) { closed = e }})
		d := &conn.Dialer{Proxy: conn.NoProxy, NetDial: conntest.NetDial(t, h)}
		c, _, err := d.Dial(t.Context(), "ws://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		go c.Serve(context.Background(), nil)
	})
	if closed == nil || closed.Code != conn.CloseAbnormal {
		t.Errorf("the server's end: %v, want %v", closed, conn.CloseAbnormal)
	}
}

// TestNetDialEnded checks that nobody can connect to a handler whose test is over.
func TestNetDialEnded(t *testing.T) {
	var dial func(context.Context, string, string) (nc interface{ Close() error }, err error)
	t.Run("the test", func(t *testing.T) {
		netDial := conntest.NetDial(t, http.NotFoundHandler())
		dial = func(ctx context.Context, network, addr string) (interface{ Close() error }, error) {
			return netDial(ctx, network, addr)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if nc, err := dial(ctx, "tcp", "x:80"); err == nil {
			nc.Close() // either may come first
		} else if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if _, err := dial(context.Background(), "tcp", "x:80"); err == nil || !strings.Contains(err.Error(), "conntest") {
		t.Errorf("dialed after the test: %v, want an error that says so", err)
	}
}

// fails runs f as a test of its own and returns what made it fail.
func fails(t *testing.T, f func(t testing.TB)) string {
	r := &judge{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		last()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// judge is a test that may fail.
type judge struct {
	testing.TB
	cleanups []func()
	mu       sync.Mutex
	log      strings.Builder
}

func (j *judge) Helper()          {}
func (j *judge) Cleanup(f func()) { j.cleanups = append(j.cleanups, f) }

func (j *judge) Errorf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log.WriteString(fmt.Sprintf(format, args...))
}

func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

// TestPanicFails checks that a callback that panics fails the test, on either side and however the
// connection was made, unless a hook is told.
func TestPanicFails(t *testing.T) {
	boom := &conn.Events{Message: func(*conn.Conn, conn.MessageType, []byte) { panic("boom") }}
	for name, test := range map[string]func(t testing.TB){
		"handler": func(t testing.TB) {
			c := conntest.Dial(t, new(conn.Upgrader).Handler(boom), nil, "/")
			_ = c.Write(context.Background(), conn.Text, nil)
			_, _, _ = c.Read(context.Background())
		},
		"handler, at the end of the test": func(t testing.TB) {
			conntest.Dial(t, new(conn.Upgrader).Handler(&conn.Events{
				Close: func(*conn.Conn, *conn.CloseError) { panic("boom") },
			}), nil, "/")
		},
		"client": func(t testing.TB) {
			c := conntest.Dial(t, new(conn.Upgrader).Handler(&conn.Events{
				Open: func(c *conn.Conn, _ *handshake.Request) { _ = c.Send(conn.Text, nil) },
			}), nil, "/")
			_ = c.Serve(context.Background(), boom)
		},
		"net/http's": func(t testing.TB) {
			dial := conntest.NetDial(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
			_, _, _ = (&conn.Dialer{Proxy: conn.NoProxy, NetDial: dial}).Dial(context.Background(), "ws://example.com/")
		},
		"Pair": func(t testing.TB) {
			s, c := conntest.Pair(t, conn.Config{}, conn.Config{})
			_ = c.Send(conn.Text, nil)
			go c.Serve(context.Background(), nil)
			_ = s.Serve(context.Background(), boom)
		},
		"New": func(t testing.TB) {
			c, peer := conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{})
			peer.Text("hi")
			peer.NetConn().Close()
			_ = c.Serve(context.Background(), boom)
		},
		"NewPlain": func(t testing.TB) {
			c, peer := conntest.NewPlain(t, frame.Client, conn.Negotiated{}, conn.Config{})
			peer.Text("hi")
			peer.NetConn().Close()
			_ = c.Serve(context.Background(), boom)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if log := fails(t, test); !strings.Contains(log, "boom") || !strings.Contains(log, "handler_test.go") {
					t.Errorf("failed with %q, want the panic and its stack", log)
				}
			})
		})
	}
	told := conn.Config{Trace: &conn.Trace{Panic: func(*conn.Conn, any, []byte) {}}}
	synctest.Test(t, func(t *testing.T) {
		log := fails(t, func(t testing.TB) {
			c := conntest.Dial(t, (&conn.Upgrader{Config: told}).Handler(boom), nil, "/")
			_ = c.Write(context.Background(), conn.Text, nil)
			_, _, _ = c.Read(context.Background())
		})
		if log != "" {
			t.Errorf("failed with %q, want no failure, since a hook was told", log)
		}
	})
}

// TestDialRefused checks that Dial ends the test with what the server said.
func TestDialRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := fails(t, func(t testing.TB) {
			conntest.Dial(t, http.NotFoundHandler(), nil, "/nowhere")
			t.Errorf("Dial returned, want it to end the test")
		})
		if !strings.Contains(log, "404") || strings.Contains(log, "Dial returned") {
			t.Errorf("failed with %q, want the status", log)
		}
	})
}
