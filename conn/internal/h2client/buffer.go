package h2client

import "sync"

// buffer holds bytes that have come on a stream and were not read. It comes from a pool and goes
// back when it is empty, so that a stream that waits holds none.
type buffer struct {
	b     []byte // the memory; its length is how much of it has been filled
	off   int    // how many of those bytes were read
	class int
}

// The sizes are powers of four, from 1 KiB to a whole window.
const (
	smallest = 1 << 10
	classes  = 5
)

var buffers [classes]sync.Pool

func newBuffer(size int) *buffer {
	class, n := 0, smallest
	for n < size {
		class, n = class+1, n*4
	}
	if b, ok := buffers[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, 0, n), class: class}
}

// append adds p to b, which may be nil, and returns the buffer to use from now on.
func (b *buffer) append(p []byte) *buffer {
	if b == nil {
		b = newBuffer(len(p))
	}
	if len(b.b)+len(p) > cap(b.b) {
		b = b.grow(len(p))
	}
	b.b = append(b.b, p...)
	return b
}

// grow returns a buffer with the bytes of b and room for n more.
func (b *buffer) grow(n int) *buffer {
	rest := b.b[b.off:]
	if 2*(len(rest)+n) <= cap(b.b) {
		b.b, b.off = b.b[:copy(b.b, rest)], 0
		return b
	}
	larger := newBuffer(len(rest) + n)
	larger.b = append(larger.b, rest...)
	b.free()
	return larger
}

// read moves bytes from b to p. It returns their number, and b, or nil if b is empty now.
func (b *buffer) read(p []byte) (int, *buffer) {
	n := copy(p, b.b[b.off:])
	if b.off += n; b.off == len(b.b) {
		b.free()
		return n, nil
	}
	return n, b
}

func (b *buffer) free() {
	if b == nil {
		return
	}
	b.b, b.off = b.b[:0], 0
	buffers[b.class].Put(b)
}
