package relay

import "testing"

// TestNext holds the table of transitions to its rules, in every phase and for every event.
func TestNext(t *testing.T) {
	for p := passing; p <= ended; p++ {
		for e := drainBetween; e <= broken; e++ {
			to, do := next(p, e)
			check := func(ok bool, rule string) {
				if !ok {
					t.Errorf("event %d while %v: %v and action %d: %s", e, p, to, do, rule)
				}
			}
			check(to >= p, "no phase comes back")
			check(p != ended || do == nothing, "nothing happens after the end")
			check(do != sayClose || p <= leaving && to == silent, "nothing follows a Close frame of the relay's")
			check((do == shut || do == cut) == (p != ended && to == ended), "the end is told once")
			check(e != finished && e != broken || to == ended, "a source that has ended has ended")
			check(p != silent || do != cut || e == stuck, "a side that is leaving is not reset")
		}
	}
}
