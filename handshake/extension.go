package handshake

import (
	"errors"
	"strings"
)

// Bounds of one Sec-WebSocket-Extensions header, all its lines together.
// Whatever exceeds one is malformed.
const (
	MaxExtensions = 32 // extensions offered, or offers of one extension
	MaxParams     = 64 // parameters of all of them together
)

// Extension is one element of a Sec-WebSocket-Extensions header: an extension
// with its parameters in the order in which they stand (RFC 6455 section 9.1).
type Extension struct {
	Name   string
	Params []Param
}

// Param is one parameter of an extension. Value is empty where the parameter has
// none: the grammar knows no empty values. Quotes are gone.
type Param struct {
	Name  string
	Value string
}

// ParseExtensions parses the values of all Sec-WebSocket-Extensions lines of a
// message, which count as one list. Names and values are kept as they were
// written, and may repeat. The error says what is malformed. The result shares
// memory with values.
func ParseExtensions(values []string) ([]Extension, error) {
	var p extensionParser
	for _, v := range values {
		if reason := p.parse(v); reason != "" {
			return nil, errors.New("websocket: " + nameExtensions + ": " + reason)
		}
	}
	return p.extensions, nil
}

// AppendExtension appends e as one list element, parameters unquoted, to dst and
// returns the extended slice. All names and values must be tokens.
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

// Why an extension list is refused.
const (
	reasonNoExtension = "must name at least one extension"
	reasonExtension   = "must be a comma-separated list of extensions, each a token and its parameters after semicolons (RFC 6455 section 9.1)"
	reasonManyExts    = "lists too many extensions or parameters"
)

// extensionParser collects extensions line by line. The parameters of all
// extensions share one array.
type extensionParser struct {
	extensions []Extension
	params     []Param
	s          string // what is left of the line
}

// parse parses one line. The reason is empty if it is right.
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

// reserve makes room for what the first line can hold, so that an ordinary
// header costs two allocations.
func (p *extensionParser) reserve() {
	if p.extensions == nil {
		p.extensions = make([]Extension, 0, min(1+strings.Count(p.s, ","), MaxExtensions))
		p.params = make([]Param, 0, min(strings.Count(p.s, ";"), MaxParams))
	}
}

// parseParams parses the parameters of one extension, up to the comma or the end
// of the line. It stops early once there are too many.
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

// accept takes c, if it comes next, and the whitespace around it.
func (p *extensionParser) accept(c byte) bool {
	p.skipOWS()
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	p.skipOWS()
	return true
}

// token takes a token, or returns "".
func (p *extensionParser) token() string {
	n := 0
	for n < len(p.s) && tokenBytes[p.s[n]] {
		n++
	}
	t := p.s[:n]
	p.s = p.s[n:]
	return t
}

// value takes a token or a quoted-string, or returns "". "When using the
// quoted-string syntax variant, the value after quoted-string unescaping MUST
// conform to the 'token' ABNF": section 9.1. So all that can be escaped is a
// character that needs no escape.
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

// unescape takes the backslashes of quoted pairs away (RFC 9110 section 5.6.4).
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++ // The caller has seen what it escapes.
		}
		b = append(b, s[i])
	}
	return string(b)
}
