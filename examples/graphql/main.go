// Command graphql serves GraphQL over WebSockets, subscriptions among it, with the subprotocol
// graphql-transport-ws. Clients are graphql-ws, Apollo, urql and Relay, for example.
//
// The protocol is in protocol.go and session.go, and knows nothing of the schema, which is in
// chat.go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"time"

	graphql "github.com/graph-gophers/graphql-go"

	ws "github.com/rfc6455/ws/conn"
)

const addr = "127.0.0.1:8080"

func main() {
	mux := http.NewServeMux()
	mux.Handle("/graphql", newServer().Handler(ws.Upgrader{Config: ws.Config{
		MaxMessageSize: 64 << 10,
		KeepAlive:      30 * time.Second,
	}}))
	srv := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Printf("ws://%s/graphql, for: node client/talk.mjs ws://%s/graphql", addr, addr)
	log.Fatal(srv.ListenAndServe())
}

func newServer() *Server {
	options := []graphql.SchemaOpt{graphql.MaxDepth(10), graphql.UseStringDescriptions()}
	return &Server{
		Schema:        graphql.MustParseSchema(schema, &chat{}, options...),
		Init:          login,
		InitTimeout:   3 * time.Second,
		MaxOperations: 100,
	}
}

type nameKey struct{}

// login puts the client's name into the context. A browser can't set headers of a WebSocket, so
// that the payload of connection_init is the usual place for a token, too.
func login(ctx context.Context, payload json.RawMessage) (context.Context, error) {
	var who struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(payload, &who) != nil || who.Name == "" {
		return nil, errors.New("the payload of connection_init has no name")
	}
	return context.WithValue(ctx, nameKey{}, who.Name), nil
}
