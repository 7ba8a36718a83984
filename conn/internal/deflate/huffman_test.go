package deflate

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// leastBits returns the size of a text with the best code there is, without a limit on the lengths:
// the sum of the weights of all inner nodes.
func leastBits(freq []uint32) (total uint64) {
	var nodes []uint64
	for _, f := range freq {
		if f > 0 {
			nodes = append(nodes, uint64(f))
		}
	}
	for len(nodes) > 1 {
		slices.Sort(nodes)
		nodes[1] += nodes[0]
		total += nodes[1]
		nodes = nodes[1:]
	}
	return total
}

func TestHuffman(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var h huffman
	for i := range 500 {
		n := []int{19, 30, 286}[i%3]
		longest := []uint{7, 15, 14}[i%3]
		freq := make([]uint32, n)
		for range 2 + r.IntN(n) {
			symbol := r.IntN(n)
			switch i % 4 {
			case 0:
				freq[symbol] = 1
			case 1:
				freq[symbol] = r.Uint32N(1 << 15)
			case 2: // as unequal as can be
				freq[symbol] = 1 << r.Uint32N(16)
			case 3:
				freq[symbol] = r.Uint32N(70)
			}
		}
		testHuffman(t, &h, freq, longest)
	}
	for longest := uint(7); longest <= 15; longest++ {
		freq := make([]uint32, 22) // Fibonacci numbers: codes of up to 21 bits
		for i := range freq {
			if freq[i] = 1; i > 1 {
				freq[i] = freq[i-1] + freq[i-2]
			}
		}
		testHuffman(t, &h, freq, longest)
	}
}

func testHuffman(t *testing.T, h *huffman, freq []uint32, longest uint) {
	t.Helper()
	codes := make([]code, len(freq))
	h.build(codes, freq, longest)
	sum, used, size, limited := 0, 0, uint64(0), false
	for symbol, c := range codes {
		if (c != 0) != (freq[symbol] != 0) || c.length() > longest {
			t.Fatalf("symbol %d with frequency %d has a code of %d bits, want one if it occurs, within the limit", symbol, freq[symbol], c.length())
		}
		if c != 0 {
			used++
			sum += 1 << (longest - c.length())
			limited = limited || c.length() == longest
		}
		size += uint64(freq[symbol]) * uint64(c.length())
	}
	if used > 1 && sum != 1<<longest {
		t.Fatalf("the code of %d symbols is %v, want a complete one", used, codes)
	}
	if least := leastBits(freq); !limited && used > 1 && size != least {
		t.Fatalf("%d bits, want %d, as the best code has", size, least)
	}
	var b builder
	lengths := make([]uint8, len(codes))
	for symbol, c := range codes {
		lengths[symbol] = uint8(c.length())
	}
	var symbols [288]entry
	for i := range symbols {
		symbols[i] = entry(i) << 16
	}
	wantCodes(t, &b, codes, lengths, symbols[:len(codes)])
}

// wantCodes looks every code up in a table made from its length.
func wantCodes(t *testing.T, b *builder, codes []code, lengths []uint8, symbols []entry) {
	t.Helper()
	var table [litLenEntries]entry
	width, ok := b.build(table[:], litLenIndex, lengths, symbols)
	if !ok {
		t.Fatalf("code %v is refused, want it accepted", lengths)
	}
	for symbol, c := range codes {
		if c == 0 {
			continue
		}
		e, acc, left, st := decode(table[:], width, uint64(c.word())|1<<c.length(), uint8(c.length()))
		if int(e>>16) != symbol || acc != 1 || left != 0 || st != proceed {
			t.Fatalf("the code of %d is read as %d, with %d bits left, status %d", symbol, e>>16, left, st)
		}
	}
}

// TestTableRefusal has lengths that do not make a code, or not one that RFC 1951 allows.
func TestTableRefusal(t *testing.T) {
	var b builder
	var table [litLenEntries]entry
	for _, test := range []struct {
		name    string
		lengths []uint8
		ok      bool
	}{
		{"none", []uint8{0, 0, 0}, true},
		{"one of one bit", []uint8{0, 1, 0}, true},
		{"one of two bits", []uint8{0, 2, 0}, false},
		{"two", []uint8{1, 0, 1}, true},
		{"three of one bit", []uint8{1, 1, 1}, false},
		{"to spare", []uint8{1, 2, 0}, false},
		{"complete", []uint8{1, 2, 2}, true},
		{"too many", []uint8{1, 2, 2, 15}, false},
	} {
		width, ok := b.build(table[:], litLenIndex, test.lengths, litLenEntry[:len(test.lengths)])
		if ok != test.ok {
			t.Errorf("%s: ok = %t, want %t", test.name, ok, test.ok)
		}
		if ok && test.name == "one of one bit" && (width != 1 || table[0]>>16&0xff != 1 || table[1] != entryInvalid) {
			t.Errorf("%s: %x", test.name, table[:2])
		}
	}
}

// TestTableSize shows that the tables of all codes fit, by trying all of them. A peer chooses the
// lengths.
func TestTableSize(t *testing.T) {
	for _, test := range []struct{ symbols, index, entries, want int }{
		{288, litLenIndex, litLenEntries, 1334},
		{32, distIndex, distEntries, 402},
		{codeLenSymbols, codeLenIndex, 1 << codeLenIndex, 1 << codeLenIndex},
	} {
		s := tableSizes{index: test.index, longest: 15, known: map[[4]int]int{}}
		if test.index == codeLenIndex {
			s.longest = 7 // three bits say a length
		}
		most := 0
		// After the codes that fit the index, left of its entries are free. The codes so far are at
		// least as many as the number of the other codes has bits.
		for left := 0; left < 1<<test.index; left++ {
			used := onesIn(1<<test.index - left)
			if rest := test.symbols - used; left <= rest {
				most = max(most, s.most(rest, left*2, test.index+1, 0))
			}
		}
		if most += 1 << test.index; most != test.want || most > test.entries {
			t.Errorf("%d symbols, index of %d bits: %d entries, want %d of %d", test.symbols, test.index, most, test.want, test.entries)
		}
	}
}

// tableSizes finds the most entries of second tables.
type tableSizes struct {
	index, longest int
	known          map[[4]int]int
}

// most returns the most entries that second tables can still need when symbols or fewer are left to
// be given codes of at least length bits, of which left are free, room of them in the table that
// was begun last.
func (s *tableSizes) most(symbols, left, length, room int) (n int) {
	if left == 0 || left > symbols || length > s.longest {
		return 0
	}
	key := [4]int{symbols, left, length, room}
	if n, ok := s.known[key]; ok {
		return n
	}
	entries := 0
	for used := 0; used <= left; used++ {
		if rest := left - used; rest == 0 {
			n = max(n, entries)
		} else if rest*2 <= symbols-used && length < s.longest {
			grown := 0 // the table at work doubles for codes one bit longer
			if room > 0 {
				grown = 1 << (length - s.index)
			}
			n = max(n, entries+grown+s.most(symbols-used, rest*2, length+1, room*2))
		}
		if used < left {
			if room == 0 {
				room = 1 << (length - s.index)
				entries += room
			}
			room--
		}
	}
	s.known[key] = n
	return n
}

func onesIn(n int) (ones int) {
	for ; n > 0; n &= n - 1 {
		ones++
	}
	return ones
}
