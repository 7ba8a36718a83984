package redis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/hub"
)

// TestLostByFailover: a replica takes over that lacks messages which were confirmed and delivered,
// and others take their offsets. Nodes that had the lost ones notice, so that subscribers are told.
func TestLostByFailover(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := startCluster(t, 1, 15*time.Second)
	cfg := Config{Retention: hub.Retention{Messages: 1000}}
	b := c.mustConnect(cfg)
	publish := func(topic, text string) (at hub.Position) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		at, err := b.Publish(ctx, topic, ws.Text, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	// What is published while a node has no connection, and what it hears when it has one again.
	for name, more := range map[string]int{"fewer": 1, "as many": 2, "more": 4} {
		t.Run(name+" messages take their place", func(t *testing.T) {
			lost := make(chan error, 10)
			var heard listener
			for range 2 {
				node := c.mustConnect(cfg)
				h := hub.Hub{Broker: node, Lost: func(_ *ws.Conn, _ string, err error) { lost <- err }}
				server, client := conntest.Pair(t, ws.Config{}, ws.Config{})
				go func() { _ = client.Serve(t.Context(), nil) }()
				if _, err := h.Subscribe(t.Context(), server, name, hub.Position{}); err != nil {
					t.Fatal(err)
				}
				heard = listen(t, node, name)
			}
			for i := range 3 {
				publish(name, fmt.Sprint(i))
			}
			old, _ := c.primary(b.key("meta", name))
			replica := c.replica(old)
			c.drain(old, replica)
			c.do(old, "client", "unpause")
			c.do(old, "acl", "setuser", "default", "-psync", "-sync")
			c.do(old, "client", "kill", "type", "replica")
			c.until("nothing is replicated", func() bool { return c.replication(replica, "master_link_status") == "down" })
			var last hub.Position
			for i := range 2 {
				last = publish(name, fmt.Sprint("lost ", i))
			}
			for m := range heard {
				if m.Position == last {
					break
				}
			}
			old.kill()
			c.do(replica, "cluster", "failover", "takeover")
			c.until("the replica is the primary", func() bool { return c.replication(replica, "role") == "master" })
			for i := range more {
				publish(name, fmt.Sprint("other ", i))
			}
			old.start()
			c.settle()
			for range 2 {
				select {
				case err := <-lost:
					if !errors.Is(err, hub.ErrHistoryLost) {
						t.Errorf("a subscriber is told %v, want ErrHistoryLost", err)
					}
				case <-time.After(patience):
					t.Fatal("a subscriber is not told that messages are lost")
				}
			}
		})
	}
}

// TestDoubt: if offsets fall back, the sinks are told that messages may be missing. The last message
// before that is the one to look for, until a reading that began later has found it.
func TestDoubt(t *testing.T) {
	told := make(listener, 100)
	ch := &channel{sinks: []*entry{{told}}}
	at := func(offset uint64, id string) place {
		return place{hub.Position{Epoch: "e", Offset: offset}, id}
	}
	want := func(why string, want place) {
		t.Helper()
		if seen, _ := ch.witness(); seen != want {
			t.Errorf("%s: the message to look for is %v, want %v", why, seen, want)
		}
	}
	hear := func(offset uint64, id string, doubt bool) {
		t.Helper()
		ch.deliver(fmt.Sprintf("e %d %s \x01text", offset, id))
		m := <-told
		if doubt {
			if !m.Position.IsZero() {
				t.Errorf("the sink gets %v before it is told that messages may be missing", m.Position)
			}
			m = <-told
		}
		if m.Position.Offset != offset || string(m.Data) != "text" {
			t.Errorf("the sink gets %q at %v, want the text at %d", m.Data, m.Position, offset)
		}
	}
	hear(1, "a", false)
	hear(2, "b", false)
	want("in order", at(2, "b"))
	_, early := ch.witness()
	hear(2, "x", true)
	hear(3, "y", false)
	want("in doubt", at(2, "b"))
	ch.read(at(3, "y"), early)
	want("the reading began before the doubt", at(2, "b"))
	_, late := ch.witness()
	ch.read(at(3, "y"), late)
	want("it is there", at(3, "y"))
	ch.interrupted()
	other := place{hub.Position{Epoch: "f", Offset: 1}, "z"}
	<-told
	ch.deliver("f 1 z \x01text")
	want("another epoch", other)
	select {
	case m := <-told:
		if m.Position != other.at {
			t.Errorf("the sink gets %v, want %v", m.Position, other.at)
		}
	default:
		t.Error("the sink does not get the message of another epoch")
	}
}
