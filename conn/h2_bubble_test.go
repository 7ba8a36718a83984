package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/h2client"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// oneListener accepts one connection.
type oneListener struct {
	conns chan net.Conn
	addr  net.Addr
}

func (l *oneListener) Accept() (net.Conn, error) {
	if nc, ok := <-l.conns; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}
func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return l.addr }

// h2Bubble serves h, without TLS, on one end of a pipe that holds capacity bytes,
// for a test in a bubble, and returns the other end.
func h2Bubble(srv *http.Server, capacity int, h http.Handler) net.Conn {
	a, b := wstest.Pipe(capacity)
	ln := &oneListener{make(chan net.Conn, 1), a.LocalAddr()}
	ln.conns <- a
	close(ln.conns)
	srv.Handler, srv.Protocols = h, new(http.Protocols)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(ln)
	return b
}

// TestH2ServerTimeouts: those of http.Server do not apply to a socket.
func TestH2ServerTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upgraded := make(chan *Conn, 1)
		srv := &http.Server{ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
		nc := h2Bubble(srv, 64<<10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := Upgrade(w, r)
			if err != nil {
				t.Error(err)
				return
			}
			upgraded <- c
			<-c.Done()
		}))
		rt := &h2client.Client{Dial: func(context.Context, *url.URL) (net.Conn, error) { return nc, nil }}
		client := dialH2(t, &Dialer{}, "ws://server.example/", rt)
		server := <-upgraded
		ctx, cancel := context.WithTimeout(bg, time.Hour)
		defer cancel()
		if _, _, err := server.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		bothWays(t, bg, server, client, "still here")
		_ = client.CloseNow()
		_ = server.CloseNow()
		rt.CloseIdleConnections()
		_ = srv.Close()
	})
}

// TestH2Stuck has the client grant windows without end and read nothing of its
// TCP connection, so that not even RST_STREAM gets through. The socket ends in
// bounded time all the same; the handler stays until net/http lets go of the
// write.
func TestH2Stuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, returned := make(chan *Conn, 1), make(chan struct{})
		var u Upgrader
		h := u.Handler(&Events{Open: func(c *Conn, _ *handshake.Request) { opened <- c }})
		srv := new(http.Server)
		nc := h2Bubble(srv, 4<<10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			h.ServeHTTP(w, r)
		}))
		fr := http2.NewFramer(nc, nil)
		_, _ = io.WriteString(nc, http2.ClientPreface)
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		_ = fr.WriteWindowUpdate(0, 1<<30)
		var block bytes.Buffer
		enc := hpack.NewEncoder(&block)
		for _, f := range []string{":method CONNECT", ":protocol websocket", ":scheme http", ":path /", ":authority x", "sec-websocket-version 13"} {
			name, value, _ := strings.Cut(f, " ")
			_ = enc.WriteField(hpack.HeaderField{Name: name, Value: value})
		}
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
		c := <-opened
		go c.Write(bg, Binary, pattern(1<<20))
		synctest.Wait()
		start := time.Now()
		if err := c.Close(CloseNormal, ""); !errors.Is(err, ErrCloseTimeout) {
			t.Error(err)
		}
		if d := time.Since(start); d > defaultCloseTimeout+transport.StuckWrite {
			t.Errorf("Close took %v", d)
		}
		synctest.Wait()
		select {
		case <-returned:
			t.Error("the handler returned with a write under way")
		default:
		}
		_ = nc.Close()
		<-returned
		_ = srv.Close()
	})
}

// TestH2ResetBetweenReads: a client that cuts the stream takes nothing away from a program that
// reads, and is not inside a read at that moment. If the program reads no more, the connection ends
// all the same.
func TestH2ResetBetweenReads(t *testing.T) {
	for name, test := range map[string]struct {
		before int // messages that are read before the reset comes
		goesOn bool
	}{
		"reads on": {1, true}, "reads no more": {1, false}, "begins to read": {0, true}, "never reads": {0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				servers, clients, end := h2BubblePairs(t, 1, Config{})
				defer end()
				server, client := servers[0], clients[0]
				messages := []string{"first", "second", "third"}
				for _, m := range messages {
					check(client.Write(bg, Text, []byte(m)))
				}
				read := func(want string) {
					if _, p, err := server.Read(bg); err != nil || string(p) != want {
						t.Fatalf("Read = %q, %v, want %q", p, err, want)
					}
				}
				for _, m := range messages[:test.before] {
					read(m)
				}
				_ = client.CloseNow()
				synctest.Wait() // the reset has come
				if test.goesOn {
					for _, m := range messages[test.before:] {
						read(m)
					}
					_, _, err := server.Read(bg)
					if e := (*CloseError)(nil); !errors.As(err, &e) || e.Code != CloseAbnormal {
						t.Errorf("after the last message: %v, want code %d", err, CloseAbnormal)
					}
				}
				start := time.Now()
				<-server.Done()
				if d := time.Since(start); d > transport.StuckWrite || test.goesOn && d > 0 {
					t.Errorf("the end came after %v", d)
				}
			})
		})
	}
}

// h2BubblePairs returns pairs of connections over streams of one HTTP/2 connection, in a bubble, and
// what ends them all.
func h2BubblePairs(t *testing.T, n int, cfg Config) (servers, clients []*Conn, end func()) {
	t.Helper()
	upgraded := make(chan *Conn, 1)
	srv := new(http.Server)
	nc := h2Bubble(srv, 64<<10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := (&Upgrader{Config: cfg}).Upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		upgraded <- c
		<-c.Done()
	}))
	rt := &h2client.Client{Dial: func(context.Context, *url.URL) (net.Conn, error) { return nc, nil }}
	for range n {
		clients = append(clients, dialH2(t, &Dialer{Config: cfg}, "ws://server.example/", rt))
		servers = append(servers, <-upgraded)
	}
	return servers, clients, func() {
		for _, c := range append(servers, clients...) {
			_ = c.CloseNow()
		}
		rt.CloseIdleConnections()
		_ = srv.Close()
	}
}
