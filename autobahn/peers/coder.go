package main

import (
	"context"
	"net/http"

	"github.com/coder/websocket"
)

func coderServe(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		return
	}
	coderLoop(r.Context(), c)
}

// coderLoop echoes until the connection ends.
func coderLoop(ctx context.Context, c *websocket.Conn) error {
	defer c.CloseNow()
	c.SetReadLimit(maxMessage)
	for {
		kind, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, kind, p); err != nil {
			return err
		}
	}
}

func coderDial(ctx context.Context, url string) (*websocket.Conn, error) {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	return c, err
}

func coderEcho(ctx context.Context, url string) error {
	c, err := coderDial(ctx, url)
	if err != nil {
		return err
	}
	return coderLoop(ctx, c)
}

func coderFirst(ctx context.Context, url string) ([]byte, error) {
	c, err := coderDial(ctx, url)
	if err != nil {
		return nil, err
	}
	defer c.CloseNow()
	_, p, err := c.Read(ctx)
	return p, err
}
