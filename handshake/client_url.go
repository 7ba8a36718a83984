package handshake

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseURL parses a ws or wss URL (RFC 6455 section 3). http and https are taken as ws and wss, as
// browsers do. The result is ready for [HostPort] and [Offer]: it has the scheme in lower case, the
// port in its shortest form, the A-label of a host beyond ASCII (section 11.1.1), and no fragment.
// Everything else that may not stand in a URL is percent-encoded as UTF-8. Escapes stay as they
// were written. The error never repeats user information or the query.
//
// To find the A-label of a host, ParseURL maps letters to lower case. It does nothing more of what
// IDNA asks for. If a host has letters that need more, the error says to write its A-labels,
// "xn--...", instead.
func ParseURL(raw string) (*url.URL, error) {
	// "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used
	// on these URIs": section 3.
	if strings.IndexByte(raw, '#') >= 0 {
		return nil, errors.New("websocket: the URL has a fragment: remove it, or write # as %23")
	}
	if !utf8.ValidString(raw) {
		return nil, errors.New("websocket: the URL is not valid UTF-8: percent-encode it")
	}
	if err := checkScheme(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, parseError(raw, err)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	if err := normalizeHost(u); err != nil {
		return nil, err
	}
	u.RawPath = escapePath(u.RawPath) // otherwise EscapedPath would drop it, and with it its %2F
	if u.RawQuery, err = escapeQuery(u.RawQuery); err != nil {
		return nil, err
	}
	u.ForceQuery = false // an empty query is no query: section 3
	if err := checkURL(u); err != nil {
		return nil, err
	}
	return u, nil
}

// checkScheme says what is missing at the beginning of a URL.
func checkScheme(raw string) error {
	if raw != "" && (raw[0] <= ' ' || raw[0] == 0x7f) {
		return errors.New("websocket: the URL begins with a space or a control character: remove it")
	}
	scheme, rest, ok := strings.Cut(raw, ":")
	// "localhost:8080" looks like a URL of the scheme localhost.
	if !ok || strings.ContainsAny(scheme, "/?.") || rest != "" && isDigit(rest[0]) {
		return errors.New("websocket: the URL has no scheme: it must begin with ws:// or wss://")
	}
	return nil
}

// parseError returns what url.Parse said, without what that quotes, which is a part of the URL. It
// returns none of it if a password may have been mistaken for something else.
func parseError(raw string, err error) error {
	text := "websocket: the URL is invalid"
	if e := (*url.Error)(nil); errors.As(err, &e) && strings.IndexByte(raw, '@') < 0 {
		said, _, _ := strings.Cut(e.Err.Error(), `"`)
		text += ": " + strings.TrimRight(said, " :")
	}
	return errors.New(text)
}

// isSecure reports whether u is a wss URL.
func isSecure(u *url.URL) bool { return u.Scheme == "wss" }

// normalizeHost brings u.Host into the form that ParseURL promises.
func normalizeHost(u *url.URL) error {
	host, err := toASCII(u.Hostname())
	if err != nil {
		return err
	}
	switch {
	case strings.IndexByte(host, ':') < 0:
	case u.Host[0] == '[':
		host = "[" + host + "]"
	case strings.Trim(host, ":") != "": // else there is no host, which checkURL reports
		return errColons // checked here: without an empty port it would look like a host and a port
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return errors.New("websocket: the URL's port must be a number from 1 to 65535")
		}
		host += ":" + strconv.FormatUint(n, 10)
	}
	u.Host = host
	return nil
}

// errColons is returned for an IPv6 address whose last part can't be told from a port.
var errColons = errors.New("websocket: the URL's host has colons: write an IPv6 address in brackets")

// errHost is returned for a host whose A-label ParseURL does not know.
var errHost = errors.New("websocket: the URL's host cannot be turned into its ASCII form: write its A-labels (xn--...) instead")

// maxName is the length of the longest domain name (RFC 1035 section 2.3.4).
const maxName = 253

// toASCII returns a host name in ASCII (RFC 6455 section 11.1.1, RFC 3490). It has net/http write a
// request into memory, which is the one way in which the standard library shows its Punycode.
func toASCII(host string) (string, error) {
	if isASCII(host) {
		return host, nil
	}
	if utf8.RuneCountInString(host) > maxName { // Punycode takes quadratic time.
		return "", errHost
	}
	for _, c := range host {
		if c >= utf8.RuneSelf && !mapsToLower(c) {
			return "", errHost
		}
	}
	var buf bytes.Buffer
	r := http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Host: strings.ToLower(host)}
	if err := r.Write(&buf); err != nil {
		return "", errHost
	}
	_, rest, _ := strings.Cut(buf.String(), "\r\nHost: ")
	ascii, _, _ := strings.Cut(rest, "\r\n")
	for label := range strings.SplitSeq(strings.TrimSuffix(ascii, "."), ".") {
		if !isToken(label) || len(label) > 63 {
			return "", errHost
		}
	}
	return ascii, nil
}

// isASCII reports whether all bytes of s are ASCII.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mapsToLower reports whether IDNA maps c, a letter beyond ASCII, to its lower case and to nothing
// else, whatever stands next to it.
func mapsToLower(c rune) bool {
	if !unicode.Is(plainScripts, c) || !unicode.In(c, unicode.L, unicode.M) {
		return false
	}
	low := unicode.ToLower(c)
	return low == c || unicode.ToUpper(low) == c
}

// plainScripts holds those parts of Unicode in which UTS 46 maps letters to lower case alone, and
// in which normalization replaces, composes and reorders nothing. It covers most names that are
// registered. The rest would need tables that the standard library does not have.
var plainScripts = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00c0, 0x00d6, 1},
		{0x00d8, 0x00f6, 1},
		{0x00f8, 0x0131, 1}, // Latin
		{0x0134, 0x013e, 1},
		{0x0141, 0x0148, 1},
		{0x014a, 0x017e, 1},
		{0x0218, 0x021b, 1}, // Romanian
		{0x0386, 0x03ce, 1}, // Greek
		{0x0400, 0x0481, 1},
		{0x048a, 0x04bf, 1},
		{0x04c1, 0x052f, 1}, // Cyrillic
		{0x0531, 0x0586, 1}, // Armenian
		{0x05d0, 0x05ea, 1}, // Hebrew
		{0x0620, 0x064a, 1},
		{0x0679, 0x06d3, 1}, // Arabic
		{0x0904, 0x0939, 1},
		{0x093d, 0x0950, 1}, // Devanagari
		{0x0e01, 0x0e32, 1},
		{0x0e40, 0x0e46, 1}, // Thai
		{0x10d0, 0x10fa, 1}, // Georgian
		{0x1ea0, 0x1ef9, 1}, // Vietnamese
		{0x3041, 0x3096, 1},
		{0x30a1, 0x30fe, 1}, // Kana
		{0x3400, 0x9fff, 1}, // Han
		{0xac00, 0xd7a3, 1}, // Hangul
	},
	R32: []unicode.Range32{{0x20000, 0x2a6df, 1}}, // Han
}

// escapeQuery percent-encodes what a query may not hold as it is. It fails if a % begins no escape:
// sections 3 and 4.1, step 1.
func escapeQuery(q string) (string, error) {
	if q == "" || consistsOf(q, &queryBytes) && strings.IndexByte(q, '%') < 0 {
		return q, nil
	}
	b := make([]byte, 0, len(q)+len(q)/2)
	for i := range len(q) {
		c := q[i]
		switch {
		case c == '%' && (i+2 >= len(q) || !isHex(q[i+1]) || !isHex(q[i+2])):
			return "", errors.New("websocket: the URL's query has a % that begins no escape: write it as %25")
		case queryBytes[c]:
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b), nil
}

const hex = "0123456789ABCDEF"

// escapePath percent-encodes what a path may not hold as it is. It leaves escapes alone, which
// url.Parse has checked.
func escapePath(s string) string {
	if s == "" || consistsOf(s, &pathBytes) {
		return s
	}
	var b []byte
	for i := range len(s) {
		if c := s[i]; pathBytes[c] {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// isHex reports whether c is a hexadecimal digit.
func isHex(c byte) bool {
	return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f'
}

// checkURL reports why a handshake can't be sent to u. u may not come from [ParseURL].
func checkURL(u *url.URL) error {
	switch {
	case u == nil:
		return errors.New("websocket: the offer has no URL: use ParseURL")
	case u.Scheme != "ws" && u.Scheme != "wss":
		return errors.New("websocket: the URL must begin with ws:// or wss://")
	case u.Hostname() == "":
		return errors.New("websocket: the URL has no host")
	case u.Host[0] != '[' && strings.IndexByte(u.Hostname(), ':') >= 0:
		return errColons
	case u.Fragment != "" || u.Opaque != "":
		return errors.New("websocket: the URL must be ws://host/path without a fragment: use ParseURL")
	case !isAuthority(hostHeader(u)):
		return errors.New("websocket: the URL's host has a character that no host has: use ParseURL")
	case u.Path != "" && u.Path[0] != '/' || u.RawQuery != "" && !consistsOf(u.RawQuery, &queryBytes):
		return errors.New("websocket: the URL's path or query is not percent-encoded: use ParseURL")
	}
	return nil
}

// resourceName returns the "resource-name" of section 3: the path, or "/" if it is empty, and the
// query if there is one.
func resourceName(u *url.URL) string {
	name := u.EscapedPath()
	if name == "" {
		name = "/"
	}
	if u.RawQuery != "" {
		name += "?" + u.RawQuery
	}
	return name
}

// hostHeader returns the authority that is sent. It has brackets around an IPv6 literal but no
// zone, which has a meaning on this machine alone (RFC 6874 section 1), and the port unless it is
// the default one.
func hostHeader(u *url.URL) string {
	host := u.Hostname()
	if strings.IndexByte(host, ':') >= 0 {
		host, _, _ = strings.Cut(host, "%")
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != defaultPort(u.Scheme) {
		host += ":" + port
	}
	return host
}

// HostPort returns the address to dial for u, as "host:port" for package net. If u has no port, it
// is 80 for ws and 443 for wss. An IPv6 literal is in brackets and keeps its zone.
func HostPort(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	return host + ":" + port
}
