package engine

import "testing"

// Text that is valid, a surrogate, and a code point beyond the last.
const (
	greek    = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	halfPair = "\xed\xa0\x80"
	tooHigh  = "\xf4\x90\x80\x80"
)

// TestUTF8FailsFast looks for the byte at which text is known to be invalid.
func TestUTF8FailsFast(t *testing.T) {
	for _, test := range []struct {
		text string
		at   int // bytes that can still become valid
	}{{greek + tooHigh, 12}, {greek + halfPair, 12}, {"\xc0", 0}, {"a\xe0\x9f", 2}, {"a\xff", 1}, {"\xf4\x8f\xbf\xbf\x80", 4}} {
		var u UTF8Check
		n := 0
		for n < len(test.text) && u.Write([]byte(test.text[n:n+1])) {
			n++
		}
		if n != test.at {
			t.Errorf("%q is invalid at %d, want %d", test.text, n, test.at)
		}
	}
}

// FuzzUTF8 compares the check in pieces with the check at once.
func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"", "Hello, world!", "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!", greek + halfPair, tooHigh, "\xf0\x9f\x98\x80"} {
		f.Add([]byte(s), uint8(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, b []byte, first, second uint8) {
		i := min(int(first), len(b))
		j := min(i+int(second), len(b))
		var whole, parts UTF8Check
		whole.Write(b)
		parts.Write(b[:i])
		parts.Write(b[i:j])
		parts.Write(b[j:])
		if whole.Done() != parts.Done() {
			t.Errorf("%q: %v at once, %v cut at %d and %d", b, whole.Done(), parts.Done(), i, j)
		}
	})
}
