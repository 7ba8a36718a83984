package mask

import (
	"bytes"
	"testing"
)

// The fuzz targets compare both functions with the byte loop, at the level of this machine. The
// payload is cut in two and begins at a chosen alignment.

// seed adds the lengths at which the code takes another path.
func seed(f *testing.F) {
	for i, n := range []int{0, 1, 3, 4, 7, 8, 16, 17, 63, 64, 127, 128, 255, 256, 320, 600} {
		f.Add(random(n), phases[i%4], uint8(i), uint16(n/3))
	}
}

func FuzzXOR(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte, key uint32, offset uint8, cut uint16) {
		want, got := make([]byte, len(src)), aligned(int(offset) + len(src))[offset:]
		byteLoop(want, src, key)
		copy(got, src)
		at := min(int(cut), len(src))
		XOR(got[at:], XOR(got[:at], key))
		if !bytes.Equal(got, want) {
			t.Errorf("%x with key %#x: %x, want %x", src, key, got, want)
		}
	})
}

func FuzzCopy(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte, key uint32, offset uint8, cut uint16) {
		before := bytes.Clone(src)
		want, got := make([]byte, len(src)), aligned(int(offset) + len(src))[offset:]
		byteLoop(want, src, key)
		at := min(int(cut), len(src))
		Copy(got[at:], src[at:], Copy(got, src[:at], key))
		if !bytes.Equal(got, want) || !bytes.Equal(src, before) {
			t.Errorf("%x with key %#x: %x, want %x", before, key, got, want)
		}
	})
}
