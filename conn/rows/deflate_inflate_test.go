package rows

import (
	"slices"
	"testing"
)

// bitInflater is the peer's end of a compressed direction: it reads RFC 1951 one
// bit at a time, shares nothing with the codec of package conn, and notes how
// far back messages refer.
type bitInflater struct {
	testing.TB
	text []byte // of all messages so far
	far  int    // the largest distance

	in  []byte
	bit int // the next one of in
}

// alone inflates a message that may not refer to any other.
func alone(t testing.TB, wire []byte) string {
	t.Helper()
	z := bitInflater{TB: t}
	return z.message(wire)
}

// message inflates the payload of one message, to which it restores the four
// bytes that the sender cuts off (RFC 7692 section 7.2.2).
func (z *bitInflater) message(wire []byte) string {
	z.Helper()
	had := len(z.text)
	z.in, z.bit = append(slices.Clone(wire), 0x00, 0x00, 0xff, 0xff), 0
	for z.bit < 8*len(z.in) {
		final := z.bits(1)
		switch z.bits(2) {
		case 0:
			z.stored()
		case 1:
			z.block(fixedCodes())
		case 2:
			z.block(z.dynamicCodes())
		default:
			z.Fatalf("block type 3 in %x, want 0, 1 or 2", wire)
		}
		if final == 1 {
			z.align()
		}
	}
	return string(z.text[had:])
}

func (z *bitInflater) align() { z.bit = (z.bit + 7) &^ 7 }

func (z *bitInflater) bits(n int) (v int) {
	if z.bit+n > 8*len(z.in) {
		z.Fatalf("the payload ends inside a block, after %d bytes of text, want the end of the block", len(z.text))
	}
	for i := range n {
		v |= int(z.in[z.bit/8]>>(z.bit%8)&1) << i
		z.bit++
	}
	return v
}

// stored is a block without compression, section 3.2.4.
func (z *bitInflater) stored() {
	z.align()
	n := z.bits(16)
	if z.bits(16) != n^0xffff {
		z.Fatal("NLEN of a stored block is not LEN's complement, want that")
	}
	for range n {
		z.text = append(z.text, byte(z.bits(8)))
	}
}

// code has symbols, counted from one, at their codes with a one in front.
type code []uint16

// newCode gives out codes in the order of section 3.2.2.
func newCode(lengths []int) code {
	c, next := make(code, 1<<16), 0
	for length := 1; length <= 15; length++ {
		next <<= 1
		for symbol, n := range lengths {
			if n == length {
				c[1<<length|next] = uint16(1 + symbol)
				next++
			}
		}
	}
	return c
}

// fixedCodes are those of section 3.2.6.
func fixedCodes() (literals, distances code) {
	lengths := slices.Repeat([]int{8}, 288)
	for symbol := range lengths {
		switch {
		case symbol >= 144 && symbol < 256:
			lengths[symbol] = 9
		case symbol >= 256 && symbol < 280:
			lengths[symbol] = 7
		}
	}
	return newCode(lengths), newCode(slices.Repeat([]int{5}, 30))
}

// dynamicCodes reads those of a block, section 3.2.7.
func (z *bitInflater) dynamicCodes() (literals, distances code) {
	n, all := z.bits(5)+257, z.bits(5)+1
	all += n
	short := make([]int, 19)
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, symbol := range order[:z.bits(4)+4] {
		short[symbol] = z.bits(3)
	}
	c := newCode(short)
	var lengths []int
	for len(lengths) < all {
		switch symbol := z.symbol(c); symbol {
		case 16:
			lengths = append(lengths, slices.Repeat(lengths[len(lengths)-1:], 3+z.bits(2))...)
		case 17:
			lengths = append(lengths, make([]int, 3+z.bits(3))...)
		case 18:
			lengths = append(lengths, make([]int, 11+z.bits(7))...)
		default:
			lengths = append(lengths, symbol)
		}
	}
	return newCode(lengths[:n]), newCode(lengths[n:all])
}

func (z *bitInflater) symbol(c code) int {
	for path := 1; path < 1<<15; {
		path = path<<1 | z.bits(1)
		if c[path] != 0 {
			return int(c[path]) - 1
		}
	}
	z.Fatal("bits that are no code, want a code")
	return 0
}

// block is one with codes: literals, and copies of text that lies back.
func (z *bitInflater) block(literals, distances code) {
	for {
		symbol := z.symbol(literals)
		switch {
		case symbol < 256:
			z.text = append(z.text, byte(symbol))
			continue
		case symbol == 256:
			return
		}
		length := 258
		if symbol < 285 {
			least, extra := leastOf(symbol-257, 2)
			length = 3 + least + z.bits(extra)
		}
		least, extra := leastOf(z.symbol(distances), 1)
		distance := 1 + least + z.bits(extra)
		if distance > len(z.text) {
			z.Fatalf("distance %d after %d bytes, want at most that", distance, len(z.text))
		}
		z.far = max(z.far, distance)
		for range length {
			z.text = append(z.text, z.text[len(z.text)-distance])
		}
	}
}

// leastOf is the arithmetic behind the tables of section 3.2.5, which grow by a
// bit after every 1<<k symbols: what a symbol stands for at least, counted from
// the first symbol's, and the number of extra bits that are added.
func leastOf(symbol, k int) (least, extra int) {
	if symbol < 1<<k {
		return symbol, 0
	}
	extra = symbol>>k - 1
	return (1<<k + symbol&(1<<k-1)) << extra, extra
}

// reference is the payload of a message of three bytes that are copied from
// this distance, in a block with fixed codes.
func reference(distance int) (wire []byte) {
	n := 0
	put := func(v, bits int) { // the lowest bit first
		for i := range bits {
			if n%8 == 0 {
				wire = append(wire, 0)
			}
			wire[n/8] |= byte(v>>i&1) << (n % 8)
			n++
		}
	}
	symbol, least, extra := 0, 0, 0
	for s := range 30 {
		if l, e := leastOf(s, 1); 1+l <= distance {
			symbol, least, extra = s, l, e
		}
	}
	put(0b01<<1, 3)   // not the last block; fixed codes
	put(0b1000000, 7) // symbol 257, length 3; codes have their highest bit first
	for i := range 5 {
		put(symbol>>(4-i), 1)
	}
	put(distance-1-least, extra)
	put(0, 7) // end of block
	put(0, 3) // the empty stored block whose rest is cut off
	return wire
}
