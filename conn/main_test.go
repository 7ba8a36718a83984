package conn

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestMain fails the tests if they leave goroutines of this package behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftGoroutines(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks that are still in this package, once those
// on their way out have had a while.
func leftGoroutines() string {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		var left []string
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		for _, g := range strings.Split(string(buf), "\n\n") {
			if strings.Contains(g, "rfc6455/ws/conn.") && !strings.Contains(g, "TestMain") {
				left = append(left, g)
			}
		}
		if left == nil {
			return ""
		}
		<-tick.C
		if len(left) > 0 {
			lastLeft = strings.Join(left, "\n\n")
		}
	}
	return lastLeft
}

var lastLeft string

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
	return c, wstest.NewPeer(t, b, 1-role)
}

// tcpNets returns the two ends of a TCP connection on loopback.
func tcpNets(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		nc, _ := ln.Accept()
		accepted <- nc
	}()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other := <-accepted
	if other == nil {
		t.Fatal("no connection was accepted")
	}
	t.Cleanup(func() { dialed.Close(); other.Close() })
	return other.(*net.TCPConn), dialed.(*net.TCPConn)
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
	return c, wstest.NewPeer(t, b, 1-role)
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
