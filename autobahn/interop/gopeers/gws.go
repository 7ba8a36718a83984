package main

import (
	"bytes"
	"errors"
	"log"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsDeflate hands the parameters on. A window that is not said is the library's
// default.
func gwsDeflate(o offer) gws.PermessageDeflate {
	return gws.PermessageDeflate{
		Enabled: o.deflate, Threshold: 1,
		ServerContextTakeover: !o.serverAlone, ClientContextTakeover: !o.clientAlone,
		ServerMaxWindowBits: o.serverBits, ClientMaxWindowBits: o.clientBits,
	}
}

func gwsHandler(o offer) http.Handler {
	u := gws.NewUpgrader(&gwsPeer{}, &gws.ServerOption{
		PermessageDeflate: gwsDeflate(o), SubProtocols: []string{subprotocol}, CheckUtf8Enabled: true,
		ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			failed(err)
			return
		}
		c.ReadLoop()
	})
}

func gwsConnect(url string, o offer) {
	c, _, err := gws.NewClient(&gwsPeer{}, &gws.ClientOption{
		Addr: url, PermessageDeflate: gwsDeflate(o), CheckUtf8Enabled: true,
		RequestHeader:      http.Header{"Sec-Websocket-Protocol": {subprotocol}},
		ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage,
	})
	if err != nil {
		failed(err)
		return
	}
	c.ReadLoop()
}

// gwsPeer is the callbacks of a role's connections, which come one at a time.
type gwsPeer struct {
	gws.BuiltinEventHandler
	fragments bool    // of the next message
	closing   command // the one that has ended the connection
}

func (g *gwsPeer) OnOpen(c *gws.Conn) {
	g.closing = command{}
	opened(c.SubProtocol())
}

func (g *gwsPeer) OnClose(_ *gws.Conn, err error) {
	var end *gws.CloseError
	if errors.As(err, &end) {
		closed(int(end.Code), string(end.Reason))
		return
	}
	if g.closing.code != 0 { // it does not wait for the answer
		closed(g.closing.code, g.closing.arg)
		return
	}
	failed(err)
}

func (g *gwsPeer) OnPing(c *gws.Conn, payload []byte) { report(c.WritePong(payload)) }

func (g *gwsPeer) OnPong(c *gws.Conn, payload []byte) {
	report(c.WriteString("pong " + string(payload)))
}

func (g *gwsPeer) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	switch cmd := parseCommand(m.Bytes()); {
	case cmd.name == "fragments":
		g.fragments = true
	case cmd.name == "ping":
		report(c.WritePing([]byte(cmd.arg)))
	case cmd.name == "close":
		g.closing = cmd
		report(c.WriteClose(uint16(cmd.code), []byte(cmd.arg)))
	case g.fragments:
		g.fragments = false
		report(c.WriteFile(m.Opcode, bytes.NewReader(m.Bytes()))) // in pieces of the library's own size
	default:
		report(c.WriteMessage(m.Opcode, m.Bytes()))
	}
}

func report(err error) {
	if err != nil {
		log.Print(err)
	}
}
