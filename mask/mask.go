package mask

import (
	"math/bits"
	"unsafe"

	"github.com/rfc6455/ws/internal/cpu"
)

// XOR masks or unmasks p in place with key (RFC 6455 section 5.3). It returns the key for the bytes
// that follow p in the same frame.
//
// A payload may be handed over in pieces of any size, empty ones included, as long as each call
// gets the key that the call before it returned. XOR does not allocate and keeps no reference to p.
// It may be called from any number of goroutines at once, for slices that do not share memory.
func XOR(p []byte, key uint32) uint32 {
	return xorWords(p, key)
}

// Copy writes src, masked or unmasked with key (RFC 6455 section 5.3), to the first len(src) bytes
// of dst. It returns the key for the bytes that follow src in the same frame. Copy passes over
// memory once; a copy followed by [XOR] would do so twice.
//
// The bytes of dst beyond len(src) are left as they are. dst and src either do not overlap or begin
// at the same byte; then Copy does what [XOR] does. Copy does not allocate and keeps no reference
// to either slice. It may be called from any number of goroutines at once, as long as nobody else
// uses dst and nobody changes src.
//
// Copy panics, before it writes anything, if dst is shorter than src or if the two overlap at
// different offsets. Both are mistakes of the calling code. No input can cause them.
func Copy(dst, src []byte, key uint32) uint32 {
	return copyWords(dst, src, key)
}

// badCopy panics with the mistake in the arguments of Copy.
func badCopy(dst, src []byte) {
	if len(dst) < len(src) {
		panic("websocket: mask.Copy: dst is shorter than src: pass a dst of at least len(src) bytes")
	}
	panic("websocket: mask.Copy: dst and src overlap at different offsets: pass the same memory, or memory that does not meet")
}

// overlapInexactly reports whether the first len(src) bytes of dst share memory with src at
// different offsets.
func overlapInexactly(dst, src []byte) bool {
	d := uintptr(unsafe.Pointer(unsafe.SliceData(dst)))
	s := uintptr(unsafe.Pointer(unsafe.SliceData(src)))
	n := uintptr(len(src))
	// A negative difference wraps around to a number that is greater than any slice is long.
	return d != s && (d-s < n || s-d < n)
}

// rotate returns key as it applies n bytes further on: its lowest byte is the one for the byte at
// offset n.
func rotate(key uint32, n int) uint32 {
	return bits.RotateLeft32(key, -8*n)
}

// The ways to mask long slices, by the names that the assembly uses.
const (
	levelGeneric = cpu.Generic // 8-byte words in Go
	levelVector  = cpu.Vector
	levelWide    = cpu.Wide
)

// active is the level in use. It is set once, before main, and changed only by tests.
var active = cpu.Best()
