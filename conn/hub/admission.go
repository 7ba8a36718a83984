package hub

import (
	"context"
	"errors"
	"slices"
)

// How a subscriber that comes back reaches the topic's position: with what the node has of the
// history, or with what the broker has.

const (
	fetchMost  = 4096 // messages that are read for all subscribers together that come back
	sendAtOnce = 64   // missed messages that are queued for a subscriber; of more, each is waited for
)

// errBehind says that a subscriber falls further behind while it is sent what it has missed.
var errBehind = errors.New("hub: the peer reads more slowly than the topic grows")

// admit brings a subscription to the topic's position, and makes it one of the subscribers. greet,
// if there is one, is called before anything is sent to it, with the position at which it begins.
func (t *topic) admit(ctx context.Context, s *subscription, since Position, greet func(Position) error) (Position, error) {
	a := admission{t: t, s: s, at: since, greet: greet}
	for {
		done, err := a.step(ctx)
		if done || err != nil {
			return a.at, err
		}
	}
}

// admission is the way of one subscription to the topic's position.
type admission struct {
	t      *topic
	s      *subscription
	at     Position             // what it has
	greet  func(Position) error // nil when it was called
	target Position             // where the topic was at the beginning
	missed int                  // messages before target that it was sent
	sent   int                  // messages that it was sent

	fetched bool // the node has read the history for it
	synced  bool // the node has looked for messages that it has missed itself
}

// step makes a part of the way, and reports whether that was the last.
func (a *admission) step(ctx context.Context) (done bool, err error) {
	t := a.t
	t.mu.Lock()
	if a.at.IsZero() || t.conflated && a.at.Epoch == t.feed.at.Epoch {
		done, err = a.enterLocked()
		t.mu.Unlock()
		return done, err
	}
	if a.target.IsZero() {
		a.target = t.feed.at
	}
	way, after := resume(a.at, t.after, t.feed.at), t.after
	if way == replay {
		missed := t.missedLocked(a.at)
		if len(missed) <= sendAtOnce {
			done, err = a.finishLocked(missed)
			t.mu.Unlock()
			return done, err
		}
		t.mu.Unlock()
		return false, a.send(ctx, missed)
	}
	t.mu.Unlock()
	switch {
	case way == fetch && !a.fetched:
		a.fetched = true
		return false, t.fetch(ctx, a.at)
	case way == fetch:
		return false, a.page(ctx, after)
	case !a.synced:
		a.synced = true
		return false, t.sync(ctx)
	}
	return false, ErrHistoryLost
}

// count adds messages to those that a was sent, unless that makes too many.
func (a *admission) count(messages []sealed) error {
	for _, m := range messages {
		if m.at.Epoch == a.target.Epoch && m.at.Offset <= a.target.Offset {
			a.missed++
		}
	}
	a.sent += len(messages)
	switch most := a.t.hub.maxResume(); {
	case a.missed > most:
		return ErrHistoryLost
	case a.sent > 2*most+readPage:
		return errBehind
	}
	return nil
}

// page reads a part of the history for this subscription alone, since the node can't keep as much.
// after is a position that the node has no messages before.
func (a *admission) page(ctx context.Context, after Position) error {
	h, err := a.t.hub.broker().History(ctx, a.t.name, a.at, readPage)
	switch {
	case err != nil:
		return err
	case h.After != a.at:
		return ErrHistoryLost
	}
	messages := make([]sealed, len(h.Messages))
	for i := range h.Messages {
		messages[i] = a.t.seal(&h.Messages[i])
	}
	if err := a.send(ctx, messages); err != nil {
		return err
	}
	if !h.More && a.at.Offset < after.Offset { // there was nothing in between
		a.at = after
	}
	a.synced = false // what was read may be ahead of the node
	return nil
}

// enterLocked begins at the topic's position. If the topic is conflated, a subscriber that comes
// back gets the latest message.
func (a *admission) enterLocked() (bool, error) {
	t := a.t
	late := !a.at.IsZero() && a.at != t.feed.at && t.latest != nil
	a.at = t.feed.at
	if err := a.greetLocked(); err != nil {
		return false, err
	}
	if late {
		if err := a.s.c.SendPrepared(t.latest); err != nil {
			return false, err
		}
	}
	return true, t.addLocked(a.s)
}

// finishLocked queues the last missed messages, and lets the subscription in.
func (a *admission) finishLocked(missed []sealed) (bool, error) {
	if err := a.count(missed); err != nil {
		return false, err
	}
	if err := a.greetLocked(); err != nil {
		return false, err
	}
	for _, m := range missed {
		if m.prepared == nil {
			continue
		}
		if err := a.s.c.SendPrepared(m.prepared); err != nil {
			return false, err
		}
	}
	a.at = a.t.feed.at
	return true, a.t.addLocked(a.s)
}

// greetLocked calls greet unless it was called. It holds the topic's lock if live messages could
// overtake the greeting.
func (a *admission) greetLocked() error {
	greet := a.greet
	a.greet = nil
	if greet == nil {
		return nil
	}
	return greet(a.at)
}

// send writes many missed messages, each when the peer has taken those before.
func (a *admission) send(ctx context.Context, missed []sealed) error {
	if err := a.count(missed); err != nil {
		return err
	}
	if err := a.greetLocked(); err != nil {
		return err
	}
	for _, m := range missed {
		if m.prepared != nil {
			if err := a.s.c.WritePrepared(ctx, m.prepared); err != nil {
				return err
			}
		}
		a.at = m.at
	}
	return nil
}

// missedLocked returns what the node has after since.
func (t *topic) missedLocked(since Position) []sealed {
	i, found := slices.BinarySearchFunc(t.recent, since.Offset, func(m sealed, o uint64) int {
		switch {
		case m.at.Offset < o:
			return -1
		case m.at.Offset > o:
			return 1
		}
		return 0
	})
	if found {
		i++
	}
	return slices.Clone(t.recent[i:])
}

// sync makes the feed read the history, and waits until it has settled: a subscriber is ahead.
func (t *topic) sync(ctx context.Context) error {
	t.mu.Lock()
	t.runLocked(t.feed.step(&event{kind: interrupted}))
	if t.feed.phase == live { // there is no history
		t.mu.Unlock()
		return nil
	}
	if t.settled == nil {
		t.settled = make(chan struct{})
	}
	settled := t.settled
	t.mu.Unlock()
	return t.wait(ctx, settled)
}

// fetching is a reading of the history that subscribers wait for.
type fetching struct {
	since Position      // where it begins
	over  chan struct{} // closed at the end
	err   error         // set before that
}

// expect says that a subscriber comes back to since, so that the next reading begins no later.
func (t *topic) expect(since Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expectLocked(since)
}

func (t *topic) expectLocked(since Position) {
	if !since.IsZero() && (t.oldest.Epoch != since.Epoch || since.Offset < t.oldest.Offset) {
		t.oldest = since
	}
}

// fetch reads the messages after since into recent, once for all subscribers that wait for them.
func (t *topic) fetch(ctx context.Context, since Position) error {
	for {
		f := t.fetchFrom(since)
		if err := t.wait(ctx, f.over); err != nil {
			return err
		}
		if f.err != nil || f.since.Offset <= since.Offset {
			return f.err
		}
	}
}

// fetchFrom returns the reading under way. If there is none, it begins one from since, or from where
// older subscribers are.
func (t *topic) fetchFrom(since Position) *fetching {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expectLocked(since)
	if t.fetched == nil {
		t.fetched = &fetching{since: t.oldest, over: make(chan struct{})}
		t.oldest = Position{}
		go t.fetchOlder(t.fetched, t.after)
	}
	return t.fetched
}

func (t *topic) wait(ctx context.Context, over <-chan struct{}) error {
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

// fetchOlder reads what comes before after. If there is too much between since and after, it reads
// the latest messages.
func (t *topic) fetchOlder(f *fetching, after Position) {
	ctx, cancel := context.WithTimeout(t.ctx, joinTimeout)
	defer cancel()
	most := min(t.hub.maxResume(), fetchMost)
	h, err := t.hub.broker().History(ctx, t.name, f.since, most)
	if err == nil && h.Head().Offset < after.Offset {
		h, err = t.hub.broker().History(ctx, t.name, Position{}, most)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.extendLocked(&h)
	}
	t.fetched = nil
	f.err = err
	close(f.over)
}

// extendLocked puts older messages before recent.
func (t *topic) extendLocked(h *History) {
	older, ok := olderThan(*h, t.after)
	if !ok {
		return
	}
	from := len(older) // of those that there is room for
	for from > 0 && t.bytes+len(older[from-1].Data) <= recentBytes {
		from--
		t.bytes += len(older[from].Data)
	}
	all := make([]sealed, 0, len(older)-from+len(t.recent))
	for i := from; i < len(older); i++ {
		all = append(all, t.seal(&older[i]))
	}
	t.recent = append(all, t.recent...)
	if t.after = h.After; from > 0 {
		t.after = older[from-1].Position
	}
}

// olderThan returns the messages of h up to after, if h reaches from before after to it.
func olderThan(h History, after Position) ([]Message, bool) {
	if h.After.Epoch != after.Epoch || h.After.Offset >= after.Offset || h.Head().Offset < after.Offset {
		return nil, false
	}
	for i, m := range h.Messages {
		if m.Position.Offset > after.Offset {
			return h.Messages[:i], true
		}
	}
	return h.Messages, true
}
