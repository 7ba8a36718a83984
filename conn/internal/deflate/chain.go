package deflate

// depths has how many candidates each level tries for a position. The levels up to 1 try one,
// without a chain.
var depths = [...]int{0, 0, 4, 8, 16, 32, 64, 128, 512, 1024}

// chain links each position to the one before it with the same hash, by the distance between the
// two, which is at least 1. It is indexed by positions and holds those within the largest window.
// Every position of a text is entered, so a walk leaves the window before it can meet an entry of
// an earlier text.
type chain [windowMax]uint16

const chainMask = windowMax - 1

// nice is the length at which a match is taken without a look at more candidates.
const nice = maxLength

// insert enters the positions from i up to end.
func (m *matcher) insert(i, end int) {
	for ; i < end; i++ {
		m.link(i, m.load(i))
	}
}

// link enters position i, at which the text begins with v, and returns the distance to the position
// before it with the same hash.
func (m *matcher) link(i int, v uint64) int {
	slot := &m.table[m.hash(v)]
	at := m.base + uint32(i)
	distance := at - *slot
	*slot = at
	m.chain[at&chainMask] = uint16(min(distance, 1<<16-1))
	return int(distance)
}

// searchChains finds matches by several candidates for each position. It looks at the next position
// before it takes a match (lazy matching).
func (m *matcher) searchChains(from int) {
	last := m.end - matchMin
	for i := from; i <= last; {
		length, distance := m.best(i, matchMin-1)
		if length == 0 {
			i++
			continue
		}
		// As long as the next position has a longer match, take that one.
		entered := i + 1
		for entered <= last && length < nice {
			n, d := m.best(entered, length)
			entered++
			if n == 0 {
				break
			}
			i, length, distance = i+1, n, d
		}
		m.add(i, length, distance)
		i += length
		m.insert(entered, min(i, last+1))
	}
}

// best enters position i and returns the longest match there that is longer than least. If there is
// none, its length is 0.
func (m *matcher) best(i, least int) (length, distance int) {
	v := m.load(i)
	at := m.base + uint32(i)
	back := m.link(i, v)
	limit := min(i, m.size)
	for range m.depth {
		if uint(back-1) >= uint(limit) {
			break
		}
		// A longer match must have the byte after the longest one so far.
		if m.text[i+least] == m.text[i+least-back] && uint32(m.load(i-back)^v) == 0 {
			if n := m.matchLen(i, back); n > least {
				least, length, distance = n, n, back
				if n >= nice || i+n == m.end {
					break
				}
			}
		}
		back += int(m.chain[(at-uint32(back))&chainMask])
	}
	return length, distance
}
