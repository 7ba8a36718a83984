package conn

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/rfc6455/ws/conn/internal/wstest"
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

// warmUpgrades and upgradeRuns are how many handshakes go before a measurement and are one. Each
// takes a connection, and a process may have few.
const warmUpgrades, upgradeRuns = 20, 40

// TestAllocsUpgradeNet: the Conn, package net's RawConn, and of the request
// itself, its text, its fields, its URL and its address.
func TestAllocsUpgradeNet(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	conns := requests(t, warmUpgrades+wstest.AllocsCalls(upgradeRuns))
	var u Upgrader
	want := 7 + moveAllocs()
	if n := upgradeAllocs(want, func() {
		_, _, err := u.UpgradeNet(bg, conns[0], nil)
		check(err)
		conns = conns[1:]
	}); n > want {
		t.Errorf("%v allocations, want at most %v", n, want)
	}
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
	conns := requests(t, warmUpgrades+wstest.AllocsCalls(upgradeRuns))
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
	return upgradeAllocs(0, serve)
}

// upgradeAllocs measures f, which is one handshake, once everything is warm.
func upgradeAllocs(enough float64, f func()) float64 {
	for range warmUpgrades {
		f()
	}
	return wstest.Allocs(upgradeRuns, enough, f)
}
