package conn

import (
	"context"
	"hash/maphash"
	"iter"
	"sync"
	"sync/atomic"
)

// Group keeps track of connections. A program can count them, send to all of them and, above all,
// end them in good order. http.Server.Shutdown does not: it neither knows the connections that were
// taken over from it nor waits for them.
//
// Config.Group puts a connection into a Group, whether an [Upgrader], a [Dialer] or [New] makes it.
// The connection is in the Group from the end of its opening handshake until its transport is
// closed.
//
// The zero value is an empty Group. Its methods may be called concurrently. A Group must not be
// copied.
type Group struct {
	closing atomic.Bool
	held    atomic.Int64 // connections, handshakes under way and runs of Serve
	shards  [groupShards]groupShard

	mu    sync.Mutex
	empty chan struct{} // closed when held is 0; made when someone waits for that
}

// groupShards is the number of parts of a Group. Each has a lock of its own, so that a walk through
// a hundred thousand connections delays none that comes or goes for long.
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

// All returns the connections of the Group, in no order. A connection that joins or leaves during
// the iteration may be missed, or may have ended. The body of the loop may do anything with the
// connections and with the Group: All holds no lock while it runs.
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

// Broadcast sends one message to every connection of the Group, as [Conn.SendPrepared] does. It
// frames and compresses the message once, and never waits for a peer. If a peer does not keep up,
// Config.QueuePolicy says what happens. By default its connection is closed. Broadcast keeps
// nothing of p.
//
// Broadcast returns how many connections took the message. The others have ended or, with
// QueueRefuse, have a full queue. To know which ones, range over [Group.All] and call SendPrepared.
// The error is that of [Prepare].
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

// Shutdown ends all connections of the Group with 1001 (going away, RFC 6455 section 7.4.1). It
// returns when every connection has finished its closing handshake, its transport is closed, and
// the last callback of its [Conn.Serve], or its function of [Upgrader.HandlerFunc], has returned.
// Config.CloseTimeout bounds each closing handshake. If ctx ends first, Shutdown cuts the other
// connections with [Conn.CloseNow] and returns ctx's error.
//
// From the beginning of Shutdown on, an [Upgrader] with this Group refuses requests with 503, and a
// [Dialer] returns [ErrGroupClosed]. [New] still makes a connection, which is closed at once. A
// Group stays shut down for good.
//
// Call Shutdown beside http.Server.Shutdown, before that or while it runs. Do not call it within a
// callback of Serve, a function of HandlerFunc or a hook of [Trace], since it would wait for that
// to return. Shutdown does not wait for goroutines of the program that read or write connections on
// their own. Their calls return the [*CloseError].
func (g *Group) Shutdown(ctx context.Context) error {
	g.closing.Store(true)
	for c := range g.All() {
		goAway(c)
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

func goAway(c *Conn) { c.closeSoon(CloseGoingAway, "the "+c.role().String()+" is shutting down") }

// awaitEmpty returns a channel that is closed when nothing is held any more. If nothing is held
// already, it returns nil.
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

// The methods below work on a nil *Group too.

// hold makes Shutdown wait until release is called.
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

// add puts c into the Group. If Shutdown runs, either its walk finds c, or add sees g.closing and
// ends c.
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
	if c.State() == StateClosed && g.leave(c) { // c has ended already: Trace.Opened may end it
		g.release()
	}
	if g.closing.Load() {
		goAway(c)
	}
}

// leave takes c out of the Group and reports whether it was in. If so, the caller has to call
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
