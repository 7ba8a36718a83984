package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/url"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	ws "github.com/rfc6455/ws/conn"
)

// subprotocol is the one of MQTT 5 section 6, which MQTT 3.1.1 shares.
const subprotocol = "mqtt"

var dialer = ws.Dialer{Subprotocols: []string{subprotocol}}

// dial is Paho's AttemptConnection.
func dial(ctx context.Context, _ autopaho.ClientConfig, u *url.URL) (net.Conn, error) {
	c, _, err := dialer.Dial(ctx, u.String())
	if err != nil {
		return nil, err
	}
	if c.Subprotocol() != subprotocol {
		_ = c.Close(ws.CloseNormal, "")
		return nil, errors.New("the server accepts WebSockets and does not speak MQTT")
	}
	// A Stream has a Write at a time. Paho needs more: it sends a packet in several.
	return packets.NewThreadSafeConn(ws.Stream(context.Background(), c, ws.Binary)), nil
}

// connect keeps a connection to a broker until ctx ends. When it is lost, Paho dials again. up is
// called with each new connection, on a goroutine of its own, and got with each message, one after
// the other. Both may be nil.
func connect(
	ctx context.Context, rawURL string, up func(*autopaho.ConnectionManager), got func(*paho.Publish),
) (*autopaho.ConnectionManager, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	cfg := autopaho.ClientConfig{
		ServerUrls:        []*url.URL{u},
		KeepAlive:         30, // seconds; MQTT has pings of its own
		AttemptConnection: dial,
		ReconnectBackoff:  autopaho.DefaultExponentialBackoff(),
		OnConnectError:    func(err error) { log.Print(err) },
	}
	if up != nil {
		cfg.OnConnectionUp = func(client *autopaho.ConnectionManager, _ *paho.Connack) {
			go up(client)
		}
	}
	if got != nil {
		cfg.OnPublishReceived = []func(paho.PublishReceived) (bool, error){
			func(r paho.PublishReceived) (bool, error) {
				got(r.Packet)
				return true, nil
			},
		}
	}
	return autopaho.NewConnection(ctx, cfg)
}
