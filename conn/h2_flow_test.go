package conn

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/handshake"
)

// h2Pairs returns pairs of connections over streams of one HTTP/2 connection.
func h2Pairs(t *testing.T, n int, scfg, ccfg Config, change func(*httptest.Server)) (servers, clients []*Conn) {
	t.Helper()
	upgraded := make(chan *Conn, 1)
	u := Upgrader{Config: scfg}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		upgraded <- c
		<-c.Done()
	}))
	if change != nil {
		change(srv)
	}
	url := startH2(t, srv)
	rt := h2Transport(t, srv)
	for range n {
		clients = append(clients, dialH2(t, &Dialer{Config: ccfg}, url, rt))
		server := <-upgraded
		t.Cleanup(func() { _ = server.CloseNow() })
		servers = append(servers, server)
	}
	return servers, clients
}

// fill writes to a peer that does not read until a write has to wait.
func fill(t *testing.T, c *Conn) {
	t.Helper()
	for range 1000 {
		ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
		err := c.Write(ctx, Binary, pattern(64<<10))
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("64 MB were taken for a peer that does not read")
}

// TestH2Backpressure has one of two sockets on a connection stop reading. The
// other side is held up, within bounds; the other socket is not; and what was
// held up goes on when the first reads again.
func TestH2Backpressure(t *testing.T) {
	small := func(srv *httptest.Server) {
		srv.Config.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
	}
	servers, clients := h2Pairs(t, 2, Config{QueuePolicy: QueueRefuse}, Config{QueuePolicy: QueueRefuse}, small)
	for _, way := range [][2][]*Conn{{servers, clients}, {clients, servers}} {
		from, to := way[0], way[1]
		fill(t, from[0])
		var err error
		for err == nil {
			err = from[0].Send(Binary, pattern(64<<10))
		}
		if err != ErrQueueFull {
			t.Errorf("Send: %v", err)
		}
		bothWays(t, bg, from[1], to[1], "not held up")
		last := make(chan error, 1)
		go func() { last <- from[0].Write(bg, Text, []byte("the last")) }()
		for {
			typ, p, err := to[0].Read(bg)
			if err != nil {
				t.Fatal(err)
			}
			if typ == Text {
				if string(p) != "the last" {
					t.Errorf("%q", p)
				}
				break
			}
		}
		if err := <-last; err != nil {
			t.Error(err)
		}
		bothWays(t, bg, from[0], to[0], "on it goes")
	}
}

// TestH2WriteTimeout cuts a socket whose peer takes nothing, and nothing else of its connection.
func TestH2WriteTimeout(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := Config{WriteTimeout: 200 * time.Millisecond, FragmentSize: -1}
				servers, clients, end := h2BubblePairs(t, 2, cfg)
				defer end()
				from, to := servers, clients
				if role == "client" {
					from, to = clients, servers
				}
				var err error
				for range 1000 {
					if err = from[0].Write(bg, Binary, pattern(64<<10)); err != nil {
						break
					}
				}
				if !errors.Is(err, ErrWriteTimeout) {
					t.Fatalf("a peer that does not read: %v, want %v", err, ErrWriteTimeout)
				}
				<-from[0].Done()
				for err = nil; err == nil; {
					_, _, err = to[0].Read(bg)
				}
				if e := (*CloseError)(nil); !errors.As(err, &e) || e.Code != CloseAbnormal {
					t.Errorf("the peer reads %v, want code %d", err, CloseAbnormal)
				}
				bothWays(t, bg, from[1], to[1], "not cut")
			})
		})
	}
}

// TestH2CloseNowBlocked cuts a socket while a write of it is blocked. CloseNow
// does not wait; Done waits for the write to leave net/http.
func TestH2CloseNowBlocked(t *testing.T) {
	servers, clients := h2Pairs(t, 2, Config{}, Config{}, nil)
	for i, c := range []*Conn{servers[0], clients[1]} {
		fill(t, c)
		blocked := make(chan error, 1)
		go func() { blocked <- c.Write(bg, Binary, pattern(1<<20)) }()
		_ = c.CloseNow()
		if err := <-blocked; err == nil {
			t.Errorf("%d: the write succeeded", i)
		}
		<-c.Done()
		if !errors.Is(c.Err(), errClosedNow) {
			t.Errorf("%d: %v", i, c.Err())
		}
	}
}

// TestH2Shutdown shuts a server down with a socket open: net/http sends GOAWAY,
// and waits for the socket, which goes on. No new one is let in.
func TestH2Shutdown(t *testing.T) {
	var srv *httptest.Server
	servers, clients := h2Pairs(t, 1, Config{}, Config{}, func(s *httptest.Server) { srv = s })
	ended := make(chan error, 1)
	told := make(chan struct{})
	srv.Config.RegisterOnShutdown(func() { close(told) })
	go func() { ended <- srv.Config.Shutdown(bg) }()
	<-told
	bothWays(t, bg, servers[0], clients[0], "still here")
	if c, _, err := (&Dialer{}).DialVia(bg, "wss"+strings.TrimPrefix(srv.URL, "https"), h2Transport(t, srv)); err == nil {
		t.Errorf("a socket was let in: %v", c.State())
	}
	go servers[0].Close(CloseGoingAway, "")
	if _, _, err := clients[0].Read(bg); err.(*CloseError).Code != CloseGoingAway {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestH2Lost ends the connection under a socket.
func TestH2Lost(t *testing.T) {
	var srv *httptest.Server
	servers, clients := h2Pairs(t, 2, Config{}, Config{}, func(s *httptest.Server) { srv = s })
	go srv.CloseClientConnections()
	for _, c := range append(servers, clients...) {
		_, _, err := c.Read(bg)
		if e := (*CloseError)(nil); !errors.As(err, &e) || e.Code != CloseAbnormal || e.Err == nil {
			t.Errorf("%v", err)
		}
		if err := c.Write(bg, Text, nil); err == nil {
			t.Error("a write succeeded")
		}
	}
}

// TestH2Race has goroutines write, read and cancel on both sides while the
// socket is closed in one of the ways there are.
func TestH2Race(t *testing.T) {
	servers, clients := h2Pairs(t, 40, h2Settings(), h2Settings(), nil)
	var wg sync.WaitGroup
	for i := range servers {
		ends := []*Conn{servers[i], clients[i]}
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
					for c.Write(ctx, Text, pattern(3000)) == nil {
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
				_ = c.Close(CloseNormal, "")
			case 2:
				go ends[1-i%2].Close(CloseNormal, "")
				_ = c.CloseNow()
			}
			<-ends[0].Done()
			<-ends[1].Done()
		})
	}
	wg.Wait()
}

// TestH2Goroutines: a socket that Handler serves needs no goroutine beside
// net/http's, nor does one whose reads nobody can interrupt.
func TestH2Goroutines(t *testing.T) {
	opened := make(chan *Conn, 1)
	var u Upgrader
	srv, url := h2Server(t, u.Handler(&Events{
		Open:    func(c *Conn, _ *handshake.Request) { opened <- c },
		Message: func(c *Conn, t MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	client := dialH2(t, &Dialer{}, url, h2Transport(t, srv))
	server := <-opened
	pumped := func(c *Conn) bool {
		p := pumpOf(c)
		return p.IsValid() && !p.FieldByName("ask").IsNil()
	}
	for _, ctx := range []context.Context{bg, within(t)} {
		if err := client.Write(bg, Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if pumped(server) || pumped(client) {
		t.Errorf("pumps run: the server's %t, the client's %t", pumped(server), pumped(client))
	}
	other, client := h2Pair(t, Config{}, Config{})
	bothWays(t, within(t), other, client, "hello")
	if !pumped(other) || pumped(client) {
		t.Errorf("of reads that can be interrupted the server's has a pump: %t, the client's, which needs none: %t", pumped(other), pumped(client))
	}
}
