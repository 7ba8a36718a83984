package frame

import (
	"encoding/binary"
	"unicode/utf8"
)

// UTF8 validates UTF-8 (RFC 3629) that arrives in pieces. A piece may end anywhere, also inside a
// code point. Validation fails at the first byte that no valid text can have there, as RFC 6455
// section 8.1 allows, and does not wait for the rest of a code point. The zero value is ready to
// validate a text from its beginning. A UTF8 is not safe for concurrent use.
type UTF8 struct {
	need   uint8 // bytes that the code point in progress still lacks; 0 between code points
	lo, hi uint8 // the range of the next of them
}

// failed is the value of need after an invalid byte. No code point lacks that many bytes.
const failed = 0xFF

// ValidUTF8 reports whether all of p is valid UTF-8. A code point that is unfinished at the end of
// p is not valid. ValidUTF8 keeps no reference to p and may be called from any goroutine.
func ValidUTF8(p []byte) bool {
	vector := useVector(len(p))
	if vector && len(p) >= asciiMax {
		return validLong(p)
	}
	n := ascii(p)
	switch {
	case n == len(p):
		return true
	case vector:
		return validLong(p)
	}
	return utf8.Valid(p[n:])
}

// asciiMax is a length in bytes. From this length on a kernel is faster than ascii at finding out
// that a text is nothing but ASCII.
const asciiMax = 512

// Write validates the next piece. It returns false if the text is invalid at or before the last
// byte of p, and then keeps returning false until Reset. It keeps no reference to p. Write(nil)
// reports whether everything so far was valid.
func (u *UTF8) Write(p []byte) bool {
	for u.need != 0 && len(p) > 0 && u.need != failed {
		u.step(p[0])
		p = p[1:]
	}
	if u.need != 0 {
		return u.need != failed
	}
	n := len(p) - unfinished(p)
	if !ValidUTF8(p[:n]) {
		u.need = failed
		return false
	}
	for _, c := range p[n:] {
		u.step(c)
	}
	return u.need != failed
}

// Done reports whether the text is valid and may end here: its last code point is complete.
func (u *UTF8) Done() bool {
	return u.need == 0
}

// Reset makes u ready for another text.
func (u *UTF8) Reset() {
	*u = UTF8{}
}

// step takes one byte, at a code point boundary or inside a code point.
func (u *UTF8) step(c byte) {
	switch {
	case u.need == failed:
	case u.need == 0:
		u.lead(c)
	case c < u.lo || c > u.hi:
		u.need = failed
	default:
		u.need--
		u.lo, u.hi = 0x80, 0xBF
	}
}

// lead takes the first byte of a code point of two or more bytes. The range of the second byte
// excludes overlong forms, surrogates and everything beyond U+10FFFF (the table in RFC 3629 section
// 4).
func (u *UTF8) lead(c byte) {
	u.lo, u.hi = 0x80, 0xBF
	switch {
	case c < 0xC2 || c > 0xF4:
		u.need = failed
		return
	case c < 0xE0:
		u.need = 1
		return
	case c < 0xF0:
		u.need = 2
	default:
		u.need = 3
	}
	switch c {
	case 0xE0:
		u.lo = 0xA0
	case 0xED:
		u.hi = 0x9F
	case 0xF0:
		u.lo = 0x90
	case 0xF4:
		u.hi = 0x8F
	}
}

// unfinished returns how many bytes at the end of p, 0 to 3, begin a code point that p does not
// complete.
func unfinished(p []byte) int {
	for k := 1; k <= 3 && k <= len(p); k++ {
		c := p[len(p)-k]
		switch {
		case c < 0x80:
			return 0
		case c < 0xC0:
			continue
		case c >= 0xF0 && k < 4, c >= 0xE0 && k < 3, k < 2:
			return k
		}
		return 0
	}
	return 0
}

// ascii counts ASCII bytes at the start of p. If p is nothing but ASCII, the result is len(p).
// Otherwise it is the number of bytes that it took to find that out. ascii reads words of eight
// bytes, four at a time. At the end it reads the last eight bytes once more instead of going on by
// single ones, on which package utf8 spends most of its time on short texts.
//
// The loops say > and not >=, so that q never becomes an empty slice past the end of p, which would
// cost a check.
func ascii(p []byte) int {
	q := p
	for len(q) > 32 && (word(q)|word(q[8:])|word(q[16:])|word(q[24:]))&highBits == 0 {
		q = q[32:]
	}
	for len(q) > 8 && word(q)&highBits == 0 {
		q = q[8:]
	}
	if len(p) >= 8 && len(q) <= 8 {
		if word(p[len(p)-8:])&highBits == 0 {
			return len(p)
		}
		return len(p) - len(q)
	}
	for len(q) > 0 && q[0] < 0x80 {
		q = q[1:]
	}
	return len(p) - len(q)
}

// highBits has the top bit of each byte set, which ASCII leaves clear.
const highBits = 0x8080808080808080

// word loads eight bytes.
func word(p []byte) uint64 {
	return binary.LittleEndian.Uint64(p)
}
