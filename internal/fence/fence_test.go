//go:build linux || darwin

package fence

import (
	"testing"
	"unsafe"
)

// recorder takes down whether a test has failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Fatalf(string, ...any) { r.failed = true }

// TestAtEdges: one byte too many is a failure, at either end, and none is not.
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
			t.Errorf("%s: failed is %v", test.name, r.failed)
		}
	}
	ReadOnly(t, page)
	r := &recorder{TB: t}
	AtEdges(r, page, 5, 1, func(p []byte) { p[0] = sum })
	if !r.failed {
		t.Error("a page that is only read was written")
	}
}
