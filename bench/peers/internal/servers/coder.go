package servers

import (
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

func serveCoder(ln net.Listener, s Setting) error {
	options := &websocket.AcceptOptions{}
	switch s.Compression {
	case NoTakeover:
		options.CompressionMode = websocket.CompressionNoContextTakeover
	case Takeover:
		options.CompressionMode = websocket.CompressionContextTakeover
	}
	all := newHub[*websocket.Conn](s)
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, options)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		if s.Work == Broadcast {
			all.add(c)
		}
		coderLoop(c, s, all)
	}))
}

func coderLoop(c *websocket.Conn, s Setting, all *hub[*websocket.Conn]) {
	ctx := context.Background()
	for {
		t, p, err := c.Read(ctx)
		if err != nil || t == websocket.MessageText && !validText(p) {
			return
		}
		s.use(p)
		if s.Work == Broadcast {
			all.each(func(c *websocket.Conn) { _ = c.Write(ctx, t, p) })
		} else if c.Write(ctx, t, p) != nil {
			return
		}
	}
}
