package conn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// circuit is a transport of a test: near is the side under test. Time is fake
// where it is in memory; over sockets a unit of it is short.
type circuit struct {
	role      frame.Role
	near, far net.Conn
	unit      time.Duration
	exact     bool
}

// overCircuits runs f over all kinds of transports, in both roles.
func overCircuits(t *testing.T, f func(t *testing.T, l circuit)) {
	config := selfSigned(t)
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		memory := func(secure bool) func(*testing.T) {
			return func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					near, far := wstest.Pipe(64 << 10)
					l := circuit{role, near, far, time.Second, true}
					if secure {
						l.startTLS(t, config)
					}
					f(t, l)
					_ = near.Close()
					_ = far.Close()
				})
			}
		}
		socket := func(secure bool) func(*testing.T) {
			return func(t *testing.T) {
				near, far := wstest.TCP(t)
				l := circuit{role, near, far, 20 * time.Millisecond, false}
				if secure {
					l.startTLS(t, config)
				}
				f(t, l)
			}
		}
		t.Run(fmt.Sprintf("memory/%v", role), memory(false))
		t.Run(fmt.Sprintf("memory, TLS/%v", role), memory(true))
		t.Run(fmt.Sprintf("socket/%v", role), socket(false))
		t.Run(fmt.Sprintf("socket, TLS/%v", role), socket(true))
	}
}

func (l *circuit) startTLS(t *testing.T, config *tls.Config) {
	near, far := tls.Server(l.near, config), tls.Client(l.far, config)
	done := make(chan error)
	go func() { done <- far.Handshake() }()
	if err := errors.Join(near.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	l.near, l.far = near, far
}

// wantTook checks how long something took where time is fake.
func (l *circuit) wantTook(t *testing.T, since time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(since); l.exact && d != want {
		t.Errorf("after %v, want %v", d, want)
	}
}

// TestHalfOpen: a peer that is gone without a word, as behind a cut cable, is
// noticed by keepalive, whoever reads and however.
func TestHalfOpen(t *testing.T) {
	overCircuits(t, func(t *testing.T, l circuit) {
		start := time.Now()
		c := ws.New(l.near, l.role, ws.Negotiated{}, ws.Config{KeepAlive: 2 * l.unit, PongTimeout: l.unit})
		var told error
		err := c.Serve(context.Background(), &ws.Events{Error: func(_ *ws.Conn, err error) { told = err }})
		if !errors.Is(err, ws.ErrPongTimeout) || !errors.Is(told, ws.ErrPongTimeout) {
			t.Errorf("Serve ended with %v, told %v", err, told)
		}
		l.wantTook(t, start, 3*l.unit)
	})
	overCircuits(t, func(t *testing.T, l circuit) {
		c := ws.New(l.near, l.role, ws.Negotiated{}, ws.Config{KeepAlive: 2 * l.unit, PongTimeout: l.unit})
		if _, _, err := c.Read(context.Background()); !errors.Is(err, ws.ErrPongTimeout) {
			t.Errorf("Read ended with %v", err)
		}
	})
}

// TestSlowHandler: while a handler takes its time, nobody reads the peer's
// answers, and keepalive and idle timeout leave the connection alone.
func TestSlowHandler(t *testing.T) {
	overCircuits(t, func(t *testing.T, l circuit) {
		cfg := ws.Config{KeepAlive: l.unit, PongTimeout: l.unit, IdleTimeout: 3 * l.unit}
		if !l.exact { // only what happens during the handler counts: a machine may be slow
			cfg.PongTimeout, cfg.IdleTimeout = 500*l.unit, 500*l.unit
		}
		c := ws.New(l.near, l.role, ws.Negotiated{}, cfg)
		other := ws.New(l.far, l.role.Peer(), ws.Negotiated{}, ws.Config{})
		answers := make(chan string, 1)
		go func() {
			_ = other.Serve(context.Background(), &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, p []byte) { answers <- string(p) }})
		}()
		go func() {
			_ = c.Serve(context.Background(), &ws.Events{Message: func(c *ws.Conn, _ ws.MessageType, _ []byte) {
				<-time.After(20 * l.unit)
				_ = c.Append(ws.Text, []byte("done"))
			}})
		}()
		if err := other.Write(context.Background(), ws.Text, []byte("work")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-answers:
		case <-c.Done():
			t.Error("ended while the handler ran: ", c.Err())
		}
		if c.State() != ws.StateOpen {
			t.Error(c.Err())
		}
		_ = c.CloseNow()
		_ = other.CloseNow()
		<-other.Done()
	})
}

// TestNeverReads: a peer that takes no bytes loses its connection within
// WriteTimeout of the first one that it did not take, whatever was to be sent
// to it and whether anybody waits for that.
func TestNeverReads(t *testing.T) {
	for name, write := range map[string]func(c *ws.Conn, p []byte) error{
		"Send":  func(c *ws.Conn, p []byte) error { return c.Send(ws.Binary, p) },
		"Write": func(c *ws.Conn, p []byte) error { return c.Write(context.Background(), ws.Binary, p) },
	} {
		t.Run(name, func(t *testing.T) {
			overCircuits(t, func(t *testing.T, l circuit) {
				c := ws.New(l.near, l.role, ws.Negotiated{}, ws.Config{WriteTimeout: 5 * l.unit, Queue: 16 << 20, QueuePolicy: ws.QueueRefuse, FragmentSize: -1})
				start := time.Now()
				go func() {
					for write(c, make([]byte, 1<<20)) == nil {
					}
				}()
				_ = c.Serve(context.Background(), &ws.Events{})
				if !errors.Is(c.Err(), ws.ErrWriteTimeout) {
					t.Errorf("ended with %v", c.Err())
				}
				l.wantTook(t, start, 5*l.unit)
			})
		})
	}
}

// TestIdleTimeoutEverywhere: pings and pongs are no reason to keep a connection.
func TestIdleTimeoutEverywhere(t *testing.T) {
	overCircuits(t, func(t *testing.T, l circuit) {
		c := ws.New(l.near, l.role, ws.Negotiated{}, ws.Config{KeepAlive: l.unit, IdleTimeout: 10 * l.unit})
		start := time.Now()
		other := ws.New(l.far, l.role.Peer(), ws.Negotiated{}, ws.Config{})
		go func() { _ = c.Serve(context.Background(), &ws.Events{}) }()
		_, _, err := other.Read(context.Background())
		var end *ws.CloseError
		if !errors.As(err, &end) || end.Code != ws.CloseGoingAway || !end.Remote {
			t.Errorf("the peer saw %v, want 1001", err)
		}
		l.wantTook(t, start, 10*l.unit)
		<-c.Done()
		<-other.Done()
	})
}
