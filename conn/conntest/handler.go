package conntest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
)

// Dial serves h in memory, through net/http, and returns a client's connection to it. So
// [conn.Events].Open has its request, and routers and middlewares take part. target is what the
// client asks for, such as "/chat?room=1". The Host is "conntest.invalid" unless d has another one.
// d's NetDial and Proxy are not used. A nil d is the zero Dialer. d is not changed.
//
// Dial ends the test if the handshake fails. Use [NetDial] for a handler that is to refuse, or for
// several clients of one handler. The connection and the server are closed when the test ends.
func Dial(t testing.TB, h http.Handler, d *conn.Dialer, target string) *conn.Conn {
	t.Helper()
	var dialer conn.Dialer
	if d != nil {
		dialer = *d
	}
	dialer.Proxy, dialer.OneAtATime = conn.NoProxy, false
	dialer.NetDial = NetDial(t, h)
	c, _, err := dialer.Dial(context.Background(), handshakeHost+target)
	if err != nil {
		t.Fatalf("conntest: %v", err)
	}
	closeAfter(t, c)
	return c
}

// NetDial serves h in memory, through net/http, until the test ends. It returns a function for
// [conn.Dialer].NetDial or http.Transport.DialContext. Each call of that function makes a new
// connection to h, whatever the address. There is no TLS. What is still open when the test ends is
// cut.
//
// Everything that net/http or package conn would log to http.Server.ErrorLog fails the test, such
// as a panic in a callback or a configuration that refuses every client. In a bubble of
// [testing/synctest], call NetDial within the bubble.
func NetDial(t testing.TB, h http.Handler) func(ctx context.Context, network, addr string) (net.Conn, error) {
	f := failuresOf(t)
	srv := &http.Server{Handler: h, ErrorLog: f.ErrorLog()}
	l := &listener{failures: f, conns: make(chan net.Conn), closed: make(chan struct{})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = l.Close() // Serve may not have begun
		l.cut()       // what net/http's server has handed to a handler
	})
	return l.dial
}

// listener accepts the connections that dial makes.
type listener struct {
	failures failures
	conns    chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	clients []io.Closer // the clients' ends
}

var errEnded = errors.New("conntest: the test that serves this handler has ended")

func (l *listener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	server, client := wstest.Pipe(Buffer)
	select {
	case l.conns <- server:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.clients = append(l.clients, client)
		return &loggedConn{client, l.failures}, nil
	case <-l.closed:
		return nil, errEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// cut closes the connections.
func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		_ = c.Close()
	}
}

func (l *listener) Addr() net.Addr { return new(net.TCPAddr) }
