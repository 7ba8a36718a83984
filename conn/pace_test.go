//go:build linux

package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// busyPeer serves a connection and makes it busy. Its messages come through a
// channel; the callback of one that says "wait" waits for gate.
func busyPeer(t *testing.T) (peer *net.TCPConn, c *Conn, came <-chan string, gate chan<- struct{}) {
	t.Helper()
	accepted, peer := tcpNets(t)
	c = New(accepted, frame.Server, Negotiated{}, Config{})
	t.Cleanup(func() { _, _ = c.CloseNow(), peer.Close() })
	messages, wait := make(chan string, 1), make(chan struct{})
	go c.Serve(bg, &Events{Message: func(_ *Conn, _ MessageType, p []byte) {
		messages <- string(p)
		if string(p) == "wait" {
			<-wait
		}
	}})
	for range 5 * paceReads {
		sendText(peer, "hello")
		if m := <-messages; m != "hello" {
			t.Fatalf("got %q", m)
		}
	}
	return peer, c, messages, wait
}

// sendText sends a text message as a client.
func sendText(peer net.Conn, text string) {
	_, err := peer.Write(clientText(text))
	check(err)
}

func clientText(text string) []byte {
	e := frame.Encoder{Role: frame.Client}
	p, err := e.AppendFrame(nil, frame.Header{Opcode: frame.Text, Fin: true, Key: 0x01020304}, []byte(text))
	check(err)
	return p
}

// TestEndWithLastMessage: the end of a peer that comes together with its last
// message, to a busy connection, is noticed, although the poller tells of both
// once.
func TestEndWithLastMessage(t *testing.T) {
	peer, c, came, gate := busyPeer(t)
	sendText(peer, "wait")
	soon(t, came)
	sendText(peer, "last")
	check(peer.CloseWrite())
	gate <- struct{}{}
	if m := soon(t, came); m != "last" {
		t.Errorf("the last message is %q", m)
	}
	soon(t, c.Done())
}

// TestBytesBehindUrgentMark: a read of a socket ends at the mark of urgent data,
// with more behind it; that is read, too. A signal that is pending in the very
// read that begins at the mark makes Linux say EAGAIN instead, to package net as
// to this one, and Go's scheduler sends signals: so there are several tries.
func TestBytesBehindUrgentMark(t *testing.T) {
	for range 5 {
		if readsBehindMark(t) {
			return
		}
	}
	t.Error("what is behind the mark was not read")
}

// readsBehindMark reports whether a busy connection reads a message with urgent
// data in its middle within a second.
func readsBehindMark(t *testing.T) bool {
	peer, c, came, gate := busyPeer(t)
	sendText(peer, "wait")
	soon(t, came)
	p := clientText("last")
	rc, err := peer.SyscallConn()
	check(err)
	check(rc.Write(func(fd uintptr) bool {
		check(syscall.Sendto(int(fd), p[:4], 0, nil))
		check(syscall.Sendto(int(fd), []byte{'!'}, syscall.MSG_OOB, nil))
		check(syscall.Sendto(int(fd), p[4:], 0, nil))
		return true
	}))
	gate <- struct{}{}
	select {
	case m := <-came:
		if m != "last" {
			t.Errorf("the last message is %q", m)
		}
	case <-time.After(time.Second):
		return false
	}
	check(peer.Close())
	soon(t, c.Done())
	return true
}

// TestPaceKeepsDeadlines: a read deadline set through NetConn on a busy
// connection ends Serve, and harms nothing.
func TestPaceKeepsDeadlines(t *testing.T) {
	s, c := tcpPair(t, Config{})
	messages := make(chan struct{})
	ev := &Events{Message: func(*Conn, MessageType, []byte) { messages <- struct{}{} }}
	served := make(chan error, 1)
	go func() { served <- s.Serve(bg, ev) }()
	for range 5 * paceReads {
		check(c.Write(bg, Text, []byte("hello")))
		soon(t, messages)
	}
	check(s.NetConn().SetReadDeadline(time.Now().Add(3 * paceCheck)))
	if err := soon(t, served); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Serve returned %v", err)
	}
	check(s.NetConn().SetReadDeadline(time.Time{}))
	go func() { served <- s.Serve(bg, ev) }()
	check(c.Write(bg, Text, []byte("hello")))
	soon(t, messages)
	go c.Close(CloseNormal, "")
	soon(t, s.Done())
	<-served
}

// TestPaceKeepsCancellation: a context that ends while Serve is leaving because of
// the poke is not lost with it, whichever of the two sets the deadline last. In half of
// the tries the context has ended before Serve sees to the poke.
func TestPaceKeepsCancellation(t *testing.T) {
	for try := range 300 {
		accepted, peer := tcpNets(t)
		c := New(accepted, frame.Server, Negotiated{}, Config{})
		ctx, cancel := context.WithCancel(bg)
		s, err := newServer(ctx, c, nil)
		check(err)
		if next, err := s.begin(ctx); next != runWaits {
			t.Fatal(err)
		}
		c.transport.LookNow()
		start := make(chan bool)
		if try%2 == 0 {
			cancel()
			for n := 0; n < 1000 && c.transport.Why() != transport.Context; n++ {
				runtime.Gosched() // the context tells in a goroutine of its own
			}
		}
		go func() { <-start; cancel() }()
		served := make(chan error, 1)
		go func() {
			close(start)
			next, err := s.leave(ctx, os.ErrDeadlineExceeded)
			for next == runWaits {
				next, err = s.leave(ctx, c.transport.Loop(s.ready()))
			}
			served <- s.finish(err)
		}()
		if err := soon(t, served); err != context.Canceled {
			t.Fatal(err)
		}
		_, _ = c.CloseNow(), peer.Close()
	}
}
