package h3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
)

// pairs returns the ends of n sockets that share a connection.
func pairs(t testing.TB, n int, cfg ws.Config) (servers, clients []*ws.Conn, s *server) {
	t.Helper()
	opened := make(chan *ws.Conn, 1)
	s = serve(t, accepting(&ws.Upgrader{Config: cfg}, opened), nil)
	d := dialer(t)
	d.Dialer.Config = cfg
	for range n {
		clients = append(clients, dial(t, d, s.url()))
		c := await(t, opened, "socket")
		t.Cleanup(func() { _ = c.CloseNow() })
		servers = append(servers, c)
	}
	if got := s.conns.Load(); got != 1 {
		t.Fatalf("%d sockets have %d connections, want one", n, got)
	}
	return servers, clients, s
}

// bothWays sends a message each way.
func bothWays(t testing.TB, a, b *ws.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, limit)
	defer cancel()
	for range 2 {
		if err := a.Write(ctx, ws.Text, []byte(text)); err != nil {
			t.Fatalf("Write = %v, want nil", err)
		}
		if _, p, err := b.Read(ctx); err != nil || string(p) != text {
			t.Fatalf("Read = %q, %v, want %q", p, err, text)
		}
		a, b = b, a
	}
}

// TestStall has one of two sockets on a connection not be read. Its writer is held up, within
// bounds, and the other socket is not. What was held up goes on when somebody reads.
func TestStall(t *testing.T) {
	servers, clients, _ := pairs(t, 2, ws.Config{QueuePolicy: ws.QueueRefuse, CloseTimeout: limit})
	for _, way := range []struct {
		from     string
		out, far []*ws.Conn
	}{{"server", servers, clients}, {"client", clients, servers}} {
		t.Run(way.from, func(t *testing.T) {
			sent := 0
			for {
				err := way.out[0].Send(ws.Binary, make([]byte, 16<<10))
				if errors.Is(err, ws.ErrQueueFull) {
					if held(way.out[0]) {
						break
					}
					continue
				}
				if err != nil {
					t.Fatalf("Send = %v, want nil", err)
				}
				sent++
			}
			if sent > 300 { // 256 KiB of window, the queue, and what QUIC has begun to send
				t.Errorf("%d messages of 16 KiB were taken, want no more than the windows hold", sent)
			}
			bothWays(t, way.out[1], way.far[1], "not held up")
			for range sent {
				if _, p, err := way.far[0].Read(bg); err != nil || len(p) != 16<<10 {
					t.Fatalf("Read = %d bytes, %v, want what was held up", len(p), err)
				}
			}
			bothWays(t, way.out[0], way.far[0], "on it goes")
		})
	}
}

// held reports whether a full queue stays full: the peer's windows are full, too.
func held(c *ws.Conn) bool {
	before := c.Buffered()
	timer := time.NewTimer(100 * time.Millisecond)
	<-timer.C
	return c.Buffered() == before
}

// TestManyStalled has a client whose sockets nobody reads fill the connection's window. That holds
// up its own connection, and no other client's.
func TestManyStalled(t *testing.T) {
	opened := make(chan *ws.Conn, 100)
	s := serve(t, accepting(&ws.Upgrader{}, opened), nil)
	hostile, good := dialer(t), dialer(t)
	ctx, cancel := context.WithCancel(bg)
	var wg sync.WaitGroup
	var conns []*ws.Conn
	for range 20 {
		conns = append(conns, dial(t, hostile, s.url()))
		await(t, opened, "socket")
	}
	for _, c := range conns {
		wg.Go(func() {
			for c.Write(ctx, ws.Binary, make([]byte, 64<<10)) == nil {
			}
		})
	}
	c := dial(t, good, s.url())
	other := await(t, opened, "socket")
	bothWays(t, c, other, "not held up")
	_ = other.CloseNow()
	cancel()
	wg.Wait()
}

// TestContexts ends reads by their contexts. The next one goes on where the first has stopped, also
// within the header of a DATA frame.
func TestContexts(t *testing.T) {
	servers, clients, _ := pairs(t, 1, ws.Config{CloseTimeout: limit})
	for _, way := range [][2]*ws.Conn{{servers[0], clients[0]}, {clients[0], servers[0]}} {
		for range 50 {
			ctx, cancel := context.WithCancel(bg)
			time.AfterFunc(time.Millisecond, cancel)
			if _, _, err := way[1].Read(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("Read = %v, want %v", err, context.Canceled)
			}
			bothWays(t, way[0], way[1], "unharmed")
		}
	}
}

// TestInterruptedHeader cuts a DATA frame within its header, between two reads.
func TestInterruptedHeader(t *testing.T) {
	toServer(func(c *rawClient) {
		w, conn := c.open()
		all := "\x40\x00\x40\x07" + masked(0x1, "x")
		for i := range all {
			w.send(all[i : i+1])
			ctx, cancel := context.WithTimeout(bg, 5*time.Millisecond)
			_, p, err := conn.Read(ctx)
			cancel()
			if i < len(all)-1 && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("after %d octets: Read = %q, %v, want a timeout", i+1, p, err)
			}
			if i == len(all)-1 && errors.Is(err, context.DeadlineExceeded) { // a busy machine
				_, p, err = conn.Read(c.ctx)
			}
			if i == len(all)-1 && (err != nil || string(p) != "x") {
				t.Errorf("Read = %q, %v, want the message", p, err)
			}
		}
	})(t)
}

// TestWriteTimeout cuts a socket whose peer takes nothing, and nothing else of its connection.
func TestWriteTimeout(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			servers, clients, _ := pairs(t, 2, ws.Config{WriteTimeout: 200 * time.Millisecond})
			from, to := servers, clients
			if role == "client" {
				from, to = clients, servers
			}
			var err error
			for err == nil {
				err = from[0].Write(bg, ws.Binary, make([]byte, 64<<10))
			}
			if !errors.Is(err, ws.ErrWriteTimeout) {
				t.Errorf("Write = %v, want %v", err, ws.ErrWriteTimeout)
			}
			await(t, from[0].Done(), "end of the socket")
			for err = nil; err == nil; {
				_, _, err = to[0].Read(bg)
			}
			wantCode(t, "Read", err, http3.ErrCodeRequestCanceled)
		})
	}
}

// TestCloseNowBlocked cuts a socket while a write of it is held up.
func TestCloseNowBlocked(t *testing.T) {
	servers, clients, _ := pairs(t, 2, ws.Config{})
	for i, c := range []*ws.Conn{servers[0], clients[1]} {
		result := make(chan error, 1)
		blocked := make(chan struct{})
		go func() {
			var err error
			for n := 0; err == nil; n++ {
				if n == 8 { // of 64 KiB each; the window has 256
					close(blocked)
				}
				err = c.Write(bg, ws.Binary, make([]byte, 64<<10))
			}
			result <- err
		}()
		select {
		case <-blocked:
		case <-time.After(100 * time.Millisecond):
		}
		_ = c.CloseNow()
		if err := await(t, result, "end of Write"); err == nil {
			t.Errorf("%d: Write = nil, want an error", i)
		}
		await(t, c.Done(), "end of the socket")
	}
}

// TestLoss has sockets talk through a network that loses, doubles and reorders datagrams.
// Everything arrives, whole and in order.
func TestLoss(t *testing.T) {
	s := serve(t, echoing(&ws.Upgrader{Config: ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}, CloseTimeout: limit}}), nil)
	for _, f := range []faults{{lose: 0.02}, {lose: 0.1, double: 0.1, delay: 0.1}, {delay: 0.5}} {
		t.Run(fmt.Sprint(f.lose, f.double, f.delay), func(t *testing.T) {
			r := relayTo(t, s.addr, 1, f)
			d := dialer(t)
			d.Dialer.Config = ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}, CloseTimeout: limit}
			var wg sync.WaitGroup
			for i := range 5 {
				c := dial(t, d, "wss://"+r.addr()+"/")
				wg.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), 3))
					for n := range 40 {
						b := make([]byte, random.IntN(20000))
						for j := range b {
							b[j] = byte(random.IntN(64))
						}
						if err := echo(c, string(b)); err != nil {
							t.Errorf("socket %d, message %d: %v", i, n, err)
							return
						}
					}
					if err := c.Close(ws.CloseNormal, ""); err != nil {
						t.Errorf("socket %d: Close = %v, want nil", i, err)
					}
				})
			}
			wg.Wait()
			if f.lose > 0 && r.losses() == 0 {
				t.Error("no datagram was lost, want some")
			}
		})
	}
}

// TestLossStream sends one long message each way through a network that loses much.
func TestLossStream(t *testing.T) {
	s := serve(t, echoing(&ws.Upgrader{Config: ws.Config{MaxMessageSize: 1 << 20, CloseTimeout: limit}}), nil)
	r := relayTo(t, s.addr, 2, faults{lose: 0.05, delay: 0.05})
	c := dial(t, dialer(t), "wss://"+r.addr()+"/")
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	if err := c.Write(bg, ws.Binary, b); err != nil {
		t.Fatal(err)
	}
	_, got, err := c.Read(bg)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(b) {
		t.Errorf("Read = %d bytes, %v, want those that were sent: %t", len(got), err, bytes.Equal(got, b))
	}
}

// TestLost loses the connection under sockets, in several ways.
func TestLost(t *testing.T) {
	for _, test := range []struct {
		name string
		lose func(*server, *quic.Conn)
		code http3.ErrCode // 0: none
	}{
		{"closed", func(s *server, c *quic.Conn) { _ = c.CloseWithError(0x102, "why") }, http3.ErrCodeInternalError},
		{"server closed", func(s *server, c *quic.Conn) { _ = s.Close() }, http3.ErrCodeNoError},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers, clients, s := pairs(t, 2, ws.Config{})
			go test.lose(s, await(t, s.quic, "connection"))
			for _, c := range append(servers, clients...) {
				_, _, err := c.Read(bg)
				if code, _ := ws.CloseStatus(err); code != ws.CloseAbnormal || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("Read = %v, want 1006 and %v", err, io.ErrUnexpectedEOF)
				}
				wantCode(t, "Read", err, test.code)
				if err := c.Write(bg, ws.Text, nil); err == nil {
					t.Error("Write = nil, want an error")
				}
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		opened := make(chan *ws.Conn, 1)
		s := serve(t, accepting(&ws.Upgrader{}, opened), func(s *http3.Server) {
			s.QUICConfig = &quic.Config{MaxIdleTimeout: time.Second}
		})
		r := relayTo(t, s.addr, 1, faults{})
		c := dial(t, dialer(t), "wss://"+r.addr()+"/")
		other := await(t, opened, "socket")
		r.loseAll()
		for _, c := range []*ws.Conn{c, other} {
			_, _, err := c.Read(bg)
			var idle *quic.IdleTimeoutError
			if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &idle) {
				t.Errorf("Read = %v, want %v and a *quic.IdleTimeoutError", err, io.ErrUnexpectedEOF)
			}
		}
	})
}

// TestKeepAlive: a socket on which nothing moves outlives QUIC's idle timeout. Both sides see to
// that, so that each is switched off once.
func TestKeepAlive(t *testing.T) {
	for _, from := range []string{"server", "client"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			short, never := 4*time.Second, time.Hour
			s := serve(t, echoing(&ws.Upgrader{}), func(s *http3.Server) {
				s.QUICConfig = &quic.Config{MaxIdleTimeout: short}
				if from == "client" {
					s.QUICConfig.KeepAlivePeriod = never
				}
			})
			d := dialer(t)
			d.QUICConfig = &quic.Config{}
			if from == "client" {
				d.QUICConfig.KeepAlivePeriod = time.Minute // at most half the idle timeout
			}
			c := dial(t, d, s.url())
			ctx, cancel := context.WithTimeout(bg, 2*short)
			defer cancel()
			if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Read = %v, want nothing to happen", err)
			}
			if err := echo(c, "still here"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestIdleConnection: the server's IdleTimeout counts from the end of the last socket.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	opened := make(chan *ws.Conn, 1)
	s := serve(t, accepting(&ws.Upgrader{}, opened), func(s *http3.Server) {
		s.IdleTimeout = 3 * time.Second
	})
	c := dial(t, dialer(t), s.url())
	other := await(t, opened, "socket")
	ctx, cancel := context.WithTimeout(bg, 4*time.Second)
	defer cancel()
	if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Read = %v, want nothing to happen", err)
	}
	bothWays(t, c, other, "still here")
	go other.Read(bg)
	_ = c.CloseNow()
	await(t, await(t, s.quic, "connection").Context().Done(), "end of the connection")
}

// TestRace has goroutines write, read and cancel on both sides while the socket is closed in one of
// the ways there are.
func TestRace(t *testing.T) {
	cfg := ws.Config{CloseTimeout: 2 * time.Second, FragmentSize: 1000, Compression: ws.Compression{Mode: ws.CompressionTakeover}}
	servers, clients, _ := pairs(t, 40, cfg)
	var wg sync.WaitGroup
	for i := range servers {
		ends := []*ws.Conn{servers[i], clients[i]}
		ctx, cancel := context.WithCancel(bg)
		for _, c := range ends {
			wg.Go(func() {
				var err error
				for err == nil || errors.Is(err, context.Canceled) {
					ctx, cancel := context.WithTimeout(bg, time.Millisecond)
					if _, _, err = c.Read(ctx); errors.Is(err, context.DeadlineExceeded) {
						err = nil
					}
					cancel()
				}
			})
			for range 3 {
				wg.Go(func() {
					for c.Write(ctx, ws.Text, bytes.Repeat([]byte("text"), 700)) == nil {
					}
				})
			}
		}
		wg.Go(func() {
			time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
			<-ctx.Done()
			switch c := ends[i%2]; i % 3 {
			case 0:
				_ = c.CloseNow()
			case 1:
				_ = c.Close(ws.CloseNormal, "")
			case 2:
				go ends[1-i%2].Close(ws.CloseNormal, "")
				_ = c.CloseNow()
			}
			<-ends[0].Done()
			<-ends[1].Done()
		})
	}
	wg.Wait()
}

// TestFaults has sockets talk through a bad network while something happens to their connection, or
// to one of them. Each socket ends, on both sides, and a message is whole or not there.
func TestFaults(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			faulty(t, seed)
		})
	}
}

func faulty(t *testing.T, seed uint64) {
	cfg := ws.Config{CloseTimeout: 2 * time.Second, KeepAlive: time.Second, PongTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second}
	s := serve(t, echoing(&ws.Upgrader{Config: cfg}), func(s *http3.Server) {
		s.QUICConfig = &quic.Config{MaxIdleTimeout: 3 * time.Second}
	})
	random := rand.New(rand.NewPCG(seed, 1))
	r := relayTo(t, s.addr, seed, faults{lose: 0.1 * random.Float64(), double: 0.1 * random.Float64(), delay: 0.3 * random.Float64()})
	d := dialer(t)
	d.Dialer.Config = cfg
	var wg sync.WaitGroup
	for i := range 3 {
		c := dial(t, d, "wss://"+r.addr()+"/")
		wg.Go(func() {
			defer c.CloseNow()
			for n := range 30 {
				if err := echo(c, fmt.Sprintf("%d %d %s", i, n, bytes.Repeat([]byte("x"), n*n))); err != nil {
					if !errors.As(err, new(*ws.CloseError)) {
						t.Errorf("echo = %v, want a message or the end", err)
					}
					return
				}
				if i == 0 && n == 10 && seed%4 == 1 {
					_ = c.CloseNow()
				}
			}
			_ = c.Close(ws.CloseNormal, "")
			await(t, c.Done(), "end of the socket")
		})
	}
	switch seed % 4 {
	case 2:
		_ = await(t, s.quic, "connection").CloseWithError(0x102, "fault")
	case 3:
		time.AfterFunc(5*time.Millisecond, func() { r.loseAll() })
	}
	wg.Wait()
}

// TestGoAway: a server that shuts down lets sockets go on, and new ones get a new connection.
func TestGoAway(t *testing.T) {
	servers, clients, s := pairs(t, 1, ws.Config{CloseTimeout: limit})
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(bg) }()
	bothWays(t, servers[0], clients[0], "still here")
	go servers[0].Close(ws.CloseGoingAway, "")
	_, _, err := clients[0].Read(bg)
	if code, _ := ws.CloseStatus(err); code != ws.CloseGoingAway {
		t.Errorf("Read = %v, want code 1001", err)
	}
	if err := await(t, ended, "end of Shutdown"); err != nil { // the client closes the connection, which has no stream
		t.Errorf("Shutdown = %v, want nil", err)
	}
}

// TestGoAwayUnserved: a request that GOAWAY leaves out is sent again, on another connection, and
// what was open goes on.
func TestGoAwayUnserved(t *testing.T) {
	toClient(func(s *rawServer) {
		done := s.dial()
		s.accept()
		first := s.conn
		ctl := control(s, first, 0x8, 1)
		w, _ := s.request()
		w.send(h3Frame(headers, fields(":status: 200")))
		open := await(s, done, "result of Dial")
		if open.err != nil {
			t.Fatal(open.err)
		}
		defer open.c.CloseNow()
		done = s.dial()
		_, _ = s.request() // is not answered
		_, _ = io.WriteString(ctl, h3Frame(goAway, "\x04"))
		s.accept()
		control(s, s.conn, 0x8, 1)
		again, _ := s.request()
		again.send(h3Frame(headers, fields(":status: 200")))
		r := await(s, done, "result of Dial")
		if r.err != nil {
			t.Fatalf("Dial = %v, want nil", r.err)
		}
		w.data("\x81\x02on")
		if _, p, err := open.c.Read(s.ctx); err != nil || string(p) != "on" {
			t.Errorf("Read = %q, %v, want that the socket goes on", p, err)
		}
		_ = open.c.CloseNow()
		wantClosed(t, first, http3.ErrCodeNoError) // with its last socket
		_ = r.c.CloseNow()
	})(t)
}

// TestHandlerReturns: the stream outlives the handler, as a connection of HTTP/1.1 does, and the
// request's context ends with it.
func TestHandlerReturns(t *testing.T) {
	type both struct {
		c   *ws.Conn
		ctx context.Context
	}
	opened := make(chan both, 1)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusTeapot) // does nothing
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("ResponseWriter.Write = %v, want %v", err, http.ErrHijacked)
		}
		opened <- both{c, r.Context()}
	}), nil)
	c := dial(t, dialer(t), s.url())
	b := await(t, opened, "socket")
	bothWays(t, c, b.c, "after the handler")
	_ = c.CloseNow()
	_, _, _ = b.c.Read(bg)
	await(t, b.ctx.Done(), "end of the request's context")
}
