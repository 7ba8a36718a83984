package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// slow inflates just as RFC 1951 says, one bit at a time. It has nothing in common with the
// decoder. The decoder and the encoder are checked against it. It checks every distance against the
// window.
type slow struct {
	in     []byte
	bit    int    // the next one
	text   []byte // all of it, earlier messages first
	window int
	limit  int // of text
}

// slow panics with its errors, since only tests use it.
var (
	errSlowCorrupt = errors.New("corrupt")
	errSlowTooBig  = errors.New("too big")
)

// inflate appends the message to s.text.
func (s *slow) inflate(wire []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	if len(wire) == 0 {
		return nil
	}
	s.in = append(bytes.Clone(wire), tail[:]...)
	for s.bit = 0; s.bit < 8*len(s.in); {
		final := s.bits(1)
		switch s.bits(2) {
		case 0:
			s.stored()
		case 1:
			lengths := fixedLengths()
			s.symbols(newSlowCode(lengths[:]), newSlowCode(bytes.Repeat([]byte{5}, 32)))
		case 2:
			s.symbols(s.dynamic())
		default:
			panic(errSlowCorrupt)
		}
		if final == 1 {
			s.bit = (s.bit + 7) &^ 7
		}
	}
	return nil
}

func (s *slow) bits(n int) (v int) {
	for i := range n {
		if s.bit >= 8*len(s.in) {
			panic(errSlowCorrupt)
		}
		v |= int(s.in[s.bit/8]>>(s.bit%8)&1) << i
		s.bit++
	}
	return v
}

func (s *slow) add(c byte) {
	if s.limit--; s.limit < 0 {
		panic(errSlowTooBig)
	}
	s.text = append(s.text, c)
}

func (s *slow) stored() {
	s.bit = (s.bit + 7) &^ 7
	n := s.bits(16)
	if s.bits(16) != n^0xffff {
		panic(errSlowCorrupt)
	}
	for range n {
		s.add(byte(s.bits(8)))
	}
}

// slowCode finds symbols by the bits of their codes, which follow a one.
type slowCode map[int]int

// newSlowCode assigns codes as RFC 1951 section 3.2.2 says. It panics unless the lengths make a
// code: a complete one, one of a single symbol of one bit, or one of no symbol.
func newSlowCode(lengths []byte) slowCode {
	c := slowCode{}
	next, sum := 0, 0
	for length := 1; length <= 15; length++ {
		next <<= 1
		for symbol, l := range lengths {
			if int(l) == length {
				c[1<<length|next] = symbol
				next++
				sum += 1 << (15 - length)
			}
		}
	}
	_, single := c[0b10]
	if sum != 1<<15 && len(c) > 0 && !(single && len(c) == 1) {
		panic(errSlowCorrupt)
	}
	return c
}

func (s *slow) symbol(c slowCode) int {
	code := 1
	for range 15 {
		code = code<<1 | s.bits(1)
		if symbol, ok := c[code]; ok {
			return symbol
		}
	}
	panic(errSlowCorrupt)
}

func (s *slow) dynamic() (litLens, dists slowCode) {
	lits, all := s.bits(5)+257, s.bits(5)+1
	all += lits
	order := s.bits(4) + 4
	if lits > 286 || all-lits > 30 {
		panic(errSlowCorrupt)
	}
	var short [19]byte
	for _, symbol := range codeLenOrder[:order] {
		short[symbol] = byte(s.bits(3))
	}
	code := newSlowCode(short[:])
	var lengths []byte
	for len(lengths) < all {
		symbol := s.symbol(code)
		value, n := byte(symbol), 1
		switch symbol {
		case 16:
			if len(lengths) == 0 {
				panic(errSlowCorrupt)
			}
			value, n = lengths[len(lengths)-1], 3+s.bits(2)
		case 17:
			value, n = 0, 3+s.bits(3)
		case 18:
			value, n = 0, 11+s.bits(7)
		}
		lengths = append(lengths, bytes.Repeat([]byte{value}, n)...)
	}
	if len(lengths) > all || lengths[256] == 0 {
		panic(errSlowCorrupt)
	}
	return newSlowCode(lengths[:lits]), newSlowCode(lengths[lits:])
}

func (s *slow) symbols(litLens, dists slowCode) {
	for {
		symbol := s.symbol(litLens)
		switch {
		case symbol < 256:
			s.add(byte(symbol))
			continue
		case symbol == 256:
			return
		case symbol > 285:
			panic(errSlowCorrupt)
		}
		length := int(lengthBase[symbol-257]) + s.bits(int(lengthExtra[symbol-257]))
		symbol = s.symbol(dists)
		if symbol > 29 {
			panic(errSlowCorrupt)
		}
		distance := int(distBase[symbol]) + s.bits(int(distExtra[symbol]))
		if distance > s.window || distance > len(s.text) {
			panic(errSlowCorrupt)
		}
		for range length {
			s.add(s.text[len(s.text)-distance])
		}
	}
}

// flateInflate inflates the message with compress/flate, which has no negotiated windows and does
// not go on after the end of a stream.
func flateInflate(history, wire []byte) ([]byte, error) {
	in := bytes.NewReader(append(append(bytes.Clone(wire), tail[:]...), 1, 0, 0, 0xff, 0xff))
	text := bytes.Clone(history)
	for in.Len() > 0 {
		r := flate.NewReaderDict(in, text[max(0, len(text)-1<<15):])
		part, err := io.ReadAll(r)
		text = append(text, part...)
		if err != nil {
			return nil, err
		}
	}
	return text[len(history):], nil
}

// flateMessage compresses like a sender of permessage-deflate that uses compress/flate.
func flateMessage(text []byte, level int) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		panic(err)
	}
	w.Write(text)
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), tail[:])
}
