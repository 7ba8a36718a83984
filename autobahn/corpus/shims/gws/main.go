// Command gws is the shim of github.com/lxzan/gws.
package main

import (
	"bufio"
	"errors"
	"io"

	"github.com/lxzan/gws"

	"github.com/rfc6455/ws/autobahn/corpus"
	"github.com/rfc6455/ws/autobahn/corpus/shims/internal/shim"
)

func main() { shim.Main(run) }

func run(c corpus.Case, w *shim.Wire) string {
	w.Pings = true
	conn, err := open(c, w)
	if err != nil {
		return err.Error()
	}
	conn.ReadLoop()
	return ""
}

func open(c corpus.Case, w *shim.Wire) (*gws.Conn, error) {
	var d gws.PermessageDeflate
	if c.Deflate != nil {
		d = gws.PermessageDeflate{
			Enabled: true, ServerContextTakeover: !c.Deflate.ServerNoTakeover, ClientContextTakeover: !c.Deflate.ClientNoTakeover,
			ServerMaxWindowBits: c.Deflate.ServerBits, ClientMaxWindowBits: c.Deflate.ClientBits,
		}
	}
	if c.Role == "server" {
		u := gws.NewUpgrader(events{w}, &gws.ServerOption{PermessageDeflate: d, CheckUtf8Enabled: true, ReadMaxPayloadSize: c.Max})
		return u.UpgradeFromConn(w, bufio.NewReader(w), w.Request())
	}
	conn, _, err := gws.NewClientFromConn(events{w}, &gws.ClientOption{
		Addr: "ws://shim/", PermessageDeflate: d, CheckUtf8Enabled: true, ReadMaxPayloadSize: c.Max,
	}, w)
	return conn, err
}

// events notes what happens, and answers pings, as a program that uses gws has to.
type events struct{ w *shim.Wire }

func (e events) OnOpen(*gws.Conn) {}

func (e events) OnPing(c *gws.Conn, p []byte) {
	e.w.Note("ping", p)
	_ = c.WritePong(p)
}

func (e events) OnPong(_ *gws.Conn, p []byte) { e.w.Note("pong", p) }

func (e events) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	e.w.Message(m.Opcode == gws.OpcodeText, m.Bytes())
}

func (e events) OnClose(_ *gws.Conn, err error) {
	var end *gws.CloseError
	switch {
	case errors.As(err, &end):
		e.w.Closed(int(end.Code), string(end.Reason))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.w.Note("end", nil)
	default:
		e.w.Note("fail", nil)
	}
}
