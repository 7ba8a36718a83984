// Package mask applies the masking of RFC 6455 section 5.3 to payload bytes.
//
// Byte i of a frame's payload is combined by exclusive or with byte i modulo 4 of the frame's masking key. Masking
// and unmasking are the same operation.
package mask

import (
	"math/bits"
	"unsafe"
)

// XOR masks p in place with key and returns the key for the bytes that follow p in the same frame.
func XOR(p []byte, key uint32) uint32 {
	maskGeneric(p, p, key)
	return rotate(key, len(p))
}

// Copy writes src, masked with key, to dst and returns the key for the bytes that follow src in the same frame.
// It panics when dst is shorter than src, and when the two overlap without being the same memory.
func Copy(dst, src []byte, key uint32) uint32 {
	n := len(src)
	if len(dst) < n {
		panic("websocket: mask.Copy: dst is shorter than src")
	}
	if overlapInexactly(dst, src, n) {
		panic("websocket: mask.Copy: dst and src overlap inexactly: pass the same memory or two that do not meet")
	}
	maskGeneric(dst[:n], src, key)
	return rotate(key, n)
}

// rotate returns the key as it applies n bytes further on: its lowest byte is the one for the byte at offset n.
func rotate(key uint32, n int) uint32 {
	return bits.RotateLeft32(key, -8*(n&3))
}

// overlapInexactly reports whether the n bytes at dst and the n bytes at src share memory at different offsets.
func overlapInexactly(dst, src []byte, n int) bool {
	d := uintptr(unsafe.Pointer(unsafe.SliceData(dst)))
	s := uintptr(unsafe.Pointer(unsafe.SliceData(src)))
	return d != s && (d-s < uintptr(n) || s-d < uintptr(n))
}
