package relay

import (
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/mask"
)

// walker follows the frames in the bytes of one direction, without changing them. It reads headers,
// and the payload of the Close frame; it skips all other payloads. What it knows is where a frame
// ends, and whether the Close frame has passed.
//
// It judges nothing else. To find the mistakes of a peer is the business of the other peer.
type walker struct {
	left   int64 // payload of the current frame that is still to come
	head   [frame.MaxHeaderSize]byte
	n      int  // bytes of a header that have come, in head
	astray bool // the bytes are no frames: nothing is known any more

	closing *closeFrame // the first Close frame; nil: none has begun
}

// closeFrame is a Close frame that passes.
type closeFrame struct {
	payload [frame.MaxControlPayload]byte
	n       int // bytes of payload that have come
	size    int
	key     uint32
}

// nowhere is the result of walk if no frame ends in its bytes.
const nowhere = -1

// walk follows the bytes p. It returns the offset behind the last frame that ends in p, or nowhere.
// If no frame is begun when p comes, the beginning of p is such an offset, too.
func (w *walker) walk(p []byte) (boundary int) {
	boundary = nowhere
	if w.between() {
		boundary = 0
	}
	for at := 0; at < len(p) && !w.astray; {
		if w.left > 0 {
			at += w.skip(p[at:])
		} else {
			at += w.begin(p[at:])
		}
		if w.between() {
			boundary = at
		}
	}
	return boundary
}

// between reports whether no frame is begun.
func (w *walker) between() bool { return w.left == 0 && w.n == 0 && !w.astray }

// within returns the length of the payload that is still to come of the current frame.
func (w *walker) within() int64 { return w.left }

// closed reports whether a whole Close frame has passed.
func (w *walker) closed() bool { return w.closing != nil && w.closing.n == w.closing.size }

// skip passes over payload, and returns how much of p that is.
func (w *walker) skip(p []byte) int {
	n := int(min(w.left, int64(len(p))))
	if c := w.closing; c != nil && !w.closed() {
		c.n += copy(c.payload[c.n:c.size], p[:n])
	}
	w.left -= int64(n)
	return n
}

// jump passes over n bytes of payload that are not at hand. The current frame has that many, and is
// no Close frame.
func (w *walker) jump(n int64) { w.left -= n }

// begin takes bytes of a header, and returns how many of p it has taken.
func (w *walker) begin(p []byte) int {
	if w.n == 0 { // as a rule the header is there as a whole
		if h, n, err := frame.Parse(p); err != nil || n > 0 {
			w.enter(h, err)
			return n
		}
	}
	for i, b := range p {
		w.head[w.n] = b
		w.n++
		if h, n, err := frame.Parse(w.head[:w.n]); err != nil || n > 0 {
			w.n = 0
			w.enter(h, err)
			return i + 1
		}
	}
	return len(p)
}

// enter begins the frame of a header.
func (w *walker) enter(h frame.Header, err error) {
	switch {
	case err != nil || h.Opcode == frame.Close && h.Length > frame.MaxControlPayload:
		w.astray = true
		return
	case h.Opcode == frame.Close && w.closing == nil:
		w.closing = &closeFrame{size: int(h.Length), key: h.Key}
	}
	w.left = h.Length
}

// last returns the code and the reason of the Close frame that has passed. The code is 1006 if none
// has, or if the frame is not valid.
func (w *walker) last() (code frame.CloseCode, reason string) {
	if !w.closed() {
		return frame.Abnormal, ""
	}
	p := w.closing.payload
	mask.XOR(p[:w.closing.size], w.closing.key)
	code, text, err := frame.ParseClose(p[:w.closing.size])
	if err != nil {
		return frame.Abnormal, ""
	}
	return code, string(text)
}
