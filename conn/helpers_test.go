package conn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// inLoop makes every connection one of a Loop's, if a Loop takes it.
var inLoop = flag.Bool("loop", false, "run the tests with a Loop")

// TestMain fails the tests if they leave goroutines of this package behind.
func TestMain(m *testing.M) {
	if url := os.Getenv(callerEnv); url != "" {
		if err := call(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	parts := []string{"rfc6455/ws/conn.", "rfc6455/ws/conn/internal/opening.", "rfc6455/ws/conn/internal/transport."}
	if *inLoop {
		loop.Every = new(loop.Loop)
	} else {
		parts = append(parts, "rfc6455/ws/conn/internal/loop.") // which has connections that a test does not close
	}
	wstest.Main(m, parts...)
}

// pipePair returns two connections over an in-memory pipe, whose directions
// hold capacity bytes.
func pipePair(t testing.TB, capacity int, cfg Config) (server, client *Conn) {
	a, b := wstest.Pipe(capacity)
	server = New(a, frame.Server, Negotiated{}, cfg)
	client = New(b, frame.Client, Negotiated{}, cfg)
	t.Cleanup(func() { _ = server.CloseNow(); _ = client.CloseNow() })
	return server, client
}

// pipePeer returns a connection in role and the scripted peer at its other end.
func pipePeer(t testing.TB, role frame.Role, capacity int, cfg Config) (*Conn, *wstest.Peer) {
	a, b := wstest.Pipe(capacity)
	c := New(a, role, Negotiated{}, cfg)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, wstest.NewPeer(t, b, role.Peer())
}

// tcpNets returns the two ends of a TCP connection on loopback.
func tcpNets(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	return wstest.TCP(t)
}

// tcpPair returns two connections over TCP: the raw way of reading.
func tcpPair(t testing.TB, cfg Config) (server, client *Conn) {
	t.Helper()
	a, b := tcpNets(t)
	server = New(a, frame.Server, Negotiated{}, cfg)
	client = New(b, frame.Client, Negotiated{}, cfg)
	t.Cleanup(func() { _ = server.CloseNow(); _ = client.CloseNow() })
	return server, client
}

// tcpPeer is pipePeer over TCP, with small socket buffers.
func tcpPeer(t testing.TB, role frame.Role, cfg Config) (*Conn, *wstest.Peer) {
	t.Helper()
	a, b := tcpNets(t)
	_ = a.SetWriteBuffer(8 << 10)
	_ = b.SetReadBuffer(8 << 10)
	c := New(a, role, Negotiated{}, cfg)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, wstest.NewPeer(t, b, role.Peer())
}

// overBoth runs f over a pipe and over TCP: the two ways to the transport.
func overBoth(t *testing.T, cfg Config, f func(t *testing.T, server, client *Conn)) {
	t.Run("pipe", func(t *testing.T) {
		s, c := pipePair(t, 64<<10, cfg)
		f(t, s, c)
	})
	t.Run("tcp", func(t *testing.T) {
		s, c := tcpPair(t, cfg)
		f(t, s, c)
	})
}

// pattern returns n bytes that differ from place to place.
func pattern(n int) []byte {
	b := bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz-"), n/37+1)
	return b[:n]
}

var bg = context.Background()

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// within is a context that ends a test which hangs.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(bg, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// soon fails the test where nothing comes of c for long.
func soon[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-within(t).Done():
		t.Fatal("it did not come")
	}
	return v
}

// wantEnd checks how a connection ended.
func wantEnd(t *testing.T, err error, want CloseError) {
	t.Helper()
	var got *CloseError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a *CloseError", err)
	}
	if got.Code != want.Code || got.Reason != want.Reason || got.Remote != want.Remote || !errors.Is(got.Err, want.Err) {
		t.Fatalf("got %+v, want %+v", *got, want)
	}
	if !errors.Is(err, net.ErrClosed) {
		t.Fatalf("%v is not net.ErrClosed", err)
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(bg)
	cancel()
	return ctx
}

// isErr reports whether err holds an E.
func isErr[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// inBothRoles runs a test as a subtest for each role.
func inBothRoles(t *testing.T, name string, run func(*testing.T, frame.Role)) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		t.Run(fmt.Sprintf("%s/%v", name, role), func(t *testing.T) { run(t, role) })
	}
}

// bubbles runs f for each role, in a bubble of fake time.
func bubbles(t *testing.T, f func(t *testing.T, role frame.Role)) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		t.Run(fmt.Sprint(role), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, role) })
		})
	}
}

// wantAllocs checks how often f allocates once everything is warm.
func wantAllocs(t *testing.T, name string, want float64, f func()) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for range 20 {
		f()
	}
	if n := wstest.Allocs(200, want, f); n > want {
		t.Errorf("%s: %v allocations, want at most %v", name, n, want)
	}
}

// heapNow is the live heap, pools emptied, once what earlier tests have left
// behind is gone.
func heapNow() int {
	var m runtime.MemStats
	last := 0
	for i := range 30 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		now := int(m.HeapAlloc)
		if i >= 3 && last-now < 1<<10 {
			break
		}
		last = now
	}
	return int(m.HeapAlloc)
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// onOneProcessor leaves one processor to a test that measures memory: the threads
// and caches that the runtime has for each are no part of a connection, and count
// on a machine with many.
func onOneProcessor(t *testing.T) {
	all := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(all) })
}

// deflated is what both sides agreed on, for tests without a handshake.
func deflated(bits int) *handshake.Deflate {
	return &handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits}
}

var takeover = Config{Compression: Compression{Mode: CompressionTakeover, Threshold: -1, ServerWindowBits: 15, ClientWindowBits: 15}}

// frames is n frames with this header and payload, as the peer of role sends
// them.
func frames(role frame.Role, n int, h frame.Header, payload string) []byte {
	h.Length, h.Masked = int64(len(payload)), role == frame.Server
	return bytes.Repeat(append(frame.Append(nil, h), payload...), n)
}

// script is what a server does with one connection; it is closed at the end.
type script func(nc net.Conn)

// scripted returns a NetDial whose connections lead in memory to the scripts,
// one after another, and the addresses that were dialed.
func scripted(t testing.TB, scripts ...script) (dial func(context.Context, string, string) (net.Conn, error), addrs *[]string) {
	t.Helper()
	addrs = new([]string)
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	return func(_ context.Context, network, addr string) (net.Conn, error) {
		n := len(*addrs)
		*addrs = append(*addrs, addr)
		if n >= len(scripts) || network != "tcp" {
			return nil, fmt.Errorf("connection %d, to %s %s, was not expected", n+1, network, addr)
		}
		a, b := wstest.Pipe(1 << 20)
		wg.Go(func() {
			defer b.Close()
			scripts[n](b)
		})
		return a, nil
	}, addrs
}

// accept is a script that accepts the handshake; lines are more of its headers.
func accept(see func(*http.Request), lines ...string) script {
	return func(nc net.Conn) {
		r := readRequest(nc, see)
		if r != nil {
			io.WriteString(nc, switching(r, lines...))
		}
	}
}

// readRequest reads the request of a handshake, and gives it to see.
func readRequest(nc net.Conn, see func(*http.Request)) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(nc))
	if err == nil && see != nil {
		see(r)
	}
	return r
}

// respond is a script that answers the request with these bytes.
func respond(response string) script {
	return func(nc net.Conn) {
		readRequest(nc, nil)
		io.WriteString(nc, response)
	}
}

// switching is the response that accepts r.
func switching(r *http.Request, lines ...string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + handshake.Accept(r.Header.Get("Sec-WebSocket-Key")) + "\r\n" +
		strings.Join(append(lines, "", ""), "\r\n")
}

// silent is a script of a server that reads and says nothing.
func silent(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }

// echo answers every message with itself.
var echo = &Events{Message: func(c *Conn, t MessageType, p []byte) { _ = c.Append(t, p) }}

// wantEcho checks that c's peer echoes, and ends the connection.
func wantEcho(t *testing.T, c *Conn) {
	t.Helper()
	if err := c.Write(within(t), Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(within(t)); err != nil || string(p) != "hello" {
		t.Fatalf("%q, %v", p, err)
	}
	if err := c.Close(CloseNormal, ""); err != nil {
		t.Fatal(err)
	}
}

// wsURL is the ws or wss URL of a test server.
func wsURL(srv *httptest.Server) string { return "ws" + strings.TrimPrefix(srv.URL, "http") }

// chatRequest is a client's request, with more header lines.
func chatRequest(lines ...string) string {
	return "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
		strings.Join(append(lines, "", ""), "\r\n")
}

// send writes to the server without waiting for it.
func send(t *testing.T, nc net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(nc, s); err != nil {
		t.Fatal(err)
	}
}

// pumpOf is the pump through which c is read; not valid if there is none.
func pumpOf(c *Conn) (pump reflect.Value) {
	s := reflect.ValueOf(&c.transport).Elem().FieldByName("stream").Elem()
	if s.Type().String() == "*transport.pump" {
		pump = s.Elem()
	}
	return pump
}
