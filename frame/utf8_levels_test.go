package frame_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// slow is true under the race detector and on machines that may be emulated. They can't look at
// everything.
const slow = underRace || runtime.GOARCH != "amd64"

// eachLevel runs the test once for every level of this machine.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	frame.EachLevel(func(name string) { t.Run(name, f) })
}

// wantUTF8 compares Write and ValidUTF8 with package utf8.
func wantUTF8(t *testing.T, p []byte) {
	t.Helper()
	var u frame.UTF8
	want := utf8.Valid(p)
	if ok := u.Write(p); (ok && u.Done()) != want || ok != isPrefix(p) || frame.ValidUTF8(p) != want {
		t.Fatalf("%q: Write %v, Done %v, ValidUTF8 %v, want %v", p, ok, u.Done(), frame.ValidUTF8(p), want)
	}
}

// edges are the bytes at which a rule begins or ends.
const edges = "\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xf7\xf8\xff"

// Every sequence of four such bytes, each at another place of a long text, among ASCII and among
// other characters.
func TestUTF8LongEdges(t *testing.T) {
	step := 1
	if slow {
		step = 41
	}
	texts := []string{strings.Repeat("a", 323), strings.Repeat("日本", 30) + strings.Repeat("é😀", 23)}
	eachLevel(t, func(t *testing.T) {
		for _, text := range texts {
			p, at := []byte(text), 0
			for i := 0; i < len(edges)*len(edges)*len(edges)*len(edges); i += step {
				if at++; at > len(p)-4 {
					at = 0
				}
				four := [4]byte{edges[i%26], edges[i/26%26], edges[i/26/26%26], edges[i/26/26/26]}
				copy(p[at:], four[:])
				if frame.ValidUTF8(p) != utf8.Valid(p) {
					t.Fatalf("ValidUTF8 with % x at %d = %t, want %t", four, at, frame.ValidUTF8(p), utf8.Valid(p))
				}
				copy(p[at:], text[at:at+4])
			}
		}
	})
}

// Every code point within a long text.
func TestUTF8LongCodePoints(t *testing.T) {
	step := rune(1)
	if slow {
		step = 11
	}
	eachLevel(t, func(t *testing.T) {
		p := []byte(strings.Repeat("a", 200))
		for r := rune(0); r <= utf8.MaxRune; r += step {
			if !utf8.ValidRune(r) {
				continue
			}
			at := 10 + int(r)%150
			n := utf8.EncodeRune(p[at:], r)
			if !frame.ValidUTF8(p) {
				t.Fatalf("ValidUTF8 with U+%04X at %d = false, want true", r, at)
			}
			copy(p[at:], "aaaa"[:n])
		}
	})
}

// Texts of every length around the sizes of the kernels' blocks, in one script and in several:
// whole, cut anywhere, and with one byte changed.
func TestUTF8LongLengths(t *testing.T) {
	longest := 700
	if slow {
		longest = 150
	}
	scripts := []string{"a", "é", "日", "😀", "a long run of ASCII and then é and 日本語 ", "aé日😀"}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3629, 1))
		for _, script := range scripts {
			text := []byte(strings.Repeat(script, longest/len(script)+2))
			for n := range longest {
				p := append([]byte(nil), text[n%4:n%4+n]...)
				wantUTF8(t, p)
				for range min(n, 4) {
					i := r.IntN(n)
					was := p[i]
					p[i] = edges[r.IntN(len(edges))]
					wantUTF8(t, p)
					p[i] = was
				}
			}
		}
	})
}

// Long texts in pieces of any length are valid up to the first impossible byte and no further.
func TestUTF8LongPieces(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3629, 2))
		text := strings.Repeat("some ASCII, then é, 日本語 and 😀😀😀; ", 40)
		for range 500 {
			p := []byte(text)
			bad := r.IntN(2 * len(p))
			if bad < len(p) {
				p[bad] = edges[r.IntN(len(edges))]
			}
			var u frame.UTF8
			for n := 0; n < len(p); {
				k := min(1+r.IntN(300), len(p)-n)
				ok := u.Write(p[n : n+k])
				if n += k; ok != isPrefix(p[:n]) {
					t.Fatalf("Write up to %q = %t, want %t", p[:n], ok, isPrefix(p[:n]))
				}
				if !ok {
					break
				}
			}
		}
	})
}
