package conn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// A server that reads in a loop: one goroutine for each connection, that of
// net/http.
func ExampleUpgrade() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Upgrade(w, r)
		if err != nil {
			return // the refusal has been sent
		}
		defer c.CloseNow()
		for {
			t, p, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), t, p); err != nil {
				return
			}
		}
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Write(ctx, ws.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	t, p, err := c.Read(ctx)
	fmt.Printf("%v %s %v\n", t, p, err)
	fmt.Println(c.Close(ws.CloseNormal, "done"))
	// Output:
	// text hello <nil>
	// <nil>
}

// Authentication before the connection is taken over: the token is verified once,
// and whose it was is known to every callback.
func ExampleUpgrader_check() {
	type user struct{ name string }
	verify := func(token string) (user, bool) { // ask a database, check a signature
		fmt.Println("verifying a token")
		return user{"ann"}, token == "Bearer t0ken"
	}
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		who, ok := verify(r.Get("Authorization"))
		if !ok {
			return &handshake.Error{Status: http.StatusUnauthorized, Reason: "send a token in Authorization"}
		}
		r.Data = who
		return nil
	}}
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Open: func(c *ws.Conn, _ *handshake.Request) {
			_ = c.Send(ws.Text, []byte("hello "+c.Data().(user).name))
		},
		Message: func(c *ws.Conn, t ws.MessageType, data []byte) {
			_ = c.Append(t, []byte(c.Data().(user).name+" says "+string(data)))
		},
	}))
	defer srv.Close()

	ctx := context.Background()
	d := &ws.Dialer{Header: http.Header{"Authorization": {"Bearer t0ken"}}}
	c, _, err := d.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	_ = c.Write(ctx, ws.Text, []byte("hi"))
	for range 2 {
		_, p, err := c.Read(ctx)
		fmt.Printf("%s %v\n", p, err)
	}
	// Output:
	// verifying a token
	// hello ann <nil>
	// ann says hi <nil>
}

// A server that reads in a loop. The function runs on a goroutine of its own, and
// its return closes the connection.
func ExampleUpgrader_HandlerFunc() {
	var u ws.Upgrader
	srv := httptest.NewServer(u.HandlerFunc(func(c *ws.Conn, r *ws.Request) {
		ctx := context.Background() // that of the HTTP request has ended
		for {
			t, p, err := c.Read(ctx)
			if err != nil {
				return
			}
			if err := c.Write(ctx, t, append([]byte(r.URL.Path+": "), p...)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/room")
	if err != nil {
		log.Fatal(err)
	}
	_ = c.Write(ctx, ws.Text, []byte("hello"))
	_, p, err := c.Read(ctx)
	fmt.Printf("%s %v\n", p, err)
	fmt.Println(c.Close(ws.CloseNormal, ""))
	// Output:
	// /room: hello <nil>
	// <nil>
}

// A server of callbacks, which are a browser's four events. net/http's
// goroutine ends with the handshake. A client that does not read its answers is
// closed once they fill the queue.
func ExampleUpgrader_Handler() {
	closed := make(chan bool)
	u := &ws.Upgrader{Origins: []string{"https://example.com"}}
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Open: func(c *ws.Conn, r *handshake.Request) {
			fmt.Println("open", r.URL.Path)
		},
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
			fmt.Printf("message: %s\n", p)
			_ = c.Append(t, p) // leaves when all that has arrived is handled
		},
		Error: func(c *ws.Conn, err error) {
			fmt.Println("error:", err)
		},
		Close: func(c *ws.Conn, err *ws.CloseError) {
			fmt.Println("close", uint16(err.Code), err.Reason)
			close(closed)
		},
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1)+"/chat")
	if err != nil {
		log.Fatal(err)
	}
	_ = c.Write(ctx, ws.Text, []byte("hello"))
	_, p, _ := c.Read(ctx)
	fmt.Printf("answer: %s\n", p)
	_ = c.Close(ws.CloseNormal, "bye")
	<-closed
	// Output:
	// open /chat
	// message: hello
	// answer: hello
	// close 1000 bye
}

// Behind a router and a middleware: what they leave in net/http's request is
// there in Check and in Open.
func ExampleUpgrader_Handler_router() {
	type userKey struct{}
	logIn := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, "ada")))
		})
	}
	u := &ws.Upgrader{
		Check: func(r *handshake.Request) error {
			if r.HTTPRequest().PathValue("room") == "attic" {
				return &handshake.Error{Status: http.StatusNotFound, Reason: "there is no such room"}
			}
			return nil
		},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}", logIn(u.Handler(&ws.Events{
		Open: func(c *ws.Conn, r *handshake.Request) {
			hr := r.HTTPRequest()
			c.SetData(hr.Context().Value(userKey{})) // for Message and Close
			_ = c.Send(ws.Text, fmt.Appendf(nil, "%v enters the %v", c.Data(), hr.PathValue("room")))
		},
	})))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	ctx := context.Background()
	url := strings.Replace(srv.URL, "http", "ws", 1)
	c, err := ws.Dial(ctx, url+"/rooms/hall")
	if err != nil {
		log.Fatal(err)
	}
	_, p, err := c.Read(ctx)
	fmt.Printf("%s %v\n", p, err)
	_ = c.Close(ws.CloseNormal, "")
	_, err = ws.Dial(ctx, url+"/rooms/attic")
	var refused *handshake.Error
	fmt.Println(errors.As(err, &refused) && refused.Status == http.StatusNotFound)
	// Output:
	// ada enters the hall <nil>
	// true
}

// A client with a subprotocol, a header and a time for the handshake. Where a
// server refuses, its response says why.
func ExampleDialer_Dial() {
	u := &ws.Upgrader{
		Subprotocols: []string{"chat.v2", "chat.v1"},
		Check: func(r *handshake.Request) error {
			if r.Get("Authorization") != "Bearer secret" {
				return &handshake.Error{Status: http.StatusUnauthorized, Reason: "log in first"}
			}
			return nil
		},
	}
	srv := httptest.NewServer(u.Handler(&ws.Events{}))
	defer srv.Close()

	d := &ws.Dialer{
		Subprotocols:     []string{"chat.v1", "chat.v2"},
		HandshakeTimeout: 3 * time.Second,
	}
	url := strings.Replace(srv.URL, "http", "ws", 1)
	_, resp, err := d.Dial(context.Background(), url)
	if refused := (*handshake.Error)(nil); errors.As(err, &refused) {
		fmt.Println(refused.Status)
		_, _ = io.Copy(os.Stdout, resp.Body)
	}

	d.Header = http.Header{"Authorization": {"Bearer secret"}}
	c, _, err := d.Dial(context.Background(), url)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Subprotocol(), c.State())
	_ = c.Close(ws.CloseNormal, "")
	// Output:
	// 401
	// 401 Unauthorized
	//
	// log in first
	// chat.v2 open
}

// One message for many: it is framed once, and no slow peer holds the others
// up.
func ExamplePrepare() {
	var room sync.Map // of *ws.Conn
	everybody := make(chan bool, 3)
	srv := httptest.NewServer((&ws.Upgrader{}).Handler(&ws.Events{
		Open: func(c *ws.Conn, _ *handshake.Request) {
			room.Store(c, nil)
			everybody <- true
		},
		Close: func(c *ws.Conn, _ *ws.CloseError) { room.Delete(c) },
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
		<-everybody
	}

	news, err := ws.Prepare(ws.Text, []byte("news for all"))
	if err != nil {
		log.Fatal(err)
	}
	for c := range room.Range {
		c := c.(*ws.Conn)
		_ = c.SendPrepared(news) // closes one that does not keep up
	}
	for _, c := range clients {
		_, p, err := c.Read(ctx)
		fmt.Printf("%s %v\n", p, err)
		_ = c.Close(ws.CloseNormal, "")
	}
	// Output:
	// news for all <nil>
	// news for all <nil>
	// news for all <nil>
}

// A message that is written and read in pieces: neither side holds all of it.
func ExampleConn_NextWriter() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Upgrade(w, r)
		if err != nil {
			return
		}
		m, err := c.NextWriter(r.Context(), ws.Text)
		if err != nil {
			return
		}
		for line := range 3 {
			fmt.Fprintf(m, "line %d\n", line)
		}
		_ = m.Close() // ends the message
		_ = c.Close(ws.CloseNormal, "")
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	t, m, err := c.NextReader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t)
	for lines := bufio.NewScanner(m); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	// Output:
	// text
	// line 0
	// line 1
	// line 2
}

// A protocol of bytes, here one of lines, over binary messages.
func ExampleStream() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Upgrade(w, r)
		if err != nil {
			return
		}
		nc := ws.Stream(r.Context(), c, ws.Binary)
		defer nc.Close()
		for lines := bufio.NewScanner(nc); lines.Scan(); {
			fmt.Fprintln(nc, strings.ToUpper(lines.Text()))
		}
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	nc := ws.Stream(ctx, c, ws.Binary)
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintln(nc, "hello")
	line, err := bufio.NewReader(nc).ReadString('\n')
	fmt.Printf("%q %v\n", line, err)
	fmt.Println(nc.Close())
	// Output:
	// "HELLO\n" <nil>
	// <nil>
}

// The Pong is found by whoever reads.
func ExampleConn_Ping() {
	srv := httptest.NewServer((&ws.Upgrader{}).Handler(&ws.Events{}))
	defer srv.Close()
	c, err := ws.Dial(context.Background(), strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	go c.Serve(context.Background(), &ws.Events{})

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rtt, err := c.Ping(ctx)
	fmt.Println(rtt > 0, err)
	_ = c.Close(ws.CloseNormal, "")
	// Output:
	// true <nil>
}

// A server that goes: each connection is told so, and the closing handshake
// lets what was sent arrive.
func ExampleConn_Close() {
	conns := make(chan *ws.Conn, 1)
	srv := httptest.NewServer((&ws.Upgrader{}).Handler(&ws.Events{
		Open: func(c *ws.Conn, _ *handshake.Request) { conns <- c },
	}))
	defer srv.Close()
	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}

	go func() {
		c := <-conns
		_ = c.Send(ws.Text, []byte("last words"))
		_ = c.Close(ws.CloseGoingAway, "restarting")
	}()

	_, p, err := c.Read(ctx)
	fmt.Printf("%s %v\n", p, err)
	_, _, err = c.Read(ctx)
	var end *ws.CloseError
	if errors.As(err, &end) {
		fmt.Println(end.Remote, end.Code == ws.CloseGoingAway, end.Reason)
	}
	// Output:
	// last words <nil>
	// true true restarting
}

// A server without net/http, from the listener up.
func ExampleUpgrader_UpgradeNet() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	go func() {
		u := &ws.Upgrader{HandshakeTimeout: 5 * time.Second}
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				c, r, err := u.UpgradeNet(context.Background(), nc, nil)
				if err != nil {
					return // the refusal has been sent, and nc is closed
				}
				_ = c.Write(context.Background(), ws.Text, []byte("you asked for "+r.Target))
				_ = c.Close(ws.CloseNormal, "")
			}()
		}
	}()

	c, err := ws.Dial(context.Background(), "ws://"+ln.Addr().String()+"/path?query")
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	_, p, err := c.Read(context.Background())
	fmt.Printf("%s %v\n", p, err)
	// Output:
	// you asked for /path?query <nil>
}
