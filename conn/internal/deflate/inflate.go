package deflate

import "encoding/binary"

// stage says where in a block the decoder is (RFC 1951 section 3.2.3):
//
//	header ──┬─► storedLength ─► stored ─────────────┐
//	         ├─► codeLengths ─► lengths ──┐          ├─► header
//	         └────────────────────────────┴► symbols ┘
//	                                         ▲     │
//	                                         └match┘
//
// Every stage can stop after any byte of payload and at any byte of text.
type stage uint8

const (
	stageHeader       stage = iota // the three bits before each block
	stageStoredLength              // LEN and NLEN
	stageStored                    // the bytes of a block without compression
	stageCodeLengths               // the code for code lengths
	stageLengths                   // the lengths of the two codes
	stageSymbols                   // literals, lengths and distances
	stageMatch                     // the bytes that a length and distance stand for
)

// status is how a stage ended.
type status uint8

const (
	proceed   status = iota // the decoder's stage is now another one
	wantInput               // the payload is used up
	wantRoom                // there is no room for the text's next byte
	complete                // the message is complete
	invalid                 // the payload breaks RFC 1951
)

// stream holds the payload of one call, and the place for its text.
type stream struct {
	wire []byte
	used int // bytes of wire taken

	out  []byte // the text is out[base:at]; the rest may be overwritten
	at   int
	base int
}

// run inflates until payload or room is missing.
func (d *Decoder) run(s *stream) (st status) {
	for st == proceed {
		switch d.stage {
		case stageHeader:
			st = d.header(s)
		case stageStoredLength:
			st = d.storedLength(s)
		case stageStored:
			st = d.stored(s)
		case stageCodeLengths:
			st = d.codeLengths(s)
		case stageLengths:
			st = d.codeLengthRuns(s)
		case stageSymbols:
			st = d.symbols(s)
		case stageMatch:
			st = d.match(s)
		}
	}
	return st
}

// refill takes whole bytes of payload as long as there is room for them in acc. After it there are
// 56 to 63 bits, which the fast loop needs, or all that there are.
func (d *Decoder) refill(s *stream) {
	for d.width < 56 && s.used < len(s.wire) {
		d.acc |= uint64(s.wire[s.used]) << d.width
		d.width += 8
		s.used++
	}
}

// need makes at least n bits available. It returns false if the payload does not have them.
func (d *Decoder) need(s *stream, n uint8) bool {
	if d.width < n {
		d.refill(s)
	}
	return d.width >= n
}

// take removes n bits, which must be there, and returns them.
func (d *Decoder) take(n uint8) uint64 {
	v := d.acc & (1<<n - 1)
	d.acc >>= n
	d.width -= n
	return v
}

// header reads BFINAL and BTYPE (RFC 1951 section 3.2.3).
func (d *Decoder) header(s *stream) status {
	if !d.need(s, 3) {
		return wantInput
	}
	d.final = d.take(1) == 1
	switch d.take(2) {
	case typeStored:
		d.take(d.width & 7)
		d.stage = stageStoredLength
	case typeFixed:
		d.codes = fixed[d.windowIndex()]()
		d.stage = stageSymbols
	case typeDynamic:
		d.borrow().all = 0
		d.stage = stageCodeLengths
	default:
		return invalid
	}
	return proceed
}

// endBlock follows the last symbol or byte of a block. A block with BFINAL set ends the DEFLATE
// stream but not the message: the next block begins at the next byte, and the window stays (RFC
// 7692 section 7.2.3.4).
func (d *Decoder) endBlock() {
	if d.final {
		d.take(d.width & 7)
	}
	d.stage = stageHeader
}

// windowIndex returns the index of the decoder's window in tables that begin with MinWindowBits.
func (d *Decoder) windowIndex() uint8 {
	if d.WindowBits == 0 || d.WindowBits > MaxWindowBits {
		return MaxWindowBits - MinWindowBits
	}
	return max(d.WindowBits, MinWindowBits) - MinWindowBits
}

// storedLength reads LEN and its complement (RFC 1951 section 3.2.4).
func (d *Decoder) storedLength(s *stream) status {
	if !d.need(s, 32) {
		return wantInput
	}
	d.length = uint16(d.take(16))
	if uint16(d.take(16)) != ^d.length {
		return invalid
	}
	d.stage = stageStored
	return proceed
}

// stored copies the bytes of a block without compression.
func (d *Decoder) stored(s *stream) status {
	for d.length > 0 {
		if s.at == len(s.out) {
			return wantRoom
		}
		switch {
		case d.width > 0: // there are bytes that were taken ahead
			s.out[s.at] = byte(d.take(8))
			s.at++
			d.length--
		case s.used == len(s.wire):
			return wantInput
		default:
			p := s.wire[s.used:min(len(s.wire), s.used+int(d.length))]
			n := copy(s.out[s.at:], p)
			s.at += n
			s.used += n
			d.length -= uint16(n)
		}
	}
	d.endBlock()
	return proceed
}

// codeLengths reads the counts at the head of a dynamic block, and the lengths of the code for code
// lengths (RFC 1951 section 3.2.7).
func (d *Decoder) codeLengths(s *stream) status {
	b := d.space
	if b.all == 0 {
		if !d.need(s, 14) {
			return wantInput
		}
		b.litLens = int(d.take(5)) + firstLength
		b.all = b.litLens + int(d.take(5)) + 1
		b.ordered = int(d.take(4)) + 4
		b.known = 0
		if b.litLens > litLenSymbols || b.all-b.litLens > distSymbols {
			return invalid
		}
		clear(b.lengths[:codeLenSymbols])
	}
	for ; b.known < b.ordered; b.known++ {
		if !d.need(s, 3) {
			return wantInput
		}
		b.lengths[codeLenOrder[b.known]] = uint8(d.take(3))
	}
	var ok bool
	b.codeLenBits, ok = b.build(b.codeLen[:], codeLenIndex, b.lengths[:codeLenSymbols], codeLenEntry[:])
	if !ok {
		return invalid
	}
	b.known = 0
	d.stage = stageLengths
	return proceed
}

// codeLengthRuns reads the code lengths of both alphabets and makes the tables. The lengths form
// one list, so that a run may cross from one alphabet to the other.
func (d *Decoder) codeLengthRuns(s *stream) status {
	b := d.space
	mask := uint64(1)<<b.codeLenBits - 1
	for b.known < b.all {
		if d.width < 14 {
			d.refill(s)
		}
		e := b.codeLen[d.acc&mask&(1<<codeLenIndex-1)]
		if uint8(e) > d.width {
			return wantInput
		}
		if e&entryNone != 0 {
			return invalid
		}
		bits := d.take(uint8(e))
		if symbol := uint8(e >> 16); symbol < 16 {
			b.lengths[b.known] = symbol
			b.known++
		} else if !b.lengthRun(symbol, int(bits>>(e>>8&15))) {
			return invalid
		}
	}
	// A block has to end, so there must be a code for its end.
	if b.lengths[endOfBlock] == 0 {
		return invalid
	}
	var lits, dists bool
	b.litLenBits, lits = b.build(b.litLen[:], litLenIndex, b.lengths[:b.litLens], litLenEntry[:])
	b.distBits, dists = b.build(b.dist[:], distIndex, b.lengths[b.litLens:b.all], windowDist[d.windowIndex()][:])
	if !lits || !dists {
		return invalid
	}
	d.codes = &b.tables
	d.stage = stageSymbols
	return proceed
}

// lengthRun adds the copies of a length that one symbol of the code for code lengths stands for. It
// returns false if there is no length to copy, or if there are too many copies.
func (b *decodeSpace) lengthRun(symbol uint8, extra int) bool {
	length, n := uint8(0), 3+extra
	switch {
	case symbol == 18:
		n = 11 + extra
	case symbol == 16 && b.known == 0:
		return false
	case symbol == 16:
		length = b.lengths[b.known-1]
	}
	if n > b.all-b.known {
		return false
	}
	run := b.lengths[b.known : b.known+n]
	for i := range run {
		run[i] = length
	}
	b.known += n
	return true
}

// symbols decodes literals and matches to the end of the block: most of them in the fast loop, and
// those near the end of the payload or of the room one by one.
func (d *Decoder) symbols(s *stream) status {
	for d.stage == stageSymbols {
		if len(s.wire)-s.used >= fastInput && len(s.out)-s.at >= fastRoom {
			if st := d.fast(s); st != proceed {
				return st
			}
			if d.stage != stageSymbols {
				break
			}
		}
		if st := d.symbol(s); st != proceed {
			return st
		}
	}
	return proceed
}

// symbol decodes one literal, one length with its distance, or the end of the block. It takes bits
// only when all of them are there: 48 at most.
func (d *Decoder) symbol(s *stream) status {
	d.refill(s)
	t := d.codes
	acc, width := d.acc, d.width
	e, acc, width, st := decode(t.litLen[:], t.litLenBits, acc, width)
	switch {
	case st != proceed:
		return st
	case e&entryLiteral != 0:
		if s.at == len(s.out) {
			return wantRoom
		}
		s.out[s.at] = byte(e >> 16)
		s.at++
		d.acc, d.width = acc, width
		return proceed
	case e&entryEnd != 0:
		d.acc, d.width = acc, width
		d.endBlock()
		return proceed
	}
	length := e.value(d.acc, d.width-width)
	before, ahead := acc, width
	e, acc, width, st = decode(t.dist[:], t.distBits, acc, width)
	if st != proceed {
		return st
	}
	d.length, d.distance = length, e.value(before, ahead-width)
	d.acc, d.width = acc, width
	d.stage = stageMatch
	return proceed
}

// decode looks up one symbol and takes it, with its extra bits, from acc. If acc has fewer bits
// than the entry asks for, the missing ones count as zero. A code that is no longer than width is
// found all the same.
func decode(table []entry, index uint, acc uint64, width uint8) (entry, uint64, uint8, status) {
	e := table[acc&(1<<index-1)]
	var skipped uint8
	if e&entryFurther != 0 {
		skipped = uint8(index)
		e = table[uint64(e>>16)+acc>>index&(1<<(e>>8&15)-1)]
	}
	n := uint8(e) + skipped
	if n > width {
		return 0, acc, width, wantInput
	}
	if e&(entryNone|entryEnd) == entryNone {
		return 0, acc, width, invalid
	}
	return e, acc >> n, width - n, proceed
}

// value returns the length or distance of a symbol that took n bits of acc.
func (e entry) value(acc uint64, n uint8) uint16 {
	extra := uint8(e) - uint8(e>>8&15)
	return uint16(e>>16) + uint16(acc>>(n-extra)&(1<<extra-1))
}

// match copies the bytes that lie d.distance back, from the text of this call or from the history
// before it.
func (d *Decoder) match(s *stream) status {
	for d.length > 0 {
		if s.at == len(s.out) {
			return wantRoom
		}
		end := min(len(s.out), s.at+int(d.length))
		n := end - s.at
		if back := int(d.distance) - (s.at - s.base); back <= 0 {
			repeatShort(s.out, s.at, end, int(d.distance))
		} else if back <= len(d.history.buf) {
			n = d.history.copyBack(s.out[s.at:end], back)
		} else {
			return invalid
		}
		s.at += n
		d.length -= uint16(n)
	}
	d.stage = stageSymbols
	return proceed
}

// What the fast loop needs before each round: payload for two loads, and room for the literals of
// one round.
const (
	fastInput = 16
	fastRoom  = 3
)

// fast is the loop in which inflating spends its time. It decodes symbols as long as the payload
// and the room are not near their ends, or until the block ends. A match for which it has no room
// is left to stageMatch.
func (d *Decoder) fast(s *stream) (st status) {
	t := d.codes
	wire, out := s.wire, s.out
	used, at := s.used, s.at
	acc, width := d.acc, uint(d.width)
	litLens, dists := uint64(1)<<t.litLenBits-1, uint64(1)<<t.distBits-1
	for len(wire)-used >= fastInput && len(out)-at >= fastRoom {
		acc, width, used = refillWord(wire, acc, width, used)
		e := t.litLen[acc&litLens&(litLenEntries-1)]
		for range fastRoom - 1 {
			if e < entryLiteral {
				break
			}
			out[at] = byte(e >> 16)
			at++
			acc >>= e & 63
			width -= uint(e & 63)
			e = t.litLen[acc&litLens&(litLenEntries-1)]
		}
		if e&entryFurther != 0 {
			acc >>= t.litLenBits & 63
			width -= t.litLenBits
			e = t.litLen[(uint64(e>>16)+acc&(1<<(e>>8&15)-1))&(litLenEntries-1)]
		}
		length := e.number(acc)
		acc >>= e & 63
		width -= uint(e & 63)
		if e >= entryLiteral {
			out[at] = byte(e >> 16)
			at++
			continue
		}
		if e&entryNone != 0 {
			st = d.fastEnd(e)
			break
		}

		// Three codes took up to 40 bits. A distance may take 28 more.
		acc, width, used = refillWord(wire, acc, width, used)
		e = t.dist[acc&dists&(distEntries-1)]
		if e&entryFurther != 0 {
			acc >>= t.distBits & 63
			width -= t.distBits
			e = t.dist[(uint64(e>>16)+acc&(1<<(e>>8&15)-1))&(distEntries-1)]
		}
		distance := e.number(acc)
		acc >>= e & 63
		width -= uint(e & 63)
		if e&entryNone != 0 {
			st = invalid
			break
		}
		if end := at + length; distance <= at-s.base && end <= len(out)-8 {
			repeat(out, at, end, distance)
			at = end
			continue
		}
		d.length, d.distance, d.stage = uint16(length), uint16(distance), stageMatch
		s.at = at
		st = d.match(s)
		if at = s.at; st != proceed {
			break
		}
	}
	d.acc, d.width = acc&(1<<width-1), uint8(width)
	s.used, s.at = used, at
	if d.stage == stageHeader {
		d.endBlock()
	}
	return st
}

// fastEnd says how to go on after an entry that is not a symbol.
func (d *Decoder) fastEnd(e entry) status {
	if e&entryEnd == 0 {
		return invalid
	}
	d.stage = stageHeader
	return proceed
}

// refillWord loads eight bytes of payload but counts only the whole bytes that fit. After it there
// are 56 to 63 bits. The bits above width are right as well, and are loaded again the next time.
func refillWord(wire []byte, acc uint64, width uint, used int) (uint64, uint, int) {
	acc |= binary.LittleEndian.Uint64(wire[used:]) << (width & 63)
	return acc, width | 56, used + int(63-width)>>3
}

// number returns the length or distance of the symbol that stands lowest in acc.
func (e entry) number(acc uint64) int {
	return int(e>>16) + int(acc&^(^uint64(0)<<(e&63))>>(e>>8&15))
}

// repeat copies the bytes that lie distance before at to out[at:end]. It may overwrite up to seven
// bytes after end.
func repeat(out []byte, at, end, distance int) {
	from := at - distance
	if distance >= 8 {
		for ; at < end; from, at = from+8, at+8 {
			binary.LittleEndian.PutUint64(out[at:], binary.LittleEndian.Uint64(out[from:]))
		}
		return
	}
	repeatShort(out, at, end, distance)
}

// repeatShort does the same without overwriting bytes after end. If the distance is shorter than
// the match, it takes few steps: what was copied can be copied again.
func repeatShort(out []byte, at, end, distance int) {
	for from := at - distance; at < end; {
		at += copy(out[at:end], out[from:at])
	}
}
