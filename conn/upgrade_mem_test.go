//go:build linux

package conn

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// TestHeapPerConnInHandler bounds what a connection holds whose handler stays in
// net/http's goroutine, and reads there. net/http keeps the request and its contexts;
// its two buffers of 4 KiB must not be kept.
func TestHeapPerConnInHandler(t *testing.T) {
	wantHeap(t, 8<<10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r)
		check(err)
		echoRead(c)
	}))
}

// TestHeapPerConnInHandlerFunc bounds what a connection of HandlerFunc holds: nothing of net/http's, not the request
// either, if the function has no more use for it.
func TestHeapPerConnInHandlerFunc(t *testing.T) {
	wantHeap(t, 2500, new(Upgrader).HandlerFunc(func(c *Conn, _ *Request) { echoRead(c) }))
}

// wantHeap fails t if a connection that h serves holds more than most bytes of heap, after one message.
func wantHeap(t *testing.T, most int, h http.Handler) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	onOneProcessor(t)
	const conns = 50
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	srv := &http.Server{Handler: h}
	go srv.Serve(ln)
	defer srv.Close()
	open := func() {
		nc := shake(t, ln.Addr().String())
		t.Cleanup(func() { _ = nc.Close() })
		sendText(nc, "hello")
		_, err := io.ReadFull(nc, make([]byte, 2+5))
		check(err)
	}
	open() // what belongs to the process
	before := heapNow()
	for range conns {
		open()
	}
	heap := (heapNow() - before) / conns
	t.Logf("a connection holds %d bytes of heap, both ends' sockets included", heap)
	if heap > most {
		t.Errorf("a connection holds %d bytes of heap, want at most %d", heap, most)
	}
}
