//go:build linux || darwin

package frame_test

import (
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
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
	for _, fence := range [][]byte{pages[:page], pages[2*page:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return pages[page : 2*page : 2*page]
}

// Nothing is read outside a text that begins or ends up to 63 bytes from an edge of the page, which is every alignment.
// From 512 bytes on a kernel sees all of it, ASCII too.
func TestUTF8Pages(t *testing.T) {
	page, step := fenced(t), 1
	if slow {
		step = 7
	}
	for _, script := range []string{"a", "日", "aé日😀", strings.Repeat("a", 130) + "é"} {
		text := strings.Repeat(script, 600/len(script)+1)
		eachLevel(t, func(t *testing.T) {
			var p []byte
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("%d bytes, %d before the end of the page: %v", len(p), cap(p)-len(p), r)
				}
			}()
			for n := range 600 {
				if n > 300 && n < 512 {
					continue
				}
				for distance := 0; distance < 64; distance += step {
					p = page[distance : distance+n]
					wantValid(t, p, text)
					p = page[len(page)-distance-n : len(page)-distance]
					wantValid(t, p, text)
				}
			}
		})
	}
}

// wantValid makes of p the beginning of the text, with ASCII in place of a code point that is cut at its end.
func wantValid(t *testing.T, p []byte, text string) {
	t.Helper()
	copy(p, text)
	for k := len(p); !utf8.Valid(p); k-- {
		p[k-1] = 'a'
	}
	var u frame.UTF8
	if !frame.ValidUTF8(p) || !u.Write(p) || !u.Done() {
		t.Fatalf("%q: invalid", p)
	}
}
