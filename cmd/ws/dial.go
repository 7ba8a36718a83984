package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"github.com/rfc6455/ws/conn/h3"
)

// dialFlags say how to connect.
type dialFlags struct {
	Header      []string      `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"Send this header. May be repeated."`
	Subprotocol []string      `placeholder:"NAME" help:"Ask for this subprotocol. May be repeated, the preferred one first."`
	Origin      string        `placeholder:"URL" help:"Send this Origin, as a browser does."`
	Cert        string        `placeholder:"FILE" type:"existingfile" help:"The client's certificate and its key, in PEM."`
	Key         string        `placeholder:"FILE" type:"existingfile" help:"The key, if it is not in the file of --cert."`
	CA          string        `name:"ca" placeholder:"FILE" type:"existingfile" help:"Trust the authorities in this file alone."`
	Insecure    bool          `help:"Do not verify the server's certificate."`
	Proxy       string        `placeholder:"URL" help:"Connect through this HTTP proxy. Default: as HTTPS_PROXY and HTTP_PROXY say; none: no proxy."`
	Compress    bool          `help:"Offer compression (permessage-deflate)."`
	HTTP2       bool          `name:"http2" xor:"http" help:"Connect over HTTP/2. A ws URL is taken for a server that speaks it without TLS."`
	HTTP3       bool          `name:"http3" xor:"http" help:"Connect over HTTP/3, to a wss URL. All connections are streams of one QUIC connection."`
	Timeout     time.Duration `default:"10s" help:"How long connecting may take."`
	MaxMessage  int64         `default:"67108864" placeholder:"BYTES" help:"The largest message that is taken."`
}

// dialer opens connections as the flags say. Its owner closes it when they have ended.
type dialer struct {
	ws.Dialer
	h2 bool
	h3 *h3.Dialer // nil: not over HTTP/3
}

// close lets the last Close frames over HTTP/3 leave, and ends the QUIC connections.
func (d *dialer) close() {
	if d.h3 != nil {
		_ = d.h3.Close()
	}
}

// dialer makes a dialer, which reports to trace.
func (f *dialFlags) dialer(trace *ws.Trace) (*dialer, error) {
	d := &dialer{h2: f.HTTP2}
	d.HandshakeTimeout, d.MaxMessageSize, d.Trace = f.Timeout, f.MaxMessage, trace
	d.Subprotocols = f.Subprotocol
	d.Dialer.Header = http.Header{}
	for _, h := range f.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, usageError{errors.New(`-H: write it as "Name: value"`)} // which may hold a secret
		}
		d.Dialer.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if f.Origin != "" {
		d.Dialer.Header.Set("Origin", f.Origin)
	}
	if f.Compress {
		d.Compression.Mode = ws.CompressionTakeover
	}
	if err := f.setProxy(d); err != nil {
		return nil, err
	}
	var err error
	d.TLSConfig, err = f.tls()
	if f.HTTP3 {
		d.h3 = &h3.Dialer{Dialer: d.Dialer, Fallback: h3.Fail}
	}
	return d, err
}

func (f *dialFlags) setProxy(d *dialer) error {
	switch f.Proxy {
	case "":
		return nil
	case "none":
		d.Proxy = ws.NoProxy
		return nil
	}
	u, err := url.Parse(f.Proxy)
	if err != nil || u.Host == "" {
		return usageError{errors.New("--proxy: write it as http://HOST:PORT")}
	}
	d.Proxy = func(*url.URL) (*url.URL, error) { return u, nil }
	return nil
}

// tls returns the settings of TLS.
func (f *dialFlags) tls() (*tls.Config, error) {
	cfg := &tls.Config{InsecureSkipVerify: f.Insecure}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca %s: there is no certificate in PEM in it", f.CA)
		}
	}
	if f.Cert != "" {
		key := f.Key
		if key == "" {
			key = f.Cert
		}
		pair, err := tls.LoadX509KeyPair(f.Cert, key)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// dial connects. A URL without a scheme is one of ws.
func (d *dialer) dial(ctx context.Context, rawURL string) (*ws.Conn, error) {
	rawURL = complete(rawURL)
	dial := d.Dial
	switch {
	case d.h2:
		dial = (&h2.Dialer{Dialer: d.Dialer, Fallback: h2.Fail, Cleartext: true}).Dial
	case d.h3 != nil:
		dial = d.h3.Dial
	}
	c, _, err := dial(ctx, rawURL)
	if d.h2 && errors.Is(err, errors.ErrUnsupported) {
		err = hinted{err, "Without --http2 the connection goes over HTTP/1.1."}
	}
	return c, err
}

// complete adds what people leave out of a URL.
func complete(rawURL string) string {
	if strings.HasPrefix(rawURL, ":") {
		rawURL = "127.0.0.1" + rawURL
	}
	if !strings.Contains(rawURL, "://") {
		rawURL = "ws://" + rawURL
	}
	return rawURL
}

// hinted is an error with a second line, which says what a person may do.
type hinted struct {
	error
	hint string
}

func (h hinted) Error() string { return h.error.Error() + "\n" + h.hint }
func (h hinted) Unwrap() error { return h.error }

// explain adds to an error what a person may do.
func explain(err error) error {
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var dns *net.DNSError
	var refused *ws.HandshakeError
	switch {
	case errors.As(err, &unknown):
		return hinted{err, "The server's certificate is not trusted: pass its authority with --ca FILE, or do not verify it, with --insecure."}
	case errors.As(err, &hostname):
		return hinted{err, "The certificate is for another name: use that name in the URL, or do not verify it, with --insecure."}
	case errors.As(err, &invalid):
		return hinted{err, "The certificate is not valid: renew it, or do not verify it, with --insecure."}
	case errors.Is(err, h3.ErrNotSupported):
		return hinted{err, "Without --http3 the connection goes over TCP."}
	case errors.As(err, &dns):
		return hinted{err, "The name was not found: is it spelled right?"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return hinted{err, "Nobody listens there: does the server run, and is the port right?"}
	case errors.Is(err, syscall.EADDRINUSE):
		return hinted{err, "Another program uses that port: choose another one, or :0 for any."}
	case errors.Is(err, context.DeadlineExceeded):
		return hinted{err, "The server did not answer in time: is it reachable? --timeout gives it longer."}
	case errors.As(err, &refused):
		return explainStatus(err, refused.Status)
	}
	return err
}

// explainStatus adds what to do about the status of a refusal.
func explainStatus(err error, status int) error {
	hint := map[int]string{
		http.StatusOK:           "The server has answered with a page: does this path serve WebSockets?",
		http.StatusNotFound:     "There is nothing at this path: is the path of the URL right?",
		http.StatusUnauthorized: "The server wants to know who you are: pass -H \"Cookie: ...\" or \"Authorization: ...\", or user:password@ in the URL.",
		http.StatusForbidden:    "The server refuses: some compare the Origin with their own, which --origin sends.",
		http.StatusBadGateway:   "A proxy does not reach the server behind it.",
	}[status]
	if hint == "" {
		return err
	}
	return hinted{err, hint}
}
