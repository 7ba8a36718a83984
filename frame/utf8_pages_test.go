//go:build linux || darwin

package frame_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/internal/fence"
)

// Nothing is read outside a text that begins or ends up to 63 bytes from an edge of the page, which
// is every alignment. From 512 bytes on a kernel sees all of the text, even if it is ASCII.
func TestUTF8Pages(t *testing.T) {
	page, step := fence.Page(t), 1
	if slow {
		step = 7
	}
	for _, script := range []string{"a", "日", "aé日😀", strings.Repeat("a", 130) + "é"} {
		text := strings.Repeat(script, 600/len(script)+1)
		eachLevel(t, func(t *testing.T) {
			for n := range 600 {
				if n > 300 && n < 512 {
					continue
				}
				fence.AtEdges(t, page, n, step, func(p []byte) { wantValid(t, p, text) })
			}
		})
	}
}

// wantValid fills p with the beginning of text and wants it to be valid. ASCII replaces a code
// point that is cut at the end.
func wantValid(t *testing.T, p []byte, text string) {
	t.Helper()
	copy(p, text)
	for k := len(p); !utf8.Valid(p); k-- {
		p[k-1] = 'a'
	}
	var u frame.UTF8
	if !frame.ValidUTF8(p) || !u.Write(p) || !u.Done() {
		t.Fatalf("%q is invalid, want it to be valid", p)
	}
}
