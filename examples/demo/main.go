// Command demo serves a page that shows WebSockets at work: one connection in detail, with its four
// events as they come, and a chat room among tabs in which every member's traffic can be seen while
// it happens.
//
//	go run ./examples/demo                     # http://127.0.0.1:8080/
//	go run ./examples/demo -addr :9000 -tls    # https and wss, certificate made on the spot
//	make page                                  # and, at /go/, a page whose client is written in Go
//
// With -tls a browser loads the page over HTTP/2 and opens its sockets as streams of the same
// connection (RFC 8441). The page shows that. The program in http3, a module of its own, serves the
// same over HTTP/3, too.
//
// The endpoints are /echo, which sends each message back; /chat, the room; /refuse, which refuses
// the handshake; and /die, which cuts the TCP connection after one message.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rfc6455/ws/examples/demo/internal/site"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the `host:port` to listen on; port 0 picks a free one")
	secure := flag.Bool("tls", false, "serve https and wss with a self-signed certificate made on the spot")
	pages := flag.String("go", "", "serve this `folder` below /go/: see examples/page")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl+C ends the program at once
	if err := site.Run(ctx, site.Options{Addr: *addr, TLS: *secure, Go: *pages}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
