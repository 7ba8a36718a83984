package main

import (
	"context"
	"errors"
	"log"
	"net/http"

	"github.com/coder/websocket"
)

// coderMode is the nearest of the library's modes of compression.
func coderMode(o offer) websocket.CompressionMode {
	switch {
	case !o.deflate:
		return websocket.CompressionDisabled
	case o.serverAlone && o.clientAlone:
		return websocket.CompressionNoContextTakeover
	}
	return websocket.CompressionContextTakeover
}

func coderHandler(o offer) http.Handler {
	options := &websocket.AcceptOptions{
		CompressionMode: coderMode(o), CompressionThreshold: 1, Subprotocols: []string{subprotocol},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, options)
		if err != nil {
			failed(err)
			return
		}
		coderTalk(c)
	})
}

func coderConnect(url string, o offer) {
	c, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{
		CompressionMode: coderMode(o), CompressionThreshold: 1, Subprotocols: []string{subprotocol},
	})
	if err != nil {
		failed(err)
		return
	}
	coderTalk(c)
}

// coderTalk echoes until the connection ends.
func coderTalk(c *websocket.Conn) {
	ctx := context.Background()
	defer c.CloseNow()
	opened(c.Subprotocol())
	c.SetReadLimit(maxMessage)
	fragments := false
	for {
		kind, p, err := c.Read(ctx)
		if err != nil {
			coderEnd(err)
			return
		}
		switch cmd := parseCommand(p); {
		case cmd.name == "fragments":
			fragments = true
		case cmd.name == "ping":
			go coderPing(c, cmd.arg)
		case cmd.name == "close":
			if err := c.Close(websocket.StatusCode(cmd.code), cmd.arg); err != nil {
				failed(err)
				return
			}
			closed(cmd.code, cmd.arg) // the answer's are the same, and Close tells no others
			return
		case fragments:
			fragments, err = false, coderFragments(ctx, c, kind, p)
		default:
			err = c.Write(ctx, kind, p)
		}
		if err != nil {
			log.Print(err)
		}
	}
}

// coderPing sends a Ping, whose payload is the library's, and says when it is
// answered, which coderTalk's reading finds.
func coderPing(c *websocket.Conn, name string) {
	err := c.Ping(context.Background())
	if err == nil {
		err = c.Write(context.Background(), websocket.MessageText, []byte("pong "+name))
	}
	if err != nil {
		log.Print(err)
	}
}

// coderFragments sends a message of which each Write is a fragment.
func coderFragments(ctx context.Context, c *websocket.Conn, kind websocket.MessageType, p []byte) error {
	w, err := c.Writer(ctx, kind)
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

func coderEnd(err error) {
	var end websocket.CloseError
	if errors.As(err, &end) {
		closed(int(end.Code), end.Reason)
		return
	}
	failed(err)
}
