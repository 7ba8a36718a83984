package sample

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestJSONIsText(t *testing.T) {
	for seed := range uint64(50) {
		for _, n := range []int{0, 1, 64, 1000, 1001, 1002, 1003} {
			p := JSON(seed, n)
			if len(p) != n || !utf8.Valid(p) {
				t.Fatalf("seed %d: %d bytes of text, want %d and valid UTF-8: %q",
					seed, len(p), n, p)
			}
		}
	}
	if bytes.Equal(JSON(1, 64), JSON(2, 64)) || !bytes.Equal(JSON(1, 64), JSON(1, 64)) {
		t.Error("a text must depend on its seed, and on nothing else")
	}
}
