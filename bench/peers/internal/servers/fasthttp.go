package servers

import (
	"net"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

func serveFasthttp(ln net.Listener, s Setting) error {
	u := websocket.FastHTTPUpgrader{EnableCompression: s.Compression != Off}
	all := newHub[*websocket.Conn](s)
	serve := func(c *websocket.Conn) {
		if s.Work == Broadcast {
			all.add(c)
		}
		for {
			t, p, err := c.ReadMessage()
			if err != nil || t == websocket.TextMessage && !validText(p) {
				return
			}
			s.use(p)
			if s.Work == Broadcast {
				fasthttpBroadcast(all, t, p)
			} else if c.WriteMessage(t, p) != nil {
				return
			}
		}
	}
	server := fasthttp.Server{
		Logger:  silent{},
		Handler: func(ctx *fasthttp.RequestCtx) { _ = u.Upgrade(ctx, serve) },
	}
	return server.Serve(ln)
}

func fasthttpBroadcast(all *hub[*websocket.Conn], t int, p []byte) {
	m, err := websocket.NewPreparedMessage(t, p)
	if err != nil {
		return
	}
	all.each(func(c *websocket.Conn) { _ = c.WritePreparedMessage(m) })
}

// silent drops what the server logs about connections that the load generator has reset.
type silent struct{}

func (silent) Printf(string, ...any) {}
