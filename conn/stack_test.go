//go:build linux

package conn

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// TestStackPerIdleConn: a goroutine that waits for messages, and has answered
// some, keeps the smallest stack there is, 2 KiB. One that once needs more has
// 4 KiB from then on, and the memory of an idle connection is half as much again.
// The budget is narrow: a goroutine uses 1.1 KiB before its stack grows, package
// net's part included. A test that fails here says that a function between the
// goroutine's first and the deepest, or one called with the deepest, has a larger
// frame than before.
func TestStackPerIdleConn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	u := new(Upgrader)
	doors := map[string]http.Handler{
		"Handler, Append": u.Handler(&Events{Message: func(c *Conn, t MessageType, p []byte) { check(c.Append(t, p)) }}),
		"Handler, Write":  u.Handler(&Events{Message: func(c *Conn, t MessageType, p []byte) { check(c.Write(bg, t, p)) }}),
		"Serve, Write": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := u.Upgrade(w, r)
			check(err)
			go c.Serve(bg, &Events{Message: func(c *Conn, t MessageType, p []byte) { check(c.Write(bg, t, p)) }})
		}),
		"ReadInto, Write": handlerOf(u, echoInto),
		"Read, Write":     handlerOf(u, echoRead),

		"HandlerFunc, ReadInto": u.HandlerFunc(func(c *Conn, _ *Request) { echoInto(c) }),
		"HandlerFunc, Read":     u.HandlerFunc(func(c *Conn, _ *Request) { echoRead(c) }),
	}
	if h := doors[os.Getenv(stackTest)]; h != nil {
		if got := stackPerConn(t, h); got > 3<<10 {
			t.Errorf("an idle connection has %d bytes of stack, want about 2048", got)
		}
		return
	}
	// Each in a process of its own: the runtime keeps stacks for the next
	// goroutines, some for each processor, and lets them begin with what those
	// before have used on average.
	self, err := os.Executable()
	check(err)
	for name := range doors {
		cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), stackTest+"="+name, "GODEBUG=adaptivestackstart=0", "GOMAXPROCS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// stackTest is the environment variable that says which way is measured.
const stackTest = "WS_STACK_TEST"

// handlerOf upgrades and leaves the connection to a goroutine.
func handlerOf(u *Upgrader, serve func(c *Conn)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		check(err)
		go serve(c)
	})
}

func echoInto(c *Conn) {
	var buf []byte
	for {
		t, p, err := c.ReadInto(bg, buf[:0])
		if err != nil {
			return
		}
		check(c.Write(bg, t, p))
		buf = p
	}
}

func echoRead(c *Conn) {
	for {
		t, p, err := c.Read(bg)
		if err != nil {
			return
		}
		check(c.Write(bg, t, p))
	}
}

// stackPerConn serves h to clients that have no goroutine, lets each have ten
// messages answered, and returns the stack of each connection.
func stackPerConn(t *testing.T, h http.Handler) int {
	const n = 500
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	srv := &http.Server{Handler: h}
	go srv.Serve(ln)
	defer srv.Close()
	stack := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // stacks that are free go back
		runtime.ReadMemStats(&m)
		return int(m.StackInuse)
	}
	before := stack()
	all := make([]net.Conn, n)
	for i := range all {
		all[i] = shake(t, ln.Addr().String())
		defer all[i].Close()
	}
	e := frame.Encoder{Role: frame.Client}
	message, err := e.AppendMessage(nil, frame.Binary, 0x01020304, pattern(128))
	check(err)
	answer := make([]byte, len(message)-4)
	for range 10 {
		for _, nc := range all {
			_, err := nc.Write(message)
			check(err)
			_, err = io.ReadFull(nc, answer)
			check(err)
		}
	}
	return (stack() - before) / n
}

// shake dials and does the opening handshake.
func shake(t *testing.T, addr string) net.Conn {
	nc, err := net.Dial("tcp", addr)
	check(err)
	_, err = io.WriteString(nc, request("Host: localhost"))
	check(err)
	var response []byte
	for buf := make([]byte, 512); len(response) < 4 || string(response[len(response)-4:]) != "\r\n\r\n"; {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		response = append(response, buf[:n]...)
	}
	return nc
}
