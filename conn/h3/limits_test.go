package h3_test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// heap returns how many bytes are reachable.
func heap() int {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// settled waits until the heap has stopped growing, and returns it.
func settled() int {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := heap()
	for {
		<-tick.C
		now := heap()
		if now < last+64<<10 {
			return now
		}
		last = now
	}
}

// alone runs a test in a process of its own, since other tests' garbage would spoil what it measures.
// It reports whether this process is that one. If not, the test has run when alone returns.
func alone(t *testing.T) bool {
	const variable = "H3_TEST_ALONE"
	if os.Getenv(variable) == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in a process of its own: %v", err)
	}
	return false
}

// TestHeapPerSocket bounds what an idle socket holds, both ends together. Most of it is quic-go's.
func TestHeapPerSocket(t *testing.T) {
	if !alone(t) {
		return
	}
	const sockets = 90 // on one connection
	s := serve(t, echoing(&ws.Upgrader{}), nil)
	d := dialer(t)
	if err := echo(dial(t, d, s.url()), "hello"); err != nil { // and the connection that they share
		t.Fatal(err)
	}
	before := settled()
	for range sockets {
		if err := echo(dial(t, d, s.url()), "hello"); err != nil {
			t.Fatal(err)
		}
	}
	per := (settled() - before) / sockets
	t.Logf("%d bytes for both ends of a socket", per)
	if per > 40<<10 {
		t.Errorf("%d bytes, want at most 40 KiB", per)
	}
}

// TestHeapUnread bounds what a stranger's connection holds at a server that reads none of its
// sockets: what the connection's window lets through.
func TestHeapUnread(t *testing.T) {
	if !alone(t) {
		return
	}
	opened := make(chan *ws.Conn, 100)
	s := serve(t, accepting(&ws.Upgrader{}, opened), nil)
	c := connect(t, s, opened)
	var wires []*wire
	for range 20 {
		w, _ := c.open()
		wires = append(wires, w)
	}
	before := settled()
	message := h3Frame(data, string(make([]byte, 300<<10)))
	for _, w := range wires { // 6 MiB are offered
		_ = w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = w.Write([]byte(message))
	}
	held := settled() - before
	t.Logf("%d KiB are held for 20 sockets that nobody reads", held>>10)
	if held > 4<<20 {
		t.Errorf("%d bytes are held, want not much more than the window of 1 MiB", held)
	}
	if held < 256<<10 {
		t.Errorf("%d bytes are held, want some: the test shows nothing", held)
	}
}

// TestHeapSmallPackets bounds the same if each packet brings one octet.
func TestHeapSmallPackets(t *testing.T) {
	if !alone(t) {
		return
	}
	opened := make(chan *ws.Conn, 1)
	s := serve(t, accepting(&ws.Upgrader{}, opened), nil)
	c := connect(t, s, opened)
	w, _ := c.open()
	w.send("\x00\x80\x01\x00\x00") // a DATA frame of 64 KiB begins
	before := settled()
	const packets = 5000
	for range packets {
		if _, err := w.WriteWithLimit([]byte{0}, func(n int) int { return n }); err != nil {
			t.Fatal(err)
		}
	}
	per := (settled() - before) / packets
	t.Logf("%d bytes are held for each octet that comes in a packet of its own", per)
	if per > 4<<10 {
		t.Errorf("%d bytes are held for an octet, want at most 4 KiB", per)
	}
}
