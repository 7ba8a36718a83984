package interop

import (
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
)

// This file has what is different over HTTP/3 (RFC 9220).

// serveHTTP3 is serve for HTTP/3, which always has TLS.
func serveHTTP3(t *testing.T, h http.Handler, _ bool, _ *wiretap) string {
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http3.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{built.keyPair}}}
	h3.Configure(srv)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(pc) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
		_ = pc.Close()
	})
	return "wss://" + pc.LocalAddr().String()
}

// overHTTP3 is a Dialer with the settings of d that uses HTTP/3 alone.
func overHTTP3(t *testing.T, d *ws.Dialer) *h3.Dialer {
	over := &h3.Dialer{Dialer: *d, Fallback: h3.Fail}
	t.Cleanup(over.CloseIdleConnections)
	return over
}
