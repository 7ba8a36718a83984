package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// How the messages of a topic come to the node.
//
// A shard has one connection for the topics of one hash tag, a link. If a link breaks, stays silent,
// or its server has no longer the slot, the shard makes another one, to whoever has the slot then.
// It subscribes there to everything, and tells the sinks that messages may be missing. The client
// could do a part of that by itself, but it takes no notice of a server that says MOVED.

// shard receives the messages of the topics of one hash tag.
type shard struct {
	b   *Broker
	tag string

	mu       sync.Mutex
	channels map[string]*channel // what the sinks want
	dirty    map[string]struct{} // the names of channels that have come or gone
	changed  chan struct{}       // has one value if there is something in dirty
	running  bool
	err      error // why there is no link
}

// channel is one topic of a shard.
type channel struct {
	confirmed chan struct{} // closed when the server has the subscription

	mu     sync.Mutex // one goroutine at a time calls the sinks
	sinks  []*entry
	heard  hub.Position // of the last message that was delivered
	seen   place        // of the last message before a doubt
	doubts int          // how often there was one
	doubt  bool         // seen has to be looked for before it moves on
}

type entry struct{ hub.Sink }

const (
	pingEvery    = time.Second
	pingsMissed  = 5                     // pings that a link may leave unanswered
	firstPause   = 20 * time.Millisecond // before another link
	longestPause = time.Second
	maxAtOnce    = 1000 // channels in one command
)

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
		s = &shard{b: b, tag: b.tag(i), channels: make(map[string]*channel), dirty: make(map[string]struct{}), changed: make(chan struct{}, 1)}
		b.shards[i] = s
	}
	return s, nil
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
		if why := s.failure(); why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
	case <-b.ctx.Done():
		err = redis.ErrClosed
	}
	s.remove(name, ch, e)
	return nil, fmt.Errorf("hub/redis: %w", err)
}

// add puts a sink into a channel.
func (s *shard) add(name string, e *entry) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[name]
	if ch == nil {
		ch = &channel{confirmed: make(chan struct{})}
		s.channels[name] = ch
		s.changeLocked(name)
	}
	if !s.running {
		s.running = true
		go s.run()
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
		s.changeLocked(name)
	}
}

// changeLocked tells the link that a channel has come or gone.
func (s *shard) changeLocked(name string) {
	s.dirty[name] = struct{}{}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *shard) channel(name string) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels[name]
}

// failure says why there is no link, or no channel was confirmed yet.
func (s *shard) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// run makes one link after another, until the Broker is closed.
func (s *shard) run() {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		l := &link{
			s: s, all: s.b.client.SSubscribe(s.b.ctx), over: make(chan struct{}),
			has: make(map[string]bool), leaving: make(map[string]int),
		}
		err := l.run()
		if s.b.ctx.Err() != nil {
			return
		}
		if l.confirmed.Load() {
			pause = firstPause
		}
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		s.b.reload()
		select {
		case <-time.After(pause):
		case <-s.b.ctx.Done():
			return
		}
	}
}

// reload has the client of a cluster find out soon who has which slot now.
func (b *Broker) reload() {
	if c, ok := b.client.(interface{ ReloadState(context.Context) }); ok {
		c.ReloadState(b.ctx)
	}
}

// link is one connection of a shard. One goroutine writes to it, and another one reads.
type link struct {
	s         *shard
	all       *redis.PubSub
	over      chan struct{} // closed when nothing is received any more
	confirmed atomic.Bool   // a subscription was
	unheard   atomic.Int32  // pings since something was received

	has map[string]bool // the channels that it has asked for and not left; the writer's

	mu      sync.Mutex
	leaving map[string]int // how often it has asked to leave a channel and has no answer yet
}

var (
	errMoved  = errors.New("the server has ended a subscription: the slot is another one's")
	errSilent = errors.New("the server does not answer")
)

// run subscribes, receives and pings until the link breaks.
func (l *link) run() (err error) {
	var received error
	// The first command connects. The client of a cluster finds the server by the channels, so
	// there is always one.
	if err = l.update(true); err == nil {
		go func() {
			defer close(l.over)
			received = l.receive()
		}()
		err = l.write()
		_ = l.all.Close()
		<-l.over
	}
	_ = l.all.Close()
	if err == nil {
		err = received
	}
	return err
}

// write tells the server of channels that come and go, and pings.
func (l *link) write() error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-l.s.changed:
			err = l.update(false)
		case <-ping.C:
			if l.unheard.Add(1) > pingsMissed {
				return errSilent
			}
			err = l.all.Ping(l.s.b.ctx)
		case <-l.over:
			return nil
		case <-l.s.b.ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// update subscribes to channels that have come, at first to all, and leaves those that have gone.
func (l *link) update(first bool) error {
	join, leave := l.changes(first)
	for names := range slices.Chunk(join, maxAtOnce) {
		if err := l.all.SSubscribe(l.s.b.ctx, names...); err != nil {
			return err
		}
	}
	for names := range slices.Chunk(leave, maxAtOnce) {
		if err := l.all.SUnsubscribe(l.s.b.ctx, names...); err != nil {
			return err
		}
	}
	return nil
}

// changes returns which channels are to be subscribed to, and which ones to be left. One that has
// come again waits for another confirmation.
func (l *link) changes(first bool) (join, leave []string) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	names := maps.Keys(l.s.dirty)
	if first {
		names = maps.Keys(l.s.channels)
		join = append(join, l.s.tag+":live")
	}
	for name := range names {
		ch := l.s.channels[name]
		switch {
		case ch != nil && (!l.has[name] || !isClosed(ch.confirmed)):
			l.has[name] = true
			join = append(join, name)
		case ch == nil && l.has[name]:
			delete(l.has, name)
			l.leaving[name]++
			leave = append(leave, name)
		}
	}
	clear(l.s.dirty)
	return join, leave
}

// receive passes on what the server sends, until the link breaks.
func (l *link) receive() error {
	for {
		event, err := l.all.Receive(l.s.b.ctx)
		if err != nil {
			return err
		}
		l.unheard.Store(0)
		switch event := event.(type) {
		case *redis.Subscription:
			if event.Kind == "sunsubscribe" {
				if !l.left(event.Channel) {
					return errMoved
				}
				continue
			}
			l.confirmed.Store(true)
			l.s.confirm(event.Channel)
		case *redis.Message:
			if ch := l.s.channel(event.Channel); ch != nil {
				ch.deliver(event.Payload)
			}
		}
	}
}

// left reports whether the end of a subscription was asked for.
func (l *link) left(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.leaving[name]
	if n > 1 {
		l.leaving[name] = n - 1
	} else {
		delete(l.leaving, name)
	}
	return n > 0
}

// confirm takes the server's word about a subscription. If it is not the first time, the connection
// was another one before, and messages may be missing.
func (s *shard) confirm(name string) {
	s.mu.Lock()
	s.err = nil
	ch := s.channels[name]
	s.mu.Unlock()
	switch {
	case ch == nil:
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
	ch.interruptedLocked()
}

func (ch *channel) interruptedLocked() {
	ch.doubts++
	ch.doubt = true
	for _, e := range ch.sinks {
		e.Interrupted()
	}
}

// deliver passes on a message: the epoch, the offset, the identifier, a byte with the type, and the
// data.
func (ch *channel) deliver(payload string) {
	part := strings.SplitN(payload, " ", 4)
	if len(part) < 4 || part[3] == "" {
		return // of somebody else
	}
	epoch, id, data := part[0], part[2], part[3]
	offset, err := strconv.ParseUint(part[1], 10, 64)
	if err != nil {
		return
	}
	m := hub.Message{Type: ws.MessageType(data[0]), Data: []byte(data[1:])}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if epoch != "" && offset > 0 {
		m.Position = hub.Position{Epoch: epoch, Offset: offset}
		m.Previous = offset - 1
		ch.hearLocked(place{m.Position, id})
	}
	for _, e := range ch.sinks {
		e.Deliver(m)
	}
}

// Messages that a replica lacks are lost if it takes over, and others get their offsets. To notice
// that, a node remembers the last message that it has seen. Whenever messages may have been lost, it
// is in doubt: its next reading of the history asks whether that message is still there.

// place is a message's position and identifier. The zero value is none.
type place struct {
	at hub.Position
	id string
}

// after reports whether p is further on than other, or in another epoch.
func (p place) after(other place) bool {
	return p.at.Epoch != other.at.Epoch || p.at.Offset > other.at.Offset
}

// hearLocked takes note of a message that has come. Offsets that fall back are a reason to doubt.
func (ch *channel) hearLocked(p place) {
	switch {
	case p.at.Epoch == ch.heard.Epoch && p.at.Offset <= ch.heard.Offset:
		ch.interruptedLocked()
	case p.at.Epoch != ch.seen.at.Epoch:
		ch.seen, ch.doubt = p, false
	case !ch.doubt && p.after(ch.seen):
		ch.seen = p
	}
	ch.heard = p.at
}

// witness returns the message that has to be there, and the number of doubts. A nil channel has none.
func (ch *channel) witness() (seen place, doubts int) {
	if ch == nil {
		return place{}, 0
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.seen, ch.doubts
}

// read takes note of a history that was read up to p, and of which seen was a part, or which is of
// another epoch. It began after so many doubts.
func (ch *channel) read(p place, doubts int) {
	if ch == nil {
		return
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if doubts == ch.doubts {
		ch.doubt = false
	}
	if !ch.doubt && p.id != "" && p.after(ch.seen) {
		ch.seen = p
	}
}

// channel returns the node's channel of a topic, or nil.
func (b *Broker) channel(topic string) *channel {
	b.mu.Lock()
	s := b.shards[b.shardOf(topic)]
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.channel(b.key("live", topic))
}
