package brokertest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/hub"
)

// Messages is how many messages Sequence publishes.
var Messages = flag.Int("messages", 5_000, "how many messages the tests of broken brokers publish")

// Scenario is a run of Sequence.
type Scenario struct {
	// Start makes a broker for a node, as the node's process would at its start. stop ends what
	// belongs to it, at once and without good-byes. It is called again if a node is killed.
	Start func(node int) (b hub.Broker, stop func(), err error)

	// Faults are what goes wrong: one after another, again and again, while messages flow. Each
	// ends with everything in order again.
	Faults []func()
}

const (
	seqNodes   = 3
	seqTopics  = 4
	seqReaders = 6
	seqBatch   = 1 << 20 // MaxResume: nothing is too much
)

// node is one process of a cluster, as far as it concerns the hub. kill ends it as kill -9 does:
// its connections are cut, and nobody is told.
type node struct {
	number int
	start  func(int) (hub.Broker, func(), error)

	mu    sync.Mutex
	hub   *hub.Hub
	stop  func()
	conns map[*ws.Conn]struct{}
}

func (n *node) begin() error {
	b, stop, err := n.start(n.number)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hub = &hub.Hub{Broker: b, Envelope: hub.JSON, MaxResume: seqBatch}
	n.stop = stop
	n.conns = make(map[*ws.Conn]struct{})
	return nil
}

func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop == nil {
		return
	}
	n.stop()
	n.hub, n.stop = nil, nil
	for c := range n.conns {
		_ = c.CloseNow()
	}
}

// Hub returns the node's hub, or nil while the node is down.
func (n *node) get() *hub.Hub {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hub
}

func (n *node) add(c *ws.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hub == nil {
		_ = c.CloseNow()
		return
	}
	n.conns[c] = struct{}{}
}

// sequence is a run.
type sequence struct {
	t     *testing.T
	ctx   context.Context
	nodes []*node
	count int // messages of each topic
	begin []hub.Position
	done  atomic.Int64 // readers that have everything
	sent  atomic.Int64
	broke atomic.Int64 // faults that are over
	round int64        // faults of the whole run
}

// Sequence publishes [Messages] to topics on three nodes, while faults happen and a node is killed
// now and then, and checks that every subscriber gets every message of each topic once and in
// order. The subscribers come back on any of the nodes when their connections end, which they also
// do for no reason.
func Sequence(t *testing.T, sc Scenario) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	s := &sequence{t: t, ctx: ctx, count: *Messages / seqTopics}
	for i := range seqNodes {
		n := &node{number: i, start: sc.Start}
		if err := n.begin(); err != nil {
			t.Fatal(err)
		}
		s.nodes = append(s.nodes, n)
	}
	for k := range seqTopics {
		at, err := s.nodes[0].get().Publish(ctx, TopicName(k), ws.Text, []byte("-1"))
		if err != nil {
			t.Fatal(err)
		}
		s.begin = append(s.begin, at)
	}
	faults := append([]func(){s.killNode(1), s.killNode(2)}, sc.Faults...)
	s.round = int64(2 * len(faults))
	var readers, publishers sync.WaitGroup
	for i := range seqReaders {
		readers.Go(func() { s.read(rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	for k := range seqTopics {
		publishers.Go(func() { s.publish(k) })
	}
	over := make(chan struct{})
	go func() { publishers.Wait(); readers.Wait(); close(over) }()
	s.breakThings(faults, over)
	<-over
	if d := s.done.Load(); d != seqReaders {
		t.Errorf("%d of %d subscribers got all %d messages", d, seqReaders, s.count*seqTopics)
	}
	t.Logf("%d messages to %d subscribers, %d faults", s.sent.Load(), seqReaders, s.broke.Load())
	for _, n := range s.nodes {
		n.kill()
	}
}

// TopicName is the name of one of the topics of Sequence, which are numbered from 0.
func TopicName(k int) string { return fmt.Sprint("topic ", k) }

// due returns how many messages have been published when fault n begins.
func (s *sequence) due(n int64) int64 { return (n + 1) * int64(s.count*seqTopics) / (s.round + 1) }

// breakThings lets faults happen while messages are published, spread over them.
func (s *sequence) breakThings(faults []func(), over <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := int64(0); n < s.round; {
		select {
		case <-over:
			return
		case <-tick.C:
			if s.sent.Load() >= s.due(n) {
				faults[n%int64(len(faults))]()
				n++
				s.broke.Store(n)
			}
		}
	}
}

// await holds a publisher back that is ahead of the faults: some messages flow during each of them,
// and some between them.
func (s *sequence) await() {
	for s.ctx.Err() == nil && s.broke.Load() < s.round && s.sent.Load() >= s.due(s.broke.Load()+1) {
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *sequence) killNode(i int) func() {
	return func() {
		s.nodes[i].kill()
		for s.ctx.Err() == nil {
			if err := s.nodes[i].begin(); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// publish publishes the messages of one topic, through the node that is never killed: a process
// that is killed can't know what became of its last message.
func (s *sequence) publish(k int) {
	for i := range s.count {
		ctx, cancel := context.WithTimeout(s.ctx, 2*patience)
		_, err := s.nodes[0].get().Publish(ctx, TopicName(k), ws.Text, fmt.Append(nil, i))
		cancel()
		if err != nil {
			s.t.Errorf("topic %d: message %d: %v", k, i, err)
			return
		}
		s.sent.Add(1)
		s.await()
	}
}

// reader is one subscriber of all topics.
type reader struct {
	s    *sequence
	at   []hub.Position
	next []int
	have int
}

func (s *sequence) read(rnd *rand.Rand) {
	r := &reader{s: s, at: append([]hub.Position(nil), s.begin...), next: make([]int, seqTopics)}
	for s.ctx.Err() == nil && r.have < s.count*seqTopics && !s.t.Failed() {
		r.once(s.nodes[rnd.IntN(seqNodes)], time.Duration(rnd.IntN(2000))*time.Millisecond)
	}
	if r.have == s.count*seqTopics {
		s.done.Add(1)
	} else {
		s.t.Errorf("a subscriber has %v of each topic, want %d", r.next, s.count)
	}
}

// once is one connection's life.
func (r *reader) once(n *node, life time.Duration) {
	h := n.get()
	if h == nil {
		time.Sleep(10 * time.Millisecond)
		return
	}
	server, client := conntest.Pair(r.s.t, ws.Config{}, ws.Config{})
	defer func() { _, _ = client.CloseNow(), server.CloseNow() }()
	n.add(server)
	go func() { _ = server.Serve(r.s.ctx, nil) }()
	since := append([]hub.Position(nil), r.at...)
	var subscribing sync.WaitGroup
	defer subscribing.Wait()
	ctx, cancel := context.WithTimeout(r.s.ctx, max(life, 50*time.Millisecond))
	defer cancel()
	subscribing.Go(func() {
		for k := range seqTopics {
			if _, err := h.Subscribe(ctx, server, TopicName(k), since[k]); err != nil {
				if errors.Is(err, hub.ErrHistoryLost) {
					r.s.t.Errorf("topic %d: a subscriber at %v: %v", k, since[k], err)
				}
				_ = server.CloseNow()
				return
			}
		}
	})
	for r.have < r.s.count*seqTopics && r.receive(ctx, client) {
	}
	_ = server.CloseNow()
}

// receive takes one message, and reports false if the connection is over.
func (r *reader) receive(ctx context.Context, c *ws.Conn) bool {
	_, p, err := c.Read(ctx)
	if err != nil {
		return false
	}
	var m struct{ Topic, Position, Text string }
	var k, i int
	if err := json.Unmarshal(p, &m); err != nil {
		r.s.t.Errorf("received %q: %v", p, err)
		return false
	}
	_, _ = fmt.Sscanf(m.Topic, "topic %d", &k)
	_, _ = fmt.Sscan(m.Text, &i)
	if i != r.next[k] {
		r.s.t.Errorf("topic %d: received message %d at %s, want %d, after %v", k, i, m.Position, r.next[k], r.at[k])
		return false
	}
	r.next[k]++
	r.have++
	r.at[k], err = hub.ParsePosition(m.Position)
	return err == nil
}
