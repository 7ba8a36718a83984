package servers

import (
	"context"
	"net/http"

	"github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"
	ws "github.com/rfc6455/ws/conn"
	replaced "github.com/rfc6455/ws/conn/gorilla"
)

// The clients. Each dials one connection, and then echoes on a goroutine of its own. They mask what
// they send, as clients have to.

func dialCallbacks(url string) error {
	ctx := context.Background()
	c, err := ws.Dial(ctx, url)
	if err != nil {
		return err
	}
	ev := &ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Write(ctx, t, p) },
	}
	go func() { _ = c.Serve(ctx, ev) }()
	return nil
}

func dialEventLoop(url string) error {
	d := ws.Dialer{Config: ws.Config{Loop: &eventLoop}}
	c, _, err := d.Dial(context.Background(), url)
	if err != nil {
		return err
	}
	return c.Handle(&ws.Events{Message: appendAnswer})
}

func dialReadInto(url string) error {
	c, err := ws.Dial(context.Background(), url)
	if err != nil {
		return err
	}
	go readInto(c, Setting{Work: Echo}, nil)
	return nil
}

func dialGorilla(url string) error {
	c, _, err := gorilla.DefaultDialer.Dial(url, nil)
	if err != nil {
		return err
	}
	go func() {
		defer c.Close()
		for {
			t, p, err := c.ReadMessage()
			if err != nil || c.WriteMessage(t, p) != nil {
				return
			}
		}
	}()
	return nil
}

func dialReplaced(url string) error {
	c, _, err := replaced.DefaultDialer.Dial(url, nil)
	if err != nil {
		return err
	}
	go func() {
		defer c.Close()
		for {
			t, p, err := c.ReadMessage()
			if err != nil || c.WriteMessage(t, p) != nil {
				return
			}
		}
	}()
	return nil
}

func dialCoder(url string) error {
	c, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: new(http.Transport)},
	})
	if err != nil {
		return err
	}
	c.SetReadLimit(-1)
	go func() {
		defer c.CloseNow()
		coderLoop(c, Setting{Work: Echo}, nil)
	}()
	return nil
}

func dialGws(url string) error {
	c, _, err := gws.NewClient(&gwsEvents{Setting: Setting{Work: Echo}},
		&gws.ClientOption{Addr: url, CheckUtf8Enabled: true})
	if err != nil {
		return err
	}
	go c.ReadLoop()
	return nil
}
