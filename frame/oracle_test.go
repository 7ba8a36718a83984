package frame_test

import (
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// oracle is a decoder as simple as the RFC's text. It has all bytes at once and looks at them one
// by one. It shares nothing with the Decoder but the way events are written. at is the number of
// bytes that it needed to see the error, or else all of them. code is the close code of the error,
// or 0.
type oracle struct {
	b          []byte
	at         int
	server     bool
	deflate    bool
	maxMessage uint64
	maxFrames  int

	events     []string
	message    []byte // of the message in progress
	tail       []byte // of it, what may be an unfinished code point
	opcode     int    // of it, 0: none
	compressed bool
	announced  uint64
	frames     int
}

// run reads frames until the input ends, or breaks a rule, or closes.
func (o *oracle) run() (code int) {
	for !o.done(1) {
		code, closed := o.oneFrame()
		if code != 0 {
			return code
		}
		if closed {
			o.at = len(o.b)
		}
	}
	o.at = len(o.b)
	return 0
}

// done reports whether fewer than n bytes are left.
func (o *oracle) done(n int) bool { return len(o.b)-o.at < n }

// next takes the next byte.
func (o *oracle) next() int {
	o.at++
	return int(o.b[o.at-1])
}

// oneFrame reads a frame. If the input ends within the frame, oneFrame consumes all of it.
func (o *oracle) oneFrame() (code int, closed bool) {
	first := o.next()
	fin, rsv, op := first >= 128, first/16%8, first%16
	begins, control := op == 1 || op == 2, op == 8 || op == 9 || op == 10
	switch {
	case rsv != 0 && !(rsv == 4 && begins && o.deflate),
		!begins && !control && op != 0,
		control && !fin,
		op == 0 && o.opcode == 0,
		begins && o.opcode != 0:
		return 1002, false
	}
	if o.done(1) {
		return 0, true
	}
	second := o.next()
	if control && second%128 > 125 || second >= 128 != o.server {
		return 1002, false
	}
	length, code, ok := o.length(second % 128)
	if !ok || code != 0 {
		return code, true
	}
	var key [4]int
	if o.server {
		if o.done(4) {
			return 0, true
		}
		key = [4]int{o.next(), o.next(), o.next(), o.next()}
	}
	if control {
		return o.controlFrame(op, int(length), key)
	}
	if begins {
		o.opcode, o.compressed, o.frames, o.announced = op, rsv == 4, 0, 0
	}
	o.frames++
	if o.announced += length; o.announced > o.maxMessage || o.announced > 1<<63-1 {
		return 1009, false
	}
	if o.frames > o.maxFrames {
		return 1008, false
	}
	return o.payload(length, key, fin)
}

// length reads an extended length. It is not ok if the input ends within the length.
func (o *oracle) length(n int) (length uint64, code int, ok bool) {
	size, least := 0, uint64(0)
	switch n {
	case 126:
		size, least = 2, 126
	case 127:
		size, least = 8, 65536
	default:
		return uint64(n), 0, true
	}
	if o.done(size) {
		return 0, 0, false
	}
	for range size {
		length = length*256 + uint64(o.next())
	}
	if length < least || length >= 1<<63 {
		return 0, 1002, true
	}
	return length, 0, true
}

// controlFrame reads the payload of a control frame.
func (o *oracle) controlFrame(op, n int, key [4]int) (code int, closed bool) {
	if o.done(n) {
		return 0, true
	}
	var p []byte
	for i := range n {
		p = append(p, byte(o.next()^key[i%4]))
	}
	if op == 8 && n == 1 || op == 8 && n >= 2 && !valid(int(p[0])*256+int(p[1])) {
		return 1002, false
	}
	if op == 8 && n > 2 && !utf8.Valid(p[2:]) {
		return 1007, false
	}
	o.events = append(o.events, event(frame.Opcode(op), p))
	return 0, op == 8
}

// payload reads the payload of a data frame and checks text at each byte.
func (o *oracle) payload(n uint64, key [4]int, fin bool) (code int, closed bool) {
	text := o.opcode == 1 && !o.compressed
	for i := range n {
		if o.done(1) {
			return 0, true
		}
		c := byte(o.next() ^ key[i%4])
		o.message = append(o.message, c)
		if o.tail = append(o.tail, c); text && utf8.FullRune(o.tail) {
			if r, size := utf8.DecodeRune(o.tail); r == utf8.RuneError && size == 1 {
				return 1007, false
			}
			o.tail = nil
		}
	}
	if !fin {
		return 0, false
	}
	if text && len(o.tail) > 0 {
		return 1007, false
	}
	tr := trace{opcode: frame.Opcode(o.opcode), compressed: o.compressed, message: o.message, events: o.events}
	tr.end()
	o.events, o.message, o.tail, o.opcode = tr.events, nil, nil, 0
	return 0, false
}
