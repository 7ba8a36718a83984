package deflate

import "math/bits"

// code is the Huffman code of a symbol as it stands in the stream, its first bit lowest. The code
// is in bits 0-15, its length in bits 16-20. Zero means that the symbol has no code.
type code uint32

func (c code) word() uint32 { return uint32(c & 0xffff) }
func (c code) length() uint { return uint(c >> 16) }

// join puts the code after the lowest held bits of acc.
func (c code) join(acc uint64, held uint) (uint64, uint) {
	return acc | uint64(c.word())<<(held&63), held + c.length()
}

// joinIf does the same if i < n, without a branch.
func (c code) joinIf(i, n int, acc uint64, held uint) (uint64, uint) {
	return (c & code(int32(i-n)>>31)).join(acc, held)
}

// huffman makes codes from frequencies. It is scratch space only.
type huffman struct {
	symbols [litLenSymbols]uint32     // frequency<<9 | symbol of those that occur, the rarest first
	present [litLenSymbols + 1]uint32 // the same, in the order of the symbols
	depth   [litLenSymbols]uint32     // weights, parents and at last code lengths, in that order
}

// build sets the code and length of every symbol from its frequency. The codes are as short as they
// can be with no code longer than longest bits. Frequencies are below 2^23. A symbol that is the
// only one gets a code of one bit.
func (h *huffman) build(codes []code, freq []uint32, longest uint) {
	clear(codes)
	n := h.sort(freq)
	switch n {
	case 0:
		return
	case 1:
		codes[h.symbols[0]&511] = 1 << 16
		return
	}
	h.measure(n)
	h.assign(codes, n, h.limit(n, longest))
}

// sort collects the symbols that occur, in order of their frequency. Nearly all of them have a
// frequency below often, and are sorted by counting. Each of the others is inserted.
func (h *huffman) sort(freq []uint32) (n int) {
	for symbol, f := range freq {
		// Which symbols occur is hard to predict. So write each, and advance past those that do.
		h.present[n] = f<<9 | uint32(symbol)
		n += int((f | -f) >> 31)
	}
	const often = 64
	var start [often + 1]uint16
	for _, s := range h.present[:n] {
		start[min(s>>9, often)]++
	}
	first := uint16(0)
	for f, k := range start {
		start[f] = first
		first += k
	}
	low := int(start[often])
	end := low
	for _, s := range h.present[:n] {
		if f := s >> 9; f < often {
			h.symbols[start[f]] = s
			start[f]++
			continue
		}
		i := end
		for ; i > low && h.symbols[i-1] > s; i-- {
			h.symbols[i] = h.symbols[i-1]
		}
		h.symbols[i] = s
		end++
	}
	return n
}

// measure sets depth[i] to the length of the code of the i-th rarest symbol. It uses the method of
// Moffat and Katajainen ("In-place calculation of minimum-redundancy codes", 1995). The tree of n-1
// inner nodes is built in the array that holds the weights: a weight that was used is replaced by
// the index of its parent. Then the tree is read from the root downwards.
func (h *huffman) measure(n int) {
	d := h.depth[:n]
	for i := range d {
		d[i] = h.symbols[i] >> 9
	}
	leaf, inner := 0, 0 // the lightest leaf and inner node without a parent
	for next := range n - 1 {
		var weight uint32
		for range 2 {
			if leaf == n || inner < next && d[inner] < d[leaf] {
				weight += d[inner]
				d[inner] = uint32(next)
				inner++
			} else {
				weight += d[leaf]
				leaf++
			}
		}
		d[next] = weight
	}
	// Parents become depths. The root is the last inner node.
	d[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		d[i] = d[d[i]] + 1
	}
	// Depths of inner nodes become depths of leaves: the nodes at one depth that are not inner
	// nodes are leaves.
	inner = n - 2
	leaf = n - 1
	for depth, room := uint32(0), 1; room > 0; depth++ {
		used := 0
		for ; inner >= 0 && d[inner] == depth; inner-- {
			used++
		}
		for ; room > used; room-- {
			d[leaf] = depth
			leaf--
		}
		room = 2 * used
	}
}

// limit counts the codes of each length and shortens those that are longer than longest. Every code
// that has to become shorter takes the place of one that becomes a bit longer to share its prefix.
func (h *huffman) limit(n int, longest uint) (count [maxCodeLen + 1]uint32) {
	excess := -(1 << longest) // codes of the greatest length beyond those that there can be
	for _, d := range h.depth[:n] {
		length := min(uint(d), longest)
		count[length]++
		excess += 1 << (longest - length)
	}
	for ; excess > 0; excess-- {
		length := longest - 1
		for count[length] == 0 {
			length--
		}
		count[length]--
		count[length+1] += 2
		count[longest]--
	}
	return count
}

// assign assigns the lengths, the longest to the rarest symbols, and the codes in the order of RFC
// 1951 section 3.2.2.
func (h *huffman) assign(codes []code, n int, count [maxCodeLen + 1]uint32) {
	i := 0
	for length := code(maxCodeLen); length > 0; length-- {
		for range count[length] {
			codes[h.symbols[i]&511] = length << 16
			i++
		}
	}
	var next [maxCodeLen + 1]uint32
	for length := 1; length <= maxCodeLen; length++ {
		next[length] = (next[length-1] + count[length-1]) << 1
	}
	for _, s := range h.present[:n] {
		symbol := s & 511
		length := codes[symbol] >> 16 & maxCodeLen
		codes[symbol] |= reverse(next[length], length)
		next[length]++
	}
}

// reverse returns the lowest n bits of v in reverse order.
func reverse(v uint32, n code) code { return code(bits.Reverse16(uint16(v)) >> (16 - n)) }
