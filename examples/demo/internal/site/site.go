// Package site is the demo: its pages and endpoints, and the server. Command demo, above it, starts
// it over HTTP/1.1 and HTTP/2. A module of its own beside it adds HTTP/3.
package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	_ "github.com/rfc6455/ws/conn/xconnect" // WebSockets over HTTP/2, with TLS
)

// Options say how the demo is served.
type Options struct {
	Addr string // host and port
	TLS  bool   // https and wss, with a certificate made on the spot
	Go   string // the folder of the page below /go/, whose client is written in Go; "" means none

	// HTTP3, if set, starts a server over HTTP/3 beside the one over TCP. It needs TLS.
	HTTP3 func(addr string, cfg *tls.Config, h http.Handler) (HTTP3, error)
}

// HTTP3 is a server over HTTP/3. An http3.Server of quic-go is one.
type HTTP3 interface {
	SetQUICHeaders(http.Header) error // adds Alt-Svc
	Shutdown(context.Context) error
	Close() error
}

// shutdownTimeout bounds the whole goodbye: plain HTTP requests, and the closing handshakes, which
// have a timeout of their own (conn.Config.CloseTimeout).
const shutdownTimeout = 10 * time.Second

// Run serves until ctx ends, and then says goodbye to everybody. It prints the page's address on
// out when the server listens.
func Run(ctx context.Context, o Options, out io.Writer) error {
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return fmt.Errorf("%w (choose another with -addr host:port)", err)
	}
	d := newDemo()
	srv := &http.Server{
		Handler:           d.routes(o.Go),
		ConnContext:       func(ctx context.Context, _ net.Conn) context.Context { return Carry(ctx) },
		ReadHeaderTimeout: 5 * time.Second, // covers the opening handshake; a Conn has limits of its own
		IdleTimeout:       time.Minute,
		// A socket whose handler does not read holds up no other socket of its connection, as long
		// as the window of a stream is smaller than that of the connection.
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 256 << 10},
	}
	scheme, serve := "http", srv.Serve
	if o.TLS {
		cert, err := selfSigned(o.Addr)
		if err != nil {
			return err
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		scheme, serve = "https", func(ln net.Listener) error { return srv.ServeTLS(ln, "", "") } // and HTTP/2
	}
	if o.HTTP3 != nil {
		if d.http3, err = o.HTTP3(ln.Addr().String(), srv.TLSConfig.Clone(), srv.Handler); err != nil {
			return err
		}
		srv.Handler = announce(d.http3, srv.Handler)
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

// announce tells clients that come over TCP of HTTP/3 (RFC 7838).
func announce(s HTTP3, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = s.SetQUICHeaders(w.Header()) // it has a port
		h.ServeHTTP(w, r)
	})
}

// goodbye ends every WebSocket with 1001, and then the server. net/http does not know of hijacked
// connections, so the Group ends them.
func (d *demo) goodbye(srv *http.Server, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	fmt.Fprintln(out, "demo: saying goodbye to", d.open.Len(), "connections")
	d.room.shut()
	_ = d.open.Shutdown(ctx) // if it fails, the time is up for the server, too
	var err error
	if d.http3 != nil {
		if err = d.http3.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			err = d.http3.Close()
		}
	}
	err = errors.Join(err, srv.Shutdown(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

// browsable returns a host and port that a browser can open. An address that listens everywhere is
// shown as localhost.
func browsable(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok || !t.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(t.Port))
}
