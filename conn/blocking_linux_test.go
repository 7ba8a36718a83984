//go:build linux && !386 && !s390x && !race && !msan && !asan

package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/rfc6455/ws/frame"
)

const blockingTest = "WS_BLOCKING_TEST"

// TestBlockingDescription: whoever takes net.TCPConn.File and calls Fd, as to hand a
// socket to a child process, makes the socket block for all who share it. That stops
// no processor: others run, garbage collection too, and reads heed their contexts. A
// failure freezes the whole process, so that there is one of its own.
func TestBlockingDescription(t *testing.T) {
	if os.Getenv(blockingTest) != "" {
		serveBlocking()
		return
	}
	self, err := os.Executable()
	check(err)
	cmd := exec.CommandContext(within(t), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), blockingTest+"=1", "GOMAXPROCS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// serveBlocking fails, or does not return, if a blocking socket does harm.
func serveBlocking() {
	for name, read := range map[string]func(c *Conn, got chan<- []byte){
		"ReadInto": readBlocking,
		"Serve":    func(c *Conn, got chan<- []byte) { _ = c.Serve(bg, sendInto(got)) },
		"Handler":  func(c *Conn, got chan<- []byte) { check(c.Handle(sendInto(got))) },
	} {
		fmt.Println(name, "waits for a message")
		c, peer := blockingPair()
		got := make(chan []byte, 1)
		go read(c, got)
		others()
		sendText(peer, "hello")
		if p := <-got; string(p) != "hello" {
			panic(string(p))
		}
		fmt.Println(name, "waits for the next one, and a write for room")
		written := make(chan error, 1)
		go func() { written <- c.Write(bg, Binary, make([]byte, 16<<20)) }()
		others()
		check(peer.Close())
		if err := <-written; err == nil {
			panic("it was written to nobody")
		}
		<-c.Done()
	}
	fmt.Println("a read waits for the rest of a large message")
	c, peer := blockingPair()
	begun := append(frame.Append(nil, frame.Header{Opcode: frame.Binary, Fin: true, Masked: true, Length: 1 << 20}), make([]byte, 100<<10)...)
	go peer.Write(begun)
	ctx, cancel := context.WithCancel(bg)
	read := make(chan error, 1)
	go func() {
		_, _, err := c.ReadInto(ctx, make([]byte, 0, 1<<20))
		read <- err
	}()
	others()
	cancel()
	if err := <-read; !errors.Is(err, context.Canceled) {
		panic(err)
	}
	check(c.CloseNow())
	runtime.KeepAlive(peer) // a garbage collection must not close it before
}

// others lets other goroutines run, and the garbage collector.
func others() {
	for range 100 {
		runtime.Gosched()
	}
	runtime.GC()
}

func readBlocking(c *Conn, got chan<- []byte) {
	for {
		_, p, err := c.ReadInto(bg, nil)
		if err != nil {
			return
		}
		got <- p
	}
}

func sendInto(got chan<- []byte) *Events {
	return &Events{Message: func(_ *Conn, _ MessageType, p []byte) { got <- append([]byte(nil), p...) }}
}

// blockingPair is a connection over a socket that blocks, and its peer.
func blockingPair() (c *Conn, peer net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	peer, err = net.Dial("tcp", ln.Addr().String())
	check(err)
	nc, err := ln.Accept()
	check(err)
	f, err := nc.(*net.TCPConn).File()
	check(err)
	f.Fd()
	check(f.Close())
	return New(nc, frame.Server, Negotiated{}, Config{}), peer
}
