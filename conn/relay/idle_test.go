package relay_test

import (
	"runtime"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// TestHeapPerIdlePair bounds what a pair holds that waits, after it has relayed a message in each
// direction. Both ends are in the process, too: their share is what two connections without a relay
// hold, and is in the bound.
func TestHeapPerIdlePair(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("the race detector's own memory is not the relay's")
	}
	const pairs = 100
	u := ws.Upgrader{}
	backend := http1.serve(t, u.Handler(&ws.Events{
		Message: func(c *ws.Conn, typ ws.MessageType, p []byte) { _ = c.Append(typ, p) },
	}))
	p := proxyTo(t, backend, http1)
	srv := http1.serve(t, p)
	var conns []*ws.Conn
	open := func() {
		c := http1.mustDial(t, ws.Dialer{}, srv, "/")
		echoed := make(chan bool)
		go c.Serve(bg, &ws.Events{Message: func(*ws.Conn, ws.MessageType, []byte) { echoed <- true }})
		for range 3 {
			if err := c.Write(bg, ws.Text, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			<-echoed
		}
		conns = append(conns, c)
	}
	open() // what is made once
	before := inUse()
	for range pairs {
		open()
	}
	each := (inUse() - before) / pairs
	t.Logf("%d B of heap and stack for a pair, with both ends", each)
	const most = 32 << 10 // httputil.ReverseProxy holds 64 KiB of buffers for its part alone
	if each > most {
		t.Errorf("%d B of heap and stack for a pair that waits, want %d at most", each, most)
	}
	runtime.KeepAlive(conns)
}

// inUse returns the heap and the stacks in use.
func inUse() int {
	var m runtime.MemStats
	for range 3 { // pools let go in the second collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
