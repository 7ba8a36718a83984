package outbox

import (
	"fmt"
	"strings"
)

// scenario is what is explored: who sends, how, and what else may happen.
type scenario struct {
	name   string
	all    bool // it is explored with -explore alone
	actors []actor

	bound   int
	policy  Policy
	pad     []byte // is added to each text
	ping    []byte // payload of pings
	pieces  int    // of messages of several frames
	vectors bool   // long payloads are written from where they lie
	zips    bool   // everything is compressed, with takeover
	pings   bool   // a ping may come
	floods  bool   // or many
	drains  bool   // somebody asks for Drained
	reads   bool   // a reader lets leave what is pending
	coarse  bool   // writes end after one byte, or one byte before the end, and not after every byte
}

func (sc *scenario) system() *system {
	s := &system{sc: sc}
	s.o.Init(Settings{Bound: sc.bound, Policy: sc.policy, Vectors: sc.vectors, Extras: sc.zip()})
	for i := range sc.actors {
		a := sc.actors[i]
		a.id = byte('A' + i)
		s.actors = append(s.actors, &a)
	}
	return s
}

// pingsOf is how many pings come in an event.
func (sc *scenario) pingsOf(w what) int {
	if w == flood {
		return maxPongBytes/len(sc.ping) + 3
	}
	return 1
}

// A choice sets a scenario up.
type choice func(sc *scenario)

func bound(n int) choice       { return func(sc *scenario) { sc.bound = n } }
func policy(p Policy) choice   { return func(sc *scenario) { sc.policy = p } }
func everyByte(sc *scenario)   { sc.coarse = false }
func onlyWithAll(sc *scenario) { sc.all = true }

func onlyWithAllUnless(short bool) choice { return func(sc *scenario) { sc.all = !short } }

func nobodyGoes(sc *scenario) {
	for i := range sc.actors {
		sc.actors[i].cancels = false
	}
}
func onePiece(sc *scenario)     { sc.pieces = 1 }
func drains(sc *scenario)       { sc.drains = true }
func reads(sc *scenario)        { sc.reads = true }
func firstPassive(sc *scenario) { sc.actors[0].passive = true }
func pings(sc *scenario)        { sc.pings = true }
func floods(sc *scenario)       { sc.floods, sc.ping = true, make([]byte, 124) }
func vectors(sc *scenario)      { sc.vectors, sc.pad = true, make([]byte, vectorMin) }
func zips(sc *scenario)         { sc.zips, sc.pad = true, []byte("common text") }

// a returns the scenario of senders, of which the first two have contexts that may end.
func a(does []way, choices ...choice) scenario {
	sc := scenario{bound: 400, pieces: 3, coarse: true, ping: []byte("p")}
	var names []string
	for i, w := range does {
		sc.actors = append(sc.actors, actor{does: w, cancels: i < 2})
		names = append(names, w.String())
	}
	for _, c := range choices {
		c(&sc)
	}
	sc.name = fmt.Sprintf("%s/bound=%d/policy=%d", strings.Join(names, ","), sc.bound, sc.policy)
	for _, f := range []struct {
		is   bool
		name string
	}{
		{sc.actors[0].passive, "passive"},
		{sc.vectors, "vectors"},
		{sc.zips, "zips"},
		{sc.pings, "pings"},
		{sc.floods, "floods"},
		{sc.drains, "drains"},
		{sc.reads, "reads"},
		{!sc.coarse, "every byte"},
		{sc.pieces == 1, "one piece"},
	} {
		if f.is {
			sc.name += "/" + f.name
		}
	}
	return sc
}

// scenarios are all sets of two senders of the ways there are, some of three, and what is special
// about queues, pongs, compression and long payloads.
func scenarios() (all []scenario) {
	add := func(does []way, choices ...choice) { all = append(all, a(does, choices...)) }
	ways := []way{write, long, stream, send, append_, flushes}
	for i, x := range ways {
		for _, y := range ways[i:] {
			for _, n := range []int{6, 40, 400} {
				queues := x == send || x == append_ || y == send || y == append_
				add([]way{x, y}, bound(n), onlyWithAllUnless(n == 40 && queues || n == 6 && !queues))
				add([]way{x, y}, bound(n), onlyWithAllUnless(n == 40 && x != y), firstPassive)
				add([]way{x, y}, bound(n), pings, everyByte, onlyWithAll)
				add([]way{x, y}, bound(n), pings, everyByte, firstPassive, onlyWithAll)
			}
		}
	}
	return append(all, special()...)
}

func special() (all []scenario) {
	add := func(does []way, choices ...choice) { all = append(all, a(does, choices...)) }
	for _, p := range []Policy{Refuse, Close, DropNewest, DropOldest} {
		for _, n := range []int{40, 170, 300} {
			add([]way{send, send, send}, bound(n), policy(p), reads, drains, onlyWithAllUnless(n == 170))
			add([]way{write, send, append_, prepared}, bound(n), policy(p), reads, drains, onlyWithAll)
			add([]way{write, send, send, send}, bound(n), policy(p), drains, onlyWithAll)
			add([]way{stream, send, prepared}, bound(n), policy(p), drains, onlyWithAll)
			add([]way{flushes, append_, send}, bound(n), policy(p), reads, onlyWithAllUnless(n == 40))
		}
	}
	for _, more := range []choice{onlyWithAll, firstPassive} {
		add([]way{write, write, write}, onlyWithAll, more)
		add([]way{long, write, stream}, onlyWithAll, more)
		add([]way{long, stream, write}, bound(6), onlyWithAll, more)
		add([]way{write, flushes, send}, onlyWithAll, more)
		add([]way{write, flushes, write}, bound(3), onlyWithAll, more)
		add([]way{write, flushes, append_}, reads, drains, onlyWithAll, more)
		add([]way{stream, flushes, append_}, reads, drains, onlyWithAll, more)
		add([]way{stream, stream, write}, onlyWithAll, more)
		add([]way{long, send, flushes}, bound(40), onlyWithAll, more)
	}
	add([]way{send, write, send, send}, bound(40), policy(DropOldest), nobodyGoes)
	add([]way{send, send, send}, bound(40), policy(DropOldest), floods, nobodyGoes)
	add([]way{append_, append_, append_, append_}, bound(40), policy(DropOldest), nobodyGoes)
	add([]way{stream, send}, drains)
	add([]way{send, append_}, bound(40), drains)
	add([]way{write}, floods)
	add([]way{send, write}, floods, onlyWithAll)
	add([]way{stream, write}, floods, onlyWithAll)
	for _, n := range []int{6, 1 << 20} {
		add([]way{write, write}, vectors, bound(n))
		add([]way{write, flushes, write}, vectors, bound(n), onlyWithAll)
		add([]way{long, write}, vectors, bound(n), onlyWithAll)
		add([]way{stream, write}, vectors, bound(n), onlyWithAll)
		add([]way{write, send}, vectors, bound(n), drains)
		add([]way{send, append_}, vectors, bound(max(n, 2*vectorMin)), reads, drains)
		add([]way{send, send, flushes}, vectors, bound(n), pings, onlyWithAll)
		add([]way{stream, send}, vectors, bound(n), pings, onlyWithAll)
	}
	add([]way{write, write}, zips)
	add([]way{write, write}, zips, firstPassive)
	add([]way{write, prepared}, zips)
	add([]way{stream, write}, zips)
	add([]way{long, write}, zips)
	add([]way{stream, write}, zips, onePiece)
	add([]way{long, write}, zips, onePiece)
	add([]way{long, stream}, zips, onlyWithAll)
	add([]way{write, write, write}, zips, onlyWithAll)
	add([]way{stream, write, prepared}, zips, onlyWithAll)
	add([]way{send, send, send}, zips, policy(DropOldest), bound(170))
	return all
}
