package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
)

// faulty is a Broker whose connections to the nodes break: messages are missed until the node is
// told, some come twice, and readings of the history fail or are slow.
type faulty struct {
	*Memory
	mu  sync.Mutex
	rnd *rand.Rand
}

var errFaulty = errors.New("the broker can't be reached")

func (f *faulty) chance(percent int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rnd.IntN(100) < percent
}

func (f *faulty) History(ctx context.Context, topic string, since Position, limit int) (History, error) {
	if f.chance(20) && !since.IsZero() {
		return History{}, errFaulty
	}
	if !since.IsZero() {
		limit = min(limit, 7) // the hub asks again
	}
	time.Sleep(time.Millisecond)
	h, err := f.Memory.History(ctx, topic, since, limit)
	time.Sleep(time.Millisecond)
	return h, err
}

func (f *faulty) Subscribe(ctx context.Context, topic string, s Sink) (func(), error) {
	link := &faultyLink{Sink: s, f: f}
	return f.Memory.Subscribe(ctx, topic, link)
}

// faultyLink is one node's connection to the broker.
type faultyLink struct {
	Sink
	f      *faulty
	missed int // messages; the connection is broken if there are any
	last   Message
}

func (l *faultyLink) Deliver(m Message) {
	switch {
	case l.missed > 0 && l.f.chance(30):
		l.missed = 0
		l.Interrupted()
	case l.missed > 0 || l.f.chance(5):
		l.missed++
		return
	case l.f.chance(5): // one is lost, and the next one shows it
		return
	case l.f.chance(5) && l.last.Data != nil:
		l.Sink.Deliver(l.last)
	}
	l.last = m
	l.Sink.Deliver(m)
}

// reader is a client that comes back, to any of the nodes, whenever its connection ends.
type reader struct {
	t     *testing.T
	nodes []*Hub
	at    Position
	next  int // the number that it expects
	quiet *atomic.Bool
}

func (r *reader) run(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		s, c := conntest.Pair(r.t, ws.Config{}, ws.Config{})
		go func() { _ = s.Serve(bg, nil) }()
		h, since := r.nodes[rnd.IntN(len(r.nodes))], r.at
		go func() { // Subscribe waits for the reader
			if _, err := h.Subscribe(ctx, s, "room", since); err != nil {
				if errors.Is(err, ErrHistoryLost) {
					r.t.Errorf("a subscriber at %v: %v", since, err)
				}
				_ = s.CloseNow()
			}
		}()
		length := time.Duration(rnd.IntN(300)) * time.Millisecond
		if r.quiet.Load() {
			length = time.Hour
		}
		life, cancel := context.WithTimeout(ctx, length)
		for r.read(life, c) {
		}
		cancel()
		_, _ = c.CloseNow(), s.CloseNow()
	}
}

// read reads one message and checks its number.
func (r *reader) read(ctx context.Context, c *ws.Conn) bool {
	_, p, err := c.Read(ctx)
	if err != nil {
		return false
	}
	var e envelope
	var n int
	if json.Unmarshal(p, &e) != nil || e.Text == nil {
		r.t.Errorf("received %q, want an envelope", p)
		return false
	}
	_, _ = fmt.Sscan(*e.Text, &n)
	if n != r.next {
		r.t.Errorf("received message %d at %s, want %d", n, e.Position, r.next)
	}
	r.next = n + 1
	r.at, _ = ParsePosition(e.Position)
	return true
}

// TestFaultyBroker: across broken connections of both kinds, every subscriber gets every message
// once and in order.
func TestFaultyBroker(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			const messages, readers = 1000, 10
			f := &faulty{Memory: history(messages + 1), rnd: rand.New(rand.NewPCG(seed, 1))}
			nodes := []*Hub{{Broker: f, Envelope: JSON, MaxResume: messages + 1}, {Broker: f, Envelope: JSON, MaxResume: messages + 1}, {Broker: f, Envelope: JSON, MaxResume: messages + 1}}
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			begin := publish(t, nodes[0], "room", "the beginning")
			var quiet atomic.Bool
			var all [readers]*reader
			var wg sync.WaitGroup
			for i := range all {
				all[i] = &reader{t: t, nodes: nodes, at: begin, quiet: &quiet}
				wg.Go(func() { all[i].run(ctx, rand.New(rand.NewPCG(seed, uint64(i)))) })
			}
			time.Sleep(100 * time.Millisecond)
			for i := range messages {
				publish(t, nodes[i%len(nodes)], "room", fmt.Sprint(i))
				if f.chance(50) {
					time.Sleep(time.Millisecond)
				}
			}
			quiet.Store(true)
			time.Sleep(5 * time.Minute) // topics that are silent look for what they have missed
			cancel()
			wg.Wait()
			for i, r := range all {
				if r.next != messages {
					t.Errorf("seed %d: reader %d received %d messages, want %d", seed, i, r.next, messages)
				}
			}
		})
	}
}
