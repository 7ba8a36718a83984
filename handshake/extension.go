package handshake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of one Sec-WebSocket-Extensions header, all its lines together. A header that exceeds one
// is refused as malformed.
const (
	MaxExtensions = 32 // extensions offered, or offers of one extension
	MaxParams     = 64 // parameters of all of them together
)

// Extension is one element of a Sec-WebSocket-Extensions header: the name of an extension, and its
// parameters in the order in which they stand (RFC 6455 section 9.1).
type Extension struct {
	Name   string
	Params []Param
}

// Param is one parameter of an extension, without quotes. Value is empty if the parameter has none,
// since the grammar knows no empty values.
type Param struct {
	Name  string
	Value string
}

// ParseExtensions parses the values of all Sec-WebSocket-Extensions lines of a message, which count
// as one list. Names and values are kept as they were written, and may repeat. The error says what
// is malformed. The result shares memory with values.
func ParseExtensions(values []string) ([]Extension, error) {
	var p extensionParser
	for _, v := range values {
		if reason := p.parse(v); reason != "" {
			return nil, errors.New("websocket: " + nameExtensions + ": " + reason)
		}
	}
	return p.extensions, nil
}

// AppendExtension appends e as one list element to dst and returns the extended slice. Parameters
// are not quoted: all names and values must be tokens.
func AppendExtension(dst []byte, e Extension) []byte {
	dst = append(dst, e.Name...)
	for _, p := range e.Params {
		dst = append(append(dst, "; "...), p.Name...)
		if p.Value != "" {
			dst = append(append(dst, '='), p.Value...)
		}
	}
	return dst
}

// appendExtensions appends list as one header value.
func appendExtensions(dst []byte, list []Extension) []byte {
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendExtension(dst, e)
	}
	return dst
}

// validateExtensions reports the first extension of one of our own lists that can't be sent.
func validateExtensions(list []Extension) error {
	for i, e := range list {
		ok := isToken(e.Name)
		for _, p := range e.Params {
			ok = ok && isToken(p.Name) && (p.Value == "" || isToken(p.Value))
		}
		if !ok {
			return fmt.Errorf("websocket: extension %d of the list has a name or a value that is not a token (RFC 6455 section 9.1)", i+1)
		}
	}
	return nil
}

// namesAreOf reports whether each name of list is one of offered, too.
func namesAreOf(list, offered []Extension) bool {
	for _, e := range list {
		if !slices.ContainsFunc(offered, func(o Extension) bool { return o.Name == e.Name }) {
			return false
		}
	}
	return true
}

// The reasons why an extension list is refused.
const (
	reasonNotOffered  = "names an extension that was not offered"
	reasonNoExtension = "must name at least one extension"
	reasonExtension   = "must be a comma-separated list of extensions, each a token and its parameters after semicolons (RFC 6455 section 9.1)"
	reasonManyExts    = "lists too many extensions or parameters"
)

// extensionParser collects extensions line by line. The parameters of all extensions share one
// array.
type extensionParser struct {
	extensions []Extension
	params     []Param
	s          string // what is left of the line
}

// parse parses one line. The reason is empty if the line is right.
//
//	extension-list  = 1#extension
//	extension       = token *( ";" extension-param )
//	extension-param = token [ "=" (token | quoted-string) ]
func (p *extensionParser) parse(line string) (reason string) {
	p.s = line
	p.reserve()
	before := len(p.extensions)
	for {
		for p.accept(',') { // Empty elements are skipped, RFC 9110 section 5.6.1.2.
		}
		if p.s == "" {
			break
		}
		name, first := p.token(), len(p.params)
		if name == "" || !p.parseParams() {
			return reasonExtension
		}
		if len(p.extensions) == MaxExtensions || len(p.params) > MaxParams {
			return reasonManyExts
		}
		params := p.params[first:len(p.params):len(p.params)]
		p.extensions = append(p.extensions, Extension{name, params})
	}
	if len(p.extensions) == before {
		return reasonNoExtension
	}
	return ""
}

// reserve makes room for what the first line can hold, so that an ordinary header costs two
// allocations.
func (p *extensionParser) reserve() {
	if p.extensions == nil {
		p.extensions = make([]Extension, 0, min(1+strings.Count(p.s, ","), MaxExtensions))
		p.params = make([]Param, 0, min(strings.Count(p.s, ";"), MaxParams))
	}
}

// parseParams parses the parameters of one extension, up to the comma or the end of the line. It
// stops early if there are too many of them.
func (p *extensionParser) parseParams() bool {
	for p.accept(';') {
		param := Param{Name: p.token()}
		if param.Name == "" {
			return false
		}
		// RFC 6455 inherits the implied whitespace of RFC 2616 around "=".
		if p.accept('=') {
			if param.Value = p.value(); param.Value == "" {
				return false
			}
		}
		if p.params = append(p.params, param); len(p.params) > MaxParams {
			return true
		}
	}
	p.skipOWS()
	return p.s == "" || p.s[0] == ','
}

// skipOWS drops leading spaces and tabs.
func (p *extensionParser) skipOWS() {
	for p.s != "" && isOWS(p.s[0]) {
		p.s = p.s[1:]
	}
}

// accept consumes c, if that comes next, and the whitespace around it.
func (p *extensionParser) accept(c byte) bool {
	p.skipOWS()
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	p.skipOWS()
	return true
}

// token consumes a token and returns it, or "" if there is none.
func (p *extensionParser) token() string {
	n := 0
	for n < len(p.s) && tokenBytes[p.s[n]] {
		n++
	}
	t := p.s[:n]
	p.s = p.s[n:]
	return t
}

// value consumes a token or a quoted-string and returns its value, or "" if there is none. "When
// using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to
// the 'token' ABNF": section 9.1. So the only characters that can be escaped are those that need no
// escape.
func (p *extensionParser) value() string {
	if p.s == "" || p.s[0] != '"' {
		return p.token()
	}
	for n := 1; n < len(p.s); n++ {
		switch p.s[n] {
		case '\\':
			n++
		case '"':
			v := unescape(p.s[1:n])
			p.s = p.s[n+1:]
			if !isToken(v) {
				return ""
			}
			return v
		}
	}
	return "" // The quote is never closed.
}

// unescape removes the backslashes of quoted pairs (RFC 9110 section 5.6.4).
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++ // value has checked that something follows
		}
		b = append(b, s[i])
	}
	return string(b)
}
