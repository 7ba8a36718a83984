package hub_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"strings"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// A server with rooms. Clients subscribe by the commands of the JavaScript client, which brings them
// back to where they were after their connection was lost. What else they send goes to the lobby.
func Example() {
	h := &hub.Hub{
		Broker:   &hub.Memory{Retention: hub.Retention{Messages: 100}},
		Envelope: hub.JSON,
		Check: func(_ *ws.Conn, topic string) error {
			if !strings.HasPrefix(topic, "room/") {
				return errors.New("there are rooms only")
			}
			return nil
		},
	}
	u := &ws.Upgrader{Config: ws.Config{MaxMessageSize: 4 << 10}}
	http.Handle("/hub.js", hub.Script())
	http.Handle("/ws", u.Handler(&ws.Events{Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
		ctx := context.Background()
		if h.Command(ctx, c, t, p) {
			return
		}
		if _, err := h.Publish(ctx, "room/lobby", t, p); err != nil {
			log.Print(err)
		}
	}}))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
