package conn_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// A server that ends in good order. http.Server.Shutdown knows nothing of the
// connections that were taken over from it, and what RegisterOnShutdown calls
// is neither waited for nor given the context: so both are shut down, the Group
// within the same time.
func ExampleGroup_Shutdown() {
	var group ws.Group
	u := &ws.Upgrader{Config: ws.Config{Group: &group}}
	mux := http.NewServeMux()
	opened := make(chan bool)
	mux.Handle("/chat", u.Handler(&ws.Events{
		Open:  func(*ws.Conn, *handshake.Request) { opened <- true },
		Close: func(c *ws.Conn, err *ws.CloseError) { fmt.Println("server:", err) },
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: mux}
	go srv.Serve(ln)

	c, err := ws.Dial(context.Background(), "ws://"+ln.Addr().String()+"/chat")
	if err != nil {
		log.Fatal(err)
	}
	<-opened
	clientEnded := make(chan error)
	go func() { clientEnded <- c.Serve(context.Background(), &ws.Events{}) }()

	// On SIGTERM:
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stopped := make(chan error)
	go func() { stopped <- srv.Shutdown(ctx) }() // no new requests
	fmt.Println("group:", group.Shutdown(ctx))   // the closing handshakes, and the callbacks
	if err := <-stopped; err != nil {
		_ = srv.Close()
	}

	fmt.Println("client:", <-clientEnded)
	fmt.Println(group.Len(), "connections left")
	// Output:
	// server: websocket: connection closed by this side with 1001 going away, the peer answered: 1001 going away
	// group: <nil>
	// client: websocket: connection closed by the peer: 1001 going away: the server is shutting down
	// 0 connections left
}

// A hub: whatever one connection says goes to all of them. It is framed once,
// and nobody waits for a peer that reads slowly: here such a peer misses the
// oldest of what waits for it, and no more than 256 KiB ever wait.
func ExampleGroup_Broadcast() {
	var hub ws.Group
	u := &ws.Upgrader{Config: ws.Config{
		Group: &hub, Queue: 256 << 10, QueuePolicy: ws.QueueDropOldest,
		KeepAlive: 30 * time.Second, // and a peer that is gone is noticed
	}}
	joined := make(chan bool)
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Open: func(*ws.Conn, *handshake.Request) { joined <- true },
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
			if _, err := hub.Broadcast(t, p); err != nil {
				_ = c.Close(ws.CloseInternalError, "")
			}
		},
	}))
	defer srv.Close()

	ctx := context.Background()
	var clients []*ws.Conn
	for range 3 {
		c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
		if err != nil {
			log.Fatal(err)
		}
		clients = append(clients, c)
		<-joined
	}
	_ = clients[0].Write(ctx, ws.Text, []byte("hello, everybody"))
	for i, c := range clients {
		_, p, err := c.Read(ctx)
		fmt.Printf("client %d: %s %v\n", i, p, err)
		_ = c.Close(ws.CloseNormal, "")
	}
	_ = hub.Shutdown(ctx)
	// Output:
	// client 0: hello, everybody <nil>
	// client 1: hello, everybody <nil>
	// client 2: hello, everybody <nil>
}

// Sending without waiting, and catching up with a peer that fell behind: it is
// sent no more until it has read what waits for it, and then the state as it is.
func ExampleConn_Drained() {
	ln := listenOnce(&ws.Upgrader{Config: ws.Config{Queue: 64 << 10, QueuePolicy: ws.QueueRefuse}}, func(c *ws.Conn) {
		update := make([]byte, 10<<10)
		for {
			err := c.Send(ws.Binary, update)
			if errors.Is(err, ws.ErrQueueFull) {
				break
			}
			if err != nil {
				return
			}
		}
		<-c.Drained(0) // or in a select, or on a goroutine of its own
		_ = c.Send(ws.Text, []byte("the state as it is now"))
		_ = c.Close(ws.CloseNormal, "")
	})
	defer ln.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws://"+ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return
		}
		if t == ws.Text {
			fmt.Printf("%s\n", p)
		}
	}
	// Output:
	// the state as it is now
}

// listenOnce serves one connection.
func listenOnce(u *ws.Upgrader, serve func(c *ws.Conn)) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		c, _, err := u.UpgradeNet(context.Background(), nc, nil)
		if err == nil {
			serve(c)
		}
	}()
	return ln
}

// Counters for expvar: they are at /debug/vars as "websocket".
func ExampleStats() {
	var stats ws.Stats
	expvar.Publish("websocket", &stats)
	var group ws.Group
	u := &ws.Upgrader{
		Config: ws.Config{Trace: stats.Trace(), Group: &group},
		Check: func(*handshake.Request) error {
			if stats.Snapshot().Open >= 10000 {
				return &handshake.Error{Status: http.StatusServiceUnavailable, Reason: "too many connections"}
			}
			return nil
		},
	}
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	_ = c.Write(ctx, ws.Text, []byte("hello"))
	_, _, _ = c.Read(ctx)
	_ = c.Close(ws.CloseNormal, "")
	_ = group.Shutdown(ctx) // all is counted

	var shown struct {
		Opened       int            `json:"opened"`
		Open         int            `json:"open"`
		MessagesSent int            `json:"messages_sent"`
		WireSent     int            `json:"wire_sent"`
		Closed       map[string]int `json:"closed"`
	}
	_ = json.Unmarshal([]byte(expvar.Get("websocket").String()), &shown)
	fmt.Printf("%+v\n", shown)
	// Output:
	// {Opened:1 Open:0 MessagesSent:1 WireSent:11 Closed:map[1000:1]}
}

// A log of what was refused and of how connections end.
func ExampleLogTrace() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "remote" {
				return slog.Attr{} // they differ from run to run
			}
			return a
		},
	}))
	u := &ws.Upgrader{Config: ws.Config{Trace: ws.LogTrace(logger)}}
	srv := httptest.NewServer(u.Handler(&ws.Events{}))
	defer srv.Close()

	d := &ws.Dialer{Host: "example.com", Header: http.Header{"Origin": {"https://evil.example"}}}
	_, _, err := d.Dial(context.Background(), strings.Replace(srv.URL, "http", "ws", 1)+"/chat")
	fmt.Println(err != nil)
	// Output:
	// level=INFO msg="websocket refused" error="websocket: handshake: Origin: differs from the Host header: the server has to list the origins that may connect, or the reverse proxy ahead of it to pass the Host header on as it was (status 403)" target=/chat host=example.com origin=https://evil.example
	// true
}
