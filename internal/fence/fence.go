//go:build linux || darwin

// Package fence is for tests of assembly. It provides memory whose neighbourhood may not be
// touched.
package fence

import (
	"runtime/debug"
	"syscall"
	"testing"
)

// Page returns a page between two others that may not be touched: reading or writing beyond it
// crashes. The page is freed when the test ends.
func Page(t testing.TB) []byte {
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

// ReadOnly makes a page of [Page] one that can't be written.
func ReadOnly(t testing.TB, page []byte) {
	t.Helper()
	protect(t, page, syscall.PROT_READ)
}

func protect(t testing.TB, page []byte, how int) {
	t.Helper()
	if err := syscall.Mprotect(page, how); err != nil {
		t.Fatal(err)
	}
}

// AtEdges calls f with slices of n bytes that begin or end up to 63 bytes from an edge of the page,
// in steps of step bytes. With step 1 that is every alignment. A crash fails the test.
func AtEdges(t testing.TB, page []byte, n, step int, f func(p []byte)) {
	t.Helper()
	var p []byte
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%d bytes, %d before the end of the page: %v", len(p), cap(p)-len(p), r)
		}
	}()
	for distance := 0; distance < 64; distance += step {
		p = page[distance : distance+n]
		f(p)
		p = page[len(page)-distance-n : len(page)-distance]
		f(p)
	}
}
