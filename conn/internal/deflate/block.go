package deflate

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// blockWriter writes one block at a time, in the shortest form. It is scratch space only.
type blockWriter struct {
	huffman
	litLenFreq [litLenSymbols]uint32
	distFreq   [distSymbols]uint32
	dynamic    blockCodes
	header     dynamicHeader
}

// blockCodes has the codes of one block. Literals and lengths have at most longestLitLen bits: four
// of them fit into a 64-bit word after seven bits.
type blockCodes struct {
	litLen [litLenSymbols]code
	dist   [distSymbols]code
}

const longestLitLen = 14

// dynamicHeader is what precedes the symbols of a dynamic block: the lengths of its codes as runs,
// in a code of their own (RFC 1951 section 3.2.7).
type dynamicHeader struct {
	runs    [litLenSymbols + distSymbols]lengthRun
	used    int                    // runs
	freq    [codeLenSymbols]uint32 // of the runs' symbols
	codes   [codeLenSymbols]code   // for those symbols
	litLens int                    // lengths given of the first alphabet,
	dists   int                    // of the second,
	ordered int                    // and of the code for lengths
}

// lengthRun is a symbol of the code for code lengths and its extra bits.
type lengthRun struct{ symbol, extra uint8 }

// fixedCodes are the codes of RFC 1951 section 3.2.6.
var fixedCodes = func() (c blockCodes) {
	next := [...]uint32{7: 0, 8: 0b00110000, 9: 0b110010000}
	for symbol, length := range fixedLengths() {
		if symbol < litLenSymbols {
			c.litLen[symbol] = code(length)<<16 | reverse(next[length], code(length))
		}
		next[length]++
	}
	for symbol := range c.dist {
		c.dist[symbol] = 5<<16 | reverse(uint32(symbol), 5)
	}
	return c
}()

// lengthSymbol has the symbol of each length, counted from firstLength on.
var lengthSymbol = func() (t [maxLength + 1]uint8) {
	for symbol, base := range lengthBase {
		for length := int(base); length <= maxLength; length++ {
			t[length] = uint8(symbol)
		}
	}
	return t
}()

// distSymbol returns the symbol of a distance. From 4 on each power of two is divided in halves.
func distSymbol(distance uint16) uint {
	d := uint(distance - 1)
	if d < 2 {
		return d
	}
	n := uint(bits.Len(d)) - 2
	return 2*n + d>>n
}

// write appends text, which literals and sequences describe, as one block. Without compression it
// may take several blocks.
func (b *blockWriter) write(w *bitWriter, text, literals []byte, sequences []sequence) {
	// The sizes of all three forms are known to the bit before anything is written.
	b.tally(literals, sequences)
	extra := b.extraBits()
	codes, size := &fixedCodes, extra+fixedCodes.bits(b)
	if size > worthDynamic {
		header := b.makeDynamic()
		if n := header + extra + b.dynamic.bits(b); n < size {
			codes, size = &b.dynamic, n
		}
	}
	if stored := storedBytes(len(text)) * 8; uint(stored) < size {
		writeStored(w, text)
		return
	}
	w.out = slices.Grow(w.out, int(size/8)+storeAhead)
	if codes == &fixedCodes {
		w.put(typeFixed<<1, 3)
	} else {
		w.put(typeDynamic<<1, 3)
		b.header.write(w)
	}
	codes.write(w, literals, sequences)
	w.putCode(codes.litLen[endOfBlock])
}

// worthDynamic is a size in bits of a block with fixed codes. Below it, codes of its own hardly
// ever win, since they have to be described first. They are not tried then.
const worthDynamic = 64 * 8

// tally counts how often each symbol occurs.
func (b *blockWriter) tally(literals []byte, sequences []sequence) {
	clear(b.litLenFreq[:])
	clear(b.distFreq[:])
	b.litLenFreq[endOfBlock] = 1
	for _, c := range literals {
		b.litLenFreq[c]++
	}
	for _, s := range sequences[:len(sequences)-1] {
		b.litLenFreq[firstLength+int(lengthSymbol[s.length])]++
		b.distFreq[distSymbol(s.distance)]++
	}
}

// extraBits returns the number of bits after the codes of lengths and distances, which do not
// depend on the codes.
func (b *blockWriter) extraBits() (n uint) {
	for symbol, extra := range lengthExtra {
		n += uint(b.litLenFreq[firstLength+symbol]) * uint(extra)
	}
	for symbol, extra := range distExtra {
		n += uint(b.distFreq[symbol]) * uint(extra)
	}
	return n
}

// bits returns the size in bits of a block with these codes, without a header and the extra bits.
func (c *blockCodes) bits(b *blockWriter) uint {
	n := uint(3)
	for symbol, f := range b.litLenFreq {
		n += uint(f) * c.litLen[symbol].length()
	}
	for symbol, f := range b.distFreq {
		n += uint(f) * c.dist[symbol].length()
	}
	return n
}

// makeDynamic makes codes for the symbols that were counted, and their header. It returns the size
// of the header in bits.
func (b *blockWriter) makeDynamic() uint {
	b.build(b.dynamic.litLen[:], b.litLenFreq[:], longestLitLen)
	b.build(b.dynamic.dist[:], b.distFreq[:], maxCodeLen)
	h := &b.header
	h.describe(&b.dynamic)
	b.build(h.codes[:], h.freq[:], 7)
	h.ordered = codeLenSymbols
	for h.ordered > 4 && h.freq[codeLenOrder[h.ordered-1]] == 0 {
		h.ordered--
	}
	n := 14 + 3*uint(h.ordered) + 2*uint(h.freq[16]) + 3*uint(h.freq[17]) + 7*uint(h.freq[18])
	for symbol, f := range h.freq {
		n += uint(f) * h.codes[symbol].length()
	}
	return n
}

// describe lists the lengths of the codes of both alphabets as runs, without the zeros at the end
// of each.
func (h *dynamicHeader) describe(c *blockCodes) {
	h.litLens, h.dists = litLenSymbols, distSymbols
	for h.litLens > firstLength && c.litLen[h.litLens-1] == 0 {
		h.litLens--
	}
	for h.dists > 1 && c.dist[h.dists-1] == 0 {
		h.dists--
	}
	clear(h.freq[:])
	h.used = 0
	h.addRuns(c.litLen[:h.litLens])
	h.addRuns(c.dist[:h.dists])
}

// addRuns adds the lengths of the codes of one alphabet.
func (h *dynamicHeader) addRuns(codes []code) {
	for i := 0; i < len(codes); {
		length := codes[i].length()
		n := 1
		for i+n < len(codes) && codes[i+n].length() == length {
			n++
		}
		i += n
		if length == 0 {
			h.addZeros(n)
		} else {
			h.addCopies(uint8(length), n)
		}
	}
}

// addZeros adds n lengths of zero. The symbol 17 stands for 3 to 10 of them, 18 for 11 to 138 (RFC
// 1951 section 3.2.7).
func (h *dynamicHeader) addZeros(n int) {
	for n >= 11 {
		run := min(n, 138)
		h.add(18, run-11)
		n -= run
	}
	if n >= 3 {
		h.add(17, n-3)
		return
	}
	for range n {
		h.add(0, 0)
	}
}

// addCopies adds the same length n times: the length itself, and then 16 for 3 to 6 copies of it.
func (h *dynamicHeader) addCopies(length uint8, n int) {
	h.add(length, 0)
	for n--; n >= 3; {
		run := min(n, 6)
		h.add(16, run-3)
		n -= run
	}
	for range n {
		h.add(length, 0)
	}
}

// add adds one symbol with its extra bits.
func (h *dynamicHeader) add(symbol uint8, extra int) {
	h.runs[h.used] = lengthRun{symbol, uint8(extra)}
	h.used++
	h.freq[symbol]++
}

// write appends the header: HLIT, HDIST, HCLEN and then both codes.
func (h *dynamicHeader) write(w *bitWriter) {
	w.put(uint64(h.litLens-firstLength), 5)
	w.put(uint64(h.dists-1), 5)
	w.put(uint64(h.ordered-4), 4)
	for _, symbol := range codeLenOrder[:h.ordered] {
		w.put(uint64(h.codes[symbol].length()), 3)
	}
	for _, r := range h.runs[:h.used] {
		w.putCode(h.codes[r.symbol])
		switch r.symbol {
		case 16:
			w.put(uint64(r.extra), 2)
		case 17:
			w.put(uint64(r.extra), 3)
		case 18:
			w.put(uint64(r.extra), 7)
		}
	}
}

// storeAhead is the room that write needs after the symbols of a block, since it stores eight bytes
// for every few bits.
const storeAhead = 16

// write appends the symbols of a block without the one that ends it. There must be room for them,
// and literals must have four bytes of capacity to spare.
//
// How many literals come before a match is hard to predict. They are written in groups of four. The
// last one to three are written without a branch: the codes of what lies beyond them are masked
// out.
func (c *blockCodes) write(w *bitWriter, literals []byte, sequences []sequence) {
	w.spill()
	literals = literals[:len(literals)+4]
	at, out := len(w.out), w.out[:cap(w.out)]
	acc, held := w.acc, w.held // held is at most 7 when a code is added
	for _, s := range sequences {
		n := int(s.literals)
		for ; n >= 4; n -= 4 {
			acc, held = c.litLen[literals[0]].join(acc, held)
			acc, held = c.litLen[literals[1]].join(acc, held)
			acc, held = c.litLen[literals[2]].join(acc, held)
			acc, held = c.litLen[literals[3]].join(acc, held)
			binary.LittleEndian.PutUint64(out[at:], acc)
			at += int(held >> 3)
			acc >>= held & 56
			held &= 7
			literals = literals[4:]
		}
		acc, held = c.litLen[literals[0]].joinIf(0, n, acc, held)
		acc, held = c.litLen[literals[1]].joinIf(1, n, acc, held)
		acc, held = c.litLen[literals[2]].joinIf(2, n, acc, held)
		literals = literals[n:]
		binary.LittleEndian.PutUint64(out[at:], acc)
		at += int(held >> 3)
		acc >>= held & 56
		held &= 7
		if s.length == 0 {
			break
		}
		// A length takes 14 and 5 bits, a distance 15 and 13.
		length, distance := lengthSymbol[s.length], distSymbol(s.distance)
		acc, held = c.litLen[firstLength+int(length)].join(acc, held)
		acc |= uint64(s.length-lengthBase[length]) << (held & 63)
		held += uint(lengthExtra[length])
		acc, held = c.dist[distance].join(acc, held)
		acc |= uint64(s.distance-distBase[distance]) << (held & 63)
		held += uint(distExtra[distance])
		binary.LittleEndian.PutUint64(out[at:], acc)
		at += int(held >> 3)
		acc >>= held & 56
		held &= 7
	}
	w.out, w.acc, w.held = out[:at], acc, held
}

// storedBytes returns how many bytes n bytes of text take at most without compression. Each block
// has a header of one byte, LEN and NLEN.
func storedBytes(n int) int {
	return n + 5*((n+maxStored-1)/maxStored)
}

// writeStored appends text without compression (RFC 1951 section 3.2.4).
func writeStored(w *bitWriter, text []byte) {
	w.out = slices.Grow(w.out, storedBytes(len(text))+8)
	for len(text) > 0 {
		n := min(len(text), maxStored)
		w.put(typeStored<<1, 3)
		w.align()
		w.put(uint64(n), 16)
		w.put(uint64(^uint16(n)), 16)
		w.spill()
		w.out = append(w.out, text[:n]...)
		text = text[n:]
	}
}
