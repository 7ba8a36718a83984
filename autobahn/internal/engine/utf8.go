package engine

import "unicode/utf8"

// UTF8Check checks text that comes in pieces. The zero value is ready for a text.
type UTF8Check struct {
	tail []byte // the start of a code point that the last piece did not complete
	bad  bool
}

// Write takes the next piece, and reports whether the text can still become valid. It reports
// false as soon as the first impossible byte has come (RFC 6455 section 8.1).
func (u *UTF8Check) Write(p []byte) bool {
	for len(u.tail) > 0 && len(p) > 0 && !utf8.FullRune(u.tail) {
		u.tail, p = append(u.tail, p[0]), p[1:]
	}
	if len(u.tail) > 0 && utf8.FullRune(u.tail) {
		u.bad = u.bad || !utf8.Valid(u.tail)
		u.tail = u.tail[:0]
	}
	if len(p) == 0 || u.bad {
		return !u.bad
	}
	end := len(p)
	for back := 1; back <= 3 && back <= len(p); back++ {
		if utf8.RuneStart(p[len(p)-back]) {
			if !utf8.FullRune(p[len(p)-back:]) {
				end = len(p) - back
			}
			break
		}
	}
	u.tail = append(u.tail, p[end:]...)
	u.bad = !utf8.Valid(p[:end])
	return !u.bad
}

// Done reports whether the text may end here: it is valid, and does not stop inside a code
// point.
func (u *UTF8Check) Done() bool { return !u.bad && len(u.tail) == 0 }
