package conn

import (
	"io"
	"net"
	"net/http"
	"testing"
)

const upgradeRequest = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nUser-Agent: test\r\n\r\n"

// requests returns the server's ends of n TCP connections on which a client has
// sent a handshake.
func requests(tb testing.TB, n int) []net.Conn {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	conns := make([]net.Conn, n)
	for i := range conns {
		client, err := net.Dial("tcp", ln.Addr().String())
		check(err)
		tb.Cleanup(func() { client.Close() })
		_, err = io.WriteString(client, upgradeRequest)
		check(err)
		conns[i], err = ln.Accept()
		check(err)
		tb.Cleanup(func() { conns[i].Close() })
	}
	return conns
}

// handed is a listener that accepts what it is handed.
type handed chan net.Conn

func (h handed) Accept() (net.Conn, error) {
	nc, ok := <-h
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}
func (h handed) Close() error   { return nil }
func (h handed) Addr() net.Addr { return new(net.TCPAddr) }

// handshakeRuns is how often wantAllocs calls its function, and one more.
const handshakeRuns = 221

// TestAllocsUpgradeNet: the Conn, package net's RawConn, and of the request
// itself, its text, its fields, its URL and its address.
func TestAllocsUpgradeNet(t *testing.T) {
	conns := requests(t, handshakeRuns)
	var u Upgrader
	wantAllocs(t, "UpgradeNet", 7+moveAllocs(), func() {
		_, _, err := u.UpgradeNet(bg, conns[0], nil)
		check(err)
		conns = conns[1:]
	})
}

// moveAllocs is how often it allocates to move a socket into a loop: the loop's Socket, and what it
// takes to duplicate the descriptor.
func moveAllocs() float64 {
	if *inLoop {
		return 4
	}
	return 0
}

// TestAllocsUpgrade: most of the allocations are net/http's, and of its number
// releases of Go may have their own; three are ours: the Conn, the RawConn and
// the view of the request.
func TestAllocsUpgrade(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	alone := handlerAllocs(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _, err := w.(http.Hijacker).Hijack()
		check(err)
	})
	all := handlerAllocs(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := Upgrade(w, r)
		check(err)
	})
	if all > alone+3+moveAllocs() || all > 45+moveAllocs() {
		t.Errorf("%v allocations, %v of them net/http's: want at most 3 more, and 45", all, alone)
	}
}

// handlerAllocs is how often net/http's server and a handler allocate for one
// connection.
func handlerAllocs(t *testing.T, h http.HandlerFunc) float64 {
	conns := requests(t, handshakeRuns)
	done := make(chan bool)
	ln := make(handed)
	defer close(ln)
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(w, r)
		done <- true
	}))
	serve := func() {
		ln <- conns[0]
		<-done
		conns = conns[1:]
	}
	for range 20 {
		serve()
	}
	return testing.AllocsPerRun(200, serve)
}
