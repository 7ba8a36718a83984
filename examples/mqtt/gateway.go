package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// gateway serves WebSockets in front of a broker that listens on a TCP address. Each WebSocket has
// a TCP connection, which ends with it. The broker knows who may do what: a client's name and
// password are in MQTT's own CONNECT.
func gateway(broker string) http.Handler {
	u := ws.Upgrader{
		Subprotocols: []string{subprotocol},
		Check: func(r *ws.Request) error {
			if !slices.Contains(r.Subprotocols, subprotocol) {
				return &ws.HandshakeError{
					Status: http.StatusBadRequest, Field: "Sec-WebSocket-Protocol",
					Reason: "does not offer mqtt, the subprotocol of MQTT 5 section 6",
				}
			}
			return nil
		},
	}
	return u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) {
		b, err := net.DialTimeout("tcp", broker, 10*time.Second)
		if err != nil {
			log.Printf("gateway: %v", err)
			_ = c.Close(ws.CloseTryAgainLater, "the broker can't be reached")
			return
		}
		join(ws.Stream(context.Background(), c, ws.Binary), b)
	})
}

// join copies both ways until one side has ended, and then ends the other.
func join(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(a, b)
		_ = a.Close()
	}()
	_, _ = io.Copy(b, a)
	_ = b.Close()
	<-done
}
