package deflate

import (
	"math/bits"
	"sync"
)

// An entry of a lookup table says what the next bits of the stream mean. The tables are indexed by
// those bits, the first one lowest, so that one load gives the symbol and everything about it:
//
//	bits 0-7    how many bits to take: the code and the extra bits behind it
//	bits 8-11   how many of them are the code
//	bit 12      a code longer than the table's index: look further, below
//	bit 13      the end of the block
//	bit 14      no symbol: one of the above, or bits that have no meaning
//	bits 16-30  the literal, or the smallest length or distance of the symbol
//	bit 31      a literal
//
// If bit 12 is set, bits 0-7 are the width of the index, bits 16-30 say where a second table
// begins, and bits 8-11 are the width of its index. Entries of second tables count the bits after
// the first index.
type entry uint32

const (
	entryFurther entry = 1 << 12
	entryEnd     entry = 1 << 13
	entryNone    entry = 1 << 14
	entryLiteral entry = 1 << 31

	// entryInvalid is the meaning of bits that are no symbol's code.
	entryInvalid = entryNone | 1<<8 | 1
)

// The widths of the first index and the number of entries of the whole table. The numbers are
// powers of two, so that masked indexes need no bounds check. The greatest numbers that codes of up
// to 15 bits need are 1334 and 402 (TestTableSize shows that).
const (
	litLenIndex   = 10
	litLenEntries = 2048
	distIndex     = 8
	distEntries   = 512
	codeLenIndex  = 7
)

// tables decode the symbols of one block.
type tables struct {
	litLen     [litLenEntries]entry
	dist       [distEntries]entry
	litLenBits uint // the width of the first index of litLen
	distBits   uint // the width of the first index of dist
}

// The entries of the three alphabets, without the bits of the code.
var (
	litLenEntry  = makeLitLenEntries()
	distEntry    = makeDistEntries()
	codeLenEntry = makeCodeLenEntries()
)

func makeLitLenEntries() (t [288]entry) {
	for symbol := range t {
		switch n := symbol - firstLength; {
		case n < -1:
			t[symbol] = entryLiteral | entry(symbol)<<16
		case n == -1:
			t[symbol] = entryNone | entryEnd
		case n < len(lengthBase):
			t[symbol] = entry(lengthBase[n])<<16 | entry(lengthExtra[n])
		default:
			// 286 and 287 have codes in fixed blocks "but do not participate" (RFC 1951 section
			// 3.2.6).
			t[symbol] = entryNone
		}
	}
	return t
}

func makeDistEntries() (t [32]entry) {
	for symbol := range t {
		t[symbol] = entryNone
		if symbol < distSymbols {
			t[symbol] = entry(distBase[symbol])<<16 | entry(distExtra[symbol])
		}
	}
	return t
}

func makeCodeLenEntries() (t [codeLenSymbols]entry) {
	for symbol := range t {
		t[symbol] = entry(symbol) << 16
	}
	// The three symbols that repeat have a count after them (RFC 1951 section 3.2.7).
	t[16] |= 2
	t[17] |= 3
	t[18] |= 7
	return t
}

// windowDistEntries returns the entries of the distances that a window of 2^bits bytes allows. The
// others have no meaning. Symbols 2n and 2n+1 stand for the distances above 2^n and up to 2^(n+1).
// So the size of a window is a border between symbols, and enforcing it costs nothing while
// inflating.
func windowDistEntries(windowBits int) (t [32]entry) {
	t = distEntry
	for symbol := 2 * windowBits; symbol < len(t); symbol++ {
		t[symbol] = entryNone
	}
	return t
}

// windowDist has these entries for each number of window bits from MinWindowBits on.
var windowDist = func() (t [MaxWindowBits - MinWindowBits + 1][32]entry) {
	for i := range t {
		t[i] = windowDistEntries(MinWindowBits + i)
	}
	return t
}()

// fixed returns the tables of blocks with fixed codes (RFC 1951 section 3.2.6), for each number of
// window bits from MinWindowBits on. It makes them when they are first needed, so a program without
// compressed connections has none.
var fixed = func() (f [MaxWindowBits - MinWindowBits + 1]func() *tables) {
	for i := range f {
		f[i] = sync.OnceValue(func() *tables { return makeFixed(windowDist[i][:]) })
	}
	return f
}()

// makeFixed makes the tables of blocks with fixed codes for a window that allows the given
// distances.
func makeFixed(dists []entry) *tables {
	var b builder
	t := new(tables)
	lengths := fixedLengths()
	t.litLenBits, _ = b.build(t.litLen[:], litLenIndex, lengths[:], litLenEntry[:])
	five := [32]uint8{}
	for symbol := range five {
		five[symbol] = 5
	}
	t.distBits, _ = b.build(t.dist[:], distIndex, five[:], dists)
	return t
}

// builder makes lookup tables from code lengths. It is scratch space only.
type builder struct {
	count   [maxCodeLen + 1]uint16 // how many codes have each length
	sorted  [288]uint16            // the symbols that occur, by length and then by value
	present [289]uint16            // the symbols that occur, by value alone
}

// build fills table for a code and returns the width of the table's first index, at most index. The
// symbols of the code have the given lengths. 0 means that a symbol does not occur. build is not ok
// if the lengths do not make a prefix code that RFC 1951 allows. A code that leaves codes unused is
// refused, with two exceptions: a code of a single symbol of one bit, and one of no symbol at all
// (section 3.2.7 has both for distances).
func (b *builder) build(table []entry, index uint, lengths []uint8, symbols []entry) (width uint, ok bool) {
	used, longest := b.sort(lengths)
	spare := 1 << maxCodeLen
	for length := 1; length <= maxCodeLen; length++ {
		spare -= int(b.count[length]) << (maxCodeLen - length)
	}
	if spare != 0 {
		if spare < 0 || longest > 1 {
			return 0, false
		}
		table[0], table[1] = entryInvalid, entryInvalid
		if used == 1 {
			table[0] = symbols[b.sorted[0]] + 1<<8 + 1
		}
		return 1, true
	}
	index = min(index, longest)
	b.fill(table, index, b.sorted[:used], lengths, symbols)
	return index, true
}

// sort counts the codes of each length and sorts the symbols that have one.
func (b *builder) sort(lengths []uint8) (used int, longest uint) {
	for symbol, length := range lengths {
		// Most symbols do not occur, and which ones do is hard to predict. So write each, and
		// advance past those that do.
		b.present[used] = uint16(symbol)
		used += int(uint8(-length) >> 7)
	}
	b.count = [maxCodeLen + 1]uint16{}
	for _, symbol := range b.present[:used] {
		b.count[lengths[symbol]&maxCodeLen]++
	}
	var next [maxCodeLen + 1]uint16
	first := uint16(0)
	for length, n := range b.count {
		next[length] = first
		first += n
		if n > 0 {
			longest = uint(length)
		}
	}
	for _, symbol := range b.present[:used] {
		at := &next[lengths[symbol]&maxCodeLen]
		b.sorted[*at] = symbol
		*at++
	}
	return used, longest
}

// fill writes the entries of a complete code. It counts codes up with their bits reversed, as they
// stand in the stream. A code that gets longer gains zeros at the top, so its number stays the
// same. The table is written for the shortest codes, and doubled by copying whenever the codes get
// a bit longer.
func (b *builder) fill(table []entry, index uint, sorted []uint16, lengths []uint8, symbols []entry) {
	code := uint(0)
	length := uint(lengths[sorted[0]])
	size := uint(1) << length
	i := 0
	for ; i < len(sorted) && uint(lengths[sorted[i]]) <= index; i++ {
		for ; length < uint(lengths[sorted[i]]); length++ {
			copy(table[size:2*size], table[:size])
			size *= 2
		}
		table[code] = symbols[sorted[i]] + entry(length<<8|length)
		code = nextCode(code, length)
	}
	for ; length < index; length++ {
		copy(table[size:2*size], table[:size])
		size *= 2
	}
	b.fillFurther(table, index, code, sorted[i:], lengths, symbols)
}

// fillFurther writes the second tables, for the codes longer than index. code is the first of
// those.
func (b *builder) fillFurther(table []entry, index, code uint, sorted []uint16, lengths []uint8, symbols []entry) {
	end := uint(1) << index
	var start, width uint
	prefix := ^uint(0)
	for i, symbol := range sorted {
		if p := code & (1<<index - 1); p != prefix {
			prefix = p
			start, width = end, b.width(sorted[i:], lengths, index)
			end += 1 << width
			table[prefix] = entryNone | entryFurther | entry(start<<16|width<<8|index)
		}
		length := uint(lengths[symbol])
		e := symbols[symbol] + entry((length-index)<<8|(length-index))
		for at := code >> index; at < 1<<width; at += 1 << (length - index) {
			table[start+at] = e
		}
		code = nextCode(code, length)
		b.count[length]--
	}
}

// width returns how many bits the second table needs that begins with the first of the given
// symbols: enough for the longest code that shares the prefix of that symbol's code. b.count holds
// the codes that are not written yet.
func (b *builder) width(sorted []uint16, lengths []uint8, index uint) uint {
	width := uint(lengths[sorted[0]]) - index
	space := int(1)<<width - int(b.count[width+index])
	for space > 0 {
		width++
		space = space<<1 - int(b.count[width+index])
	}
	return width
}

// nextCode returns the code of the given length that follows code, both with their bits reversed.
// It adds one at the highest bit and carries downwards.
func nextCode(code, length uint) uint {
	free := ^code & (1<<length - 1)
	if free == 0 {
		return 0
	}
	carry := uint(1) << (bits.Len(free) - 1)
	return code&(carry-1) | carry
}
