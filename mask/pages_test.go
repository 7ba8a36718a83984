//go:build linux || darwin

package mask

import (
	"bytes"
	"runtime/debug"
	"syscall"
	"testing"
)

// fenced returns a page between two that may not be touched: whoever reads or writes beyond it crashes.
func fenced(t *testing.T) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	pages, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(pages) })
	protect(t, pages[:page], syscall.PROT_NONE)
	protect(t, pages[2*page:], syscall.PROT_NONE)
	return pages[page : 2*page : 2*page]
}

func protect(t *testing.T, page []byte, how int) {
	t.Helper()
	if err := syscall.Mprotect(page, how); err != nil {
		t.Fatal(err)
	}
}

// atEdges calls f with every slice of 0 to 300 bytes that begins or ends up to 63 bytes from an edge of the page, which
// is every alignment, and fails where that is a crash.
func atEdges(t *testing.T, page []byte, f func(p []byte)) {
	t.Helper()
	var p []byte
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%d bytes, %d before the end of the page: %v", len(p), cap(p)-len(p), r)
		}
	}()
	for n := range 301 {
		for distance := range maxOffset {
			p = page[distance : distance+n]
			f(p)
			p = page[len(page)-distance-n : len(page)-distance]
			f(p)
		}
	}
}

// XOR touches no byte outside its slice.
func TestXORPages(t *testing.T) {
	page, plain, want := fenced(t), random(300), make([]byte, 300)
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

// Copy touches no byte outside its slices, and only reads src: that page can't be written here.
func TestCopyPages(t *testing.T) {
	from, to, want := fenced(t), fenced(t), make([]byte, syscall.Getpagesize())
	copy(from, random(len(from)))
	protect(t, from, syscall.PROT_READ)
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
