package ending

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var exploreAll = flag.Bool("explore", false, "walk through all scenarios, which takes a minute")

func (s *system) clone() *system {
	c := *s
	c.threads = make([]*thread, len(s.threads), len(s.threads)+1)
	for i, t := range s.threads {
		u := *t
		c.threads[i] = &u
	}
	return &c
}

// key tells states apart.
func (s *system) key(b []byte) []byte {
	bits := byte(0)
	for i, x := range []bool{s.broken, s.began, s.calling, s.ended, s.peerClosed, s.shut} {
		if x {
			bits |= 1 << i
		}
	}
	b = append(b, byte(s.phase), byte(s.life), byte(s.timer), byte(s.closes), byte(s.released), bits)
	for _, t := range s.threads {
		b = append(b, t.name[0], t.name[1], byte(t.pc), byte(t.act), byte(t.stage))
	}
	return b
}

// check holds a state against what is always true; rest says that nothing happens any more by
// itself, and calm that nothing does but for the timer.
func (s *system) check(rest, calm bool) {
	readers := 0
	for _, t := range s.threads {
		if t.reads {
			readers++
		}
		waits := t.reads && (t.pc == inCallback || t.pc == waitsInside || t.pc == waitsOutside)
		blocks := waits || t.name == "peer"
		if rest && t.pc != finished && !blocks && t.name != "clock" {
			s.fault("the %s waits for ever", t.name)
		}
	}
	switch {
	case readers > 1:
		s.fault("%d goroutines have the reading half", readers)
	case s.closes > 1 || s.released > 1:
		s.fault("closed %d times, released %d times", s.closes, s.released)
	case calm && s.life != open && s.peerClosed && !s.ended && !s.calling:
		s.fault("the peer has closed, and only the timer brings the end about")
	case !rest || s.life == open && !s.broken:
	case !s.ended:
		s.fault("nobody is told the end, which stops at %v", s.phase)
	case s.calling && (s.phase == ShutDown || s.phase == Deserted):
	case s.phase != Closed || s.closes != 1 || s.released != 1:
		s.fault("the end stops at %v, closed %d times, released %d times", s.phase, s.closes, s.released)
	}
}

// TestExplore walks through every order of the steps of readers, callbacks, closers, failing
// writes, the peer and the timer: one goroutine at a time has the reading half; the transport is
// closed once, and never while somebody is inside a RawConn's function; the memory of the reading
// half is released once, when nobody reads; and once the end has begun, Done is told, even if a
// callback never returns and the peer says nothing. By default it walks through the short
// scenarios; -args -explore walks through all.
func TestExplore(t *testing.T) {
	states, transitions := 0, 0
	for i, threads := range scenarios() {
		if i >= short && !*exploreAll {
			break
		}
		n, m := explore(t, threads)
		t.Logf("%s: %d states, %d transitions", names(threads), n, m)
		states, transitions = states+n, transitions+m
	}
	t.Logf("%d states, %d transitions", states, transitions)
}

// short is how many scenarios are explored by default.
const short = 9

func scenarios() [][]*thread {
	return [][]*thread{
		{reader(false), closer(), peer(), clock()},
		{reader(true), closer(), peer(), clock()},
		{reader(false), writer(), peer(), clock()},
		{reader(true), writer(), peer(), clock()},
		{writer(), peer(), clock()},
		{reader(true), failer(), clock()},
		{reader(true), cutter(), clock()},
		{reader(true), closer(), cutter(), clock()},
		{reader(true), reader(false), closer(), clock()},
		{reader(true), reader(false), closer(), peer(), cutter(), clock()},
		{reader(false), reader(true), failer(), closer(), peer(), clock()},
		{reader(true), closer(), closer(), peer(), cutter(), clock()},
		{reader(true), cutter(), cutter(), failer(), clock()},
		{reader(true), writer(), closer(), cutter(), peer(), clock()},
		{reader(false), reader(true), writer(), closer(), peer(), clock()},
		{reader(true), writer(), failer(), closer(), peer(), clock()},
		{closer(), failer(), cutter(), writer(), peer(), clock()},
	}
}

func names(threads []*thread) string {
	var names []string
	for _, t := range threads {
		if t.serves {
			names = append(names, "server")
		} else {
			names = append(names, t.name)
		}
	}
	return strings.Join(names, ",")
}

// way is a state that was reached, and how.
type way struct {
	s    *system
	from *way
	by   string
}

func explore(t *testing.T, threads []*thread) (states, transitions int) {
	start := (&system{threads: threads}).clone()
	seen := map[string]bool{string(start.key(nil)): true}
	for stack := []*way{{s: start}}; len(stack) > 0; {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		states++
		next, rest, calm := w.steps()
		if w.s.check(rest, calm); len(w.s.faults) > 0 {
			t.Errorf("after %d states: %s\nafter: %s", states, strings.Join(w.s.faults, "; "), w.story())
			return states, transitions
		}
		transitions += len(next)
		for _, n := range next {
			if k := string(n.s.key(nil)); !seen[k] {
				seen[k] = true
				stack = append(stack, n)
			}
		}
		w.s = nil // the way is enough
	}
	return states, transitions
}

// steps returns what may follow, and whether nothing of it happens by itself, or nothing but what
// the timer does.
func (w *way) steps() (next []*way, rest, calm bool) {
	rest, calm = true, true
	before := string(w.s.key(nil))
	for i, th := range w.s.threads {
		if th.pc == finished && th.act == None {
			continue
		}
		must, choices := true, 1
		if th.act == None {
			must, choices = th.may(w.s, th)
		}
		for c := range choices {
			s := w.s.clone()
			if u := s.threads[i]; u.act != None {
				s.follow(u)
			} else {
				u.run(s, u, c)
			}
			if string(s.key(nil)) == before { // the thread waits
				continue
			}
			rest = rest && !must
			calm = calm && (!must || th.name == "clock" && th.pc == 0)
			next = append(next, &way{s, w, fmt.Sprintf("%s %d at %d, choice %d", th.name, i, th.pc, c)})
		}
	}
	return next, rest, calm
}

func (w *way) story() string {
	var steps []string
	for ; w.from != nil; w = w.from {
		steps = append(steps, w.by)
	}
	slices.Reverse(steps)
	return strings.Join(steps, "\n       ")
}
