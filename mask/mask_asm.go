//go:build (amd64 || arm64) && !purego

package mask

import "unsafe"

// vectorMin is the shortest slice, in bytes, that is handed to vector. The kernels rely on it: the first and the last
// block that they load must lie within the slice. Below it, loops over words are as fast as the call.
const vectorMin = 64

// xorVector writes src, masked with key, to dst, which has the length of src and is the same memory or does not meet
// it, and returns true. If the slices are too short to be worth it, or the machine has no kernel, it returns false
// and has done nothing. It is small enough to be inlined.
func xorVector(dst, src []byte, key uint32) bool {
	if len(src) < vectorMin || active == levelGeneric {
		return false
	}
	vector(unsafe.SliceData(dst), unsafe.SliceData(src), len(src), key)
	return true
}

// vector masks n bytes from src to dst with the kernel of the active level, which is not levelGeneric. n is at least
// vectorMin; dst and src are equal or n bytes or more apart.
//
//go:noescape
func vector(dst, src *byte, n int, key uint32)
