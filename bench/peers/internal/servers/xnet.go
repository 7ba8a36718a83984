package servers

import (
	"net"
	"net/http"

	"golang.org/x/net/websocket"
)

// message is a payload with its type: text or binary.
type message struct {
	kind    byte
	payload []byte
}

// typed is a codec that keeps the type of the message. The codecs of the package itself take it
// from the Go type.
var typed = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		m := v.(*message)
		return m.payload, m.kind, nil
	},
	Unmarshal: func(p []byte, kind byte, v any) error {
		*v.(*message) = message{kind, p}
		return nil
	},
}

func serveXnet(ln net.Listener, s Setting) error {
	all := newHub[*websocket.Conn](s)
	return http.Serve(ln, websocket.Server{Handler: func(c *websocket.Conn) {
		if s.Work == Broadcast {
			all.add(c)
		}
		var m message
		for {
			if typed.Receive(c, &m) != nil {
				return
			}
			if m.kind == websocket.TextFrame && !validText(m.payload) {
				return
			}
			s.use(m.payload)
			if s.Work == Broadcast {
				all.each(func(c *websocket.Conn) { _ = typed.Send(c, &m) })
			} else if typed.Send(c, &m) != nil {
				return
			}
		}
	}})
}
