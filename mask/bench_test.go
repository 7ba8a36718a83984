package mask

import (
	"fmt"
	"testing"

	"github.com/rfc6455/ws/internal/cpu"
)

// The benchmarks measure this package and two rivals in the same run: a plain loop over 8-byte
// words, and the runtime's copy of the same bytes. Slices begin 10 bytes after a multiple of 64, as
// a payload does after the header of a short frame in a fresh buffer. They have been written to:
// pages that nobody has written all share one page of zeros, which caches treat in a way of their
// own.
//
//	go test -bench . -count 6 ./mask

var sizes = []int{16, 32, 128, 1 << 10, 16 << 10, 64 << 10, 1 << 20}

// wordLoop is the plain loop, called as a library's function is.
//
//go:noinline
func wordLoop(dst, src []byte, key uint32) uint32 {
	k, next := double(key), rotate(key, len(src))
	for len(src) >= 8 && len(dst) >= 8 {
		le.PutUint64(dst, le.Uint64(src)^k)
		dst, src = dst[8:], src[8:]
	}
	for i := range src {
		dst[i] = src[i] ^ byte(key>>(8*(i%4)))
	}
	return next
}

// wordLoopInPlace is the plain loop for one slice, for which the compiler makes faster code.
//
//go:noinline
func wordLoopInPlace(p []byte, key uint32) uint32 {
	k, next := double(key), rotate(key, len(p))
	for len(p) >= 8 {
		le.PutUint64(p, le.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(key >> (8 * (i % 4)))
	}
	return next
}

func BenchmarkXOR(b *testing.B) {
	for _, n := range sizes {
		p, q := random(n + 10)[10:], random(n + 10)[10:]
		run(b, n, "loop", func(key uint32) uint32 { return wordLoopInPlace(p, key) })
		run(b, n, "copy", func(key uint32) uint32 { copy(p, q); return key })
		atEachLevel(b, n, func(key uint32) uint32 { return XOR(p, key) })
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, n := range sizes {
		p, q := random(n + 10)[10:], random(n + 10)[10:]
		run(b, n, "loop", func(key uint32) uint32 { return wordLoop(p, q, key) })
		run(b, n, "copy", func(key uint32) uint32 { copy(p, q); return key })
		atEachLevel(b, n, func(key uint32) uint32 { return Copy(p, q, key) })
	}
}

func run(b *testing.B, n int, name string, f func(key uint32) uint32) {
	b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
		b.SetBytes(int64(n))
		key := phases[0]
		for b.Loop() {
			key = f(key)
		}
	})
}

func atEachLevel(b *testing.B, n int, f func(key uint32) uint32) {
	atLevels(func(name string) { run(b, n, name, f) })
}

func atLevels(f func(name string)) {
	defer func(l cpu.Level) { active = l }(active)
	for l := levelGeneric; l <= cpu.Best(); l++ {
		active = l
		f(l.String())
	}
}

// BenchmarkMessages masks 64 messages of mixed lengths that lie in one buffer with their headers
// between them, as a server finds them. A single slice that is masked again and again has to wait
// for its own stores. These messages do not.
func BenchmarkMessages(b *testing.B) {
	for _, r := range []struct{ shortest, longest int }{{0, 31}, {32, 63}, {64, 255}, {256, 1023}, {1024, 8191}} {
		buffer := aligned(64 * (r.longest + 6))
		var messages [64][]byte
		for i := range messages {
			n := r.shortest + i*29%(r.longest-r.shortest+1)
			messages[i], buffer = buffer[6:6+n], buffer[6+n:]
		}
		each := func(name string, f func(p []byte, key uint32) uint32) {
			b.Run(fmt.Sprintf("%d-%d/%s", r.shortest, r.longest, name), func(b *testing.B) {
				for i := range b.N {
					f(messages[i%len(messages)], phases[0])
				}
			})
		}
		each("loop", wordLoopInPlace)
		atLevels(func(name string) { each(name, XOR) })
	}
}
