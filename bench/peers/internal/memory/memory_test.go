//go:build linux

package memory

import (
	"testing"
	"time"
)

// TestAll: every operation works; those that compare what they read say so.
func TestAll(t *testing.T) {
	all, err := All(time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.NS <= 0 || m.Wire < 0 || m.Wire > 1 {
			t.Errorf("%+v", m)
		}
	}
}
