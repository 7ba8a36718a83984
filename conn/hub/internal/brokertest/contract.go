// Package brokertest tests Brokers of package hub: that they keep the contract, and that every
// message arrives once and in order while connections, nodes and the broker itself break.
package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// Kept is how many messages of a topic the brokers of Contract have to keep.
const Kept = 50

// patience bounds what has to happen, on a machine that is busy.
const patience = 60 * time.Second

// sink keeps what is delivered.
type sink struct {
	mu   sync.Mutex
	got  []hub.Message
	more chan struct{}
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1)} }

func (s *sink) Deliver(m hub.Message) {
	s.mu.Lock()
	s.got = append(s.got, m)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *sink) Interrupted() {}

// wait returns the messages once there are n.
func (s *sink) wait(t *testing.T, n int) []hub.Message {
	t.Helper()
	over := time.After(patience)
	for {
		s.mu.Lock()
		got := slices.Clone(s.got)
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-s.more:
		case <-over:
			t.Fatalf("%d messages were delivered, want %d", len(got), n)
		}
	}
}

// WithoutHistory tests a broker that keeps no history: messages have no position, and there is
// nothing to read. The topic is one whose name the broker has to escape.
func WithoutHistory(t *testing.T, b hub.Broker, topic string) {
	got := newSink()
	stop, err := b.Subscribe(t.Context(), topic, got)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if h, err := b.History(t.Context(), topic, hub.Position{}, 1); err != nil || !h.After.IsZero() {
		t.Errorf("the history is %v, %v; want none", h, err)
	}
	if at, err := b.Publish(t.Context(), topic, ws.Binary, []byte("x y")); err != nil || !at.IsZero() {
		t.Errorf("Publish: %v, %v; want no position", at, err)
	}
	m := got.wait(t, 1)[0]
	if m.Type != ws.Binary || string(m.Data) != "x y" || !m.Position.IsZero() {
		t.Errorf("received %v, want x y without a position", m)
	}
}

// suite is a broker of two nodes.
type suite struct {
	ctx      context.Context
	one, two hub.Broker
	serial   int
}

// topic returns a name that no test has used.
func (s *suite) topic() string {
	s.serial++
	return fmt.Sprintf("topic %d %d", s.serial, time.Now().UnixNano())
}

func (s *suite) publish(t *testing.T, topic, text string) hub.Position {
	t.Helper()
	at, err := s.one.Publish(s.ctx, topic, ws.Text, []byte(text))
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return at
}

func (s *suite) history(t *testing.T, topic string, since hub.Position, limit int) hub.History {
	t.Helper()
	h, err := s.two.History(s.ctx, topic, since, limit)
	if err != nil {
		t.Fatalf("History: %v", err)
	}
	return h
}

// Contract tests what hub.Broker asks for. one and two are brokers of two nodes, and keep [Kept]
// messages of each topic, of any age.
func Contract(t *testing.T, one, two hub.Broker) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	s := &suite{ctx: ctx, one: one, two: two}
	t.Run("live", s.live)
	t.Run("history", s.historyOf)
	t.Run("trimmed", s.trimmed)
	t.Run("empty", s.empty)
	t.Run("names", s.names)
	t.Run("presence", s.presence)
	t.Run("stop", s.stop)
}

// live: subscribers of both nodes get each message, with its type, position and predecessor.
func (s *suite) live(t *testing.T) {
	topic := s.topic()
	before := s.publish(t, topic, "before")
	sinks := []*sink{newSink(), newSink()}
	for i, b := range []hub.Broker{s.one, s.two} {
		stop, err := b.Subscribe(s.ctx, topic, sinks[i])
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	s.history(t, topic, hub.Position{}, 1) // as the hub does
	types := []ws.MessageType{ws.Text, ws.Binary, ws.Text | ws.Uncompressed}
	data := [][]byte{[]byte("text"), {0, 255, 10, 13}, {}}
	var at []hub.Position
	for i := range types {
		p, err := s.one.Publish(s.ctx, topic, types[i], data[i])
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, p)
	}
	for n, sink := range sinks {
		previous := before.Offset
		for i, m := range sink.wait(t, 3) {
			if m.Type != types[i] || string(m.Data) != string(data[i]) || m.Position != at[i] || m.Previous != previous {
				t.Errorf("node %d, message %d: type %d, %q at %v after %d; want %d, %q at %v after %d",
					n, i, m.Type, m.Data, m.Position, m.Previous, types[i], data[i], at[i], previous)
			}
			previous = m.Position.Offset
		}
	}
}

func texts(h hub.History) (all []string) {
	for _, m := range h.Messages {
		all = append(all, string(m.Data))
	}
	return all
}

// historyOf: the messages after a position, in pages, and the latest ones.
func (s *suite) historyOf(t *testing.T) {
	topic, other := s.topic(), s.topic()
	var at []hub.Position
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint(i))
		at = append(at, s.publish(t, topic, want[i]))
		s.publish(t, other, "of another topic")
	}
	for since, limits := range map[int][]int{-1: {1, 3, 10, 100}, 0: {1, 3, 9, 100}, 4: {2, 100}, 9: {1, 100}} {
		for _, limit := range limits {
			from, position := max(0, 10-limit), hub.Position{}
			if since >= 0 {
				from, position = since+1, at[since]
			}
			to := min(10, from+limit)
			h := s.history(t, topic, position, limit)
			if got := texts(h); !slices.Equal(got, want[from:to]) || h.More != (to < 10) {
				t.Errorf("after %d, at most %d: %q, more: %t; want %q, %t", since, limit, got, h.More, want[from:to], to < 10)
			}
			if since >= 0 && h.After != position {
				t.Errorf("after %d: After is %v, want %v", since, h.After, position)
			}
			if len(h.Messages) > 0 && h.Head() != at[to-1] {
				t.Errorf("after %d: the head is %v, want %v", since, h.Head(), at[to-1])
			}
			if h.After.Epoch != at[0].Epoch || from > 0 && h.After.Offset < at[from-1].Offset {
				t.Errorf("after %d: After is %v, want at least %v", since, h.After, at[from-1])
			}
		}
	}
	foreign := hub.Position{Epoch: "another", Offset: at[3].Offset}
	if h := s.history(t, topic, foreign, 100); h.After.Epoch != at[0].Epoch {
		t.Errorf("after a position of another epoch: After is %v, want one of epoch %s", h.After, at[0].Epoch)
	}
}

// trimmed: if messages are gone, After says so.
func (s *suite) trimmed(t *testing.T) {
	topic := s.topic()
	var at []hub.Position
	for i := range 3 * Kept {
		at = append(at, s.publish(t, topic, fmt.Sprint(i)))
	}
	if h := s.history(t, topic, at[0], 10*Kept); h.After.Offset <= at[0].Offset || h.Head() != at[3*Kept-1] {
		t.Errorf("after a message that is gone: from %v to %v, want a later beginning and the end %v", h.After, h.Head(), at[3*Kept-1])
	}
	n := 3*Kept - Kept/2
	if h := s.history(t, topic, at[n], 10*Kept); h.After != at[n] || len(h.Messages) != 3*Kept-1-n {
		t.Errorf("after message %d: %d messages after %v, want %d after %v", n, len(h.Messages), h.After, 3*Kept-1-n, at[n])
	}
}

// empty: a topic without messages has a position, from which nothing is missed.
func (s *suite) empty(t *testing.T) {
	topic := s.topic()
	h := s.history(t, topic, hub.Position{}, 1)
	if h.After.IsZero() || len(h.Messages) > 0 {
		t.Fatalf("the history of an empty topic is %v, want a position alone", h)
	}
	begin := h.Head()
	s.publish(t, s.topic(), "of another topic")
	if h := s.history(t, topic, begin, 10); h.After != begin || len(h.Messages) > 0 {
		t.Errorf("after %v: %v, want nothing", begin, h)
	}
	sink := newSink()
	stop, err := s.two.Subscribe(s.ctx, topic, sink)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s.history(t, topic, hub.Position{}, 1)
	first := s.publish(t, topic, "first")
	if m := sink.wait(t, 1)[0]; m.Previous > begin.Offset || m.Position.Offset <= begin.Offset || m.Position != first {
		t.Errorf("the first message is at %v after %d, want %v after what was there at %v", m.Position, m.Previous, first, begin)
	}
	if h := s.history(t, topic, begin, 10); h.After != begin || !slices.Equal(texts(h), []string{"first"}) {
		t.Errorf("after %v: %q after %v, want the first message", begin, texts(h), h.After)
	}
}

// names: topics keep apart, whatever their names are.
func (s *suite) names(t *testing.T) {
	base := s.topic()
	suffixes := []string{"", ".", ".*", ".>", "*", ">", " ", "a.b", "a", "{a}", "}{", "{}", ":", "%2E", "=2E", "$SYS", "/", "é", "'\"\\", "a b", "A", "-", "_"}
	sinks := make(map[string]*sink)
	for _, x := range suffixes {
		sinks[x] = newSink()
		stop, err := s.two.Subscribe(s.ctx, base+x, sinks[x])
		if err != nil {
			t.Fatalf("%q: %v", x, err)
		}
		defer stop()
		s.history(t, base+x, hub.Position{}, 1)
	}
	for _, x := range suffixes {
		s.publish(t, base+x, "to "+x)
	}
	for _, x := range suffixes {
		got := sinks[x].wait(t, 1)
		if h := s.history(t, base+x, hub.Position{}, 10); len(got) != 1 || string(got[0].Data) != "to "+x || !slices.Equal(texts(h), []string{"to " + x}) {
			t.Errorf("the subscriber of %q got %d messages, and its history is %q; want its own message alone", x, len(got), texts(h))
		}
	}
}

// presence: what each node has announced last.
func (s *suite) presence(t *testing.T) {
	topic := s.topic()
	member := func(id, node string) hub.Member { return hub.Member{ID: id, Node: node, Connections: 1} }
	want := func(why string, want ...hub.Member) {
		t.Helper()
		var got []hub.Member
		for over := time.Now().Add(patience); time.Now().Before(over); time.Sleep(20 * time.Millisecond) {
			var err error
			if got, err = s.two.Members(s.ctx, topic); err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got, func(a, b hub.Member) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
			if slices.Equal(got, want) {
				return
			}
		}
		t.Errorf("%s: %v, want %v", why, got, want)
	}
	announce := func(b hub.Broker, node string, members ...hub.Member) {
		t.Helper()
		if err := b.Announce(s.ctx, topic, node, members); err != nil {
			t.Fatal(err)
		}
	}
	want("at first")
	announce(s.one, "n1", member("ada", "n1"), member("bob", "n1"))
	announce(s.two, "n2", member("eve", "n2"))
	want("two nodes", member("ada", "n1"), member("bob", "n1"), member("eve", "n2"))
	announce(s.one, "n1", member("bob", "n1"))
	want("one has gone", member("bob", "n1"), member("eve", "n2"))
	announce(s.one, "n1")
	want("nobody on a node", member("eve", "n2"))
	announce(s.two, "n2")
	want("nobody")
}

// stop: a subscription that was stopped gets nothing, and others of the same topic go on.
func (s *suite) stop(t *testing.T) {
	topic := s.topic()
	a, b := newSink(), newSink()
	stopA, err := s.two.Subscribe(s.ctx, topic, a)
	if err != nil {
		t.Fatal(err)
	}
	stopB, err := s.two.Subscribe(s.ctx, topic, b)
	if err != nil {
		t.Fatal(err)
	}
	defer stopB()
	s.history(t, topic, hub.Position{}, 1)
	s.publish(t, topic, "1")
	a.wait(t, 1)
	stopA()
	s.publish(t, topic, "2")
	if n := len(b.wait(t, 2)); n != 2 {
		t.Errorf("the subscription that goes on got %d messages, want 2", n)
	}
	if n := len(a.wait(t, 1)); n != 1 {
		t.Errorf("the subscription that was stopped got %d messages, want 1", n)
	}
	cancelled, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := s.two.History(cancelled, topic, hub.Position{}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("History with a context that has ended: %v, want context.Canceled", err)
	}
}
