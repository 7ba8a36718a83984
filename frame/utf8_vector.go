//go:build (amd64 || arm64) && !purego

package frame

import (
	"unicode/utf8"
	"unsafe"

	"github.com/rfc6455/ws/internal/cpu"
)

// The kernels follow Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte"
// (2021). Each byte is judged together with the three before it:
//
//   - Two neighbours that may not stand together break one of the rules below. Most rules look at
//     both nibbles of the first byte and at the upper nibble of the second. Each nibble selects a
//     set of rules from a table. What is in all three sets is broken.
//   - Two continuation bytes together are a mistake, unless the byte before them begins a code
//     point of three or four bytes, or the byte before that one begins a code point of four. The
//     bit of this rule is the top bit of a byte. The kernels compare it with a top bit that tells
//     whether there is such a byte.
//
// Nothing is carried from one block to the next, so blocks may overlap.

// A rule describes a mistake in two neighbouring bytes by the sets of nibbles that make it. Bit i
// of a set stands for the nibble i.
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

// tables holds the sets of rules for each nibble. The longer ones are indexed by the six bits of a
// byte that hold the nibble, which spares the AVX-512 kernel a step.
type tables struct {
	high [64]byte // by the upper six bits of the first byte
	low  [64]byte // by the lower six bits of the first byte
	next [64]byte // by the upper six bits of the second byte

	// indexed by a nibble, for the other kernels
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

// The levels, by the names that the assembly uses.
const (
	levelGeneric = cpu.Generic
	levelVector  = cpu.Vector
	levelWide    = cpu.Wide
)

// active is the level in use. It is set once, before main, and changed only by tests.
var active = cpu.Best()

// vectorMin is the length, in bytes, of the shortest text that is handed to a kernel. A kernel
// needs 64 bytes behind the code points that fill the first three bytes. Those code points take 6
// bytes at most.
const vectorMin = 72

// useVector reports whether n bytes are enough for a kernel and the machine has one.
func useVector(n int) bool { return n >= vectorMin && active != levelGeneric }

// validLong is [ValidUTF8] for vectorMin bytes or more, with a kernel. It checks the first code
// points and the end itself. So the kernel finds bytes in front of those that it judges.
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

// validVector reports whether the n bytes at p are valid. The last code point may be incomplete. n
// is 64 or more, and the three bytes before p are the end of a valid text.
//
//go:noescape
func validVector(p *byte, n int, t *tables) bool
