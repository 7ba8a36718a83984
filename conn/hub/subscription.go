package hub

import (
	"context"
	"net"
	"slices"

	ws "github.com/rfc6455/ws/conn"
)

// subscription is one connection's place among the subscribers of a topic. There may be millions:
// TestSubscriptionCost bounds what one costs.
type subscription struct {
	c       *ws.Conn
	topic   *topic
	next    *subscription // of the same connection; guarded by Hub.mu
	index   int32         // in topic.subs; guarded, as what follows, by topic.mu
	in      bool          // it is in topic.subs
	over    bool          // it has ended
	lagging bool          // the topic is conflated, and a goroutine waits for the peer
}

// enter makes a subscription that is not in its topic yet, and the topic if it has no subscriber.
func (h *Hub) enter(c *ws.Conn, name string) (*subscription, error) {
	s, known, err := h.link(c, name)
	if err != nil {
		return nil, err
	}
	if !known {
		c.AfterClose(h.atEnd)
	}
	return s, nil
}

// link reports also whether the Hub knew the connection before.
func (h *Hub) link(c *ws.Conn, name string) (s *subscription, known bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, known := h.members[c]
	n := 0
	for other := first; other != nil; other = other.next {
		if other.topic.name == name {
			return nil, known, ErrSubscribed
		}
		n++
	}
	if n >= limit(h.MaxTopics, defaultMaxTopics) {
		return nil, known, ErrTooManyTopics
	}
	if h.members == nil {
		h.members = make(map[*ws.Conn]*subscription)
		h.atEnd = h.ended
	}
	s = &subscription{c: c, topic: h.topicLocked(name), next: first}
	s.topic.refs++
	h.members[c] = s
	return s, known, nil
}

// topicLocked returns the topic. If there is none, it makes one, which joins.
func (h *Hub) topicLocked(name string) *topic {
	if t := h.topics[name]; t != nil {
		return t
	}
	t := &topic{hub: h, name: name, ready: make(chan struct{})}
	t.conflated = h.Conflate != nil && h.Conflate(name)
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if h.topics == nil {
		h.topics = make(map[string]*topic)
	}
	h.topics[name] = t
	h.startTimerLocked()
	go t.join()
	return t
}

// ended is told of the end of a connection that had subscriptions. It may be called while a topic
// sends to the connection, and so takes no topic's lock.
func (h *Hub) ended(c *ws.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.members[c]
	delete(h.members, c)
	if first != nil {
		h.doLocked(func() { h.endAll(first) })
	}
}

// endAll ends the subscriptions of a connection that has ended.
func (h *Hub) endAll(s *subscription) {
	for s != nil {
		h.mu.Lock()
		following := s.next // unlink clears it
		h.mu.Unlock()
		s.topic.mu.Lock()
		s.topic.removeLocked(s)
		s.topic.mu.Unlock()
		s = following
	}
}

// unlink takes a subscription off its connection's list. The topic ends if it was its last.
func (h *Hub) unlink(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if first, known := h.members[s.c]; known {
		if first == s {
			h.members[s.c] = s.next
		}
		for other := first; other != nil; other = other.next {
			if other.next == s {
				other.next = s.next
				break
			}
		}
	}
	t := s.topic
	if t.refs--; t.refs > 0 {
		return
	}
	if h.topics[t.name] == t {
		delete(h.topics, t.name)
	}
	go t.shut()
}

// addLocked makes s one of the topic's subscribers.
func (t *topic) addLocked(s *subscription) error {
	if s.over {
		return s.endError()
	}
	s.index, s.in = int32(len(t.subs)), true
	t.subs = append(t.subs, s)
	t.changedLocked()
	return nil
}

// endError says why s has ended before it was one of the subscribers.
func (s *subscription) endError() error {
	if err := s.c.Err(); err != nil {
		return err
	}
	return net.ErrClosed // unsubscribed meanwhile
}

// removeLocked ends s, and reports whether it had not ended before.
func (t *topic) removeLocked(s *subscription) bool {
	if s.over {
		return false
	}
	s.over = true
	if s.in {
		last := t.subs[len(t.subs)-1]
		t.subs[s.index], last.index = last, s.index
		t.subs[len(t.subs)-1] = nil
		t.subs = t.subs[:len(t.subs)-1]
		if cap(t.subs) > 64 && len(t.subs) < cap(t.subs)/4 {
			t.subs = slices.Clone(t.subs)
		}
		t.changedLocked()
	}
	t.hub.unlink(s)
	return true
}

// dropLocked ends s because of err, and tells.
func (t *topic) dropLocked(s *subscription, err error) {
	if t.removeLocked(s) {
		t.hub.lose(s.c, t.name, err)
	}
}

// conflateLocked sends the latest message to the subscribers that have taken everything else. The
// others get it, or a later one, when they have.
func (t *topic) conflateLocked() {
	for _, s := range slices.Clone(t.subs) {
		switch {
		case s.lagging:
		case s.c.Buffered() > 0:
			s.lagging = true
			go t.follow(s)
		default:
			t.sendLatestLocked(s)
		}
	}
}

// follow waits until the peer has taken everything, and sends the message that is then the latest.
func (t *topic) follow(s *subscription) {
	<-s.c.Drained(0)
	t.mu.Lock()
	defer t.mu.Unlock()
	s.lagging = false
	if !s.over {
		t.sendLatestLocked(s)
	}
}

func (t *topic) sendLatestLocked(s *subscription) {
	if err := s.c.SendPrepared(t.latest); err != nil {
		t.dropLocked(s, err)
	}
}
