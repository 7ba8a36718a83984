package conn

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// overBothPeer runs f on a served connection over TCP and over a pipe. served gets what Serve
// returns.
func overBothPeer(t *testing.T, ev *Events, f func(t *testing.T, c *Conn, peer *wstest.Peer, served chan error)) {
	t.Helper()
	cfg := Config{Trace: &Trace{Panic: func(*Conn, any, []byte) {}}}
	for name, open := range map[string]func(t *testing.T) (*Conn, *wstest.Peer){
		"TCP":  func(t *testing.T) (*Conn, *wstest.Peer) { return tcpPeer(t, frame.Server, cfg) },
		"pipe": func(t *testing.T) (*Conn, *wstest.Peer) { return pipePeer(t, frame.Server, 1<<16, cfg) },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := open(t)
			served := make(chan error, 1)
			go func() { served <- c.Serve(bg, ev) }()
			f(t, c, peer, served)
		})
	}
}

// TestPingEvents: the callbacks get each Ping and Pong, also between the frames of a message, and
// may write. The answer to a Ping precedes what they write.
func TestPingEvents(t *testing.T) {
	ev := &Events{
		Ping:    func(c *Conn, p []byte) { check(c.Append(Text, append([]byte("ping "), p...))) },
		Pong:    func(c *Conn, p []byte) { check(c.Write(bg, Text, fmt.Appendf(nil, "pong %q", p))) },
		Message: func(c *Conn, mt MessageType, p []byte) { check(c.Append(mt, p)) },
	}
	overBothPeer(t, ev, func(t *testing.T, c *Conn, peer *wstest.Peer, _ chan error) {
		peer.Ping("a")
		peer.WantPong("a")
		peer.WantText("ping a")
		peer.Frame(frame.Text, wstest.More, []byte("in "))
		peer.Ping("")
		peer.WantPong("")
		peer.WantText("ping ")
		peer.Pong("unasked")
		peer.WantText(`pong "unasked"`)
		peer.Frame(frame.Continuation, wstest.Final, []byte("two"))
		peer.WantText("in two")

		rtt := make(chan error)
		go func() { _, err := c.Ping(within(t)); rtt <- err }()
		h, p := peer.WantFrame()
		if h.Opcode != frame.Ping {
			t.Fatalf("got a %v, want the Ping", h.Opcode)
		}
		peer.Pong(string(p))
		peer.WantText(fmt.Sprintf("pong %q", p))
		if err := <-rtt; err != nil {
			t.Errorf("Ping = %v, want its Pong although there is a callback", err)
		}
	})
}

// TestPingEventCloses: a callback may end the connection, and nothing is reported after that.
func TestPingEventCloses(t *testing.T) {
	calls := 0
	closes := &Events{Ping: func(c *Conn, _ []byte) {
		calls++
		if err := c.Close(CloseNormal, "enough"); !errors.Is(err, ErrClosing) {
			t.Errorf("Close = %v, want ErrClosing", err)
		}
	}}
	overBothPeer(t, closes, func(t *testing.T, c *Conn, peer *wstest.Peer, served chan error) {
		calls = 0
		peer.SendBytes(frames(frame.Server, 2, frame.Header{Opcode: frame.Ping, Fin: true}, "x"))
		peer.WantPong("x")
		peer.WantClose(CloseNormal)
		peer.Close(CloseNormal, "")
		check(peer.NetConn().Close())
		if err := <-served; !c.err.Clean() || calls != 1 {
			t.Errorf("Serve = %v after %d calls, want a clean end and one", err, calls)
		}
	})
	cuts := &Events{
		Ping:    func(c *Conn, _ []byte) { check(c.CloseNow()) },
		Message: func(*Conn, MessageType, []byte) { t.Error("a message after CloseNow") },
	}
	overBothPeer(t, cuts, func(t *testing.T, _ *Conn, peer *wstest.Peer, served chan error) {
		b := frames(frame.Server, 1, frame.Header{Opcode: frame.Ping, Fin: true}, "x")
		peer.SendBytes(append(b, frames(frame.Server, 1, frame.Header{Opcode: frame.Text, Fin: true}, "y")...))
		wantEnd(t, <-served, CloseError{Code: CloseAbnormal, Err: errClosedNow})
	})
	panics := &Events{Pong: func(*Conn, []byte) { panic("a fault") }}
	overBothPeer(t, panics, func(t *testing.T, c *Conn, peer *wstest.Peer, served chan error) {
		peer.Pong("")
		peer.WantClose(CloseInternalError)
		peer.Close(CloseInternalError, "")
		check(peer.NetConn().Close())
		wantEnd(t, <-served, CloseError{Code: CloseAbnormal, Err: errPanicked})
	})
}

// TestPingEventsEnd: the callbacks are those of the run of Serve, and no longer called after it.
func TestPingEventsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(bg)
	ev := &Events{
		Ping:    func(c *Conn, _ []byte) { cancel() },
		Message: func(*Conn, MessageType, []byte) {},
	}
	c, peer := pipePeer(t, frame.Server, 1<<16, Config{})
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, ev) }()
	peer.Ping("")
	peer.WantPong("")
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Fatalf("Serve = %v, want that its context ended", err)
	}
	ev.Ping = func(*Conn, []byte) { t.Error("Read called the callback of Serve") }
	peer.Ping("again")
	peer.Text("x")
	_, _, err := c.Read(bg)
	check(err)
	peer.WantPong("again")
}
