package handshake

import (
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
	// nameBytes is what RFC 3986 section 3.2.2 lets a registered name consist
	// of: unreserved, sub-delims and percent escapes.
	nameBytes = byteSet(digits + letters + "-._~!$&'()*+,;=%")
	// base64Bytes is the standard alphabet of RFC 4648 section 4, without pad.
	base64Bytes = byteSet(digits + letters + "+/")
	// queryBytes is what RFC 3986 section 3.4 lets a query consist of, escapes
	// taken as they are.
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

// isFieldValue reports whether s can be a header value: visible characters,
// bytes from 0x80 on, spaces and tabs. CR, LF and NUL above all are not
// (RFC 9110 section 5.5).
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isOWS reports whether c is optional whitespace: a space or a tab and no
// other kind of space (RFC 9110 section 5.6.3).
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

// equalFold reports whether a and b are equal if the case of ASCII letters is
// ignored. [strings.EqualFold] would also take U+212A for the k of websocket.
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

// hasPrefixFold reports whether s begins with prefix, ASCII case ignored.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}

// lower returns the lower case of an ASCII letter, and any other byte as is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// nextElement returns the first element of a comma-separated list and what
// follows it. Empty elements are skipped and the whitespace around an element
// is dropped (RFC 9110 section 5.6.1.2); ok is false where none is left.
func nextElement(list string) (elem, rest string, ok bool) {
	for list != "" {
		elem, list, _ = strings.Cut(list, ",")
		if elem = trimOWS(elem); elem != "" {
			return elem, list, true
		}
	}
	return "", "", false
}

// hasElement reports whether a list names elem, ASCII case ignored.
func hasElement(list, elem string) bool {
	for e, rest, ok := nextElement(list); ok; e, rest, ok = nextElement(rest) {
		if equalFold(e, elem) {
			return true
		}
	}
	return false
}

// checkFields reports the first header in h that cannot be sent, or that the
// handshake writes itself and nobody may override. reserved holds such names
// beyond those that both roles reserve.
func checkFields(h http.Header, reserved ...string) error {
	for name, values := range h {
		if !isToken(name) {
			return fmt.Errorf("websocket: header name %q is not a token (RFC 9110 section 5.1)", name)
		}
		if isReserved(name, reserved) {
			return fmt.Errorf("websocket: header %s is written by the handshake itself: remove it", name)
		}
		for _, v := range values {
			if !isFieldValue(v) {
				return fmt.Errorf("websocket: header %s: the value %q holds a control character", name, v)
			}
		}
	}
	return nil
}

// isReserved reports whether the handshake owns the header name. A length or
// a transfer coding would announce a body, which a handshake has not.
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

// appendField appends one header line.
func appendField(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), "\r\n"...)
}
