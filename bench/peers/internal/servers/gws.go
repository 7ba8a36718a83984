package servers

import (
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

func serveGws(ln net.Listener, s Setting) error {
	all := newHub[*gws.Conn](s)
	takeover := s.Compression == Takeover
	u := gws.NewUpgrader(&gwsEvents{Setting: s, all: all}, &gws.ServerOption{
		CheckUtf8Enabled: true,
		PermessageDeflate: gws.PermessageDeflate{
			Enabled:               s.Compression != Off,
			ServerContextTakeover: takeover,
			ClientContextTakeover: takeover,
		},
	})
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		go c.ReadLoop() // on a goroutine of its own, so that the request's memory is freed
	}))
}

type gwsEvents struct {
	gws.BuiltinEventHandler
	Setting
	all *hub[*gws.Conn]
}

func (e *gwsEvents) OnOpen(c *gws.Conn) {
	if e.Work == Broadcast {
		e.all.add(c)
	}
}

func (e *gwsEvents) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	e.use(m.Bytes())
	if e.Work == Echo {
		_ = c.WriteMessage(m.Opcode, m.Bytes())
		return
	}
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	e.all.each(func(c *gws.Conn) { _ = b.Broadcast(c) })
}
