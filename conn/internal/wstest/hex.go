package wstest

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// Hex turns the hexadecimal digits of s into bytes. It ignores white space between digits, so that
// a frame can be written as its fields: Hex("81 85 37FA213D 7F9F4D5158"). It is made for literals
// in tests, and panics if s is anything else.
func Hex(s string) []byte {
	b, err := hex.DecodeString(strings.Map(dropSpace, s))
	if err != nil {
		panic(fmt.Sprintf("wstest.Hex(%q): %v", s, err))
	}
	return b
}

func dropSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return r
}

// dumpLimit is how many bytes Dump shows.
const dumpLimit = 64

// Dump formats bytes for messages, as [Hex] reads them: "81 02 68 69". If there are more than 64,
// it shows the first 64 and says how many there are.
func Dump(b []byte) string {
	switch {
	case len(b) == 0:
		return "(nothing)"
	case len(b) <= dumpLimit:
		return fmt.Sprintf("% x", b)
	}
	return fmt.Sprintf("% x... (%d bytes)", b[:dumpLimit], len(b))
}
