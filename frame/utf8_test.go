package frame_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// Every code point, and every surrogate, in one piece and cut at each byte.
func TestUTF8CodePoints(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		b := make([]byte, 0, 4)
		valid := utf8.ValidRune(r)
		if b = utf8.AppendRune(b, r); !valid { // a surrogate, encoded as one would
			b = []byte{0xE0 | byte(r>>12), 0x80 | byte(r>>6)&0x3F, 0x80 | byte(r)&0x3F}
		}
		for cut := range len(b) {
			var u frame.UTF8
			ok := u.Write(b[:cut]) && u.Done() == (cut == 0) && u.Write(b[cut:]) && u.Done()
			if ok != valid {
				t.Fatalf("U+%04X cut at %d: %v, want %v", r, cut, ok, valid)
			}
		}
	}
}

// Validation fails at the first impossible byte, in every sequence of three bytes. Package utf8
// tells an unfinished code point from an impossible one.
func TestUTF8FailsFast(t *testing.T) {
	for i := range 1 << 24 {
		b := []byte{byte(i >> 16), byte(i >> 8), byte(i)}
		if b[1]&0x0F != 0 && b[1]&0x0F != 0x0F || b[2]&0x3F != 0 && b[2]&0x3F != 0x3F {
			continue // not an edge
		}
		var u frame.UTF8
		for k := 1; k <= 3; k++ {
			ok := u.Write(b[k-1 : k])
			if want := isPrefix(b[:k]); ok != want {
				t.Fatalf("% x: %v, want %v", b[:k], ok, want)
			}
			if ok && u.Done() != utf8.Valid(b[:k]) {
				t.Fatalf("% x: Done() = %t, want %t", b[:k], u.Done(), utf8.Valid(b[:k]))
			}
		}
	}
}

// isPrefix reports whether valid text may begin with b.
func isPrefix(b []byte) bool {
	for len(b) > 0 && utf8.FullRune(b) {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		b = b[n:]
	}
	return true
}

// Texts around the sizes of a word, with one character that is not ASCII at every place: the fast
// path must not miss it.
func TestUTF8Places(t *testing.T) {
	for n := range 100 {
		text := []byte(strings.Repeat("a", n))
		var u frame.UTF8
		if !frame.ValidUTF8(text) || !u.Write(text) || !u.Done() {
			t.Fatalf("%d bytes of ASCII: invalid", n)
		}
		for i := range n {
			for _, c := range []string{"\xff", "\x80", "é", "日", "😀"} {
				b := append(append(append([]byte(nil), text[:i]...), c...), text[i:]...)
				var u frame.UTF8
				want := utf8.Valid(b)
				if ok := u.Write(b); ok != want || frame.ValidUTF8(b) != want {
					t.Fatalf("%q: Write %v, ValidUTF8 %v, want %v", b, ok, frame.ValidUTF8(b), want)
				}
			}
		}
	}
}

func TestUTF8StaysInvalid(t *testing.T) {
	for _, s := range []string{"\xff", "a\xc0", "\xe0\x80", "aaaaaaaaaaaaaaaa\xffaaaaaaaaaaaaaaaa"} {
		t.Run(fmt.Sprintf("%x", s), func(t *testing.T) {
			var u frame.UTF8
			for _, next := range []string{s, "", "a", "\x80", "é"} {
				if u.Write([]byte(next)) || u.Done() {
					t.Fatalf("valid after %q, want invalid", next)
				}
			}
			if u.Reset(); !u.Done() || !u.Write([]byte("a")) {
				t.Fatal("invalid after Reset, want valid")
			}
		})
	}
}
