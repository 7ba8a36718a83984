package hub

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The exploration walks every order of events of one topic: messages are published, delivered,
// lost, delivered twice or late; the connection to the broker is cut and comes back; the broker
// drops old messages, forgets everything, or falls back to an older state; the node reads the
// history in pages while all of that happens; and one client loses its connection and resumes. In
// each state it holds what the package promises.

const (
	exploreKept = 1 // of the latest messages, if the broker trims
	explorePage = 2 // messages that one reading returns
)

var (
	exploreMessages = 3 // that are published
	exploreFaults   = 2 // cuts, losses, duplicates, trims and resets, all together
)

var exploreAll = flag.Bool("explore", false, "walk more events, for some minutes")

// world is one state of the model.
type world struct {
	// The broker.
	epoch   int
	log     []int // identities of the messages of this epoch; offsets are 1, 2, ...
	trimmed int   // how many of them are gone
	serial  int   // identity of the last message
	faults  int
	silent  bool // it has lost everything, and nothing has shown that to the node
	fallen  bool // it has lost its last message, and the node has not read its history since

	// What is on its way to the node.
	flight []Message
	owed   bool // the broker has to tell the node of an interruption

	// The node.
	feed    feed
	reading int // 0: none; 1: asked for; 2: answered, the answer is on its way
	answer  History
	recent  []Message // what the node has, after `after`
	after   Position

	// The client.
	online bool
	at     Position // of the last message that it has
	seen   []string // "epoch/identity"
	begun  string   // what there was when it began, or began anew
}

func (w *world) clone() *world {
	c := *w
	c.log = slices.Clone(w.log)
	c.flight = slices.Clone(w.flight)
	c.feed.held = slices.Clone(w.feed.held)
	c.answer.Messages = slices.Clone(w.answer.Messages)
	c.recent = slices.Clone(w.recent)
	c.seen = slices.Clone(w.seen)
	return &c
}

// key tells states apart. Two worlds with one key have the same future.
func (w *world) key() string {
	b := make([]byte, 0, 128)
	num := func(n int) { b = append(b, byte(n)) }
	flag := func(f bool) {
		if f {
			num(1)
		} else {
			num(0)
		}
	}
	position := func(p Position) { b = append(append(b, p.Epoch...), byte(p.Offset), ',') }
	messages := func(all []Message) {
		for _, m := range all {
			position(m.Position)
			b = append(append(b, m.Data...), byte(m.Previous))
		}
		b = append(b, ';')
	}
	num(w.epoch)
	for _, id := range w.log {
		num(id)
	}
	b = append(b, ';')
	num(w.trimmed)
	num(w.serial)
	num(w.faults)
	flag(w.fallen)
	flag(w.silent)
	flag(w.owed)
	flag(w.online)
	messages(w.flight)
	num(int(w.feed.phase))
	position(w.feed.at)
	flag(w.feed.again)
	messages(w.feed.held)
	num(w.reading)
	position(w.answer.After)
	flag(w.answer.More)
	messages(w.answer.Messages)
	position(w.after)
	messages(w.recent)
	position(w.at)
	b = append(b, w.begun...)
	for _, s := range w.seen {
		b = append(append(b, ' '), s...)
	}
	return string(b)
}

func (w *world) position(offset int) Position {
	return Position{Epoch: fmt.Sprint("e", w.epoch), Offset: uint64(offset)}
}

// message is message number offset of the log.
func (w *world) message(offset int) Message {
	return Message{
		Data:     fmt.Appendf(nil, "%d/%d", w.epoch, w.log[offset-1]),
		Position: w.position(offset), Previous: uint64(offset - 1),
	}
}

// history is a Broker's History.
func (w *world) history(since Position, limit int) History {
	from := w.trimmed
	switch {
	case since.IsZero():
		from = max(w.trimmed, len(w.log)-limit)
	case since.Epoch != w.position(0).Epoch:
	case since.Offset > uint64(len(w.log)):
		from = len(w.log)
	case since.Offset >= uint64(w.trimmed):
		from = int(since.Offset)
	}
	h := History{After: w.position(from)}
	for o := from + 1; o <= len(w.log) && len(h.Messages) < limit; o++ {
		h.Messages = append(h.Messages, w.message(o))
	}
	h.More = from+len(h.Messages) < len(w.log)
	return h
}

// run does what the feed asks for, as topic does it.
func (w *world) run(o outcome) {
	if o.lost {
		w.recent, w.after = nil, w.feed.at
		if len(o.deliver) > 0 {
			w.after = Position{o.deliver[0].Position.Epoch, o.deliver[0].Previous}
		}
		if w.online {
			w.restart()
		}
	}
	for _, m := range o.deliver {
		w.recent = append(w.recent, m)
		if w.online {
			w.receive(m)
		}
	}
	if o.read && w.reading == 0 {
		w.reading = 1
	}
}

// restart is a client that was told ErrHistoryLost: it begins anew at the node's position.
func (w *world) restart() {
	w.online = false
	w.at = Position{}
	w.seen = nil
}

func (w *world) receive(m Message) {
	w.at = m.Position
	w.seen = append(w.seen, string(m.Data))
}

// connect is the client's Subscribe: from its position, if it has one.
func (w *world) connect() {
	if w.feed.phase == joining {
		return
	}
	if w.at.IsZero() {
		w.online, w.at = true, w.feed.at
		w.begun = fmt.Sprint(w.at)
		return
	}
	switch resume(w.at, w.after, w.feed.at) {
	case gone, ahead:
		if w.feed.phase == live && w.history(Position{}, 1).Head() == w.feed.at {
			w.restart() // it is not the node that has missed something
			return
		}
		w.run(w.feed.step(&event{kind: interrupted})) // and try again when that has settled
	case fetch:
		if h := w.history(Position{}, explorePage); w.extend(h) && w.after.Offset <= w.at.Offset {
			w.connect()
			return
		}
		h := w.history(w.at, explorePage)
		if h.After != w.at {
			w.restart()
			return
		}
		for _, m := range h.Messages {
			w.receive(m)
		}
		if !h.More && w.at.Offset < w.after.Offset {
			w.at = w.after
		}
		w.connect()
	case replay:
		for _, m := range w.recent {
			if m.Position.Offset > w.at.Offset {
				w.receive(m)
			}
		}
		w.online = true
	}
}

// extend is topic.extend.
func (w *world) extend(h History) bool {
	older, ok := olderThan(h, w.after)
	if ok {
		w.recent = append(slices.Clone(older), w.recent...)
		w.after = h.After
	}
	return ok
}

// moves returns what can happen in w, each with the state after it.
func (w *world) moves() map[string]*world {
	all := make(map[string]*world)
	move := func(name string, possible bool, f func(w *world)) {
		if possible {
			c := w.clone()
			f(c)
			all[name] = c
		}
	}
	faulty := w.faults < exploreFaults
	fault := func(name string, possible bool, f func(w *world)) {
		move(name, possible && faulty, func(w *world) { w.faults++; f(w) })
	}
	move("publish", w.serial < exploreMessages && !w.fallen, func(w *world) {
		w.serial++
		w.log = append(w.log, w.serial)
		w.silent = false
		if !w.owed { // else the node's connection is down
			w.flight = append(w.flight, w.message(len(w.log)))
		}
	})
	move("deliver", len(w.flight) > 0, func(w *world) {
		m := w.flight[0]
		w.flight = w.flight[1:]
		w.run(w.feed.step(&event{kind: arrived, message: m}))
	})
	move("reconnect", w.owed, func(w *world) {
		w.owed = false
		w.run(w.feed.step(&event{kind: interrupted}))
	})
	move("read", w.reading == 1, func(w *world) {
		since := w.feed.at
		if w.fallen {
			w.epoch++ // see Broker.History: since is after the last message
			w.fallen = false
		}
		w.answer, w.reading = w.history(since, explorePage), 2
		if w.feed.phase == joining {
			w.answer = w.history(Position{}, 1)
		}
	})
	move("answer", w.reading == 2, func(w *world) {
		h := w.answer
		w.reading, w.answer = 0, History{}
		first := w.feed.phase == joining
		o := w.feed.step(&event{kind: read, history: h})
		if first {
			w.after, w.recent = h.After, h.Messages
		}
		w.run(o)
	})
	move("online", !w.online, (*world).connect)
	move("evict", len(w.recent) > 0, func(w *world) {
		w.after = w.recent[0].Position
		w.recent = w.recent[1:]
	})
	move("online on another node", !w.online && w.at.Epoch == w.position(0).Epoch && !w.fallen &&
		int(w.at.Offset) >= w.trimmed && int(w.at.Offset) < len(w.log), func(w *world) {
		w.receive(w.message(int(w.at.Offset) + 1)) // and offline again
	})
	fault("offline", w.online, func(w *world) { w.online = false })
	fault("cut", !w.owed, func(w *world) { w.flight, w.owed = nil, true })
	fault("duplicate", len(w.flight) > 0, func(w *world) { w.flight = append(w.flight, w.flight[0]) })
	fault("drop", len(w.flight) > 1 && w.flight[1].Previous >= w.flight[0].Position.Offset &&
		w.flight[1].Position.Epoch == w.flight[0].Position.Epoch, // so that the next one shows it
		func(w *world) { w.flight = w.flight[1:] })
	fault("trim", len(w.log)-w.trimmed > exploreKept, func(w *world) { w.trimmed = len(w.log) - exploreKept })
	fault("wipe", true, func(w *world) { // late messages of the old epoch may still arrive
		w.epoch++
		w.log, w.trimmed, w.owed = nil, 0, true
	})
	fault("flush", true, func(w *world) {
		w.epoch++
		w.log, w.trimmed, w.silent = nil, 0, true
	})
	fault("fall back", len(w.log) > 0 && len(w.flight) == 0 && w.feed.phase == live && w.feed.at == w.position(len(w.log)), func(w *world) { // before anything else is published
		w.log = w.log[:len(w.log)-1]
		w.trimmed = min(w.trimmed, len(w.log))
		w.owed, w.fallen = true, true
	})
	return all
}

// check holds the invariants of a state.
func (w *world) check() string {
	epoch, last := "", 0
	for i, s := range w.seen {
		var e, id int
		fmt.Sscanf(s, "%d/%d", &e, &id)
		if name := fmt.Sprint(e); epoch == "" {
			epoch = name
		} else if name != epoch {
			return "messages of two epochs without ErrHistoryLost between them"
		}
		if i > 0 && id <= last {
			return "a message twice, or out of order"
		}
		last = id
	}
	if !slices.IsSortedFunc(w.recent, func(a, b Message) int { return int(a.Position.Offset) - int(b.Position.Offset) }) {
		return "the node's messages are out of order"
	}
	return ""
}

// settled reports whether nothing is on its way any more.
func (w *world) settled() bool {
	return len(w.flight) == 0 && !w.owed && w.reading == 0 && !w.silent
}

// complete holds what is true once everything has settled: the client has every message of its
// epoch after the one where it began.
func (w *world) complete() string {
	if w.feed.phase != live {
		return "nothing is on its way, and the feed is not live"
	}
	if w.feed.at != w.position(len(w.log)) {
		return fmt.Sprintf("the feed is at %v, want %v", w.feed.at, w.position(len(w.log)))
	}
	if !w.online {
		return ""
	}
	want := []string{}
	for o := 1; o <= len(w.log); o++ {
		want = append(want, string(w.message(o).Data))
	}
	if n := len(w.seen); n > len(want) || !slices.Equal(w.seen, want[len(want)-n:]) {
		return fmt.Sprintf("the client has %v of %v", w.seen, want)
	}
	if n := len(want) - len(w.seen); w.begun != fmt.Sprint(w.position(n)) {
		return fmt.Sprintf("the client has %v, and began at %s of %v", w.seen, w.begun, want)
	}
	return ""
}

// TestExplore walks all states that can be reached.
func TestExplore(t *testing.T) {
	if raceEnabled { // there are no goroutines here to race
		exploreFaults = 1
	}
	if *exploreAll {
		exploreMessages, exploreFaults = 4, 3
	}
	start := &world{reading: 1}
	type visit struct {
		w    *world
		path []string
	}
	seen := map[string]bool{start.key(): true}
	queue := []visit{{w: start}}
	transitions := 0
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		why := v.w.check()
		if why == "" && v.w.settled() {
			why = v.w.complete()
		}
		if why != "" {
			t.Fatalf("%s\nafter: %s\nstate: %+v", why, strings.Join(v.path, ", "), *v.w)
		}
		for name, next := range v.w.moves() {
			transitions++
			if k := next.key(); !seen[k] {
				seen[k] = true
				queue = append(queue, visit{next, append(slices.Clip(v.path), name)})
			}
		}
	}
	t.Logf("%d states, %d transitions", len(seen), transitions)
}
