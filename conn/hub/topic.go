package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// topic is what a node has of a topic that somebody is subscribed to on it.
type topic struct {
	hub       *Hub
	name      string
	conflated bool

	refs int // subscriptions, those that are being made too; guarded by Hub.mu

	ready  chan struct{} // closed when the topic has joined or failed
	err    error         // why it has failed; set before ready is closed
	ctx    context.Context
	cancel context.CancelFunc
	stop   func() // of the broker's Subscribe

	mu      sync.Mutex
	feed    feed
	subs    []*subscription
	recent  []sealed // what was delivered after `after`, without a gap
	after   Position
	bytes   int           // of recent
	latest  *ws.Prepared  // if the topic is conflated
	reading bool          // a goroutine reads the history for the feed
	settled chan struct{} // closed when the feed is live; nil if nobody waits
	fetched *fetching     // the reading for subscribers; nil if there is none
	oldest  Position      // where the next reading for subscribers begins, or later
	crowd   crowd

	verified Position // where the feed was when verify looked
}

// sealed is a message as the subscribers get it.
type sealed struct {
	at       Position
	size     int
	prepared *ws.Prepared
}

// Bounds of what a topic does by itself.
const (
	joinTimeout = 15 * time.Second
	readPage    = 1024    // messages of the history that are read at a time to fill a gap
	recentBytes = 1 << 20 // that a topic keeps in a node for subscribers that come back
)

// join subscribes at the broker and finds the topic's end.
func (t *topic) join() {
	defer close(t.ready)
	ctx, cancel := context.WithTimeout(t.ctx, joinTimeout)
	defer cancel()
	if t.stop, t.err = t.hub.broker().Subscribe(ctx, t.name, t); t.err != nil {
		return
	}
	h, err := t.hub.broker().History(ctx, t.name, Position{}, 1)
	if err != nil {
		t.err = err
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.feed.step(&event{kind: read, history: h})
	t.after = h.After
	for i := range h.Messages {
		last := t.seal(&h.Messages[i])
		t.rememberLocked(last)
		if t.conflated {
			t.latest = last.prepared
		}
	}
	t.runLocked(o)
}

// await waits until the topic has joined.
func (t *topic) await(ctx context.Context) error {
	select {
	case <-t.ready:
		return t.err
	default:
	}
	select {
	case <-t.ready:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shut ends the topic: nobody is subscribed any more.
func (t *topic) shut() {
	t.cancel()
	<-t.ready
	if t.stop != nil {
		t.stop()
	}
	t.announceNone()
}

// Deliver implements [Sink].
func (t *topic) Deliver(m Message) { t.happen(&event{kind: arrived, message: m}) }

// Interrupted implements [Sink].
func (t *topic) Interrupted() { t.happen(&event{kind: interrupted}) }

func (t *topic) happen(e *event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runLocked(t.feed.step(e))
}

// runLocked does what the feed asks for.
func (t *topic) runLocked(o outcome) {
	if o.lost {
		t.loseLocked()
		t.after = t.feed.at
		if len(o.deliver) > 0 {
			first := &o.deliver[0]
			t.after = Position{Epoch: first.Position.Epoch, Offset: first.Previous}
		}
	}
	for i := range o.deliver {
		t.deliverLocked(&o.deliver[i])
	}
	if o.read && !t.reading {
		t.reading = true
		go t.catchUp()
	}
	if t.feed.phase == live && t.settled != nil {
		close(t.settled)
		t.settled = nil
	}
}

// loseLocked ends all subscriptions: messages are missing that nobody has.
func (t *topic) loseLocked() {
	t.recent, t.bytes = nil, 0
	for _, s := range slices.Clone(t.subs) {
		t.dropLocked(s, ErrHistoryLost)
	}
}

// catchUp reads the history until the feed has what it has missed. If that fails, it tries again
// until the topic ends: the broker may be down for long.
func (t *topic) catchUp() {
	const first, longest = 20 * time.Millisecond, 5 * time.Second
	for wait := first; ; {
		t.mu.Lock()
		since := t.feed.at
		t.mu.Unlock()
		h, err := t.hub.broker().History(t.ctx, t.name, since, readPage)
		if t.ctx.Err() != nil {
			return
		}
		if err != nil {
			t.hub.failed(t.name, err)
		} else if more, moved := t.absorb(h, since); !more {
			return
		} else if moved {
			wait = first
			continue
		}
		select {
		case <-time.After(wait):
		case <-t.ctx.Done():
			return
		}
		wait = min(2*wait, longest)
	}
}

// absorb gives the feed what was read. It reports whether there is more to read, and whether this
// has brought the feed on.
func (t *topic) absorb(h History, since Position) (more, moved bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.feed.step(&event{kind: read, history: h})
	if o.lost && t.conflated {
		t.latest = nil // it is of before the loss
		if n := len(h.Messages); n > 0 {
			t.latest = t.seal(&h.Messages[n-1]).prepared
		}
	}
	t.runLocked(o)
	t.reading = o.read
	return o.read, t.feed.at != since
}

// deliverLocked passes a message to all subscribers, and keeps it for those that come back.
func (t *topic) deliverLocked(m *Message) {
	msg := t.seal(m)
	t.rememberLocked(msg)
	if msg.prepared == nil {
		return
	}
	if t.conflated {
		t.latest = msg.prepared
		t.conflateLocked()
		return
	}
	var failed []failure
	for _, s := range t.subs {
		if err := s.c.SendPrepared(msg.prepared); err != nil {
			failed = append(failed, failure{s, err})
		}
	}
	for _, f := range failed {
		t.dropLocked(f.s, f.err)
	}
}

// failure is a subscription whose connection has not taken a message.
type failure struct {
	s   *subscription
	err error
}

// seal frames a message. If the envelope refuses it, there is none.
func (t *topic) seal(m *Message) sealed {
	p, err := t.hub.prepare(t.name, m)
	if err != nil {
		t.hub.failed(t.name, err)
	}
	return sealed{at: m.Position, size: len(m.Data), prepared: p}
}

// rememberLocked keeps a message.
func (t *topic) rememberLocked(msg sealed) {
	if msg.at.IsZero() || t.conflated {
		t.after = msg.at
		return
	}
	t.recent = append(t.recent, msg)
	t.bytes += msg.size
	drop := 0
	for n := len(t.recent); n-drop > t.hub.maxResume() || n-drop > 1 && t.bytes > recentBytes; drop++ {
		t.bytes -= t.recent[drop].size
	}
	if drop > 0 {
		t.after = t.recent[drop-1].at
		clear(t.recent[:drop])
		t.recent = t.recent[drop:]
	}
}
