package conn_test

import (
	"context"
	"errors"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// This file has what several files of package conn_test use.

// limit bounds every wait of a test. In a bubble it costs nothing.
const limit = time.Minute

var bg = context.Background()

// ways are all the ways to send a message.
var ways = []struct {
	name string
	send func(c *ws.Conn, typ ws.MessageType, p []byte) error
}{
	{"Write", func(c *ws.Conn, typ ws.MessageType, p []byte) error { return c.Write(bg, typ, p) }},
	{"Append", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		if err := c.Append(typ, p); err != nil {
			return err
		}
		return c.Flush(bg)
	}},
	{"Send", func(c *ws.Conn, typ ws.MessageType, p []byte) error { return c.Send(typ, p) }},
	{"NextWriter", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		m, err := c.NextWriter(bg, typ)
		if err != nil {
			return err
		}
		for _, half := range [][]byte{p[:len(p)/2], p[len(p)/2:]} {
			if _, err := m.Write(half); err != nil {
				return errors.Join(err, m.Close())
			}
		}
		return m.Close()
	}},
	{"WritePrepared", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		m, err := ws.Prepare(typ, p)
		if err != nil {
			return err
		}
		return c.WritePrepared(bg, m)
	}},
	{"SendPrepared", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		m, err := ws.Prepare(typ, p)
		if err != nil {
			return err
		}
		return c.SendPrepared(m)
	}},
}
