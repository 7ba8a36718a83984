package engine

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"math/bits"
)

// Compressor makes the compressed messages that the tester sends.
type Compressor interface {
	Compress(payload []byte) []byte // the caller owns the result
	Reset()                         // forgets what was compressed before
}

// NewCompressor returns a compressor that looks back no further than 2^windowBits bytes. For
// the largest window there is, 15 bits, that is the standard library's, which knows no other.
func NewCompressor(windowBits int) Compressor {
	if windowBits == 15 {
		z := new(zipper)
		z.w, _ = flate.NewWriter(&z.buf, flate.DefaultCompression) // the level is valid
		return z
	}
	return &Packer{Window: 1 << windowBits}
}

// tail is what a sync flush ends with, and what permessage-deflate leaves out (RFC 7692
// section 7.2.1).
const tail = "\x00\x00\xff\xff"

// zipper is compress/flate.
type zipper struct {
	w   *flate.Writer
	buf bytes.Buffer
}

// Compress is described with [Compressor].
func (z *zipper) Compress(payload []byte) []byte {
	z.buf.Reset()
	z.w.Write(payload) // a bytes.Buffer takes all
	z.w.Flush()
	return bytes.Clone(bytes.TrimSuffix(z.buf.Bytes(), []byte(tail)))
}

// Reset is described with [Compressor].
func (z *zipper) Reset() { z.w.Reset(&z.buf) }

// Packer is a small compressor with a window of any size. It takes the longest match at the
// last place where the next three bytes were seen, and writes the fixed code.
type Packer struct {
	Window  int
	history []byte // up to window bytes that went before
	hold    uint64
	held    uint
	out     []byte
	seen    [1 << 12]int32 // by hash, place plus one
}

// Reset is described with [Compressor].
func (p *Packer) Reset() { p.history = p.history[:0] }

// Compress returns payload as one block with the fixed code (RFC 1951 section 3.2.6), or as
// stored blocks if these are shorter. The tail of a sync flush is taken off.
func (p *Packer) Compress(payload []byte) []byte {
	b := append(p.history[:len(p.history):len(p.history)], payload...)
	p.out, p.hold, p.held = nil, 0, 0
	p.put(1<<1, 3)
	clear(p.seen[:])
	start := len(p.history)
	for i := range start {
		p.remember(b, i)
	}
	for i := start; i < len(b); {
		n, back := p.find(b, i)
		if n < 3 {
			p.symbol(int(b[i]))
			n = 1
		} else {
			p.pair(n, back)
		}
		for range n {
			p.remember(b, i)
			i++
		}
	}
	p.symbol(256)
	if len(p.out) > len(payload)+5*(len(payload)>>16+1) {
		p.stored(payload)
	}
	p.put(0, 3) // the empty stored block of a sync flush
	p.flush()
	p.history = bytes.Clone(b[max(0, len(b)-p.Window):])
	return p.out
}

// hash spreads the three bytes at i over the table.
func (p *Packer) hash(b []byte, i int) uint32 {
	v := uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16
	return v * 2654435761 >> 20
}

// remember notes the three bytes at i for find.
func (p *Packer) remember(b []byte, i int) {
	if i+3 <= len(b) {
		p.seen[p.hash(b, i)] = int32(i + 1)
	}
}

// find returns how long a string within the window is like that at i, and how far back it
// begins. Zero: there is none.
func (p *Packer) find(b []byte, i int) (n, back int) {
	if i+3 > len(b) {
		return 0, 0
	}
	from := int(p.seen[p.hash(b, i)]) - 1
	if from < 0 || i-from > p.Window {
		return 0, 0
	}
	for n < 258 && i+n < len(b) && b[from+n] == b[i+n] {
		n++
	}
	return n, i - from
}

// stored begins anew and writes payload as stored blocks (RFC 1951 section 3.2.4).
func (p *Packer) stored(payload []byte) {
	p.out, p.hold, p.held = nil, 0, 0
	for len(payload) > 0 {
		n := min(len(payload), 0xffff)
		p.out = append(p.out, 0)
		p.out = binary.LittleEndian.AppendUint16(p.out, uint16(n))
		p.out = binary.LittleEndian.AppendUint16(p.out, ^uint16(n))
		p.out = append(p.out, payload[:n]...)
		payload = payload[n:]
	}
}

// put writes n bits, the lowest first.
func (p *Packer) put(v uint32, n uint) {
	p.hold |= uint64(v) << p.held
	for p.held += n; p.held >= 8; p.held -= 8 {
		p.out = append(p.out, byte(p.hold))
		p.hold >>= 8
	}
}

// flush fills the last byte with zeros.
func (p *Packer) flush() {
	if p.held > 0 {
		p.out = append(p.out, byte(p.hold))
	}
	p.hold, p.held = 0, 0
}

// code writes a Huffman code, whose highest bit comes first.
func (p *Packer) code(v uint16, n uint) {
	p.put(uint32(bits.Reverse16(v)>>(16-n)), n)
}

// symbol writes a literal or length symbol in the fixed code.
func (p *Packer) symbol(s int) {
	switch {
	case s < 144:
		p.code(uint16(0x30+s), 8)
	case s < 256:
		p.code(uint16(0x190+s-144), 9)
	case s < 280:
		p.code(uint16(s-256), 7)
	default:
		p.code(uint16(0xc0+s-280), 8)
	}
}

// pair writes a length and a distance.
func (p *Packer) pair(n, back int) {
	i := lookup(lengthCodes[:], n)
	p.symbol(257 + i)
	p.put(uint32(n)-uint32(lengthCodes[i].base), uint(lengthCodes[i].extra))
	i = lookup(distanceCodes[:], back)
	p.code(uint16(i), 5)
	p.put(uint32(back)-uint32(distanceCodes[i].base), uint(distanceCodes[i].extra))
}

// lookup returns the last code whose range begins at or before n.
func lookup(codes []extraCode, n int) int {
	i := len(codes) - 1
	for int(codes[i].base) > n {
		i--
	}
	return i
}

// Zeros returns n zero octets, compressed: the first, and references to it.
func Zeros(n int) []byte {
	var p Packer
	p.put(1<<1, 3) // a block with the fixed code
	p.symbol(0)
	for n--; n >= 258; n -= 258 {
		p.pair(258, 1)
	}
	for range n {
		p.symbol(0)
	}
	p.symbol(256)
	p.put(0, 3) // the empty stored block of a sync flush
	p.flush()
	return p.out
}
