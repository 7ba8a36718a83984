package deflate

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestWindow compares a window with the whole text.
func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{256, 4096, 32768} {
		var w window
		var text []byte
		for i := range 300 {
			piece := noise(uint64(i), r.IntN([]int{3, 100, size, 2 * size}[i/75]))
			w.push(piece, size)
			text = append(text, piece...)
			want := text[max(0, len(text)-size):]
			if got := w.appendTo([]byte("x")); !bytes.Equal(got[1:], want) {
				t.Fatalf("size %d, after %d bytes: %d bytes, not the last %d", size, len(text), len(got)-1, len(want))
			}
			if cap(w.buf) > size || len(text) > minWindow && cap(w.buf) > 2*len(text) {
				t.Fatalf("size %d, after %d bytes: capacity %d", size, len(text), cap(w.buf))
			}
			if len(want) == 0 {
				continue
			}
			back := 1 + r.IntN(len(want))
			p := make([]byte, 1+r.IntN(300))
			n := w.copyBack(p, back)
			if n != min(back, len(p)) || !bytes.Equal(p[:n], want[len(want)-back:][:n]) {
				t.Fatalf("size %d, %d bytes back: %d bytes are wrong", size, back, n)
			}
		}
	}
}
