// Command chat is a chat with rooms that can be deployed as it is: people log in, a restart drops
// nobody, and what was said meanwhile arrives once and in order.
//
//	go run ./examples/chat -dir /tmp/chat -add ada     # asks for a password
//	go run ./examples/chat -dir /tmp/chat              # then open http://127.0.0.1:8080
//
// README.md, beside it, says how it is deployed, and which file shows what.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// config is what the flags say.
type config struct {
	addr, metrics string
	cert, key     string
	origin        string
	dir           string
	rooms         []string
	history       int
	rate          float64
	burst         int
}

func main() {
	var c config
	flag.StringVar(&c.addr, "addr", "127.0.0.1:8080",
		"the address to listen on, unless systemd passes a socket")
	flag.StringVar(&c.metrics, "metrics", "",
		"the address of /metrics, such as 127.0.0.1:9090; without it, there is none")
	flag.StringVar(&c.cert, "tls-cert", "", "the file of the certificate; without it, http and ws")
	flag.StringVar(&c.key, "tls-key", "", "the file of its private key")
	flag.StringVar(&c.origin, "origin", "",
		"the chat's address in browsers, such as https://chat.example.com, if a proxy ends TLS")
	flag.StringVar(&c.dir, "dir", "chat-data",
		"the directory for users, the key of sessions and messages")
	rooms := flag.String("rooms", "lobby,go", "the rooms, separated by commas")
	flag.IntVar(&c.history, "history", 100, "how many of a room's messages a newcomer sees")
	flag.Float64Var(&c.rate, "rate", 5, "how many messages a second a user may send")
	flag.IntVar(&c.burst, "burst", 20, "how many a user may send at once")
	add := flag.String("add", "",
		"add this user, or change the password, and end; the password is read from standard input")
	flag.Parse()
	c.rooms = strings.Split(*rooms, ",")
	if (c.cert == "") != (c.key == "") {
		log.Fatal("-tls-cert and -tls-key need each other: https wants both, http none")
	}
	if !(c.rate >= 0.01) || c.burst < 1 || c.history < 0 || c.history > kept || flag.NArg() > 0 {
		log.Fatal("-rate is 0.01 at least, -burst 1, -history at most ", kept, ", and all else are flags")
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		log.Fatal(err)
	}
	if *add != "" {
		if err := addUser(usersFile(c.dir), *add, os.Stdin); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s may log in; a chat that runs already knows of it after a restart\n", *add)
		return
	}
	s, err := openStore(c.dir) // waits for a predecessor that still runs; signals end it
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := errors.Join(run(ctx, &c, s), s.close()); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, cfg *config, s *store) error {
	c, err := newChat(cfg, s)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           c.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // of requests; not of WebSockets
		IdleTimeout:       time.Minute,
	}
	if cfg.cert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.cert, cfg.key)
		if err != nil {
			return err
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	l, err := listen(cfg.addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w (choose another with -addr host:port)", err)
	}
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() {
		if cfg.cert != "" {
			failed <- srv.ServeTLS(l, "", "")
		} else {
			failed <- srv.Serve(l)
		}
	}()
	serves := fmt.Sprint("serves ", l.Addr())
	if cfg.metrics != "" {
		metrics, err := serveMetrics(cfg.metrics, c, failed)
		if err != nil {
			return errors.Join(err, srv.Close())
		}
		defer metrics.Close()
		serves += fmt.Sprint(", metrics on ", metrics.Addr())
	}
	fmt.Println(serves)
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, shutdown(srv, &c.open))
}

// shutdown ends in good order: no new requests, and a Close frame with 1001 (going away) for every
// connection, after which pages come back by themselves. Requests in flight are finished. What a
// connection has sent and nobody has read is dropped: its page sends it again.
func shutdown(srv *http.Server, open *ws.Group) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Shutdown(ctx) }() // knows nothing of WebSockets
	return errors.Join(open.Shutdown(ctx), <-stopped)
}

// listen takes the socket that systemd has opened, or opens one. The first outlives this process:
// while it restarts, those who connect wait in the socket's queue, and nobody is refused. See
// sd_listen_fds(3): the socket is descriptor 3, and the variables are for this process alone.
func listen(addr string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return net.Listen("tcp", addr)
	}
	if n := os.Getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("systemd passes %s sockets, want one: see ListenStream in chat.socket", n)
	}
	f := os.NewFile(3, "the socket of systemd")
	defer f.Close() // FileListener has a copy
	return net.FileListener(f)
}
