// Command page is a WebSocket client of the demo's /echo that is written once and runs in two
// places: in a page (GOOS=js) and in a terminal.
//
//	make page                                         # then open http://127.0.0.1:8080/go/
//	go run ./examples/page ws://127.0.0.1:8080/echo   # with the demo running
//
// This file is the client. page_js.go and terminal.go connect it to what is around it.
package main

import (
	"context"
	"fmt"

	ws "github.com/rfc6455/ws/conn"
)

// client sends lines to a server, and shows what happens.
type client struct {
	url   string
	lines <-chan string // to send; closed at the end
	show  func(line string)
}

// run keeps a connection to the server until ctx or the lines end, or the server closes for good.
func (c *client) run(ctx context.Context) {
	d := ws.Dialer{Subprotocols: []string{"demo.v1"}}
	events := &ws.Events{
		Open:    func(conn *ws.Conn, _ *ws.Request) { c.say("open, subprotocol %s", conn.Subprotocol()) },
		Message: func(_ *ws.Conn, t ws.MessageType, data []byte) { c.say("< %s: %s", t, data) },
		Close:   func(_ *ws.Conn, err *ws.CloseError) { c.say("%v", err) },
	}
	for conn, err := range d.Reconnect(ctx, c.url) {
		if err != nil {
			c.say("%v", err)
			continue
		}
		go c.send(ctx, conn)
		_ = conn.Serve(ctx, events) // Close has told the end
	}
}

// send sends lines until the connection ends. After the last line it closes the connection.
func (c *client) send(ctx context.Context, conn *ws.Conn) {
	for {
		select {
		case <-conn.Done():
			return
		case line, ok := <-c.lines:
			if !ok {
				_ = conn.Close(ws.CloseNormal, "")
				return
			}
			c.say("> %s", line)
			if err := conn.Write(ctx, ws.Text, []byte(line)); err != nil {
				c.say("not sent: %v", err)
			}
		}
	}
}

func (c *client) say(format string, args ...any) { c.show(fmt.Sprintf(format, args...)) }
