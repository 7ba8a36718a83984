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

// ParseURL parses a ws or wss URL (RFC 6455 section 3). The result is ready for
// [HostPort] and [Offer]: the scheme in lower case, the port in its shortest form,
// a host beyond ASCII as its A-label (section 11.1.1), everything else beyond
// ASCII percent-encoded as UTF-8, no fragment. The error never repeats user
// information.
//
// The mapping of a host to its A-label knows lower case and nothing more of
// Unicode's tables. Where more would be needed the error says to write the
// A-label, "xn--...", itself.
func ParseURL(raw string) (*url.URL, error) {
	// "Fragment identifiers are meaningless in the context of WebSocket URIs and
	// MUST NOT be used on these URIs": section 3.
	if strings.IndexByte(raw, '#') >= 0 {
		return nil, errors.New("websocket: the URL has a fragment: remove it, or write # as %23")
	}
	if !utf8.ValidString(raw) {
		return nil, errors.New("websocket: the URL is not valid UTF-8: percent-encode it")
	}
	u, err := url.Parse(raw)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // The rest of it is the URL, with the password in it.
		}
		return nil, errors.New("websocket: the URL is invalid: " + err.Error())
	}
	if u.Scheme != "ws" && u.Scheme != "wss" {
		return nil, errors.New("websocket: the URL must begin with ws:// or wss://")
	}
	if err := normalizeHost(u); err != nil {
		return nil, err
	}
	if u.RawQuery, err = escapeQuery(u.RawQuery); err != nil {
		return nil, err
	}
	u.ForceQuery = false // An empty query is none: section 3.
	if err := checkURL(u); err != nil {
		return nil, err
	}
	return u, nil
}

// isSecure reports whether u is a wss URL.
func isSecure(u *url.URL) bool { return u.Scheme == "wss" }

// normalizeHost brings u.Host into the form that ParseURL promises.
func normalizeHost(u *url.URL) error {
	host, err := toASCII(u.Hostname())
	if err != nil {
		return err
	}
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
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

// errHost is returned for a host that has no A-label as far as we can tell.
var errHost = errors.New("websocket: the URL's host cannot be turned into its ASCII form: write its A-labels (xn--...) instead")

// toASCII returns a host name in ASCII (RFC 6455 section 11.1.1, RFC 3490). It
// has net/http write a request into memory, which is the one way in which the
// standard library shows its Punycode.
func toASCII(host string) (string, error) {
	if isASCII(host) {
		return host, nil
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
	for label := range strings.SplitSeq(ascii, ".") {
		if !isToken(label) || len(label) > 63 {
			return "", errHost
		}
	}
	return ascii, nil
}

// isASCII reports whether s has no byte beyond ASCII.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mapsToLower reports whether IDNA maps c, beyond ASCII, to its lower case and no
// further (RFC 5892, UTS 46): letters, digits and marks, except what normalizes
// to something else.
func mapsToLower(c rune) bool {
	if !unicode.In(c, unicode.L, unicode.Nd, unicode.M) || unicode.Is(compatibility, c) {
		return false
	}
	low := unicode.ToLower(c)
	return low == c || unicode.ToUpper(low) == c
}

// compatibility holds the blocks of letters and marks that normalization would
// replace: a guard and not a table of Unicode's.
var compatibility = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00aa, 0x00ba, 0x10}, // ordinal indicators
		{0x0132, 0x0133, 1},    // ligature ij
		{0x013f, 0x0140, 1},    // l with middle dot
		{0x0149, 0x0149, 1},    // n preceded by apostrophe
		{0x017f, 0x017f, 1},    // long s
		{0x01c4, 0x01cc, 1},    // digraphs
		{0x01f1, 0x01f3, 1},    // digraphs
		{0x02b0, 0x02ff, 1},    // modifier letters
		{0x0300, 0x036f, 1},    // combining marks: write the composed letter
		{0x1100, 0x11ff, 1},    // Hangul jamo: write the syllable
		{0x1d2c, 0x1d6a, 1},    // phonetic modifiers
		{0x1e9a, 0x1e9e, 1},    // a with right half ring to capital sharp s
		{0x1f00, 0x1fff, 1},    // Greek extended
		{0x2071, 0x214f, 1},    // superscripts, letterlike symbols
		{0x3131, 0x318e, 1},    // Hangul compatibility jamo
		{0xf900, 0xfaff, 1},    // CJK compatibility ideographs
		{0xfb00, 0xfdff, 1},    // presentation forms
		{0xfe70, 0xfeff, 1},    // presentation forms
		{0xff00, 0xffef, 1},    // half width and full width forms
	},
	R32: []unicode.Range32{
		{0x1d400, 0x1d7ff, 1}, // mathematical letters
		{0x1ee00, 0x1eeff, 1}, // mathematical letters
		{0x2f800, 0x2fa1f, 1}, // CJK compatibility ideographs
	},
}

// escapeQuery percent-encodes what a query may not hold as it is. It fails on a %
// that begins no escape: sections 3 and 4.1, step 1.
func escapeQuery(q string) (string, error) {
	if q == "" || consistsOf(q, &queryBytes) && strings.IndexByte(q, '%') < 0 {
		return q, nil
	}
	const hex = "0123456789ABCDEF"
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

// isHex reports whether c is a hexadecimal digit.
func isHex(c byte) bool {
	return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f'
}

// checkURL reports why a handshake could not be sent to u, which may not come from
// ParseURL.
func checkURL(u *url.URL) error {
	switch {
	case u == nil:
		return errors.New("websocket: the offer has no URL: use ParseURL")
	case u.Scheme != "ws" && u.Scheme != "wss":
		return errors.New("websocket: the URL must begin with ws:// or wss://")
	case u.Hostname() == "":
		return errors.New("websocket: the URL has no host")
	case u.Fragment != "" || u.Opaque != "":
		return errors.New("websocket: the URL must be ws://host/path without a fragment: use ParseURL")
	case !consistsOf(hostHeader(u), &hostBytes):
		return errors.New("websocket: the URL's host has a character that no host has: use ParseURL")
	case u.Path != "" && u.Path[0] != '/' || u.RawQuery != "" && !consistsOf(u.RawQuery, &queryBytes):
		return errors.New("websocket: the URL's path or query is not percent-encoded: use ParseURL")
	}
	return nil
}

// resourceName returns what section 3 calls that: the path, or "/" if it is empty,
// and the query if there is one.
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

// hostHeader returns the authority that is sent: brackets around an IPv6 literal,
// no zone, which means something on this machine alone (RFC 6874 section 1), and
// the port unless it is the default one.
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

// HostPort returns the address to dial for u, "host:port" as package net takes it:
// with port 80 for ws and 443 for wss where u names none, brackets around an IPv6
// literal, and its zone.
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
