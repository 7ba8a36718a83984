package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
	_ "github.com/rfc6455/ws/conn/xconnect" // browsers may come over HTTP/2
)

// serveFlags say where to listen, and for what.
type serveFlags struct {
	listenFlags
	HTTP3 bool `name:"http3" help:"Serve wss over HTTP/3 too, on the same port of UDP. Without --cert, a certificate is made that nobody vouches for."`
}

// listenFlags say where to listen.
type listenFlags struct {
	Listen     string   `short:"l" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen. A port of 0 is any that is free. Default: ${default}."`
	Cert       string   `placeholder:"FILE" type:"existingfile" help:"Serve wss with this certificate and its key, in PEM."`
	Key        string   `placeholder:"FILE" type:"existingfile" help:"The key, if it is not in the file of --cert."`
	Origin     []string `placeholder:"URL" help:"Let pages of this origin connect, * for all. Default: those of the same host."`
	Compress   bool     `help:"Use compression with clients that offer it."`
	MaxMessage int64    `default:"16777216" placeholder:"BYTES" help:"The largest message that is taken."`
}

func (f *listenFlags) upgrader(group *ws.Group) *ws.Upgrader {
	u := &ws.Upgrader{Config: ws.Config{MaxMessageSize: f.MaxMessage, Group: group}, Origins: f.Origin}
	if f.Compress {
		u.Compression.Mode = ws.CompressionTakeover
	}
	return u
}

// stopTimeout bounds the end of a server.
const stopTimeout = 10 * time.Second

// serve serves h until the program is ended. Then end ends the connections.
func (f *serveFlags) serve(
	a *app, what string, h http.Handler, end func(context.Context) error,
) error {
	if err := checkAddress("-l ", f.Listen); err != nil {
		return err
	}
	cfg, err := f.tls()
	if err != nil {
		return err
	}
	ln, pc, err := f.listen()
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	var over3 *http3.Server
	if pc != nil {
		defer pc.Close()
		over3 = &http3.Server{Handler: h, TLSConfig: cfg.Clone()} // net/http changes its own
		h3.Configure(over3)
		go func() { failed <- over3.Serve(pc) }()
		h = announcing(over3, h)
	}
	srv := &http.Server{Handler: h, TLSConfig: cfg, ReadHeaderTimeout: 10 * time.Second}
	f.say(a, what, ln.Addr())
	go func() {
		if cfg != nil {
			failed <- srv.ServeTLS(ln, "", "")
		} else {
			failed <- srv.Serve(ln)
		}
	}()
	select {
	case err = <-failed:
	case <-a.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if end != nil {
		_ = end(ctx)
	}
	_ = srv.Shutdown(ctx)
	if over3 != nil {
		_ = over3.Shutdown(ctx) // and closes it, if ctx ends
	}
	return err
}

// say says what is served, and where.
func (f *serveFlags) say(a *app, what string, addr net.Addr) {
	scheme := "ws"
	if f.secure() {
		scheme = "wss"
	}
	fmt.Fprintf(a.stderr, "%s at %s://%s\n", what, scheme, addr)
	if f.HTTP3 {
		fmt.Fprintln(a.stderr, "over HTTP/1.1, HTTP/2 and HTTP/3")
	}
	if f.secure() && f.Cert == "" {
		fmt.Fprintln(a.stderr, "nobody vouches for the certificate: ws connect needs --insecure")
	}
}

// secure reports whether the server has TLS.
func (f *serveFlags) secure() bool { return f.Cert != "" || f.HTTP3 }

// tls returns the settings of TLS, or nil if there is none.
func (f *serveFlags) tls() (*tls.Config, error) {
	switch {
	case !f.secure():
		return nil, nil
	case f.Cert == "":
		pair, err := selfSigned(f.Listen)
		return &tls.Config{Certificates: []tls.Certificate{pair}}, err
	}
	key := f.Key
	if key == "" {
		key = f.Cert
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, key)
	if err != nil {
		return nil, fmt.Errorf("--cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// checkAddress returns an error if addr has no port, as in "8080". flag is what stands before it.
func checkAddress(flag, addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return usageError{fmt.Errorf("%s%s: write it as HOST:PORT, such as 127.0.0.1:8080, or :8080 for all addresses", flag, addr)}
	}
	return nil
}

// maxListens is how often a port is looked for that is free in TCP and in UDP.
const maxListens = 10

// listen listens on TCP, and for HTTP/3 on the same port of UDP.
func (f *serveFlags) listen() (net.Listener, net.PacketConn, error) {
	for try := 1; ; try++ {
		ln, err := net.Listen("tcp", f.Listen)
		if err != nil || !f.HTTP3 {
			return ln, nil, err
		}
		pc, err := net.ListenPacket("udp", ln.Addr().String())
		if err == nil {
			return ln, pc, nil
		}
		_ = ln.Close()
		if _, port, _ := net.SplitHostPort(f.Listen); port != "0" || try == maxListens {
			return nil, nil, err
		}
	}
}

// announcing tells those who come over TCP that there is HTTP/3 (RFC 7838).
func announcing(over3 *http3.Server, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = over3.SetQUICHeaders(w.Header())
		h.ServeHTTP(w, r)
	})
}

// certificateLife is how long a certificate is valid that selfSigned makes. Each start makes one.
const certificateLife = 7 * 24 * time.Hour

// selfSigned makes a certificate for the names of this machine, and for the host of addr.
func selfSigned(addr string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "ws serve"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return tls.Certificate{}, errors.New("-l: write it as HOST:PORT")
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if host != "" {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
