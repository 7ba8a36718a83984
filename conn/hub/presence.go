package hub

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// Member is who is subscribed to a topic: the connections of one node that Hub.Identify gives the
// same name.
type Member struct {
	ID          string `json:"id"`          // of Hub.Identify
	Node        string `json:"node"`        // a random name of the node
	Connections int    `json:"connections"` // how many there are
}

const (
	// PresenceTTL is how long a broker believes what a node has announced. A node that is killed is
	// present for as long as that.
	PresenceTTL = time.Minute

	presenceDelay = 250 * time.Millisecond // changes are gathered for so long
	refreshEvery  = 20 * time.Second       // presence is announced again
	verifyEvery   = 3                      // refreshes: a topic that is silent looks for messages it has missed
	askTimeout    = 10 * time.Second
)

var errNoPresence = errors.New("hub: with a Broker, presence needs Hub.Identify on every node")

// Presence returns who is subscribed to the topic, on all nodes, in the order of names. A change on
// another node shows within a second, and the end of one that was killed within [PresenceTTL].
// Without a Broker it tells the present moment. With one, every node needs Hub.Identify.
func (h *Hub) Presence(ctx context.Context, topic string) ([]Member, error) {
	if err := h.checkTopic(topic); err != nil {
		return nil, err
	}
	if h.Broker == nil {
		return h.here(topic), nil
	}
	if h.Identify == nil {
		return nil, errNoPresence
	}
	members, err := h.Broker.Members(ctx, topic)
	slices.SortFunc(members, compareMembers)
	return members, err
}

func compareMembers(a, b Member) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Node, b.Node))
}

// here returns the members of this node.
func (h *Hub) here(topic string) []Member {
	h.mu.Lock()
	t := h.topics[topic]
	h.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.members()
}

// members returns the topic's members on this node.
func (t *topic) members() []Member {
	t.mu.Lock()
	subs := slices.Clone(t.subs)
	t.mu.Unlock()
	count := make(map[string]int)
	for _, s := range subs {
		count[t.hub.identify(s.c)]++
	}
	members := make([]Member, 0, len(count))
	for id, n := range count {
		members = append(members, Member{ID: id, Node: t.hub.nodeName(), Connections: n})
	}
	slices.SortFunc(members, compareMembers)
	return members
}

func (h *Hub) identify(c *ws.Conn) string {
	if h.Identify != nil {
		return h.Identify(c)
	}
	id, _ := c.Data().(string)
	return id
}

// announces reports whether other nodes are told who is here.
func (h *Hub) announces() bool { return h.Broker != nil && h.Identify != nil }

// crowd is what a topic has told of its members.
type crowd struct {
	mu  sync.Mutex // held while the broker is told, so that the latest is told last
	due bool       // a timer runs; guarded by topic.mu
}

// changedLocked has the topic's members announced soon.
func (t *topic) changedLocked() {
	if t.hub.announces() && !t.crowd.due {
		t.crowd.due = true
		time.AfterFunc(presenceDelay, t.announce)
	}
}

// announce tells the other nodes who is here, unless the topic has ended.
func (t *topic) announce() {
	t.crowd.mu.Lock()
	defer t.crowd.mu.Unlock()
	t.mu.Lock()
	t.crowd.due = false
	t.mu.Unlock()
	if t.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, askTimeout)
	defer cancel()
	if err := t.hub.Broker.Announce(ctx, t.name, t.hub.nodeName(), t.members()); err != nil {
		t.hub.failed(t.name, err) // and try again at the next refresh
	}
}

// announceNone tells that nobody is here any more. If the topic has begun anew meanwhile, that one
// tells again.
func (t *topic) announceNone() {
	if !t.hub.announces() {
		return
	}
	t.crowd.mu.Lock()
	defer t.crowd.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if err := t.hub.Broker.Announce(ctx, t.name, t.hub.nodeName(), nil); err != nil {
		t.hub.failed(t.name, err)
	}
	t.hub.mu.Lock()
	successor := t.hub.topics[t.name]
	t.hub.mu.Unlock()
	if successor != nil {
		successor.mu.Lock()
		defer successor.mu.Unlock()
		successor.changedLocked()
	}
}

// startTimerLocked starts the timer of refresh, if there is something to refresh.
func (h *Hub) startTimerLocked() {
	if h.Broker != nil && h.timer == nil && len(h.topics) > 0 {
		h.timer = time.AfterFunc(refreshEvery, func() { h.refresh(1) })
	}
}

// refresh announces who is here once more. Every so often it also looks whether silent topics have
// missed something that nobody has told the node of. It does one after another, so that it never
// asks much of the broker at a time.
func (h *Hub) refresh(round int) {
	h.mu.Lock()
	all := make([]*topic, 0, len(h.topics))
	for _, t := range h.topics {
		all = append(all, t)
	}
	h.mu.Unlock()
	for _, t := range all {
		if h.announces() {
			t.announce()
		}
		if round%verifyEvery == 0 && t.joined() {
			t.verify()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer = nil
	if len(h.topics) > 0 {
		h.timer = time.AfterFunc(refreshEvery, func() { h.refresh(round + 1) })
	}
}

// joined reports whether the topic has a position.
func (t *topic) joined() bool {
	select {
	case <-t.ready:
		return t.err == nil
	default:
		return false
	}
}

// verify reads the history, unless messages have come since the last time.
func (t *topic) verify() {
	t.mu.Lock()
	silent := t.feed.at == t.verified
	t.verified = t.feed.at
	t.mu.Unlock()
	if !silent || t.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, askTimeout)
	defer cancel()
	_ = t.sync(ctx) // catchUp has told of errors
}
