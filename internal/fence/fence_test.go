//go:build linux || darwin

package fence

import (
	"testing"
	"unsafe"
)

// recorder records whether a test has failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Fatalf(string, ...any) { r.failed = true }

// TestAtEdges checks that touching one byte too many, at either end, is a failure, and touching
// none is not.
func TestAtEdges(t *testing.T) {
	page := Page(t)
	var sum byte
	for _, test := range []struct {
		name   string
		offset func(n int) int
		want   bool
	}{
		{"inside", func(n int) int { return n - 1 }, false},
		{"before", func(int) int { return -1 }, true},
		{"behind", func(n int) int { return n }, true},
	} {
		r := &recorder{TB: t}
		AtEdges(r, page, 5, 1, func(p []byte) { sum += *(*byte)(unsafe.Add(unsafe.Pointer(&p[0]), test.offset(len(p)))) })
		if r.failed != test.want {
			t.Errorf("%s: failed = %t, want %t", test.name, r.failed, test.want)
		}
	}
	ReadOnly(t, page)
	r := &recorder{TB: t}
	AtEdges(r, page, 5, 1, func(p []byte) { p[0] = sum })
	if !r.failed {
		t.Error("writing to a page that can't be written did not fail the test, want it to")
	}
}
