package conn_test

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"

	ws "github.com/rfc6455/ws/conn"
)

// A client that comes back whenever its connection ends, each time with a fresh token, until it is
// interrupted or the server turns it away for good.
func ExampleDialer_Reconnect() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d := ws.Dialer{Retry: ws.Retry{
		Attempt: func(ctx context.Context, _ int) (string, http.Header, error) {
			return "wss://example.com/feed", http.Header{"Authorization": {"Bearer " + freshToken(ctx)}}, nil
		},
	}}
	ev := &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, p []byte) { log.Printf("%s", p) }}
	for c, err := range d.Reconnect(ctx, "") {
		if err != nil {
			log.Print(err)
			continue
		}
		log.Print(c.Serve(ctx, ev))
	}
}

func freshToken(context.Context) string { return "..." }
