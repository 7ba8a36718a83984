// Command gorilla is the shim of github.com/gorilla/websocket.
package main

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/gorilla/websocket"

	"github.com/rfc6455/ws/autobahn/corpus"
	"github.com/rfc6455/ws/autobahn/corpus/shims/internal/shim"
)

func main() { shim.Main(run) }

func run(c corpus.Case, w *shim.Wire) string {
	if d := c.Deflate; d != nil && !(d.ServerNoTakeover && d.ClientNoTakeover) {
		return "no context takeover"
	}
	conn, err := open(c, w)
	if err != nil {
		return err.Error()
	}
	w.Pings = true
	pong := conn.PingHandler()
	conn.SetReadLimit(int64(c.Max))
	conn.SetPingHandler(func(p string) error { w.Note("ping", []byte(p)); return pong(p) })
	conn.SetPongHandler(func(p string) error { w.Note("pong", []byte(p)); return nil })
	for {
		t, p, err := conn.ReadMessage()
		var end *websocket.CloseError
		switch {
		case err == nil:
			w.Message(t == websocket.TextMessage, p)
			continue
		case errors.As(err, &end) && end.Code != websocket.CloseAbnormalClosure:
			w.Closed(end.Code, end.Text)
		case errors.As(err, &end), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			w.Note("end", nil)
		default:
			w.Note("fail", nil)
		}
		return ""
	}
}

func open(c corpus.Case, w *shim.Wire) (*websocket.Conn, error) {
	if c.Role == "server" {
		u := websocket.Upgrader{EnableCompression: c.Deflate != nil}
		return u.Upgrade(w, w.Request(), nil)
	}
	d := websocket.Dialer{
		EnableCompression: c.Deflate != nil,
		NetDialContext:    func(context.Context, string, string) (net.Conn, error) { return w, nil },
	}
	conn, _, err := d.Dial("ws://shim/", nil)
	return conn, err
}
