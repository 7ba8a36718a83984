package main

import (
	"context"
	"net/http"

	"github.com/gorilla/websocket"
)

func gorillaServe(w http.ResponseWriter, r *http.Request) {
	u := websocket.Upgrader{EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	gorillaLoop(c)
}

// gorillaLoop echoes until the connection ends.
func gorillaLoop(c *websocket.Conn) error {
	defer c.Close()
	c.SetReadLimit(maxMessage)
	for {
		kind, p, err := c.ReadMessage()
		if err != nil {
			return err
		}
		if err := c.WriteMessage(kind, p); err != nil {
			return err
		}
	}
}

func gorillaDial(ctx context.Context, url string) (*websocket.Conn, error) {
	d := websocket.Dialer{EnableCompression: true}
	c, _, err := d.DialContext(ctx, url, nil)
	return c, err
}

func gorillaEcho(ctx context.Context, url string) error {
	c, err := gorillaDial(ctx, url)
	if err != nil {
		return err
	}
	return gorillaLoop(c)
}

func gorillaFirst(ctx context.Context, url string) ([]byte, error) {
	c, err := gorillaDial(ctx, url)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_, p, err := c.ReadMessage()
	return p, err
}
