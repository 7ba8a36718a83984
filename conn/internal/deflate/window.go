package deflate

// window holds the last bytes of a text, up to a size that each call names and that must not
// change. It takes memory as text comes in, so that a connection with little traffic holds little.
// The zero value is an empty window.
type window struct {
	buf  []byte // the bytes held; a ring as soon as there are size of them
	head int    // where the oldest byte is; 0 until the ring is full
}

// minWindow is the size in bytes of a window's first allocation. Further ones double it.
const minWindow = 256

// push adds text. Of the bytes held before, the last ones stay, as many as there is room for.
func (w *window) push(text []byte, size int) {
	if len(text) >= size {
		w.grow(size, size)
		copy(w.buf, text[len(text)-size:])
		w.head = 0
		return
	}
	if n := min(size-len(w.buf), len(text)); n > 0 {
		held := len(w.buf)
		w.grow(held+n, size)
		copy(w.buf[held:], text[:n])
		text = text[n:]
	}
	n := copy(w.buf[w.head:], text)
	copy(w.buf, text[n:])
	w.head = (w.head + len(text)) & (size - 1)
}

// grow makes the window n bytes long. If there is too little room, it doubles the room, up to size.
func (w *window) grow(n, size int) {
	if n <= cap(w.buf) {
		w.buf = w.buf[:n]
		return
	}
	room := max(minWindow, 2*cap(w.buf))
	for room < n {
		room *= 2
	}
	bigger := make([]byte, n, min(room, size))
	copy(bigger, w.buf)
	w.buf = bigger
}

// appendTo appends the bytes held, the oldest first.
func (w *window) appendTo(dst []byte) []byte {
	dst = append(dst, w.buf[w.head:]...)
	return append(dst, w.buf[:w.head]...)
}

// copyBack copies to p the bytes that begin back bytes before the end of the text, as many as there
// are, and returns their number. The window must hold at least back bytes.
func (w *window) copyBack(p []byte, back int) int {
	at := w.head + len(w.buf) - back
	if at >= len(w.buf) {
		at -= len(w.buf)
	}
	p = p[:min(len(p), back)]
	n := copy(p, w.buf[at:])
	copy(p[n:], w.buf)
	return len(p)
}
