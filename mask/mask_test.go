package mask

import (
	"bytes"
	"crypto/subtle"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/internal/cpu"
)

const (
	maxLength = 1100 // several rounds of every loop
	maxOffset = 64   // bytes of the widest register
	guard     = 72   // bytes around a slice that nobody may change: more than the widest register
)

// phases are the key of RFC 6455 section 5.7, 37 fa 21 3d, as it applies to bytes 0 to 3 of a
// frame.
var phases = [4]uint32{0x3d21fa37, 0x373d21fa, 0xfa373d21, 0x21fa373d}

// eachLevel runs the test once for every level of this machine.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer func(l cpu.Level) { active = l }(active)
	for l := levelGeneric; l <= cpu.Best(); l++ {
		active = l
		t.Run(l.String(), f)
	}
}

// byteLoop does what RFC 6455 section 5.3 says, to the letter: octet i of the result is octet i of
// the payload XOR octet i MOD 4 of the key. Every result is compared with byteLoop's.
func byteLoop(dst, src []byte, key uint32) {
	for i := range src {
		dst[i] = src[i] ^ byte(key>>(8*(i%4)))
	}
}

// aligned returns n bytes that begin at a multiple of 64.
func aligned(n int) []byte {
	b := make([]byte, n+63)
	start := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[start : start+n]
}

// random returns n bytes, the same in every run.
func random(n int) []byte {
	b := aligned(n)
	r := rand.New(rand.NewPCG(6455, 53))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Every length, alignment and phase of the key at every level. The bytes around the slice must not
// change.
func TestXOR(t *testing.T) {
	const size = maxOffset + guard + maxLength + guard
	plain, masked, got, want := random(size), make([]byte, maxLength), aligned(size), make([]byte, size)
	eachLevel(t, func(t *testing.T) {
		for phase, key := range phases {
			for offset := 0; offset < maxOffset; offset += offsetStep {
				start := guard + offset
				byteLoop(masked, plain[start:start+maxLength], key)
				copy(want, plain)
				for n := range maxLength + 1 {
					copy(want[start:], masked[:n])
					copy(got, plain)
					next := XOR(got[start:start+n], key)
					if !bytes.Equal(got, want) {
						t.Fatalf("%d bytes at offset %d, key %#x: differs at %d", n, start, key, differsAt(got, want)-start)
					}
					if next != phases[(phase+n)%4] {
						t.Fatalf("%d bytes, key %#x: next key %#x", n, key, next)
					}
				}
			}
		}
	})
}

// Every length, alignment of dst and phase of the key at every level. The alignment of src changes
// from one length to the next, so that each alignment of dst meets each of src.
func TestCopy(t *testing.T) {
	const size = maxOffset + guard + maxLength + guard
	src, before, got, want := random(size), bytes.Repeat([]byte{0xa5}, size), aligned(size), make([]byte, size)
	unchanged, octets := bytes.Clone(src), make([]byte, maxLength)
	eachLevel(t, func(t *testing.T) {
		for phase, key := range phases {
			byteLoop(octets, make([]byte, maxLength), key)
			for offset := 0; offset < maxOffset; offset += offsetStep {
				start := guard + offset
				for n := range maxLength + 1 {
					from := guard + (n+offset*7)%maxOffset
					copy(want, before)
					subtle.XORBytes(want[start:], src[from:from+n], octets)
					copy(got, before)
					next := Copy(got[start:], src[from:from+n], key)
					if !bytes.Equal(got, want) {
						t.Fatalf("%d bytes from offset %d to %d, key %#x: differs at %d",
							n, from, start, key, differsAt(got, want)-start)
					}
					if next != phases[(phase+n)%4] {
						t.Fatalf("%d bytes, key %#x: next key %#x", n, key, next)
					}
				}
			}
		}
	})
	if !bytes.Equal(src, unchanged) {
		t.Error("Copy changed src")
	}
}

func differsAt(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

// dst may be src, at any length. Copy does what XOR does then.
func TestCopyOntoItself(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := range maxLength + 1 {
			got, want := random(n), make([]byte, n)
			byteLoop(want, got, phases[1])
			Copy(got, got, phases[1])
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: differs at %d", n, differsAt(got, want))
			}
		}
	})
}

// A dst that is too short or that overlaps src is noticed before a byte is written. Neighbours do
// not overlap: a writer may mask from one half of a buffer into the other.
func TestCopyPanics(t *testing.T) {
	tests := []struct {
		name        string
		dst, src, n int // where dst and src begin in one buffer, and the length of both
		short       int // by how much dst is shorter
		panics      bool
	}{
		{name: "the same memory", dst: 10, src: 10, n: 20},
		{name: "dst right after src", dst: 30, src: 10, n: 20},
		{name: "dst right before src", dst: 10, src: 30, n: 20},
		{name: "dst one byte into src", dst: 11, src: 10, n: 20, panics: true},
		{name: "src one byte into dst", dst: 10, src: 11, n: 20, panics: true},
		{name: "dst over the last byte of src", dst: 29, src: 10, n: 20, panics: true},
		{name: "src over the last byte of dst", dst: 10, src: 29, n: 20, panics: true},
		{name: "both empty at one place", dst: 10, src: 10},
		{name: "both empty side by side", dst: 11, src: 10},
		{name: "dst one byte short", dst: 40, src: 10, n: 20, short: 1, panics: true},
		{name: "dst empty", dst: 40, src: 10, n: 1, short: 1, panics: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := random(64)
			before := bytes.Clone(b)
			defer func() {
				if r := recover(); (r != nil) != tt.panics {
					t.Errorf("panic %v, want one: %t", r, tt.panics)
				}
				if tt.panics && !bytes.Equal(b, before) {
					t.Error("bytes were written before the panic")
				}
			}()
			Copy(b[tt.dst:tt.dst+tt.n-tt.short], b[tt.src:tt.src+tt.n], phases[0])
		})
	}
}

// An empty payload leaves the key as it was: a reader that got no bytes has not moved.
func TestEmpty(t *testing.T) {
	for _, key := range phases {
		if next := XOR(nil, key); next != key {
			t.Errorf("XOR(nil, %#x) = %#x, want the same key", key, next)
		}
		if next := Copy(nil, nil, key); next != key {
			t.Errorf("Copy(nil, nil, %#x) = %#x, want the same key", key, next)
		}
	}
}

// RFC 6455 section 5.3: octet i takes key octet i MOD 4, and each frame begins at 0 again. So it is
// however the payload is cut by reads (a server unmasks in place) or by writes (a client masks into
// its buffer).
func TestPosition(t *testing.T) {
	frames := []struct{ masked, plain string }{ // by hand, from 37 fa 21 3d
		{"\x7f", "H"},
		{"\x52\x96", "el"},
		{"\x5b\x95\x0d", "lo,"},
		{"\x17\x8d\x4e\x4f\x5b", " worl"},
		{"\x53\xdb", "d!"},
	}
	t.Run("RX-5.2-08", func(t *testing.T) {
		t.Run("server", func(t *testing.T) {
			for _, f := range frames {
				for cut := range len(f.masked) + 1 {
					p := []byte(f.masked)
					XOR(p[cut:], XOR(p[:cut], phases[0]))
					if string(p) != f.plain {
						t.Errorf("unmasked %q in pieces of %d and %d: %q, want %q", f.masked, cut, len(p)-cut, p, f.plain)
					}
				}
			}
			testPieces(t, func(dst, src []byte, key uint32) uint32 { copy(dst, src); return XOR(dst, key) })
		})
		t.Run("client", func(t *testing.T) {
			for _, f := range frames {
				for cut := range len(f.plain) + 1 {
					p, src := make([]byte, len(f.plain)), []byte(f.plain)
					Copy(p[cut:], src[cut:], Copy(p, src[:cut], phases[0]))
					if string(p) != f.masked {
						t.Errorf("masked %q in pieces of %d and %d: %q, want %q", f.plain, cut, len(p)-cut, p, f.masked)
					}
				}
			}
			testPieces(t, Copy)
		})
	})
}

// testPieces masks payloads in pieces of random sizes, short and long, and at once, at every level.
func testPieces(t *testing.T, mask func(dst, src []byte, key uint32) uint32) {
	src := random(5000)
	want, got := make([]byte, len(src)), make([]byte, len(src))
	byteLoop(want, src, phases[0])
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 3))
		for range 500 {
			clear(got)
			largest := 1 + r.IntN(1500)
			key := phases[0]
			for at := 0; at < len(src); {
				end := min(at+r.IntN(largest+1), len(src))
				key = mask(got[at:end], src[at:end], key)
				at = end
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("in pieces of up to %d bytes: differs at %d", largest, differsAt(got, want))
			}
		}
	})
}
