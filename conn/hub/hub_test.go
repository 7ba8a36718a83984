package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// TestPublish: the zero Hub delivers what was published, to those who are subscribed.
func TestPublish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var h Hub
		ada, bob := connect(t), connect(t)
		subscribe(t, &h, ada, "a", Position{})
		subscribe(t, &h, ada, "b", Position{})
		subscribe(t, &h, bob, "b", Position{})
		publish(t, &h, "a", "to a")
		publish(t, &h, "b", "to b")
		publish(t, &h, "c", "to nobody")
		ada.want(t, "subscribed to a and b", "to a", "to b")
		bob.want(t, "subscribed to b", "to b")
		if !h.Unsubscribe(ada.server, "b") || h.Unsubscribe(ada.server, "b") {
			t.Error("Unsubscribe does not report whether there was a subscription")
		}
		publish(t, &h, "b", "again")
		ada.want(t, "unsubscribed from b")
		bob.want(t, "still subscribed to b", "again")
	})
}

// TestResume: a client that comes back gets what it has missed, once and in order.
func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, kept := range []bool{false, true} { // another subscriber keeps the topic in the node
			h := Hub{Broker: history(200), MaxResume: 150}
			if kept {
				subscribe(t, &h, connect(t), "room", Position{})
			}
			cl := connect(t)
			subscribe(t, &h, cl, "room", Position{})
			publish(t, &h, "room", "1")
			at := publish(t, &h, "room", "2")
			cl.want(t, "live", "1", "2")
			cl.cut()
			var want []string
			for i := range 120 { // more than are queued at once
				want = append(want, fmt.Sprint("missed ", i))
				publish(t, &h, "room", want[i])
			}
			cl = connect(t)
			end := subscribe(t, &h, cl, "room", at)
			if got := publish(t, &h, "room", "live"); got.Offset <= end.Offset || got.Epoch != end.Epoch {
				t.Errorf("Subscribe returned %v, and the next message is at %v", end, got)
			}
			cl.want(t, "resumed", append(want, "live")...)
		}
	})
}

// TestHistoryLost: what can't be brought is an error, never silence.
func TestHistoryLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, h := range map[string]*Hub{
			"retention":  {Broker: history(3)},
			"MaxResume":  {Broker: history(100), MaxResume: 3},
			"no history": {},
		} {
			other := connect(t)
			first := subscribe(t, h, other, "room", Position{})
			if name == "retention" {
				h = &Hub{Broker: h.Broker} // a node that has not seen the messages itself
			}
			for i := range 5 {
				publish(t, h, "room", fmt.Sprint(i))
			}
			for why, since := range map[string]Position{
				"too old":       first,
				"invented":      {first.Epoch, 1 << 60},
				"another epoch": {"other", first.Offset},
			} {
				if first.IsZero() && why == "too old" {
					continue
				}
				cl := connect(t)
				if at, err := h.Subscribe(bg, cl.server, "room", since); !errors.Is(err, ErrHistoryLost) {
					t.Errorf("%s, %s: Subscribe returned %v, %v; want ErrHistoryLost", name, why, at, err)
				}
				publish(t, h, "room", "later")
				cl.want(t, why+": not subscribed")
			}
		}
	})
}

// TestMemoryAge: messages are forgotten when they are old, and topics with them.
func TestMemoryAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &Memory{Retention: Retention{Messages: 10, Age: time.Minute}}
		h := Hub{Broker: m}
		before := publish(t, &h, "room", "1")
		publish(t, &h, "room", "2")
		time.Sleep(30 * time.Second)
		last := publish(t, &h, "room", "3")
		cl := connect(t)
		subscribe(t, &h, cl, "room", before)
		cl.want(t, "nothing is old", "2", "3")
		cl.cut()
		time.Sleep(45 * time.Second)
		if _, err := h.Subscribe(bg, connect(t).server, "room", before); !errors.Is(err, ErrHistoryLost) {
			t.Errorf("Subscribe after a message that is gone: %v, want ErrHistoryLost", err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(m.logs); n != 0 || m.sweeper != nil {
			t.Errorf("%d logs are kept after their last message is old, a timer runs: %t", n, m.sweeper != nil)
		}
		cl = connect(t)
		subscribe(t, &h, cl, "room", last)
		cl.want(t, "nothing was missed")
		if _, err := h.Subscribe(bg, connect(t).server, "room", before); !errors.Is(err, ErrHistoryLost) {
			t.Errorf("Subscribe to a topic that was forgotten: %v, want ErrHistoryLost", err)
		}
		cl.cut()
	})
}

// TestEnds: a subscription ends with its connection, and a topic with its last subscription.
func TestEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var h Hub
		for _, end := range []func(cl *client){
			func(cl *client) { cl.cut() },
			func(cl *client) { _ = cl.c.Close(ws.CloseNormal, "") },
			func(cl *client) { h.Unsubscribe(cl.server, "a"); h.Unsubscribe(cl.server, "b"); cl.cut() },
		} {
			cl := connect(t)
			subscribe(t, &h, cl, "a", Position{})
			subscribe(t, &h, cl, "b", Position{})
			end(cl)
			synctest.Wait()
			if len(h.topics) != 0 || len(h.members) != 0 || len(h.local.logs) != 0 {
				t.Errorf("left: %d topics, %d members, %d logs; want none", len(h.topics), len(h.members), len(h.local.logs))
			}
		}
		cl := connect(t)
		cl.cut()
		if _, err := h.Subscribe(bg, cl.server, "a", Position{}); err == nil {
			synctest.Wait()
		}
		if len(h.topics) != 0 || len(h.members) != 0 {
			t.Errorf("a connection that had ended left %d topics and %d members", len(h.topics), len(h.members))
		}
	})
}

// TestLimits: what a client may ask for is bounded.
func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		refused := errors.New("not for you")
		h := Hub{MaxTopics: 2, MaxTopicLength: 8, Check: func(_ *ws.Conn, topic string) error {
			if topic == "secret" {
				return refused
			}
			return nil
		}}
		cl := connect(t)
		for _, test := range []struct {
			topic string
			want  error
		}{
			{"a", nil},
			{"a", ErrSubscribed},
			{"secret", refused},
			{"", ErrTopic},
			{"123456789", ErrTopic},
			{"a\n", ErrTopic},
			{"\xff", ErrTopic},
			{"b", nil},
			{"c", ErrTooManyTopics},
		} {
			if _, err := h.Subscribe(bg, cl.server, test.topic, Position{}); !errors.Is(err, test.want) {
				t.Errorf("Subscribe to %q: %v, want %v", test.topic, err, test.want)
			}
		}
		h.Unsubscribe(cl.server, "a")
		subscribe(t, &h, cl, "c", Position{})
		for text, want := range map[string]error{"": ErrTopic, "\x00": ErrTopic} {
			if _, err := h.Publish(bg, text, ws.Text, nil); !errors.Is(err, want) {
				t.Errorf("Publish to %q: %v, want %v", text, err, want)
			}
		}
		if _, err := h.Publish(bg, "a", 7, nil); !errors.Is(err, ws.ErrMessageType) {
			t.Errorf("Publish with type 7: %v, want ErrMessageType", err)
		}
		if _, err := h.Publish(bg, "a", ws.Text, []byte("\xff")); err == nil {
			t.Error("Publish took text that is not UTF-8")
		}
	})
}

// TestSlowPeer: a subscription whose connection refuses a message ends, and is told.
func TestSlowPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told []string
		h := Hub{Lost: func(_ *ws.Conn, topic string, err error) {
			told = append(told, fmt.Sprint(topic, ": ", errors.Is(err, ws.ErrQueueTooSmall)))
		}}
		cl := connectWith(t, ws.Config{Queue: 1000, QueuePolicy: ws.QueueRefuse})
		other := connect(t)
		subscribe(t, &h, cl, "room", Position{})
		subscribe(t, &h, other, "room", Position{})
		long := strings.Repeat("x", 2000)
		publish(t, &h, "room", long)
		publish(t, &h, "room", "later")
		cl.want(t, "a message is missing, and so are those after it")
		other.want(t, "not concerned", long, "later")
		if want := []string{"room: true"}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

// TestConflate: a slow peer gets the latest message, others get all.
func TestConflate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := Hub{Broker: history(10), Conflate: func(topic string) bool { return topic == "price" }}
		fast := connect(t)
		begun := subscribe(t, &h, fast, "price", Position{})
		slow := connect(t)
		gate := slow.hold()
		subscribe(t, &h, slow, "price", Position{})
		filler := strings.Repeat("x", 900<<10) // the second one is more than the pipe takes
		_, _ = slow.server.Send(ws.Text, []byte(filler)), slow.server.Send(ws.Text, []byte(filler))
		var want []string
		for i := range 5 {
			want = append(want, fmt.Sprint(i))
			publish(t, &h, "price", want[i])
			synctest.Wait()
		}
		fast.want(t, "all of them", want...)
		close(gate)
		slow.want(t, "the latest alone", filler, filler, "4")
		publish(t, &h, "price", "5")
		slow.want(t, "it has caught up", "5")
		back := connect(t)
		subscribe(t, &h, back, "price", begun)
		back.want(t, "came back", "5")
		other := Hub{Broker: h.Broker, Conflate: h.Conflate}
		moved := connect(t)
		subscribe(t, &other, moved, "price", begun)
		moved.want(t, "came back on another node", "5")
	})
}

// TestPresence: who is there, by name.
func TestPresence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := new(Memory)
		name := func(c *ws.Conn) string { return c.Data().(string) }
		alone := &Hub{}
		one, two := &Hub{Broker: m, Identify: name}, &Hub{Broker: m, Identify: name}
		ids := func(h *Hub) string {
			time.Sleep(time.Second)
			members, err := h.Presence(bg, "room")
			if err != nil {
				t.Error(err)
			}
			text := ""
			for _, m := range members {
				text += fmt.Sprint(m.ID, m.Connections, " ")
			}
			return text
		}
		want := func(why, want string, hubs ...*Hub) {
			t.Helper()
			for _, h := range hubs {
				if got := ids(h); got != want {
					t.Errorf("%s: present %q, want %q", why, got, want)
				}
			}
		}
		join := func(h *Hub, id string) *client {
			cl := connect(t)
			cl.server.SetData(id)
			subscribe(t, h, cl, "room", Position{})
			return cl
		}
		join(alone, "ada")
		join(alone, "ada")
		want("one node", "ada2 ", alone)
		ada, bob := join(one, "ada"), join(two, "bob")
		want("two nodes", "ada1 bob1 ", one, two)
		eve := join(one, "eve")
		ada.cut()
		want("one has gone, one has come", "bob1 eve1 ", one, two)
		time.Sleep(10 * time.Minute)
		want("after a long time", "bob1 eve1 ", one, two)
		bob.cut()
		eve.cut()
		want("all have gone", "", one, two)
		if _, err := (&Hub{Broker: m}).Presence(bg, "room"); !errors.Is(err, errNoPresence) {
			t.Errorf("Presence without Identify: %v, want an error", err)
		}
	})
}

// counted counts the readings of the history.
type counted struct {
	*Memory
	reads, messages, subscribes atomic.Int64
}

func (c *counted) History(ctx context.Context, topic string, since Position, limit int) (History, error) {
	c.reads.Add(1)
	time.Sleep(10 * time.Millisecond)
	h, err := c.Memory.History(ctx, topic, since, limit)
	c.messages.Add(int64(len(h.Messages)))
	return h, err
}

func (c *counted) Subscribe(ctx context.Context, topic string, s Sink) (func(), error) {
	c.subscribes.Add(1)
	time.Sleep(10 * time.Millisecond)
	return c.Memory.Subscribe(ctx, topic, s)
}

// TestCrowdComesBack: clients that come back together share one subscription at the broker, and one
// reading of the history.
func TestCrowdComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &counted{Memory: history(1000)}
		h := Hub{Broker: b}
		var at []Position
		for i := range 200 {
			at = append(at, publish(t, &h, "room", fmt.Sprint(i)))
		}
		clients := make([]*client, 1000)
		for i := range clients {
			clients[i] = connect(t)
			go func() {
				if _, err := h.Subscribe(bg, clients[i].server, "room", at[i%len(at)]); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}()
		}
		time.Sleep(time.Second)
		for i, cl := range clients {
			missed := len(at) - 1 - i%len(at)
			if got := cl.received(); len(got) != missed || missed > 0 && got[missed-1] != "199" {
				t.Fatalf("client %d received %d messages, want %d", i, len(got), missed)
			}
		}
		if r, s := b.reads.Load(), b.subscribes.Load(); r > 2 || s != 1 {
			t.Errorf("1000 clients made the node read the history %d times and subscribe %d times, want 2 and 1", r, s)
		}
	})
}

// TestReadsWhatIsMissed: a node that a client comes back to reads no more of the history than the
// client has missed. If that is too much, the node reads the latest messages once, for all others.
func TestReadsWhatIsMissed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &counted{Memory: history(10_000)}
		h := Hub{Broker: b, MaxResume: 10_000}
		var at []Position
		for i := range 10_000 {
			at = append(at, publish(t, &h, "room", fmt.Sprint(i)))
		}
		back := func(missed int) {
			t.Helper()
			cl := connect(t)
			if _, err := h.Subscribe(bg, cl.server, "room", at[len(at)-1-missed]); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := cl.received(); len(got) != missed {
				t.Errorf("received %d messages, want %d", len(got), missed)
			}
		}
		for _, c := range []struct{ missed, read int64 }{
			{3, 1 + 3},                 // it joins, and reads what is missed
			{3, 0},                     // of which nothing is missed any more
			{500, 500},                 //
			{9000, 2*fetchMost + 9000}, // the oldest and the latest ones; then pages for this client alone
			{4000, 0},                  //
		} {
			before := b.messages.Load()
			back(int(c.missed))
			if read := b.messages.Load() - before; read > c.read {
				t.Errorf("for a client that has missed %d messages, the node has read %d, want %d at most", c.missed, read, c.read)
			}
		}
	})
}

// TestSubscribeAfterTheEnd: the error is the connection's, and not that the topic, which nobody
// wants any more, was given up. Nobody is told of a failure of the Broker.
func TestSubscribeAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := Hub{Broker: history(10), Failed: func(topic string, err error) {
			t.Errorf("Failed is told of %s: %v", topic, err)
		}}
		cl := connect(t)
		_ = cl.c.Close(ws.CloseNormal, "")
		synctest.Wait()
		for range 10 {
			_, err := h.Subscribe(bg, cl.server, "room", Position{})
			if err != nil && err != cl.server.Err() { // nil: it was in before it was taken out
				t.Errorf("Subscribe: %v, want %v", err, cl.server.Err())
			}
			synctest.Wait()
			h.Command(bg, cl.server, ws.Text, []byte(`{"hub":"subscribe","topic":"room"}`))
			synctest.Wait()
		}
	})
}

// TestSealedOnce: a node makes each message once, however many connections get it.
func TestSealedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var made atomic.Int32
		h := Hub{Broker: history(10), Envelope: func(topic string, m *Message) (ws.MessageType, []byte, error) {
			made.Add(1)
			return m.Type, []byte(topic + ": " + string(m.Data)), nil
		}}
		all := make([]*client, 20)
		for i := range all {
			all[i] = connect(t)
			subscribe(t, &h, all[i], "room", Position{})
		}
		publish(t, &h, "room", "a")
		last := publish(t, &h, "room", "b")
		for _, cl := range all {
			cl.want(t, "each subscriber", "room: a", "room: b")
		}
		back := connect(t)
		subscribe(t, &h, back, "room", Position{last.Epoch, last.Offset - 1})
		back.want(t, "one that came back", "room: b")
		if n := made.Load(); n != 2 {
			t.Errorf("2 messages for %d connections were made %d times, want once each", len(all)+1, n)
		}
	})
}
