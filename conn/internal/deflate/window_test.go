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
			w.unfold()
			w.push(piece, size)
			text = append(text, piece...)
			want := text[max(0, len(text)-size):]
			if i%3 == 0 {
				w.fold()
				w.unfold()
			}
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

// TestFoldedWindow: a window of text that can be compressed takes much less memory while it is
// folded, and is what it was after that. One of noise stays as it is, and is not tried again before
// it is used.
func TestFoldedWindow(t *testing.T) {
	for _, size := range []int{1024, 4096, 32768} {
		for name, tt := range map[string]struct {
			text []byte
			most int // bytes of memory while it is folded
		}{
			"nothing":       {nil, 0},
			"a few bytes":   {jsonText(1, 10), 256},
			"JSON":          {jsonText(1, size), size / 2},
			"JSON, a ring":  {jsonText(1, size+100), size / 2},
			"JSON, growing": {jsonText(1, size/2+1), size / 3},
			"zeros":         {make([]byte, size), 256},
			"noise":         {noise(1, size), size},
		} {
			var w window
			w.push(tt.text[:len(tt.text)/3], size)
			w.push(tt.text[len(tt.text)/3:], size)
			want := tt.text[max(0, len(tt.text)-size):]
			for range 2 {
				w.fold()
				w.fold() // changes nothing
				if cap(w.buf) > tt.most {
					t.Errorf("size %d, %s: %d bytes while it is folded, want at most %d", size, name, cap(w.buf), tt.most)
				}
				w.unfold()
				if got := w.appendTo(nil); !bytes.Equal(got, want) {
					t.Errorf("size %d, %s: %d other bytes after unfold, want %d", size, name, len(got), len(want))
				}
				if cap(w.buf) > size {
					t.Errorf("size %d, %s: room for %d bytes after unfold", size, name, cap(w.buf))
				}
			}
		}
	}
}
