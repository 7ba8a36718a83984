package deflate

// window holds the last bytes of a text, up to a size that each call names and that must not
// change. It takes memory as text comes in, so that a connection with little traffic holds little.
// The zero value is an empty window. While nobody uses it, it may be folded.
type window struct {
	buf    []byte // the bytes held; a ring as soon as there are size of them
	head   uint16 // where the oldest byte is; 0 until the ring is full
	folded uint16 // how many bytes are held while the window is folded; 0: it is not
	firm   bool   // folding was of no use, and would be of none again
}

// minWindow is the size in bytes of a window's first allocation. Further ones double it. foldMin is
// how many bytes are worth folding.
const (
	minWindow = 256
	foldMin   = 512
)

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
	w.head = uint16((int(w.head) + len(text)) & (size - 1))
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
	at := int(w.head) + len(w.buf) - back
	if at >= len(w.buf) {
		at -= len(w.buf)
	}
	p = p[:min(len(p), back)]
	n := copy(p, w.buf[at:])
	copy(p[n:], w.buf)
	return len(p)
}

// fold compresses the bytes held, if that saves a quarter of them. The window can't be used before
// unfold.
func (w *window) fold() {
	if w.folded > 0 || w.firm || len(w.buf) < foldMin {
		return
	}
	text, packed := drafts.Get().(*draft), drafts.Get().(*draft)
	var alone Encoder
	p := alone.Append(packed.text[:0], w.appendTo(text.text[:0]), Last)
	if len(p) > len(w.buf)/4*3 {
		w.firm = true
	} else {
		*w = window{buf: append([]byte(nil), p...), folded: uint16(len(w.buf))}
	}
	drafts.Put(text)
	drafts.Put(packed)
}

// unfold has to be called before the window is used. After that it may be folded again.
func (w *window) unfold() {
	w.firm = false
	if w.folded > 0 {
		w.inflate()
	}
}

// inflate is a function of its own so that unfold is inlined.
func (w *window) inflate() {
	var alone Decoder
	text, err := alone.Append(make([]byte, 0, w.folded), w.buf, Last)
	if err != nil || len(text) != int(w.folded) {
		panic("unreachable: fold has made something else of the window")
	}
	*w = window{buf: text}
}
