package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// shard receives the messages of the topics of one hash tag, on one connection. The client connects
// again when that breaks, and subscribes to everything again. The server's confirmation of a
// subscription tells the shard so.
type shard struct {
	b   *Broker
	tag string

	mu       sync.Mutex
	all      *redis.PubSub // nil before the first subscription
	channels map[string]*channel
}

// channel is one topic of a shard.
type channel struct {
	confirmed chan struct{} // closed when the server has the subscription

	mu    sync.Mutex // one goroutine at a time calls the sinks
	sinks []*entry
}

type entry struct{ hub.Sink }

// pingEvery is how often the client makes sure that the connection of a shard works.
const pingEvery = time.Second

// shard returns the shard of a topic.
func (b *Broker) shard(topic string) (*shard, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return nil, redis.ErrClosed
	}
	i := b.shardOf(topic)
	s := b.shards[i]
	if s == nil {
		s = &shard{b: b, tag: b.tag(i), channels: make(map[string]*channel)}
		b.shards[i] = s
	}
	return s, nil
}

// openLocked connects. The shard is always subscribed to one channel, since the client of a cluster
// finds the server by the channels.
func (s *shard) openLocked() {
	s.all = s.b.client.SSubscribe(s.b.ctx, s.tag+":live")
	go s.receive(s.all.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(pingEvery), redis.WithChannelSize(1000)))
}

func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != nil {
		_ = s.all.Close()
	}
}

// Subscribe implements [hub.Broker].
func (b *Broker) Subscribe(ctx context.Context, topic string, to hub.Sink) (func(), error) {
	s, err := b.shard(topic)
	if err != nil {
		return nil, fmt.Errorf("hub/redis: %w", err)
	}
	e := &entry{to}
	name := b.key("live", topic)
	ch := s.add(name, e)
	select {
	case <-ch.confirmed:
		return func() { s.remove(name, ch, e) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-b.ctx.Done():
		err = redis.ErrClosed
	}
	s.remove(name, ch, e)
	return nil, fmt.Errorf("hub/redis: %w", err)
}

// add puts a sink into a channel. If it is the first one, it subscribes to the channel. An error of
// that does not matter: the client remembers the channel, and subscribes when it has connected.
func (s *shard) add(name string, e *entry) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[name]
	if ch == nil {
		ch = &channel{confirmed: make(chan struct{})}
		s.channels[name] = ch
		if s.all == nil {
			s.openLocked()
		}
		_ = s.all.SSubscribe(s.b.ctx, name)
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.sinks = append(ch.sinks, e)
	return ch
}

func (s *shard) remove(name string, ch *channel, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.sinks = slices.DeleteFunc(ch.sinks, func(x *entry) bool { return x == e })
	if len(ch.sinks) == 0 && s.channels[name] == ch {
		delete(s.channels, name)
		_ = s.all.SUnsubscribe(s.b.ctx, name)
	}
}

func (s *shard) channel(name string) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels[name]
}

// receive passes on what the server sends, until the shard is closed.
func (s *shard) receive(events <-chan any) {
	for event := range events {
		switch event := event.(type) {
		case *redis.Subscription:
			s.confirm(event)
		case *redis.Message:
			if ch := s.channel(event.Channel); ch != nil {
				ch.deliver(event.Payload)
			}
		}
	}
}

// confirm takes the server's word about a subscription. If it is not the first time, the connection
// was another one before, and messages may be missing. If the server has ended the subscription
// itself, the hash tag has moved to another server of the cluster.
func (s *shard) confirm(event *redis.Subscription) {
	ch := s.channel(event.Channel)
	switch {
	case ch == nil:
	case event.Kind == "sunsubscribe":
		_ = s.all.SSubscribe(s.b.ctx, event.Channel)
	case isClosed(ch.confirmed):
		ch.interrupted()
	default:
		close(ch.confirmed)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (ch *channel) interrupted() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for _, e := range ch.sinks {
		e.Interrupted()
	}
}

// deliver passes on a message: the epoch, the offset, a byte with the type, and the data.
func (ch *channel) deliver(payload string) {
	epoch, rest, _ := strings.Cut(payload, " ")
	number, data, _ := strings.Cut(rest, " ")
	offset, err := strconv.ParseUint(number, 10, 64)
	if err != nil || data == "" {
		return // of somebody else
	}
	m := hub.Message{Type: ws.MessageType(data[0]), Data: []byte(data[1:])}
	if epoch != "" && offset > 0 {
		m.Position = hub.Position{Epoch: epoch, Offset: offset}
		m.Previous = offset - 1
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for _, e := range ch.sinks {
		e.Deliver(m)
	}
}
