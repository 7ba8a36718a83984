package engine

import (
	"testing"
	"time"
)

// TestAllow: patience multiplies what a testee is given, up to a minute.
func TestAllow(t *testing.T) {
	for _, test := range []struct {
		patience    int
		limit, want time.Duration
	}{{0, Second, Second}, {10, Second, 10 * Second}, {100, Second, 60 * Second}, {100, 100 * Second, 100 * Second}} {
		tester := Tester{Script: new(Script), patience: test.patience}
		if got := tester.Allow(test.limit); got != test.want {
			t.Errorf("patience %d makes %v of %v, want %v", test.patience, got, test.limit, test.want)
		}
	}
}
