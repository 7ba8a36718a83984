// Command gateway is a WebSocket server behind a reverse proxy. nginx.conf and Caddyfile, beside
// it, are the proxies' configurations.
//
// What a proxy changes: the peer of the TCP connection is the proxy, so that the client's address
// comes in a header; a connection on which nothing passes is cut, after 60 s by default; and if the
// proxy did not pass Host on, pages of the own site would be refused.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:8081") // not to be reached but through the proxy
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("waiting on %v for the proxy", l.Addr())
	if err := serve(ctx, l); err != nil {
		log.Fatal(err)
	}
}

// serve serves until ctx ends. Then it closes all connections with 1001, so that clients dial
// again: the proxy leads them to another instance.
func serve(ctx context.Context, l net.Listener) error {
	var group ws.Group
	u := ws.Upgrader{
		Config: ws.Config{
			Group:     &group,
			KeepAlive: 30 * time.Second, // shorter than the proxy's idle limit
		},
		Check: func(r *ws.Request) error {
			r.Data = clientAddress(r.RemoteAddr, r.Values("X-Forwarded-For"))
			return nil
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/echo", u.Handler(&ws.Events{
		Open:    func(c *ws.Conn, _ *ws.Request) { _ = c.Append(ws.Text, []byte("hello "+c.Data().(string))) },
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- errors.Join(group.Shutdown(ctx), srv.Shutdown(ctx))
	}()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return <-done
}

// clientAddress returns the client's address. Anybody can send X-Forwarded-For: it counts only if
// the proxy on this machine has sent it, and of several addresses only the last, which the proxy
// has added.
func clientAddress(remote string, forwarded []string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() || len(forwarded) == 0 {
		return host
	}
	list := strings.Split(forwarded[len(forwarded)-1], ",")
	if ip, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
		return ip.String()
	}
	return host
}
