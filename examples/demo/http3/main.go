// Command http3 is the demo over HTTP/1.1, HTTP/2 and HTTP/3, on the same port of TCP and UDP.
//
//	cd examples/demo/http3 && go run . -addr 127.0.0.1:8080
//
// It is a module of its own, since it needs github.com/quic-go/quic-go. The page says which
// protocol carries its sockets: see the demo's README for the switches of a browser that opens them
// over HTTP/3 (RFC 9220).
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/rfc6455/ws/conn/h3"
	"github.com/rfc6455/ws/examples/demo/internal/site"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the `host:port` to listen on; port 0 picks a free one")
	flag.Bool("tls", true, "is always on: HTTP/3 needs it")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl+C ends the program at once
	if err := site.Run(ctx, site.Options{Addr: *addr, TLS: true, HTTP3: serve}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// serve starts a server of h over HTTP/3. It has the port that the one over TCP has.
func serve(addr string, cfg *tls.Config, h http.Handler) (site.HTTP3, error) {
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, err
	}
	srv := &http3.Server{
		Handler: h, TLSConfig: cfg,
		ConnContext: func(ctx context.Context, _ *quic.Conn) context.Context { return site.Carry(ctx) },
	}
	h3.Configure(srv)
	fmt.Fprintln(os.Stderr, "demo: Chromium opens WebSockets over HTTP/3, and takes this certificate, with", switches(addr, cfg))
	go func() {
		defer pc.Close()
		if err := srv.Serve(pc); err != http.ErrServerClosed {
			fmt.Fprintln(os.Stderr, "demo: HTTP/3:", err)
		}
	}()
	return srv, nil
}

// switches returns the command line of a Chromium that opens WebSockets to the server over HTTP/3.
// Over QUIC it heeds no other switch about certificates than the one that names the key.
func switches(addr string, cfg *tls.Config) string {
	leaf, err := x509.ParseCertificate(cfg.Certificates[0].Certificate[0])
	if err != nil {
		return err.Error()
	}
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return "--enable-features=EnableWebsocketsOverHttp3 --origin-to-force-quic-on=" + addr +
		" --ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:])
}
