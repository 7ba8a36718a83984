package deflate

import "encoding/binary"

// bitWriter appends bits to a slice, the first one lowest in each byte (RFC 1951 section 3.1.1).
type bitWriter struct {
	out  []byte
	acc  uint64 // bits that are not in out yet, the next one lowest
	held uint   // how many: fewer than 32 between calls of put
}

// put appends the low n bits of v, which must have no others set. n is at most 32.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc |= v << (w.held & 63)
	w.held += n
	if w.held >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.acc))
		w.acc >>= 32
		w.held -= 32
	}
}

// putCode appends the code of a symbol.
func (w *bitWriter) putCode(c code) { w.put(uint64(c.word()), c.length()) }

// spill moves the whole bytes from acc to out.
func (w *bitWriter) spill() {
	for ; w.held >= 8; w.held -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// align fills the last byte with zeros.
func (w *bitWriter) align() {
	w.held = (w.held + 7) &^ 7
	w.spill()
}
