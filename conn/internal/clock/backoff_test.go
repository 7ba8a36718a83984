package clock

import (
	"testing"
	"time"
)

// TestBackoff: the bounds of each wait, with the least and the most randomness.
func TestBackoff(t *testing.T) {
	none := func(int64) int64 { return 0 }
	all := func(n int64) int64 { return n }
	least, most := Backoff{First: 5, Max: 60}, Backoff{First: 5, Max: 60}
	for n, want := range [][2]time.Duration{{0, 5}, {5, 10}, {10, 20}, {20, 40}, {30, 60}, {30, 60}} {
		if a, b := least.Next(none, 0), most.Next(all, 0); a != want[0] || b != want[1] {
			t.Errorf("wait %d is from %d to %d, want %d to %d", n, a, b, want[0], want[1])
		}
	}
	least.Reset()
	if a := least.Next(all, 0); a != 5 {
		t.Errorf("the longest wait after Reset is %d, want 5", a)
	}
	if a, b := least.Next(none, 100), least.Next(all, 100); a != 100 || b != 105 {
		t.Errorf("a server that asks for 100 gets %d to %d, want 100 to 105", a, b)
	}
	if a := most.Next(all, 1); a != 60 {
		t.Errorf("a server that asks for less than the backoff gets %d, want 60", a)
	}
	for range 1000 {
		most.Next(all, 0) // does not overflow
	}
	if a := most.Next(all, 0); a != 60 {
		t.Errorf("the longest wait after many is %d, want 60", a)
	}
}
