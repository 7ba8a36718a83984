package mask

import (
	"encoding/binary"
	"unsafe"
)

// The code in this file is built on every machine. It hands long slices to vector, if the machine
// has a kernel, and masks short ones itself, since for those the call would take longer than the
// work.
//
// Both functions load the last word of the slice before they store anything, and store it after
// everything else. That word may overlap bytes that the loop has masked already. It was loaded
// before that, so it gives them the same value again. Therefore no length needs a loop over its
// last few bytes, and masking in place is right, too.

// le reads and writes words in the byte order of keys, whatever the order of the machine is.
var le = binary.LittleEndian

// double returns the key of an 8-byte word: key, twice.
func double(key uint32) uint64 {
	return uint64(key)<<32 | uint64(key)
}

// xorWords implements [XOR]. It is one function with a case for each range of lengths, because a
// further call would take a fifth of the time that a short message needs.
func xorWords(p []byte, key uint32) uint32 {
	n := len(p)
	next := rotate(key, n)
	switch {
	case useVector(n):
		vector(unsafe.SliceData(p), unsafe.SliceData(p), n, key)
	case n > 16:
		k, last := double(key), p[n-16:]
		a, b := le.Uint64(last)^double(next), le.Uint64(last[8:])^double(next)
		for len(p) > 16 {
			le.PutUint64(p, le.Uint64(p)^k)
			le.PutUint64(p[8:], le.Uint64(p[8:])^k)
			p = p[16:]
		}
		le.PutUint64(last, a)
		le.PutUint64(last[8:], b)
	case n >= 8:
		a, b := le.Uint64(p)^double(key), le.Uint64(p[n-8:])^double(next)
		le.PutUint64(p, a)
		le.PutUint64(p[n-8:], b)
	case n >= 4:
		a, b := le.Uint32(p)^key, le.Uint32(p[n-4:])^next
		le.PutUint32(p, a)
		le.PutUint32(p[n-4:], b)
	default:
		for i := range p {
			p[i] ^= byte(key)
			key >>= 8
		}
	}
	return next
}

// copyWords implements [Copy]. It repeats xorWords for two slices. Sharing the code would cost XOR
// a third of its speed on short messages, since the compiler could not tell that one length holds
// for both slices.
func copyWords(dst, src []byte, key uint32) uint32 {
	n := len(src)
	if len(dst) < n || overlapInexactly(dst, src) {
		badCopy(dst, src)
	}
	dst = dst[:n]
	next := rotate(key, n)
	switch {
	case useVector(n):
		vector(unsafe.SliceData(dst), unsafe.SliceData(src), n, key)
	case n > 16:
		k, last := double(key), src[n-16:]
		a, b := le.Uint64(last)^double(next), le.Uint64(last[8:])^double(next)
		last = dst[n-16:]
		for len(src) > 16 && len(dst) > 16 {
			le.PutUint64(dst, le.Uint64(src)^k)
			le.PutUint64(dst[8:], le.Uint64(src[8:])^k)
			dst, src = dst[16:], src[16:]
		}
		le.PutUint64(last, a)
		le.PutUint64(last[8:], b)
	case n >= 8:
		a, b := le.Uint64(src)^double(key), le.Uint64(src[n-8:])^double(next)
		le.PutUint64(dst, a)
		le.PutUint64(dst[n-8:], b)
	case n >= 4:
		a, b := le.Uint32(src)^key, le.Uint32(src[n-4:])^next
		le.PutUint32(dst, a)
		le.PutUint32(dst[n-4:], b)
	default:
		for i := range src {
			dst[i] = src[i] ^ byte(key)
			key >>= 8
		}
	}
	return next
}
