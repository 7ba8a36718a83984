package outbox

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rfc6455/ws/conn/internal/pool"
)

var exploreAll = flag.Bool("explore", false, "walk through all scenarios, which takes minutes")

// node is a state that was reached, and the event that led there.
type node struct {
	from *node
	by   event
	id   uint32
}

// way returns the events that led to n.
func (n *node) way() (way []event) {
	for ; n.from != nil; n = n.from {
		way = append(way, n.by)
	}
	slices.Reverse(way)
	return way
}

// walk is one exploration.
type walk struct {
	sc          *scenario
	seen        map[key]uint32 // the states, numbered
	must        [][2]uint32    // the transitions that happen by themselves
	transitions int
	fault       string
	buf         []byte
}

// pending is a state whose events have not been tried yet.
type pending struct {
	n *node
	s *system
}

// explore walks through every order of events from every state that can be reached, up to the first
// fault.
func explore(sc *scenario) *walk {
	w := &walk{sc: sc, seen: map[key]uint32{}}
	start := sc.system()
	w.seen[start.key(&w.buf)] = 0
	var events []event
	for stack := []pending{{new(node), start}}; len(stack) > 0 && w.fault == ""; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		events = p.s.events(events[:0])
		rest := !slices.ContainsFunc(events, func(e event) bool { return e.must })
		if p.s.check(rest); w.failed(p.n, p.s) {
			break
		}
		for i, e := range events {
			if next, ok := w.try(p, e, i == len(events)-1); ok {
				stack = append(stack, next)
			}
		}
	}
	if w.fault == "" && !w.settles() {
		w.fault = "what happens by itself may go on for ever"
	}
	return w
}

// try lets e happen. It returns the state that follows, unless that was seen before. The last event
// may have p's system.
func (w *walk) try(p pending, e event, last bool) (next pending, isNew bool) {
	s := p.s
	switch {
	case w.sc.zips:
		s = w.sc.replay(p.n.way())
	case !last:
		s = p.s.clone()
	}
	w.transitions++
	if s.do(e); len(s.faults) > 0 {
		w.failed(&node{p.n, e, 0}, s)
		return pending{}, false
	}
	k := s.key(&w.buf)
	id, seen := w.seen[k]
	if !seen {
		id = uint32(len(w.seen))
		w.seen[k] = id
	}
	if e.must {
		w.must = append(w.must, [2]uint32{p.n.id, id})
	}
	return pending{&node{p.n, e, id}, s}, !seen
}

// replay returns the system after events.
func (sc *scenario) replay(way []event) *system {
	s := sc.system()
	for _, e := range way {
		s.do(e)
	}
	return s
}

// failed notes the first fault, and how it came to be.
func (w *walk) failed(n *node, s *system) bool {
	if len(s.faults) == 0 {
		return false
	}
	var b strings.Builder
	b.WriteString(strings.Join(s.faults, "; "))
	b.WriteString("\nafter:")
	for _, e := range n.way() {
		fmt.Fprintf(&b, "\n       %v", e)
	}
	w.fault = b.String()
	return true
}

// settles reports whether everything comes to rest if only that happens which happens by itself:
// whether these transitions form no circle.
func (w *walk) settles() bool {
	into := make([]uint32, len(w.seen))
	first := make([]uint32, len(w.seen)+1)
	for _, m := range w.must {
		into[m[1]]++
		first[m[0]+1]++
	}
	for i := range len(w.seen) {
		first[i+1] += first[i]
	}
	to, at := make([]uint32, len(w.must)), slices.Clone(first)
	for _, m := range w.must {
		to[at[m[0]]] = m[1]
		at[m[0]]++
	}
	var free []uint32
	for i, n := range into {
		if n == 0 {
			free = append(free, uint32(i))
		}
	}
	done := 0
	for ; len(free) > 0; done++ {
		i := free[len(free)-1]
		free = free[:len(free)-1]
		for _, j := range to[first[i]:first[i+1]] {
			if into[j]--; into[j] == 0 {
				free = append(free, j)
			}
		}
	}
	return done == len(w.seen)
}

// TestExplore holds the invariants of the Outbox in every state that senders, the transport, the
// peer and the end can bring about, in every order: no frame of another message between two
// fragments; a message that was cut is followed by nothing that completes it; each waiter is told,
// once, and messages leave in the order of asking; nothing follows a Close frame; what is kept
// stays within the bound; and whatever happened, everything comes to rest and nobody waits for
// ever. By default it walks through the short scenarios; -args -explore walks through all.
func TestExplore(t *testing.T) {
	pool.Poison = func(b []byte) { // what is used after it was given back is found
		for i := range b[:min(len(b), 64)] {
			b[i] = 0xDD
		}
	}
	t.Cleanup(func() { pool.Poison = nil })
	var states, transitions atomic.Int64
	t.Run("", func(t *testing.T) {
		for i, sc := range scenarios() {
			if sc.all && !*exploreAll || underRace && i%8 != 0 {
				continue
			}
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				w := explore(&sc)
				t.Logf("%d states, %d transitions", len(w.seen), w.transitions)
				states.Add(int64(len(w.seen)))
				transitions.Add(int64(w.transitions))
				if w.fault != "" {
					t.Errorf("after %d states, of %d in all: %s", len(w.seen), states.Load(), w.fault)
				}
			})
		}
	})
	t.Logf("%d states, %d transitions", states.Load(), transitions.Load())
}
