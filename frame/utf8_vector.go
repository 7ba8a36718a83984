//go:build (amd64 || arm64) && !purego

package frame

import (
	"unicode/utf8"
	"unsafe"

	"github.com/rfc6455/ws/internal/cpu"
)

// The kernels follow Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021). Whether text is
// valid shows in each byte together with the three before it:
//
//   - Any two neighbours that may not stand together break a rule of mistakes, below. Most rules look at both nibbles of
//     the first byte and the upper one of the second, so that three look-ups, one for each nibble, in sets of rules
//     leave the rules that are broken.
//   - Two continuation bytes together are a mistake unless the one before them begins a code point of three bytes or
//     four, or the one before that one of four. The rule's bit is the upper one of a byte, which the kernels compare
//     with the upper bit of what tells them whether such a byte is there.
//
// A byte is looked at for itself, with nothing carried from one block to the next, so that blocks may overlap.

// A rule is a mistake in two neighbouring bytes, as the sets of nibbles that make it: bit i of a set is nibble i.
type rule struct{ high, low, next uint16 }

// Sets of nibbles.
const (
	all           = 0xFFFF
	asciiHigh     = 0x00FF // the upper nibbles of ASCII
	continuation  = 0x0F00 // of a continuation byte
	leads         = 0xF000 // of the first byte of two or more
	notContinuing = asciiHigh | leads
)

// mistakes are the rules, in the order of their bits. The last one is twoContinuations.
var mistakes = [8]rule{
	{high: leads, low: all, next: notContinuing},       // a code point breaks off
	{high: asciiHigh, low: all, next: continuation},    // a continuation byte without a first one
	{high: 1 << 0xC, low: 0x0003, next: continuation},  // C0, C1: an overlong form of one byte
	{high: 1 << 0xE, low: 1 << 0, next: 0x0300},        // E0 80 to E0 9F: of two
	{high: 1 << 0xE, low: 1 << 0xD, next: 0x0C00},      // ED A0 to ED BF: a surrogate
	{high: 1 << 0xF, low: 0xFFF0, next: 0x0E00},        // F4 90 and on: beyond U+10FFFF
	{high: 1 << 0xF, low: 0xFFE1, next: 1 << 8},        // F0 80: an overlong form of three; F5 80 and on: beyond U+10FFFF
	{high: continuation, low: all, next: continuation}, // two continuation bytes: right where three or four are due
}

// tables are the sets of rules for each nibble, or for the six bits of a byte that hold it, which spares the AVX-512
// kernel a step.
type tables struct {
	high [64]byte // by the upper six bits of the first byte
	low  [64]byte // by the lower six bits of the first byte
	next [64]byte // by the upper six bits of the second byte

	// by a nibble, as the others take them
	high16, low16, next16 [16]byte
}

var utf8Tables = newTables()

func newTables() (t tables) {
	for bit, m := range mistakes {
		for n := range 16 {
			t.high16[n] |= byte(m.high>>n&1) << bit
			t.low16[n] |= byte(m.low>>n&1) << bit
			t.next16[n] |= byte(m.next>>n&1) << bit
		}
	}
	for i := range 64 {
		t.high[i], t.low[i], t.next[i] = t.high16[i>>2], t.low16[i&15], t.next16[i>>2]
	}
	return t
}

// Levels by the names that the assembly knows.
const (
	levelGeneric = cpu.Generic
	levelVector  = cpu.Vector
	levelWide    = cpu.Wide
)

// active is the level in use. It is set once, before main, and changed by tests alone.
var active = cpu.Best()

// vectorMin is the shortest text, in bytes, that is handed to a kernel. They need 64 bytes behind the code points that
// fill the first 3, of which there are 6 bytes at most.
const vectorMin = 72

// useVector reports whether n bytes are enough for a kernel, and the machine has one.
func useVector(n int) bool { return n >= vectorMin && active != levelGeneric }

// validLong is ValidUTF8 for vectorMin bytes or more, with a kernel. It checks the first code points itself, so that the
// kernel finds bytes before those that it looks at, and the end.
func validLong(p []byte) bool {
	if unfinished(p) > 0 {
		return false
	}
	n := 0
	for n < 3 {
		r, size := utf8.DecodeRune(p[n:])
		if r == utf8.RuneError && size == 1 {
			return false
		}
		n += size
	}
	return validVector(unsafe.SliceData(p[n:]), len(p)-n, &utf8Tables)
}

// validVector reports whether the n bytes at p are valid, apart from the end, which may be inside a code point. n is 64
// or more, and the three bytes before p are the end of a valid text.
//
//go:noescape
func validVector(p *byte, n int, t *tables) bool
