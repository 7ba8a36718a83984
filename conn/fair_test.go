//go:build linux

package conn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// fairTest is the environment variable that says how the busy process serves, and
// fairDial where it dials to, if it does.
const (
	fairTest = "WS_FAIR_TEST"
	fairDial = "WS_FAIR_DIAL"
)

// fairStyles are the ways to read and to answer.
func fairStyles() map[string]func(c *Conn) {
	write := &Events{Message: func(c *Conn, t MessageType, p []byte) { check(c.Write(bg, t, p)) }}
	add := &Events{Message: func(c *Conn, t MessageType, p []byte) { check(c.Append(t, p)) }}
	return map[string]func(c *Conn){
		"ReadInto, Write":   echoInto,
		"Read, Write":       echoRead,
		"NextReader, Write": echoReader,
		"Serve, Write":      func(c *Conn) { _ = c.Serve(bg, write) },
		"Serve, Append":     func(c *Conn) { _ = c.Serve(bg, add) },
		"Handler, Write":    func(c *Conn) { check(c.Handle(write)) },
		"Handler, Append":   func(c *Conn) { check(c.Handle(add)) },
		"a loop of Write":   writeAway,
	}
}

func echoReader(c *Conn) {
	for buf := make([]byte, 64); ; {
		t, m, err := c.NextReader(bg)
		if err != nil {
			return
		}
		n, err := io.ReadFull(m, buf)
		if err != io.ErrUnexpectedEOF {
			return
		}
		check(m.Discard())
		check(c.Write(bg, t, buf[:n]))
	}
}

// writeAway answers one message, and writes the next one again and again.
func writeAway(c *Conn) {
	t, p, err := c.Read(bg)
	check(err)
	check(c.Write(bg, t, p))
	for t, p, err = c.Read(bg); err == nil; {
		err = c.Write(bg, t, p)
	}
}

// TestBusyConnectionsGiveWay: on one processor, two connections whose peers send
// without pause get their share each, and a handshake in between is answered.
// The server is a process of its own: what the peers do would wake its scheduler.
func TestBusyConnectionsGiveWay(t *testing.T) {
	if style := os.Getenv(fairTest); style != "" {
		serveFairly(fairStyles()[style], os.Getenv(fairDial))
		return
	}
	for style := range fairStyles() {
		t.Run(style, func(t *testing.T) { givesWay(t, style, false) })
		t.Run("dialed, "+style, func(t *testing.T) { givesWay(t, style, true) })
	}
}

// serveFairly is the busy process: it echoes in the one style, on connections that
// it accepts and on two that it dials, until its input ends.
func serveFairly(echo func(c *Conn), dial string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := Upgrade(w, r); err == nil {
			go echo(c)
		}
	}))
	fmt.Println("address", ln.Addr())
	if dial != "" {
		for range 2 {
			c, err := Dial(bg, "ws://"+dial)
			check(err)
			go echo(c)
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func givesWay(t *testing.T, style string, dialed bool) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	dial, role := "", frame.Client
	if dialed {
		dial, role = ln.Addr().String(), frame.Server
	}
	addr := startBusy(t, style, dial)
	var busy [2]*flood
	for i := range busy {
		var nc net.Conn
		if dialed {
			nc = acceptHandshake(ln)
		} else {
			nc = shake(t, addr)
		}
		defer nc.Close()
		busy[i] = &flood{nc: nc, role: role, wake: make(chan struct{}, 1)}
		busy[i].once()
	}
	// The silence lets the monitor of the busy process's scheduler fall asleep,
	// as it does in a server at night. The test passes without that, too.
	check(busy[0].nc.SetReadDeadline(time.Now().Add(30 * time.Millisecond)))
	_, err = busy[0].nc.Read(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Read returned %v", err)
	}
	check(busy[0].nc.SetReadDeadline(time.Time{}))
	for _, f := range busy {
		go f.send()
		go f.count()
	}
	// A connection that does not give way has millions of messages answered
	// before another has one.
	const share, most = 20_000, 500_000
	for i, f := range busy {
		for n := f.load(); n < share; n = f.load() {
			select {
			case <-f.wake:
			case <-busy[1-i].wake:
			}
			if other := busy[1-i].load(); other > most {
				t.Fatalf("one busy connection had %d messages answered while the other had %d", other, n)
			}
		}
	}
	before := busy[0].load() + busy[1].load()
	nc := shake(t, addr)
	defer nc.Close()
	(&flood{nc: nc, role: frame.Client}).once()
	n := busy[0].load() + busy[1].load() - before
	t.Logf("the busy connections had %d messages answered while a new one was served", n)
	if n > most {
		t.Errorf("the busy connections had %d messages answered while a new one was served, want at most %d", n, most)
	}
}

// startBusy starts the busy process on one processor and returns its address.
func startBusy(t *testing.T, style, dial string) string {
	self, err := os.Executable()
	check(err)
	cmd := exec.Command(self, "-test.run=^TestBusyConnectionsGiveWay$")
	cmd.Env = append(os.Environ(), fairTest+"="+style, fairDial+"="+dial, "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	t.Cleanup(func() {
		check(cmd.Process.Kill())
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	check(err)
	return strings.TrimSpace(strings.TrimPrefix(line, "address "))
}

// acceptHandshake accepts a connection and does the opening handshake without a
// look at it.
func acceptHandshake(ln net.Listener) net.Conn {
	nc, err := ln.Accept()
	check(err)
	r, err := http.ReadRequest(bufio.NewReader(nc))
	check(err)
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		handshake.Accept(r.Header.Get("Sec-WebSocket-Key")))
	check(err)
	return nc
}

// flood is the peer of a busy connection.
type flood struct {
	nc       net.Conn
	role     frame.Role
	answered atomic.Int64 // bytes
	wake     chan struct{}
}

const floodSize = 16 // bytes of a message

// message is a message, and how long its answer is.
func (f *flood) message() (p []byte, answer int) {
	e := frame.Encoder{Role: f.role}
	p, err := e.AppendMessage(nil, frame.Binary, 0x01020304, pattern(floodSize))
	check(err)
	if f.role == frame.Client {
		return p, len(p) - 4
	}
	return p, len(p) + 4
}

// once has one message answered.
func (f *flood) once() {
	p, n := f.message()
	_, err := f.nc.Write(p)
	check(err)
	_, err = io.ReadFull(f.nc, make([]byte, n))
	check(err)
}

// send sends messages without pause.
func (f *flood) send() {
	p, _ := f.message()
	all := []byte(strings.Repeat(string(p), 4000))
	for {
		if _, err := f.nc.Write(all); err != nil {
			return
		}
	}
}

// count counts the answers.
func (f *flood) count() {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.nc.Read(buf)
		if err != nil {
			return
		}
		f.answered.Add(int64(n))
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// load is how many messages have been answered.
func (f *flood) load() int {
	_, n := f.message()
	return int(f.answered.Load()) / n
}
