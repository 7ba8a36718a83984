package conn

import (
	"context"
	"hash/maphash"
	"iter"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/rfc6455/ws/handshake"
)

// Group keeps track of connections, so that a program can count them, send to
// all of them and, above all, end them in good order: http.Server.Shutdown
// neither knows the connections that were taken over from it nor waits for
// them. Config.Group says which Group a connection belongs to, whichever way it
// is made: by an Upgrader, a Dialer or New. It is in the Group from the end of
// its opening handshake until its transport is closed.
//
// The zero value is an empty Group. Its methods may be called concurrently. It
// must not be copied.
type Group struct {
	closing atomic.Bool
	held    atomic.Int64 // connections, handshakes under way and runs of Serve
	shards  [groupShards]groupShard

	mu    sync.Mutex
	empty chan struct{} // closed when held is 0; made when someone waits for that
}

// groupShards is how many parts a Group has, each with a lock of its own: a
// walk through a hundred thousand connections stops none of those that come and
// go for long.
const groupShards = 32

type groupShard struct {
	mu    sync.Mutex
	conns map[*Conn]struct{}
}

var groupSeed = maphash.MakeSeed()

func (g *Group) shard(c *Conn) *groupShard {
	return &g.shards[maphash.Comparable(groupSeed, c)%groupShards]
}

// Len returns how many connections are in the Group.
func (g *Group) Len() int {
	n := 0
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		n += len(s.conns)
		s.mu.Unlock()
	}
	return n
}

// All returns the connections of the Group, in no order. One that comes or goes
// during the iteration may be missed, or have ended. The loop may do anything
// with them and with the Group; no lock is held meanwhile.
func (g *Group) All() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		var batch []*Conn
		for i := range g.shards {
			batch = g.shards[i].appendTo(batch[:0])
			for _, c := range batch {
				if !yield(c) {
					return
				}
			}
		}
	}
}

func (s *groupShard) appendTo(dst []*Conn) []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		dst = append(dst, c)
	}
	return dst
}

// Broadcast sends one message to every connection of the Group, as
// Conn.SendPrepared does: framed and compressed once, and never waiting for a
// peer. It returns how many connections took it. Those that did not have ended
// or, with QueueRefuse, have a full queue; to know which, range over All. The
// error is that of Prepare.
func (g *Group) Broadcast(t MessageType, p []byte) (n int, err error) {
	m, err := Prepare(t, p)
	if err != nil {
		return 0, err
	}
	for c := range g.All() {
		if c.SendPrepared(m) == nil {
			n++
		}
	}
	return n, nil
}

// Shutdown ends all connections of the Group with 1001 (going away, RFC 6455
// section 7.4.1) and returns when each has finished its closing handshake, its
// Serve has returned from its last callback, and its transport is closed. When
// ctx ends first, the rest is cut with CloseNow and Shutdown returns ctx's
// error. Config.CloseTimeout bounds each closing handshake as ever.
//
// From the beginning of Shutdown on, an Upgrader with this Group refuses
// requests with 503 and a Dialer returns ErrGroupClosed; a connection of New is
// closed at once. A Group that was shut down stays so.
//
// Call it beside http.Server.Shutdown, before or while that runs, and not
// within a callback of Serve, for whose return it would wait. It does not wait
// for goroutines of the program that read or write connections on their own:
// their calls return the *CloseError.
func (g *Group) Shutdown(ctx context.Context) error {
	g.closing.Store(true)
	for c := range g.All() {
		c.goAway()
	}
	for {
		empty := g.awaitEmpty()
		if empty == nil {
			return nil
		}
		select {
		case <-empty:
		case <-ctx.Done():
			for c := range g.All() {
				_ = c.CloseNow()
			}
			return ctx.Err()
		}
	}
}

func (c *Conn) goAway() { c.closeSoon(CloseGoingAway, "the "+c.role().String()+" is shutting down") }

// awaitEmpty returns a channel that is closed when nothing is held any more;
// nil where that is so already.
func (g *Group) awaitEmpty() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held.Load() == 0 {
		return nil
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	return g.empty
}

// The methods below are for a *Group that may be nil.

// hold lets Shutdown wait for release.
func (g *Group) hold() {
	if g != nil {
		g.held.Add(1)
	}
}

func (g *Group) release() {
	if g == nil || g.held.Add(-1) > 0 || !g.closing.Load() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil && g.held.Load() == 0 {
		close(g.empty)
		g.empty = nil
	}
}

// refuses reports whether the Group takes no more connections.
func (g *Group) refuses() bool { return g != nil && g.closing.Load() }

// errGoingDown is the reply of a server whose Group is shut down.
var errGoingDown = &handshake.Error{
	Status: http.StatusServiceUnavailable, Reason: "the server is shutting down; connect again later",
}

// add enters c. One that comes too late is sent away: Shutdown either finds it
// in its walk or has announced itself before.
func (g *Group) add(c *Conn) {
	if g == nil {
		return
	}
	g.hold()
	s := g.shard(c)
	s.mu.Lock()
	if s.conns == nil {
		s.conns = make(map[*Conn]struct{})
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	if c.State() == StateClosed && g.leave(c) { // it has ended before it came: Trace.Opened may do that
		g.release()
	}
	if g.closing.Load() {
		c.goAway()
	}
}

// leave takes c out and reports whether it was in: its caller then owes the
// release.
func (g *Group) leave(c *Conn) (in bool) {
	if g == nil {
		return false
	}
	s := g.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, in = s.conns[c]
	delete(s.conns, c)
	return in
}
