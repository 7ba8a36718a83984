package main

import (
	"context"

	"golang.org/x/net/websocket"
)

// xnetServer takes any origin. It has no Handshake, and without one it asks for no Origin.
var xnetServer = websocket.Server{Handler: func(c *websocket.Conn) { xnetLoop(c) }}

// xnetMessage is a message with its type. The library's own codecs hide the type.
type xnetMessage struct {
	kind    byte
	payload []byte
}

var xnetCodec = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		m := v.(*xnetMessage)
		return m.payload, m.kind, nil
	},
	Unmarshal: func(p []byte, kind byte, v any) error {
		*v.(*xnetMessage) = xnetMessage{kind, p}
		return nil
	},
}

// xnetLoop echoes until the connection ends.
func xnetLoop(c *websocket.Conn) error {
	defer c.Close()
	c.MaxPayloadBytes = maxMessage
	for {
		var m xnetMessage
		if err := xnetCodec.Receive(c, &m); err != nil {
			return err
		}
		if err := xnetCodec.Send(c, &m); err != nil {
			return err
		}
	}
}

func xnetDial(ctx context.Context, url string) (*websocket.Conn, error) {
	config, err := websocket.NewConfig(url, "http://localhost/")
	if err != nil {
		return nil, err
	}
	return config.DialContext(ctx)
}

func xnetEcho(ctx context.Context, url string) error {
	c, err := xnetDial(ctx, url)
	if err != nil {
		return err
	}
	return xnetLoop(c)
}

func xnetFirst(ctx context.Context, url string) ([]byte, error) {
	c, err := xnetDial(ctx, url)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var m xnetMessage
	err = xnetCodec.Receive(c, &m)
	return m.payload, err
}
