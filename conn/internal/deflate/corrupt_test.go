package deflate

import "testing"

// TestDecoderDynamic has dynamic blocks at the limits of what RFC 1951 section 3.2.7 allows.
func TestDecoderDynamic(t *testing.T) {
	zeros := func(n int) lengthRun { return lengthRun{18, uint8(n - 11)} }
	one, none := lengthRun{1, 0}, lengthRun{0, 0}
	usual := map[uint8]uint{18: 1, 0: 2, 1: 2}
	for _, test := range []struct {
		name        string
		lits, dists int
		short       map[uint8]uint // lengths of the codes of code lengths
		runs        []lengthRun
		rest        string // bits behind the header
		err         error
	}{
		{"only the end", 257, 1, usual, []lengthRun{zeros(138), zeros(118), one, none}, "0", nil},
		{"only the end, the other bit", 257, 1, usual, []lengthRun{zeros(138), zeros(118), one, none}, "1", ErrCorrupt},
		{"a literal", 257, 1, usual, []lengthRun{one, zeros(138), zeros(117), one, none}, "0001", nil},
		{"one distance", 258, 1, usual, []lengthRun{zeros(138), zeros(118), one, one, one}, "0", nil},
		{"a length, no distances", 258, 1, usual, []lengthRun{zeros(138), zeros(118), one, one, none}, "100", ErrCorrupt},
		{"287 symbols", 287, 1, usual, nil, "", ErrCorrupt},
		{"31 distances", 257, 31, usual, nil, "", ErrCorrupt},
		{"too many short codes", 257, 1, map[uint8]uint{0: 1, 1: 1, 2: 1}, nil, "", ErrCorrupt},
		{"too few short codes", 257, 1, map[uint8]uint{0: 2}, nil, "", ErrCorrupt},
		{"no short code", 257, 1, nil, nil, "0", ErrCorrupt},
		{"a short code that is none", 257, 1, map[uint8]uint{18: 1}, nil, "1", ErrCorrupt},
		{"copies of nothing", 257, 1, map[uint8]uint{16: 1, 0: 1}, []lengthRun{{16, 0}}, "", ErrCorrupt},
		{"too many zeros", 257, 1, usual, []lengthRun{zeros(138), zeros(121)}, "", ErrCorrupt},
		{"zeros to the end", 257, 3, map[uint8]uint{18: 1, 17: 2, 1: 2}, []lengthRun{zeros(138), zeros(118), one, {17, 0}}, "0", nil},
		{"zeros beyond the end", 257, 2, map[uint8]uint{18: 1, 17: 2, 1: 2}, []lengthRun{zeros(138), zeros(118), one, {17, 0}}, "0", ErrCorrupt},
		{"zeros across the alphabets", 257, 13, usual, []lengthRun{one, zeros(138), zeros(117), one, zeros(13)}, "1", nil},
		{"copies across the alphabets", 257, 4, map[uint8]uint{18: 1, 1: 2, 16: 2}, []lengthRun{zeros(138), zeros(118), one, {16, 1}}, "", ErrCorrupt},
		{"no end", 257, 1, usual, []lengthRun{zeros(138), zeros(120)}, "", ErrCorrupt},
		{"no end but a literal", 257, 1, usual, []lengthRun{one, zeros(138), zeros(118), none}, "", ErrCorrupt},
		{"too few codes", 257, 1, map[uint8]uint{18: 1, 2: 2, 0: 2}, []lengthRun{zeros(138), zeros(118), {2, 0}, none}, "", ErrCorrupt},
		{"too many codes", 257, 1, usual, []lengthRun{one, one, zeros(138), zeros(116), one, none}, "", ErrCorrupt},
		{"too few distances", 257, 1, map[uint8]uint{18: 1, 1: 2, 2: 2}, []lengthRun{zeros(138), zeros(118), one, {2, 0}}, "", ErrCorrupt},
		{"too many distances", 257, 3, usual, []lengthRun{zeros(138), zeros(118), one, one, one, one}, "", ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachRole(t, "PD-7.2-14", func(t *testing.T) {
				var w bitWriter
				putDynamic(&w, test.lits, test.dists, test.short, test.runs)
				for _, bit := range test.rest {
					w.put(uint64(bit-'0'), 1)
				}
				w.put(typeStored<<1, 3)
				w.align()
				if test.err != nil {
					w.put(0xffff0000, 32) // not for want of bits, and the block may end
					w.align()
				}
				for _, n := range []int{1, len(w.out)} {
					var d Decoder
					if _, err := appendPieces(&d, w.out, n); err != test.err {
						t.Errorf("pieces of %d: %v, want %v", n, err, test.err)
					}
				}
				var d Decoder
				if _, err := d.Append(nil, w.out, More); err != test.err {
					t.Errorf("before the end: %v, want %v", err, test.err)
				}
			})
		})
	}
}

// putDynamic writes the header of a dynamic block.
func putDynamic(w *bitWriter, lits, dists int, short map[uint8]uint, runs []lengthRun) {
	w.put(typeDynamic<<1, 3)
	w.put(uint64(lits-257), 5)
	w.put(uint64(dists-1), 5)
	w.put(codeLenSymbols-4, 4)
	for _, symbol := range codeLenOrder {
		w.put(uint64(short[symbol]), 3)
	}
	codes := shortCodes(short)
	for _, r := range runs {
		w.putCode(codes[r.symbol])
		w.put(uint64(r.extra), map[uint8]uint{16: 2, 17: 3, 18: 7}[r.symbol])
	}
}

// shortCodes assigns codes in the order of RFC 1951 section 3.2.2.
func shortCodes(lengths map[uint8]uint) (codes [codeLenSymbols]code) {
	next := uint32(0)
	for length := uint(1); length <= 7; length++ {
		next <<= 1
		for symbol := range codes {
			if lengths[uint8(symbol)] == length {
				codes[symbol] = code(length)<<16 | reverse(next, code(length))
				next++
			}
		}
	}
	return codes
}
