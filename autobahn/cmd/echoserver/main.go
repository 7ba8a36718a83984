// Command echoserver answers every message with the same message. It is the server that the
// fuzzing client of a conformance suite tests.
//
//	go run ./autobahn/cmd/echoserver -addr 127.0.0.1:9001
package main

import (
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// maxMessage is the largest message of the suites.
const maxMessage = 16 << 20

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "address to listen on")
	flag.Parse()
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("echo server on ws://%s", ln.Addr())
	srv := &http.Server{Handler: echo(), ReadHeaderTimeout: 10 * time.Second}
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// echo is the handler under test. It accepts pages of any origin, since there is nothing here
// to protect. The suites send no Origin.
func echo() http.Handler {
	u := &ws.Upgrader{
		Config: ws.Config{
			MaxMessageSize: maxMessage,
			Queue:          2 * maxMessage,
			Compression:    ws.Compression{Mode: ws.CompressionTakeover, ServerWindowBits: 15, ClientWindowBits: 15, Threshold: -1},
		},
		Origins: []string{handshake.AnyOrigin},
	}
	return u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, data []byte) { _ = c.Append(t, data) },
	})
}
