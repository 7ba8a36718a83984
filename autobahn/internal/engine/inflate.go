package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// The ways in which compressed data can be wrong.
var (
	errTruncated = errors.New("compressed message ends within a block")
	errCode      = errors.New("compressed message has an invalid Huffman code")
	errBlockType = errors.New("compressed message has a block of the reserved type")
	errStored    = errors.New("compressed message has a stored block whose length check fails")
	errLarge     = errors.New("message inflates to more than anything that was sent")
)

// inflate appends to dst what the DEFLATE data in src expands to (RFC 1951), and returns the
// longer slice. Distances may reach back into what dst has already. A distance of more than
// window bytes is an error: a sender that has agreed on a window may not look back further
// (RFC 7692 section 7.1.2). So is a result that is longer than limit. The data ends with the
// first final block, or with a block whose last bit is that of a byte, such as the empty one
// that permessage-deflate leaves out: see tail.
//
// inflate is written so that one can be certain what it accepts. It is quick enough.
func inflate(dst, src []byte, window, limit int) ([]byte, error) {
	d := inflater{src: src, dst: dst, window: window, limit: limit}
	for d.left() > 0 {
		final, kind := d.take(1), d.take(2)
		var err error
		switch {
		case d.short:
			err = errTruncated
		case kind == 0:
			err = d.stored()
		case kind == 1:
			err = d.block(&fixedLengths, &fixedDistances)
		case kind == 2:
			err = d.dynamic()
		default:
			err = errBlockType
		}
		if err != nil {
			return d.dst, err
		}
		if final == 1 {
			break
		}
	}
	return d.dst, nil
}

// inflater is the state of one call of inflate.
type inflater struct {
	src, dst      []byte
	hold          uint64 // bits that have been read and not used, the next one lowest
	held          uint
	short         bool // more was taken than there was
	window, limit int
}

// left returns how many bits there still are. Those that pad the last byte do not count: less
// than eight bits are no block.
func (d *inflater) left() int { return len(d.src)*8 + int(d.held) }

// fill reads until it has at least 56 bits, or all.
func (d *inflater) fill() {
	if len(d.src) >= 8 {
		d.hold |= binary.LittleEndian.Uint64(d.src) << d.held
		n := (63 - d.held) / 8
		d.src = d.src[n:]
		d.held += n * 8
		return
	}
	for d.held <= 56 && len(d.src) > 0 {
		d.hold |= uint64(d.src[0]) << d.held
		d.src = d.src[1:]
		d.held += 8
	}
}

// take returns the next n bits.
func (d *inflater) take(n uint) uint32 {
	if d.held < n {
		d.fill()
	}
	if d.held < n {
		d.short = true
		return 0
	}
	v := uint32(d.hold & (1<<n - 1))
	d.hold >>= n
	d.held -= n
	return v
}

// stored copies a stored block (RFC 1951 section 3.2.4).
func (d *inflater) stored() error {
	d.take(d.held & 7)
	n, check := d.take(16), d.take(16)
	switch {
	case d.short:
		return errTruncated
	case n != ^check&0xffff:
		return errStored
	case len(d.dst)+int(n) > d.limit:
		return errLarge
	}
	for ; n > 0 && d.held > 0; n-- {
		d.dst = append(d.dst, byte(d.take(8)))
	}
	if int(n) > len(d.src) {
		return errTruncated
	}
	d.dst = append(d.dst, d.src[:n]...)
	d.src = d.src[n:]
	// fill leaves bits of bytes that it did not count above held.
	if d.held == 0 {
		d.hold = 0
	}
	return nil
}

// block expands a compressed block (RFC 1951 section 3.2.3).
func (d *inflater) block(lengths, distances *huffman) error {
	for {
		symbol, err := d.symbol(lengths)
		switch {
		case err != nil:
			return err
		case symbol < 256:
			if len(d.dst) >= d.limit {
				return errLarge
			}
			d.dst = append(d.dst, byte(symbol))
		case symbol == 256:
			return nil
		default:
			if err := d.match(symbol, distances); err != nil {
				return err
			}
		}
	}
}

// match copies an earlier string (RFC 1951 section 3.2.5).
func (d *inflater) match(symbol uint16, distances *huffman) error {
	if symbol > 285 {
		return errCode
	}
	l := lengthCodes[symbol-257]
	n := int(l.base) + int(d.take(uint(l.extra)))
	s, err := d.symbol(distances)
	if err != nil {
		return err
	}
	if s > 29 {
		return errCode
	}
	c := distanceCodes[s]
	back := int(c.base) + int(d.take(uint(c.extra)))
	switch {
	case d.short:
		return errTruncated
	case back > d.window:
		return fmt.Errorf("compressed message refers %d bytes back, in a window of %d", back, d.window)
	case back > len(d.dst):
		return fmt.Errorf("compressed message refers %d bytes back, where there are %d", back, len(d.dst))
	case len(d.dst)+n > d.limit:
		return errLarge
	}
	from := len(d.dst) - back
	for n > 0 {
		k := min(n, len(d.dst)-from)
		d.dst = append(d.dst, d.dst[from:from+k]...)
		n -= k
	}
	return nil
}

// order is the order in which the sizes of the codes for code sizes come.
var order = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic expands a block that begins with its codes (RFC 1951 section 3.2.7).
func (d *inflater) dynamic() error {
	nlen, ndist, ncode := int(d.take(5))+257, int(d.take(5))+1, int(d.take(4))+4
	if nlen > 286 || ndist > 30 {
		return errCode
	}
	var sizes [286 + 30]uint8
	for _, i := range order[:ncode] {
		sizes[i] = uint8(d.take(3))
	}
	var codes, lengths, distances huffman
	if !codes.init(sizes[:19], true) {
		return errCode
	}
	clear(sizes[:])
	if err := d.codeSizes(&codes, sizes[:nlen+ndist]); err != nil {
		return err
	}
	if sizes[256] == 0 || !lengths.init(sizes[:nlen], false) || !distances.init(sizes[nlen:nlen+ndist], false) {
		return errCode
	}
	return d.block(&lengths, &distances)
}

// codeSizes reads the sizes of a block's codes.
func (d *inflater) codeSizes(codes *huffman, sizes []uint8) error {
	for i := 0; i < len(sizes); {
		s, err := d.symbol(codes)
		if err != nil {
			return err
		}
		size, n := uint8(s), 1
		switch s {
		case 16:
			if i == 0 {
				return errCode
			}
			size, n = sizes[i-1], 3+int(d.take(2))
		case 17:
			size, n = 0, 3+int(d.take(3))
		case 18:
			size, n = 0, 11+int(d.take(7))
		}
		if d.short {
			return errTruncated
		}
		if i+n > len(sizes) {
			return errCode
		}
		for ; n > 0; n-- {
			sizes[i] = size
			i++
		}
	}
	return nil
}

// quickBits is how many bits of a code the table decodes in one step.
const quickBits = 10

// huffman decodes one Huffman code.
type huffman struct {
	quick [1 << quickBits]uint16 // symbol<<4 | size, by the next bits; 0: longer than quickBits, or invalid
	count [16]uint16             // codes of each size
	syms  [288]uint16            // symbols in the order of their codes
}

// init builds the decoder from the sizes of the codes, and reports whether these make a
// complete code. If complete is false, one symbol alone is fine too, with a code of one bit,
// or none at all.
func (h *huffman) init(sizes []uint8, complete bool) bool {
	for _, s := range sizes {
		h.count[s]++
	}
	h.count[0] = 0
	space, longest := 1, 0
	var offset, next [17]uint16
	for s := 1; s <= 15; s++ {
		space = space<<1 - int(h.count[s])
		if space < 0 {
			return false
		}
		if h.count[s] > 0 {
			longest = s
		}
		offset[s+1] = offset[s] + h.count[s]
		next[s+1] = (next[s] + h.count[s]) << 1
	}
	if space > 0 && (complete || longest > 1) {
		return false
	}
	for sym, s := range sizes {
		if s == 0 {
			continue
		}
		h.syms[offset[s]] = uint16(sym)
		offset[s]++
		code := next[s]
		next[s]++
		if s <= quickBits {
			for i := int(bits.Reverse16(code) >> (16 - s)); i < len(h.quick); i += 1 << s {
				h.quick[i] = uint16(sym)<<4 | uint16(s)
			}
		}
	}
	return true
}

// symbol decodes the next symbol.
func (d *inflater) symbol(h *huffman) (uint16, error) {
	if d.held < 32 {
		d.fill()
	}
	if e := h.quick[d.hold&(1<<quickBits-1)]; e != 0 {
		size := uint(e & 15)
		if size > d.held {
			return 0, errTruncated
		}
		d.hold >>= size
		d.held -= size
		return e >> 4, nil
	}
	return d.slowSymbol(h)
}

// slowSymbol decodes a symbol bit by bit. The codes of one size are consecutive numbers. The
// first of them follows the last code of the size before, with a zero appended.
func (d *inflater) slowSymbol(h *huffman) (uint16, error) {
	var code, first, index int
	for size := 1; size <= 15; size++ {
		code |= int(d.take(1))
		if d.short {
			return 0, errTruncated
		}
		n := int(h.count[size])
		if code-first < n {
			return h.syms[index+code-first], nil
		}
		index += n
		first = (first + n) << 1
		code <<= 1
	}
	return 0, errCode
}

// extraCode is a length or distance code: where its range begins, and how many extra bits give
// the place in the range.
type extraCode struct {
	base  uint16
	extra uint8
}

// The tables of RFC 1951 sections 3.2.5 and 3.2.6.
var (
	lengthCodes   [29]extraCode
	distanceCodes [30]extraCode

	fixedLengths   huffman
	fixedDistances huffman
)

func init() {
	base := uint16(3)
	for i := range lengthCodes {
		extra := uint8(max(0, i/4-1))
		lengthCodes[i] = extraCode{base, extra}
		base += 1 << extra
	}
	lengthCodes[28] = extraCode{258, 0}
	base = 1
	for i := range distanceCodes {
		extra := uint8(max(0, i/2-1))
		distanceCodes[i] = extraCode{base, extra}
		base += 1 << extra
	}
	var sizes [288]uint8
	for i := range sizes {
		sizes[i] = fixedSize(i)
	}
	fixedLengths.init(sizes[:], false)
	for i := range 30 {
		sizes[i] = 5
	}
	sizes[30], sizes[31] = 5, 5
	fixedDistances.init(sizes[:32], false)
}

// fixedSize returns the size of a symbol in the fixed code.
func fixedSize(symbol int) uint8 {
	switch {
	case symbol < 144:
		return 8
	case symbol < 256:
		return 9
	case symbol < 280:
		return 7
	}
	return 8
}
