//go:build nbio

package servers

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

func init() { Find("nbio").Serve = serveNbio }

// serveNbio serves by nbio's own HTTP server, with its poller.
func serveNbio(ln net.Listener, s Setting) error {
	logging.SetLevel(logging.LevelNone)
	all := newHub[*websocket.Conn](s)
	u := websocket.NewUpgrader()
	u.OnOpen(func(c *websocket.Conn) {
		if s.Work == Broadcast {
			all.add(c)
		}
	})
	u.OnMessage(func(c *websocket.Conn, t websocket.MessageType, p []byte) {
		s.use(p)
		if s.Work == Echo {
			_ = c.WriteMessage(t, p)
			return
		}
		all.each(func(c *websocket.Conn) { _ = c.WriteMessage(t, p) })
	})
	e := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp", Addrs: []string{ln.Addr().String()}, IOMod: nbhttp.IOModNonBlocking,
		Listen: func(string, string) (net.Listener, error) { return ln, nil },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = u.Upgrade(w, r, nil)
		}),
	})
	if err := e.Start(); err != nil {
		return err
	}
	select {} // the engine's goroutines serve
}
