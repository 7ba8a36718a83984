package deflate

import (
	"encoding/binary"
	"math/bits"
)

// The sizes of what a matcher works on, in bytes of text and in sequences.
const (
	windowMax    = 1 << MaxWindowBits
	blockMax     = 1 << 15
	textMax      = windowMax + blockMax
	sequencesMax = blockMax/matchMin + 1
	loadPad      = 16 // after the text, so that loads of eight bytes may cross its end
)

// What the search accepts, and how hard it tries.
const (
	matchMin  = 4  // no match is shorter: three bytes rarely pay
	lazyBelow = 16 // below this length the next position may have a better match
	skipShift = 6  // after every 64 bytes without a match the steps get longer by one
	tableBits = 15
	tableLow  = 10
)

// sequence is a run of literals and the match after it. The last sequence of a block has length 0,
// which means no match.
type sequence struct{ literals, length, distance uint16 }

// matcher finds repetitions in a text and the window before it, and describes each block as
// literals and sequences. It is scratch space only: nothing of one text can be found in the next.
// Its tables hold positions, each of which is base plus an index of text. base grows past every
// text, so the entries of earlier texts lie before the current one. They are recognised by that,
// and need not be cleared.
type matcher struct {
	base  uint32
	end   int  // of the text so far
	size  int  // of the window: the greatest distance
	shift uint // makes a hash an index of table
	depth int  // how many candidates to try, by chains; 0 for one, without chains

	pending   int // where the literals begin that belong to no sequence yet
	literals  int // bytes in literalRoom
	sequences int // in sequenceRoom

	text         [textMax + loadPad]byte
	table        [1 << tableBits]uint32 // the latest position of each hash
	literalRoom  [blockMax + loadPad]byte
	sequenceRoom [sequencesMax]sequence
	chain        *chain
}

// begin prepares for a text of n bytes after the given window, which has size bytes at most.
func (m *matcher) begin(history *window, size, n, level int) {
	if m.base < textMax || m.base >= 1<<31 {
		m.base = textMax
		clear(m.table[:])
	}
	m.size = size
	m.end = len(history.appendTo(m.text[:0]))
	clear(m.text[m.end : m.end+8])
	// A table that fits the text stays in the cache.
	m.shift = 64 - uint(min(max(bits.Len(uint(m.end+n))+1, tableLow), tableBits))
	m.depth = depths[min(level, len(depths)-1)]
	if m.depth > 0 {
		if m.chain == nil {
			m.chain = new(chain)
		}
		m.insert(0, m.end-matchMin+1)
		return
	}
	m.learn()
}

// finish makes all entries of the tables invalid.
func (m *matcher) finish() { m.base += uint32(m.end) }

// learn enters every other position of the window. A repetition of five bytes or more is found all
// the same, at its first byte or its second, and is then extended backwards.
func (m *matcher) learn() {
	for i := 0; i+5 <= m.end; i += 4 {
		v := m.load(i)
		m.table[m.hash(v)] = m.base + uint32(i)
		m.table[m.hash(v>>16)] = m.base + uint32(i+2)
	}
}

// block splits the next block of the text, at most blockMax bytes, into literals and sequences.
// They are valid until the next call.
func (m *matcher) block(text []byte) ([]byte, []sequence) {
	if m.end+len(text) > textMax {
		moved := m.end - m.size
		copy(m.text[:], m.text[moved:m.end])
		m.base += uint32(moved)
		m.end = m.size
	}
	from := m.end
	m.end += copy(m.text[from:], text)
	clear(m.text[m.end : m.end+8])
	m.pending, m.literals, m.sequences = from, 0, 0
	if m.depth > 0 {
		m.searchChains(from)
	} else {
		m.search(from)
	}
	m.add(m.end, 0, 0)
	return m.literalRoom[:m.literals], m.sequenceRoom[:m.sequences]
}

// load returns the eight bytes of text from i on.
func (m *matcher) load(i int) uint64 { return binary.LittleEndian.Uint64(m.text[i : i+8]) }

// hash returns the index in table for the first five bytes of v.
func (m *matcher) hash(v uint64) uint32 {
	return uint32(v<<24*0x9e3779b185ebca87>>(m.shift&63)) & (1<<tableBits - 1)
}

// search finds matches by one candidate for each position: the latest one with the same hash.
func (m *matcher) search(from int) {
	i, last := from, m.end-matchMin
	for i <= last {
		// The candidate is at the distance, if that is not before the text or the window. A stale
		// entry makes the distance too great.
		v := m.load(i)
		slot := &m.table[m.hash(v)]
		at := m.base + uint32(i)
		distance := int(at - *slot)
		*slot = at
		if uint(distance-1) >= uint(min(i, m.size)) || uint32(m.load(i-distance)^v) != 0 {
			i += 1 + (i-m.pending)>>skipShift
			continue
		}
		// A short match may hide a longer one at the next byte.
		length := m.matchLen(i, distance)
		if length < lazyBelow && i < last {
			if n, d := m.probe(i + 1); n > length {
				i, length, distance = i+1, n, d
			}
		}
		// A match may begin late because of positions that were not entered, or overwritten since.
		for i > m.pending && i > distance && m.text[i-1] == m.text[i-1-distance] {
			i--
			length++
		}
		m.add(i, length, distance)
		i += length
		m.table[m.hash(m.load(i-2))] = m.base + uint32(i-2)
	}
}

// probe enters position i and returns the match there. If there is none, its length is 0.
func (m *matcher) probe(i int) (length, distance int) {
	v := m.load(i)
	slot := &m.table[m.hash(v)]
	at := m.base + uint32(i)
	distance = int(at - *slot)
	*slot = at
	if uint(distance-1) >= uint(min(i, m.size)) || uint32(m.load(i-distance)^v) != 0 {
		return 0, 0
	}
	return m.matchLen(i, distance), distance
}

// matchLen returns how many bytes from i on are the same as those distance bytes before, up to the
// end of the text.
func (m *matcher) matchLen(i, distance int) int {
	for at := i; at < m.end; at += 8 {
		if x := m.load(at) ^ m.load(at-distance); x != 0 {
			return min(at+bits.TrailingZeros64(x)>>3, m.end) - i
		}
	}
	return m.end - i
}

// add makes sequences of the literals up to i and a match there. A match of more than maxLength
// bytes takes several sequences. None of them is shorter than minLength.
func (m *matcher) add(i, length, distance int) {
	from, n := m.pending, i-m.pending
	if n <= 16 { // nearly always: copy as many, keep n
		binary.LittleEndian.PutUint64(m.literalRoom[m.literals:], m.load(from))
		binary.LittleEndian.PutUint64(m.literalRoom[m.literals+8:], m.load(from+8))
	} else {
		copy(m.literalRoom[m.literals:], m.text[from:i])
	}
	m.literals += n
	m.pending = i + length
	for length > maxLength {
		part := min(maxLength, length-minLength)
		m.sequenceRoom[m.sequences] = sequence{uint16(n), uint16(part), uint16(distance)}
		m.sequences++
		length -= part
		n = 0
	}
	m.sequenceRoom[m.sequences] = sequence{uint16(n), uint16(length), uint16(distance)}
	m.sequences++
}
