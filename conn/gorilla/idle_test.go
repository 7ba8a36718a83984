//go:build linux && !race

package websocket_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"

	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestIdle: a connection that waits for messages, and has answered some, holds no buffer, and its
// goroutine keeps the smallest stack there is, 2 KiB.
func TestIdle(t *testing.T) {
	if os.Getenv(idleTest) != "" {
		heap, stack := perConn(t)
		if stack > 3<<10 {
			t.Errorf("an idle connection has %d bytes of stack, want about 2048", stack)
		}
		if heap > 3<<10 { // of both ends, the client's being a net.Conn
			t.Errorf("an idle connection has %d bytes of heap, want less than 3072", heap)
		}
		return
	}
	// In a process of its own: the runtime keeps stacks for the next goroutines, and lets them
	// begin with what those before have used on average.
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(self, "-test.run=^TestIdle$")
	cmd.Env = append(os.Environ(), idleTest+"=1", "GODEBUG=adaptivestackstart=0", "GOMAXPROCS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// idleTest is the environment variable of the process that measures.
const idleTest = "WS_GORILLA_IDLE_TEST"

// perConn returns the heap and the stack that each of many connections holds, after ten messages.
func perConn(t *testing.T) (heap, stack int) {
	const n = 500
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		go echoLoop(c)
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	go func() { _ = s.Serve(ln) }()
	defer s.Close()
	var before, after runtime.MemStats
	settle(&before)
	all := make([]net.Conn, n)
	for i := range all {
		all[i] = shake(t, ln.Addr().String())
		defer all[i].Close()
	}
	e := frame.Encoder{Role: frame.Client}
	msg, err := e.AppendMessage(nil, frame.Binary, 0x01020304, make([]byte, 128))
	check(t, err)
	for range 10 {
		for _, nc := range all {
			_, err := nc.Write(msg)
			check(t, err)
			_, err = io.ReadFull(nc, make([]byte, len(msg)-4))
			check(t, err)
		}
	}
	settle(&after)
	heap = int(after.HeapAlloc) - int(before.HeapAlloc)
	stack = int(after.StackInuse) - int(before.StackInuse)
	return heap / n, stack / n
}

func settle(m *runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(m)
}

func echoLoop(c *websocket.Conn) {
	defer c.Close()
	for {
		op, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(op, p) != nil {
			return
		}
	}
}

// shake dials and does the opening handshake.
func shake(t *testing.T, addr string) net.Conn {
	nc, err := net.Dial("tcp", addr)
	check(t, err)
	_, err = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	check(t, err)
	for last := ""; last != "\r\n\r\n"; {
		b := make([]byte, 1)
		_, err := io.ReadFull(nc, b)
		check(t, err)
		if last += string(b); len(last) > 4 {
			last = last[1:]
		}
	}
	return nc
}

// TestAllocs: a message costs no allocation but the slice that ReadMessage returns.
func TestAllocs(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		msg := s.frame(message(websocket.BinaryMessage), string(make([]byte, 1000)))
		buf := make([]byte, len(msg)+4)
		n := wstest.Allocs(200, 1, func() {
			_, err := s.peer.Write(msg)
			check(t, err)
			op, p, err := s.ReadMessage()
			check(t, err)
			check(t, s.WriteMessage(op, p))
			size := len(msg) - 4
			if s.role == frame.Client {
				size = len(msg) + 4
			}
			_, err = io.ReadFull(s.in, buf[:size])
			check(t, err)
		})
		if n > 1 {
			t.Errorf("a message costs %v allocations, want 1", n)
		}
	})
}
