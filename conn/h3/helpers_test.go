package h3_test

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
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
)

var bg = context.Background()

// limit bounds each wait. It is for a busy machine.
const limit = 30 * time.Second

// TestMain fails the tests if they leave goroutines of this module behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := left(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// left returns the goroutines that stay for longer than QUIC waits for a peer of which it hears
// nothing, which is 30 s.
func left() (stacks string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 4500 {
		stacks = ""
		buf := make([]byte, 4<<20)
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			ours := strings.Contains(g, "rfc6455/ws/conn") || strings.Contains(g, "quic-go/quic-go")
			if ours && !strings.Contains(g, "TestMain") {
				stacks += g + "\n\n"
			}
		}
		if stacks == "" {
			return ""
		}
		<-tick.C
	}
	return stacks
}

// certificate makes one for 127.0.0.1, server.example and localhost.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		DNSNames: []string{"server.example", "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

// server is a server over HTTP/3 that counts its connections.
type server struct {
	*http3.Server
	addr  string // host and port
	conns atomic.Int32
	quic  chan *quic.Conn // the connections, if there is room
}

// serve starts a server of h over HTTP/3, after change.
func serve(t testing.TB, h http.Handler, change func(*http3.Server)) *server {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := certificate()
	s := &server{addr: pc.LocalAddr().String(), quic: make(chan *quic.Conn, 10)}
	s.Server = &http3.Server{
		Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
			s.conns.Add(1)
			select {
			case s.quic <- c:
			default:
			}
			return ctx
		},
	}
	if change != nil {
		change(s.Server)
	}
	h3.Configure(s.Server)
	served := make(chan error, 1)
	go func() { served <- s.Serve(pc) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
		_ = pc.Close()
	})
	return s
}

// echoing answers each message with itself.
func echoing(u *ws.Upgrader) http.Handler {
	return u.Handler(&ws.Events{Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) }})
}

func (s *server) url() string { return "wss://" + s.addr + "/" }

// dialer returns a Dialer that trusts the servers of these tests, and uses HTTP/3 alone.
func dialer(t testing.TB) *h3.Dialer {
	_, pool := certificate()
	d := &h3.Dialer{Fallback: h3.Fail, Dialer: ws.Dialer{
		TLSConfig: &tls.Config{RootCAs: pool}, HandshakeTimeout: limit, Config: ws.Config{CloseTimeout: limit},
	}}
	// Close also ends a connection that waits for the end of a stream which a relay has lost.
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// dial opens a socket, and cuts it with the test.
func dial(t testing.TB, d *h3.Dialer, url string) *ws.Conn {
	t.Helper()
	c, resp, err := d.Dial(bg, url)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 3 {
		t.Errorf("HTTP/%d, want HTTP/3", resp.ProtoMajor)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// echo sends a message and wants it back.
func echo(c *ws.Conn, text string) error {
	ctx, cancel := context.WithTimeout(bg, limit)
	defer cancel()
	if err := c.Write(ctx, ws.Text, []byte(text)); err != nil {
		return err
	}
	_, p, err := c.Read(ctx)
	if err == nil && string(p) != text {
		err = fmt.Errorf("got %.100q, want the message back", p)
	}
	return err
}

// await returns what ch brings, within limit.
func await[T any](t testing.TB, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(limit):
		t.Fatalf("no %s within %v", what, limit)
	}
	return v
}

// wantCode checks that err holds an error of HTTP/3 with the code.
func wantCode(t testing.TB, what string, err error, code http3.ErrCode) {
	t.Helper()
	var e *http3.Error
	if !errors.As(err, &e) || e.ErrorCode != code {
		t.Errorf("%s = %v, want an error with %v", what, err, code)
	}
}

// inParallel calls f for 0 to n-1, some at a time.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int32
	for range 50 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// accepting passes each socket to opened. The handler returns at once.
func accepting(u *ws.Upgrader, opened chan<- *ws.Conn) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			opened <- c
		}
	})
}
