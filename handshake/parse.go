package handshake

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// Bounds of what is read. A peer that exceeds one is refused at once, whatever else it may still
// send.
const (
	// MaxHeaderBytes is the greatest size, in bytes, of a request up to its blank line, or of a
	// response together with the interim responses before it. A longer request gets status 431.
	MaxHeaderBytes = 64 << 10
	// MaxHeaderFields is the greatest number of header lines in one message. A request with more
	// gets status 431.
	MaxHeaderFields = 256
	// MaxInterim is the greatest number of 1xx responses before a final one.
	MaxInterim = 10

	// maxEmptyLines is how many empty lines before a request are skipped.
	maxEmptyLines = 4
)

// Parser finds and parses the header section of an HTTP/1 message that arrives in pieces. It
// remembers how far it has looked, so that parsing takes time linear in the size of the message,
// even if the bytes come one by one. The zero value is ready. A Parser is for one message, is not
// safe for concurrent use, and keeps no reference to the bytes.
type Parser struct {
	start   int // where the current header section begins
	scanned int // no blank line ends before this offset
	interim int // interim responses skipped so far
}

// ParseRequest parses the header section of a request in one call. See [Parser.Request].
func ParseRequest(b []byte) (r *Request, n int, err error) { return new(Parser).Request(b) }

// ParseResponse parses the header section of a response in one call. See [Parser.Response].
func ParseResponse(b []byte) (resp *http.Response, n int, err error) {
	return new(Parser).Response(b)
}

// Request parses the request at the start of b. n is the length of its header section: b[n:] is
// what came after it. If n is 0 and err is nil, more bytes are needed: call again with the same
// bytes and more of them appended.
//
// Request applies the rules of RFC 9112 alone; [CheckRequest] decides whether the request is a
// WebSocket handshake. A line may end in LF instead of CRLF (section 2.2). But a CR elsewhere,
// whitespace before a colon (section 5.1), a folded line (section 5.2), and a missing, second or
// invalid Host (section 3.2) are refused. The error is an *[Error] with status 400, 431 or 505. The
// result holds copies and may be kept.
func (p *Parser) Request(b []byte) (r *Request, n int, err error) {
	p.start = skipEmptyLines(b)
	if len(b) > p.start && b[p.start] != '\r' && b[p.start] != '\n' && !tokenBytes[b[p.start]] {
		return nil, 0, badRequest(fieldRequestLine, "does not begin with a method: is this an HTTP client, and does it use wss on a port without TLS?")
	}
	end := p.end(b)
	if end > MaxHeaderBytes || end == 0 && len(b) > MaxHeaderBytes {
		return nil, 0, errHeaderTooLarge
	}
	if end == 0 {
		return nil, 0, nil
	}
	r, bad := parseRequest(string(b[p.start:end]))
	if bad != nil {
		return nil, 0, bad
	}
	return r, end, nil
}

// skipEmptyLines returns the offset of the request line. "A server that is expecting to receive and
// parse a request-line SHOULD ignore at least one empty line (CRLF) received prior to the
// request-line": RFC 9112 section 2.2.
func skipEmptyLines(b []byte) (start int) {
	for range maxEmptyLines {
		switch {
		case bytes.HasPrefix(b[start:], []byte("\r\n")):
			start += 2
		case bytes.HasPrefix(b[start:], []byte("\n")):
			start++
		}
	}
	return start
}

// end returns the offset after the blank line that ends the header section at p.start, or 0 as long
// as that line has not arrived. Over all calls it looks at each byte once.
func (p *Parser) end(b []byte) int {
	for i := max(p.scanned, p.start); ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			p.scanned = len(b)
			return 0
		}
		i += j + 1
		// The line that ends here is blank if nothing or only a CR stands between its LF and the
		// one before.
		line := bytes.TrimSuffix(b[p.start:i-1], []byte("\r"))
		if len(line) == 0 || line[len(line)-1] == '\n' {
			return i
		}
	}
}

var errHeaderTooLarge = &Error{
	Status: http.StatusRequestHeaderFieldsTooLarge,
	Field:  fieldHeader,
	Reason: "is too large: send at most 64 KiB in at most 256 lines",
}

// badRequest returns the error for a request that breaks a rule.
func badRequest(field, reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Field: field, Reason: reason}
}

// parseRequest parses a whole header section. The Request keeps head as the one string that all its
// names and values are parts of.
func parseRequest(head string) (*Request, *Error) {
	line, rest, ok := cutLine(head)
	r := new(Request)
	if !ok || !r.parseRequestLine(line) {
		return nil, badRequest(fieldRequestLine, "must be a method, a target and a version with one space between them")
	}
	if r.ProtoMajor != 1 {
		return nil, &Error{
			Status: http.StatusHTTPVersionNotSupported,
			Field:  fieldRequestLine,
			Reason: "names an HTTP version that is not spoken here: use HTTP/1.1",
		}
	}
	if e := r.parseFields(rest); e != nil {
		return nil, e
	}
	u, err := url.ParseRequestURI(r.Target)
	if err != nil {
		return nil, badRequest(fieldRequestLine, badTarget)
	}
	// "When an origin server receives a request with an absolute-form of request-target, the origin
	// server MUST ignore the received Host header field (if any) and instead use the host
	// information of the request-target": RFC 9112 section 3.2.2.
	if r.URL = u; u.Host != "" {
		r.Host = u.Host
	}
	return r, nil
}

// cutLine splits s after its first line, which it returns without its end. It is not ok if there is
// no LF, or if a CR stands anywhere but right before the LF. "A recipient of such a bare CR MUST
// consider that element to be invalid": RFC 9112 section 2.2.
func cutLine(s string) (line, rest string, ok bool) {
	line, rest, ok = strings.Cut(s, "\n")
	line = strings.TrimSuffix(line, "\r")
	return line, rest, ok && strings.IndexByte(line, '\r') < 0
}

// parseRequestLine parses "method SP request-target SP HTTP-version" (RFC 9112 section 3) and
// nothing looser. Tolerance here would let two parsers disagree.
func (r *Request) parseRequestLine(line string) bool {
	var version string
	var ok1, ok2 bool
	r.Method, line, ok1 = strings.Cut(line, " ")
	r.Target, version, ok2 = strings.Cut(line, " ")
	if !ok1 || !ok2 || !isToken(r.Method) || r.Target == "" {
		return false
	}
	r.ProtoMajor, r.ProtoMinor, ok1 = parseVersion(version)
	return ok1
}

// parseVersion parses "HTTP/" DIGIT "." DIGIT (RFC 9112 section 2.3).
func parseVersion(s string) (major, minor int, ok bool) {
	if len(s) != len("HTTP/1.1") || s[:5] != "HTTP/" || !isDigit(s[5]) || s[6] != '.' || !isDigit(s[7]) {
		return 0, 0, false
	}
	return int(s[5] - '0'), int(s[7] - '0'), true
}

// isDigit reports whether c is a decimal digit.
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseFields parses the header lines up to the blank one. "A server MUST respond with a 400 (Bad
// Request) status code to any HTTP/1.1 request message that lacks a Host header field and to any
// request message that contains more than one Host header field line": RFC 9112 section 3.2.
func (r *Request) parseFields(s string) *Error {
	// The blank line is counted, the Host line is stored elsewhere.
	lines := strings.Count(s, "\n") - 1
	if lines > MaxHeaderFields {
		return errHeaderTooLarge
	}
	r.fields = make([]field, 0, lines)
	hosts := 0
	for {
		line, rest, ok := cutLine(s)
		if line == "" && ok {
			break
		}
		f, reason := parseField(line, ok)
		switch {
		case reason != "":
			return badRequest(fieldHeader, reason)
		case equalFold(f.name, "Host"):
			// "or a Host header field with an invalid field value". An empty value is valid if the
			// target has the authority.
			if f.value != "" && !isAuthority(f.value) {
				return badRequest("Host", badHost)
			}
			r.Host = f.value
			hosts++
		default:
			r.fields = append(r.fields, f)
		}
		s = rest
	}
	if hosts > 1 || hosts == 0 && r.ProtoMinor > 0 {
		return badRequest("Host", "must be present exactly once")
	}
	return nil
}

// parseField parses one header line that is not empty (RFC 9112 section 5). ok says whether cutLine
// found the line ok. The reason is empty if the line is right.
func parseField(line string, ok bool) (f field, reason string) {
	if !ok {
		return f, "has a CR that does not end a line"
	}
	if isOWS(line[0]) {
		return f, "has a folded line (RFC 9112 section 5.2): write each header on one line"
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return f, "has a line without a name, or with something other than a token before the colon (RFC 9112 section 5.1)"
	}
	f = field{name, trimOWS(value)}
	if !isFieldValue(f.value) {
		return f, "has a control character in a value (RFC 9110 section 5.5)"
	}
	return f, ""
}
