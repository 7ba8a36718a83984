//go:build (amd64 || arm64) && !purego

package mask

// vectorMin is the length, in bytes, of the shortest slice that is handed to vector. The kernels
// rely on it: the first and the last block that they load must lie within the slice. Below it,
// loops over words are as fast as the call.
const vectorMin = 64

// useVector reports whether n bytes are enough for vector and the machine has a kernel.
func useVector(n int) bool { return n >= vectorMin && active != levelGeneric }

// vector writes n bytes of src, masked with key, to dst. It uses the kernel of the active level,
// which must not be levelGeneric. n is at least vectorMin. dst and src are either equal or at least
// n bytes apart.
//
//go:noescape
func vector(dst, src *byte, n int, key uint32)
