package hub

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// Retention says how much of each topic a broker keeps for subscribers that come back.
type Retention struct {
	// Messages bounds how many messages of a topic are kept. Default: none are.
	Messages int

	// Age bounds how long a message is kept. Default: 5 minutes. Negative: for ever.
	Age time.Duration
}

const defaultAge = 5 * time.Minute

func (r *Retention) age() time.Duration {
	if r.Age == 0 {
		return defaultAge
	}
	return r.Age
}

// Memory is a [Broker] for the Hubs of one process. Its messages end with the process. The zero
// value keeps no history. A Memory must not be copied, and Retention must not be changed while it
// is in use.
type Memory struct {
	Retention Retention

	mu        sync.Mutex
	epoch     string
	last      uint64 // the offset of the latest message of all topics
	forgotten uint64 // the largest offset of a message of a topic that has no log any more
	logs      map[string]*memoryLog
	members   map[string]map[string][]Member // by topic and node
	sweeper   *time.Timer                    // runs while there are logs and messages have an age
}

// memoryLog is one topic of a Memory. mu comes before that of the Memory.
type memoryLog struct {
	mu      sync.Mutex
	gone    bool // no longer in Memory.logs
	sinks   []*memorySink
	kept    []Message
	times   []time.Time // of kept
	trimmed uint64      // the offset of the last message that is not kept
	last    uint64      // the offset of the last message
}

type memorySink struct{ Sink }

// Publish implements [Broker].
func (m *Memory) Publish(_ context.Context, topic string, t ws.MessageType, p []byte) (Position, error) {
	for {
		log := m.log(topic, m.keeps())
		if log == nil {
			return Position{}, nil // nobody receives it
		}
		if at, ok := m.publish(log, Message{Type: t, Data: p}); ok {
			return at, nil
		}
	}
}

// keeps reports whether there is history.
func (m *Memory) keeps() bool { return m.Retention.Messages > 0 }

func (m *Memory) next() Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	return Position{Epoch: m.epochLocked(), Offset: m.last}
}

func (m *Memory) epochLocked() string {
	if m.epoch == "" {
		m.epoch = rand.Text()
	}
	return m.epoch
}

// publish reports false if the log is gone.
func (m *Memory) publish(log *memoryLog, msg Message) (Position, bool) {
	log.mu.Lock()
	defer log.mu.Unlock()
	if log.gone {
		return Position{}, false
	}
	msg.Data = slices.Clone(msg.Data)
	if m.keeps() {
		msg.Previous = log.last
		msg.Position = m.next()
		log.keepLocked(msg, m.Retention.Messages)
	}
	for _, s := range log.sinks {
		s.Deliver(msg)
	}
	return msg.Position, true
}

func (l *memoryLog) keepLocked(msg Message, most int) {
	l.last = msg.Position.Offset
	l.kept = append(l.kept, msg)
	l.times = append(l.times, time.Now())
	l.dropLocked(len(l.kept) - most)
}

// dropLocked drops the n oldest messages.
func (l *memoryLog) dropLocked(n int) {
	if n <= 0 {
		return
	}
	l.trimmed = l.kept[n-1].Position.Offset
	clear(l.kept[:n]) // for the garbage collector
	l.kept, l.times = l.kept[n:], l.times[n:]
}

// log returns the topic's log. If there is none, it makes one if create is set, else it returns
// nil.
func (m *Memory) log(topic string, create bool) *memoryLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	log := m.logs[topic]
	if log == nil && create {
		log = &memoryLog{trimmed: m.forgotten, last: m.forgotten}
		if m.logs == nil {
			m.logs = make(map[string]*memoryLog)
		}
		m.logs[topic] = log
		if age := m.Retention.age(); m.keeps() && age > 0 && m.sweeper == nil {
			m.sweeper = time.AfterFunc(age/2, m.sweep)
		}
	}
	return log
}

// sweep drops messages that are too old, and logs that nobody needs.
func (m *Memory) sweep() {
	m.mu.Lock()
	all := maps.Clone(m.logs)
	m.mu.Unlock()
	for topic, log := range all {
		log.mu.Lock()
		log.expireLocked(m.Retention.age())
		m.removeLocked(topic, log)
		log.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sweeper = nil; len(m.logs) > 0 {
		m.sweeper = time.AfterFunc(m.Retention.age()/2, m.sweep)
	}
}

func (l *memoryLog) expireLocked(age time.Duration) {
	if age < 0 {
		return
	}
	oldest := time.Now().Add(-age)
	n, _ := slices.BinarySearchFunc(l.times, oldest, time.Time.Compare)
	l.dropLocked(n)
}

// removeLocked takes a log away that has no messages and no sinks. log.mu is locked.
func (m *Memory) removeLocked(topic string, log *memoryLog) {
	if log.gone || len(log.kept) > 0 || len(log.sinks) > 0 {
		return
	}
	log.gone = true
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgotten = max(m.forgotten, log.last)
	delete(m.logs, topic)
}

// Subscribe implements [Broker].
func (m *Memory) Subscribe(_ context.Context, topic string, s Sink) (stop func(), err error) {
	sink := &memorySink{s}
	for {
		log := m.log(topic, true)
		log.mu.Lock()
		if !log.gone {
			log.sinks = append(log.sinks, sink)
			log.mu.Unlock()
			return func() { m.unsubscribe(topic, log, sink) }, nil
		}
		log.mu.Unlock()
	}
}

func (m *Memory) unsubscribe(topic string, log *memoryLog, sink *memorySink) {
	log.mu.Lock()
	defer log.mu.Unlock()
	log.sinks = slices.DeleteFunc(log.sinks, func(s *memorySink) bool { return s == sink })
	m.removeLocked(topic, log)
}

// History implements [Broker].
func (m *Memory) History(ctx context.Context, topic string, since Position, limit int) (History, error) {
	if !m.keeps() || ctx.Err() != nil {
		return History{}, ctx.Err()
	}
	log := m.log(topic, false)
	if log == nil {
		log = &memoryLog{gone: true}
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	m.mu.Lock()
	epoch, forgotten := m.epochLocked(), m.forgotten
	m.mu.Unlock()
	if log.gone {
		log = &memoryLog{trimmed: forgotten, last: forgotten}
	} else {
		log.expireLocked(m.Retention.age())
	}
	return log.historyLocked(epoch, since, limit), nil
}

func (l *memoryLog) historyLocked(epoch string, since Position, limit int) History {
	h := History{After: Position{epoch, l.trimmed}}
	i := 0
	switch {
	case since.Epoch == epoch && since.Offset >= l.trimmed:
		h.After = since
		i = l.indexAfter(since.Offset)
	case since.IsZero() && len(l.kept) > limit:
		i = len(l.kept) - limit
		h.After.Offset = l.kept[i].Previous
		if limit == 0 {
			h.After.Offset = l.last
		}
	}
	end := min(len(l.kept), i+limit)
	h.Messages = slices.Clone(l.kept[i:end])
	h.More = end < len(l.kept)
	return h
}

// indexAfter returns the index of the first message after offset.
func (l *memoryLog) indexAfter(offset uint64) int {
	i, found := slices.BinarySearchFunc(l.kept, offset, func(m Message, o uint64) int {
		switch {
		case m.Position.Offset < o:
			return -1
		case m.Position.Offset > o:
			return 1
		}
		return 0
	})
	if found {
		i++
	}
	return i
}

// Announce implements [Broker].
func (m *Memory) Announce(_ context.Context, topic, node string, members []Member) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	nodes := m.members[topic]
	if len(members) == 0 {
		if delete(nodes, node); len(nodes) == 0 {
			delete(m.members, topic)
		}
		return nil
	}
	if m.members == nil {
		m.members = make(map[string]map[string][]Member)
	}
	if nodes == nil {
		nodes = make(map[string][]Member)
		m.members[topic] = nodes
	}
	nodes[node] = slices.Clone(members)
	return nil
}

// Members implements [Broker].
func (m *Memory) Members(_ context.Context, topic string) (all []Member, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, members := range m.members[topic] {
		all = append(all, members...)
	}
	return all, nil
}
