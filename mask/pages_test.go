//go:build linux || darwin

package mask

import (
	"bytes"
	"testing"

	"github.com/rfc6455/ws/internal/fence"
)

// atEdges calls f with slices of 0 to 300 bytes at the edges of the page.
func atEdges(t *testing.T, page []byte, f func(p []byte)) {
	t.Helper()
	for n := range 301 {
		fence.AtEdges(t, page, n, 1, f)
	}
}

// XOR touches no byte outside its slice.
func TestXORPages(t *testing.T) {
	page, plain, want := fence.Page(t), random(300), make([]byte, 300)
	byteLoop(want, plain, phases[0])
	eachLevel(t, func(t *testing.T) {
		atEdges(t, page, func(p []byte) {
			copy(p, plain)
			XOR(p, phases[0])
			if !bytes.Equal(p, want[:len(p)]) {
				t.Fatalf("%d bytes: differs at %d", len(p), differsAt(p, want))
			}
		})
	})
}

// Copy touches no byte outside its slices. Of src it only reads: the page is write-protected here.
func TestCopyPages(t *testing.T) {
	from, to, want := fence.Page(t), fence.Page(t), make([]byte, 300)
	copy(from, random(len(from)))
	fence.ReadOnly(t, from)
	eachLevel(t, func(t *testing.T) {
		atEdges(t, from, func(src []byte) {
			byteLoop(want, src, phases[1])
			for _, dst := range [][]byte{to[:len(src)], to[len(to)-len(src):]} {
				Copy(dst, src, phases[1])
				if !bytes.Equal(dst, want[:len(src)]) {
					t.Fatalf("%d bytes: differs at %d", len(src), differsAt(dst, want))
				}
			}
		})
		atEdges(t, to, func(dst []byte) {
			src := from[len(from)/2:][:len(dst)]
			Copy(dst, src, 0)
			if !bytes.Equal(dst, src) {
				t.Fatalf("%d bytes: differs at %d", len(dst), differsAt(dst, src))
			}
		})
	})
}
