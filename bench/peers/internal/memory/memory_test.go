//go:build linux

package memory

import (
	"testing"
	"time"
)

// TestAll checks that every operation works. Those that read compare what they have read.
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
