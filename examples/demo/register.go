package main

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// goodbyeReason goes with 1001 when the server ends.
const goodbyeReason = "the server is shutting down"

// closer is what the register needs of a connection.
type closer interface {
	Close(conn.CloseCode, string) error
	Done() <-chan struct{}
}

// register knows every open connection, so that none is cut when the server
// ends. Its methods may be called concurrently.
type register struct {
	mu    sync.Mutex
	conns map[closer]struct{}
	ended bool
}

// watch returns ev with the register's own steps around Open and Close. Open
// is not called for a connection that comes after shut; Close always is.
func (g *register) watch(ev conn.Events) *conn.Events {
	open, closed := ev.Open, ev.Close
	ev.Open = func(c *conn.Conn, r *handshake.Request) {
		if !g.add(c) {
			_ = c.Close(conn.CloseGoingAway, goodbyeReason) // the Close event tells how it went
			return
		}
		if open != nil {
			open(c, r)
		}
	}
	ev.Close = func(c *conn.Conn, e *conn.CloseError) {
		g.remove(c)
		if closed != nil {
			closed(c, e)
		}
	}
	return &ev
}

// add enters c, or returns false because the server is ending.
func (g *register) add(c closer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return false
	}
	if g.conns == nil {
		g.conns = make(map[closer]struct{})
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *register) remove(c closer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

// size is the number of connections entered.
func (g *register) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// shut closes every connection with 1001 (RFC 6455 section 7.4.1: "a server
// going down"), all at once, and returns when each has ended or ctx has.
// Connections that come later are closed at once.
func (g *register) shut(ctx context.Context) {
	present := g.end()
	for _, c := range present {
		// Close waits for the peer's answer: one slow peer is not to keep the
		// others from being told.
		go func() { _ = c.Close(conn.CloseGoingAway, goodbyeReason) }() // Done tells the end
	}
	for _, c := range present {
		select {
		case <-c.Done():
		case <-ctx.Done():
			return
		}
	}
}

// end lets nobody in any more and returns those who are there.
func (g *register) end() []closer {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	return slices.Collect(maps.Keys(g.conns))
}
