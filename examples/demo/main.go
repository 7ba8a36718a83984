// Command demo serves a page that shows WebSockets at work: one connection
// taken apart, with its four events as they come, and a chat room among tabs
// in which every member's traffic is visible while it happens.
//
//	go run ./examples/demo                     # http://127.0.0.1:8080/
//	go run ./examples/demo -addr :9000 -tls    # https and wss, certificate made on the spot
//
// With -tls a browser loads the page over HTTP/2 and opens its sockets as streams
// of the same connection (RFC 8441); the page shows it.
//
// The endpoints: /echo sends each message back, /chat is the room, /refuse
// refuses the handshake and /die cuts the TCP connection after one message.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/rfc6455/ws/conn/xconnect" // WebSockets over HTTP/2, with -tls
)

// shutdownTimeout bounds the whole goodbye: the closing handshakes, which have
// a timeout of their own (conn.Config.CloseTimeout), and plain HTTP requests.
const shutdownTimeout = 10 * time.Second

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the `host:port` to listen on; port 0 picks a free one")
	secure := flag.Bool("tls", false, "serve https and wss with a self-signed certificate made on the spot")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl+C ends the program at once
	if err := run(ctx, *addr, *secure, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then says goodbye to everybody. It prints the
// page's address on out once the server listens.
func run(ctx context.Context, addr string, secure bool, out io.Writer) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w (choose another with -addr host:port)", err)
	}
	d := newDemo()
	srv := &http.Server{
		Handler:           d.routes(),
		ConnContext:       withCarried,
		ReadHeaderTimeout: 5 * time.Second, // covers the opening handshake; a Conn has limits of its own
		IdleTimeout:       time.Minute,
		// A socket whose handler does not read holds up no other of its
		// connection, as long as one stream's window is the smaller.
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 256 << 10},
	}
	scheme, serve := "http", srv.Serve
	if secure {
		cert, err := selfSigned(addr)
		if err != nil {
			return err
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		scheme, serve = "https", func(ln net.Listener) error { return srv.ServeTLS(ln, "", "") } // and HTTP/2
	}
	fmt.Fprintf(out, "demo: open %s://%s/ in two tabs; Ctrl+C ends it\n", scheme, browsable(ln.Addr()))
	failed := make(chan error, 1)
	go func() { failed <- serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return d.goodbye(srv, out)
	}
}

// goodbye ends every WebSocket with 1001 and then the server. net/http knows
// nothing of hijacked connections, so the Group ends them.
func (d *demo) goodbye(srv *http.Server, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	fmt.Fprintln(out, "demo: saying goodbye to", d.open.Len(), "connections")
	d.room.shut()
	_ = d.open.Shutdown(ctx) // the time is up for the server too, then
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

// browsable is a host and port that a browser can open: an address that
// listens everywhere is shown as localhost.
func browsable(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok || !t.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(t.Port))
}
