package main

import (
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// gorillaHandler knows no parameters of compression: it is on or off.
func gorillaHandler(o offer) http.Handler {
	u := websocket.Upgrader{EnableCompression: o.deflate, Subprotocols: []string{subprotocol}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			failed(err)
			return
		}
		gorillaTalk(c)
	})
}

func gorillaConnect(url string, o offer) {
	d := websocket.Dialer{EnableCompression: o.deflate, Subprotocols: []string{subprotocol}}
	c, _, err := d.Dial(url, nil)
	if err != nil {
		failed(err)
		return
	}
	gorillaTalk(c)
}

// gorillaTalk echoes until the connection ends.
func gorillaTalk(c *websocket.Conn) {
	defer c.Close()
	opened(c.Subprotocol())
	c.SetReadLimit(maxMessage)
	c.SetPongHandler(func(data string) error {
		return c.WriteMessage(websocket.TextMessage, []byte("pong "+data))
	})
	fragments := false
	for {
		kind, p, err := c.ReadMessage()
		if err != nil {
			gorillaEnd(err)
			return
		}
		switch cmd := parseCommand(p); {
		case cmd.name == "fragments":
			fragments = true
		case cmd.name == "ping":
			err = c.WriteControl(websocket.PingMessage, []byte(cmd.arg), time.Time{})
		case cmd.name == "close":
			err = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(cmd.code, cmd.arg), time.Time{})
		case fragments:
			fragments, err = false, gorillaFragments(c, kind, p)
		default:
			err = c.WriteMessage(kind, p)
		}
		if err != nil {
			log.Print(err)
		}
	}
}

// gorillaFragments sends a message of which each full buffer is a fragment.
func gorillaFragments(c *websocket.Conn, kind int, p []byte) error {
	w, err := c.NextWriter(kind)
	if err != nil {
		return err
	}
	for ; len(p) > 0; p = p[min(piece, len(p)):] {
		if _, err := w.Write(p[:min(piece, len(p))]); err != nil {
			return err
		}
	}
	return w.Close()
}

func gorillaEnd(err error) {
	var end *websocket.CloseError
	if errors.As(err, &end) {
		closed(end.Code, end.Text)
		return
	}
	failed(err)
}
