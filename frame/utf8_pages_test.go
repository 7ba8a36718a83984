//go:build linux

package frame_test

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// A kernel reads nothing before a text nor behind it: between two pages that may not be touched it would crash.
func TestUTF8Pages(t *testing.T) {
	page := syscall.Getpagesize()
	pages, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	defer syscall.Munmap(pages)
	for _, guard := range [][]byte{pages[:page], pages[2*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Skip(err)
		}
	}
	inside := pages[page : 2*page]
	eachLevel(t, func(t *testing.T) {
		for _, text := range []string{"a", "日"} {
			for n := range 500 {
				copy(inside, bytes.Repeat([]byte(text), page/len(text)))
				n = n / len(text) * len(text)
				if !frame.ValidUTF8(inside[:n]) {
					t.Errorf("%d bytes of %s: invalid", n, text)
				}
				copy(inside[page-n:], inside[:n])
				if !frame.ValidUTF8(inside[page-n:]) {
					t.Errorf("the last %d bytes of %s: invalid", n, text)
				}
			}
		}
	})
}
