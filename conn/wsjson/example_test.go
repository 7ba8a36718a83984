package wsjson_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
)

type question struct{ A, B int }

// A server that answers questions, and a bad document with an error.
func Example() {
	var u ws.Upgrader
	srv := httptest.NewServer(u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) {
		ctx := context.Background()
		for {
			q, err := wsjson.Read[question](ctx, c)
			if bad, ok := err.(*wsjson.DocumentError); ok {
				err = wsjson.Write(ctx, c, map[string]string{"error": bad.Error()})
			} else if err == nil {
				err = wsjson.Write(ctx, c, q.A+q.B)
			}
			if err != nil {
				return // the connection has ended
			}
		}
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(ws.CloseNormal, "")
	for _, q := range []any{question{2, 3}, "four?"} {
		if err := wsjson.Write(ctx, c, q); err != nil {
			log.Fatal(err)
		}
		answer, err := wsjson.Read[any](ctx, c)
		fmt.Println(answer, err)
	}
	// Output:
	// 5 <nil>
	// map[error:websocket: bad JSON document: a value that is no wsjson_test.question, before byte 7] <nil>
}
