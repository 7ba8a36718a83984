package servers

import (
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

func serveGorilla(ln net.Listener, s Setting) error {
	u := websocket.Upgrader{EnableCompression: s.Compression != Off}
	all := newHub[*websocket.Conn](s)
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
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
				gorillaBroadcast(all, t, p)
			} else if c.WriteMessage(t, p) != nil {
				return
			}
		}
	}))
}

func gorillaBroadcast(all *hub[*websocket.Conn], t int, p []byte) {
	m, err := websocket.NewPreparedMessage(t, p)
	if err != nil {
		return
	}
	all.each(func(c *websocket.Conn) { _ = c.WritePreparedMessage(m) })
}
