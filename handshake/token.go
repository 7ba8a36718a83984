package handshake

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// The character classes of the grammars in use.
var (
	// tokenBytes is tchar of RFC 9110 section 5.6.2.
	tokenBytes = byteSet(digits + letters + "!#$%&'*+-.^_`|~")
	// nameBytes has what a registered name consists of, by RFC 3986 section 3.2.2: unreserved,
	// sub-delims and percent escapes.
	nameBytes = byteSet(digits + letters + "-._~!$&'()*+,;=%")
	// labelBytes has what a label of a domain name consists of, and the underscore, which some
	// contain.
	labelBytes = byteSet(digits + letters + "-_")
	// base64Bytes is the standard alphabet of RFC 4648 section 4, without padding.
	base64Bytes = byteSet(digits + letters + "+/")
	// pathBytes has what a path consists of, by RFC 3986 section 3.3: escapes are left as they are,
	// and so are brackets, which package net/url leaves alone.
	pathBytes = byteSet(digits + letters + "-._~!$&'()*+,;=:@/%[]")
	// queryBytes has what a query consists of, by RFC 3986 section 3.4. Escapes are left as they
	// are.
	queryBytes = byteSet(digits + letters + "-._~!$&'()*+,;=:@/?%")
)

// byteSet returns the set of the bytes of s.
func byteSet(s string) (set [256]bool) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

// consistsOf reports whether s is not empty and has only bytes of set.
func consistsOf(s string, set *[256]bool) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return s != ""
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool { return consistsOf(s, &tokenBytes) }

// isFieldValue reports whether s can be a header value. That is visible characters, bytes from 0x80
// on, spaces and tabs, and above all neither CR, LF nor NUL (RFC 9110 section 5.5).
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isOWS reports whether c is optional whitespace: a space or a tab, and no other kind of space (RFC
// 9110 section 5.6.3).
func isOWS(c byte) bool { return c == ' ' || c == '\t' }

// trimOWS returns s without the optional whitespace around it.
func trimOWS(s string) string {
	for s != "" && isOWS(s[0]) {
		s = s[1:]
	}
	for s != "" && isOWS(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold reports whether a and b are equal without regard to the case of ASCII letters.
// [strings.EqualFold] would also take U+212A for the k of websocket.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// hasPrefixFold reports whether s begins with prefix, without regard to ASCII case.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}

// lower returns the lower case of an ASCII letter, and any other byte as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// nextElement returns the first element of a comma-separated list and the rest of the list. It
// skips empty elements and drops the whitespace around an element (RFC 9110 section 5.6.1.2). It is
// not ok if no element is left.
func nextElement(list string) (elem, rest string, ok bool) {
	for list != "" {
		elem, list, _ = strings.Cut(list, ",")
		if elem = trimOWS(elem); elem != "" {
			return elem, list, true
		}
	}
	return "", "", false
}

// hasElement reports whether a list names elem, without regard to ASCII case.
func hasElement(list, elem string) bool {
	for e, rest, ok := nextElement(list); ok; e, rest, ok = nextElement(rest) {
		if equalFold(e, elem) {
			return true
		}
	}
	return false
}

// checkFields reports the first header in h that can't be sent, or that only the handshake itself
// may write. reserved has names beyond those that both roles reserve. The error repeats no value.
// It repeats no name either that is not a token, since that may hold a value.
func checkFields(h http.Header, reserved ...string) error {
	for name, values := range h {
		if !isToken(name) {
			return errors.New("websocket: a header name is not a token (RFC 9110 section 5.1): does it hold the value, or a space?")
		}
		if isReserved(name, reserved) {
			return fmt.Errorf("websocket: header %s is written by the handshake itself: remove it", name)
		}
		for _, v := range values {
			if !isFieldValue(v) {
				return fmt.Errorf("websocket: header %s: the value holds a control character, such as a line's end: remove it", name)
			}
		}
	}
	return nil
}

// isReserved reports whether the handshake owns the header name. Content-Length and
// Transfer-Encoding are among those names: they would announce a body, which a handshake does not
// have.
func isReserved(name string, more []string) bool {
	if hasPrefixFold(name, "Sec-WebSocket-") {
		return true
	}
	for _, own := range [...]string{"Upgrade", "Connection", "Content-Length", "Transfer-Encoding"} {
		if equalFold(name, own) {
			return true
		}
	}
	for _, own := range more {
		if equalFold(name, own) {
			return true
		}
	}
	return false
}

// IsOwnHeader reports whether [Policy] and [Offer] refuse a header of this name, because the
// handshake itself writes it or because it would announce a body, which a handshake does not have.
func IsOwnHeader(name string) bool { return isReserved(name, nil) }

// appendField appends one header line.
func appendField(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), "\r\n"...)
}
