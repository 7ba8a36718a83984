// Package mask applies the masking of RFC 6455 section 5.3 to payload bytes, at the speed of memory.
//
// Byte i of a frame's payload is combined by exclusive or with byte i modulo 4 of the frame's masking key. Doing it
// twice gives the payload back, so one function masks and unmasks. [XOR] works in place, for bytes that were just
// read from the network; [Copy] writes the result elsewhere, for a sender that must not change its caller's bytes.
//
// # Keys
//
// A key is the four bytes of the frame header, in the order in which they are sent, loaded as a little-endian
// number: binary.LittleEndian.Uint32(header[n:]). Both functions return the key rotated to the position at which
// they stopped, which is the key to pass with the next piece of the same frame. A new frame starts with its own key,
// unrotated.
//
// # Speed
//
// Slices of 64 bytes and more are masked by vector instructions: AVX2 or AVX-512 on amd64, as the processor and the
// operating system offer them, NEON on arm64. Shorter ones, other architectures and builds with the tag purego use
// 8-byte words in Go. Every way gives the same result.
//
// Measured by this package's benchmarks on an AMD Zen 5 with AVX-512, against a plain loop over 8-byte words in the
// same run: XOR is 1.2 times as fast for messages of 0 to 31 bytes, twice at 128 bytes, 7 times at 1 KiB and 13 times
// at 16 KiB. Against the runtime's copy of as many bytes, XOR and [Copy] take 0.7 to 0.8 of the time at 16 KiB; with
// AVX2 alone they take 0.9 to 1.0 of it.
package mask

import (
	"math/bits"
	"unsafe"
)

// XOR masks or unmasks p in place with key (RFC 6455 section 5.3) and returns the key for the bytes that follow p in
// the same frame.
//
// A payload may be handed over in pieces of any size, empty ones included, as long as each call gets the key that
// the one before returned. XOR does not allocate and keeps no reference to p. It may be called from any number of
// goroutines at once, for slices that do not share memory.
func XOR(p []byte, key uint32) uint32 {
	return xorWords(p, key)
}

// Copy writes src, masked or unmasked with key (RFC 6455 section 5.3), to the first len(src) bytes of dst and
// returns the key for the bytes that follow src in the same frame. It is one pass over memory where copy and [XOR]
// are two.
//
// The bytes of dst beyond len(src) are left as they are. dst and src may be the same memory, which makes Copy an
// XOR, or memory that does not meet. Copy does not allocate and keeps no reference to either. It may be called from
// any number of goroutines at once, for a dst that nobody else uses and a src that nobody changes.
//
// Copy panics, before it writes anything, if dst is shorter than src or if the two overlap at different offsets:
// both are mistakes of the calling code that no input can cause.
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

// overlapInexactly reports whether the first len(src) bytes of dst share memory with src at different offsets.
func overlapInexactly(dst, src []byte) bool {
	d := uintptr(unsafe.Pointer(unsafe.SliceData(dst)))
	s := uintptr(unsafe.Pointer(unsafe.SliceData(src)))
	n := uintptr(len(src))
	// Both differences wrap around when negative, to numbers that no slice is long enough for.
	return d != s && (d-s < n || s-d < n)
}

// rotate returns the key as it applies n bytes further on: its lowest byte is the one for the byte at offset n.
func rotate(key uint32, n int) uint32 {
	return bits.RotateLeft32(key, -8*n)
}

// A level is a way to mask long slices. Levels are in order: a machine that has one has those below it.
type level uint8

const (
	levelGeneric level = iota // 8-byte words in Go
	levelVector               // AVX2 on amd64, NEON on arm64
	levelWide                 // AVX-512 on amd64
)

// active is the level in use. It is set once, before main, and changed by tests alone.
var active = best()
