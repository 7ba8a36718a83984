package wstest

import "testing"

var sink []byte

// TestAllocsOfOthers: allocations that pass are not held against the function, and those that stay
// are.
func TestAllocsOfOthers(t *testing.T) {
	const runs = 10
	calls := 0
	passing := func() {
		if calls++; calls <= 2*(runs+1) {
			sink = make([]byte, 1000)
		}
	}
	if n := Allocs(runs, 0, passing); n != 0 || calls != 3*(runs+1) {
		t.Errorf("got %v allocations after %d calls, want none after %d", n, calls, 3*(runs+1))
	}
	calls = 0
	staying := func() { calls++; sink = make([]byte, 1000) }
	if n := Allocs(runs, 0, staying); n != 1 || calls != AllocsCalls(runs) {
		t.Errorf("got %v allocations after %d calls, want 1 after %d", n, calls, AllocsCalls(runs))
	}
	calls = 0
	if n := Allocs(runs, 1, staying); n != 1 || calls != runs+1 {
		t.Errorf("got %v allocations after %d calls, want 1 after %d", n, calls, runs+1)
	}
}
