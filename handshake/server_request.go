package handshake

import (
	"crypto/tls"
	"iter"
	"net/http"
	"net/url"
)

// Version is the protocol version of RFC 6455, the only one that this package speaks.
const Version = "13"

// Request is an opening handshake as a server sees it. It is the same whether it came through
// net/http ([NewRequest]) or was read from raw bytes ([Parser.Request]), so that hooks for origin,
// authentication and subprotocol are written once.
//
// [CheckRequest] sets the fields of the second group. Until CheckRequest and [Respond] have
// returned, a Request is not safe for concurrent use. Afterwards it is, as long as nobody writes to
// it.
type Request struct {
	Method     string // "GET", or "CONNECT" over HTTP/2
	Target     string // the request-target as it was sent
	Host       string // the authority of an absolute target, else the Host header
	ProtoMajor int
	ProtoMinor int
	URL        *url.URL // the parsed target

	Key          string      // Sec-WebSocket-Key; empty over HTTP/2
	Subprotocols []string    // offered subprotocols, in the client's order of preference
	Extensions   []Extension // offered extensions, in the client's order of preference

	RemoteAddr string               // "host:port" of the peer; set by conn on raw connections
	TLS        *tls.ConnectionState // nil without TLS, also if a proxy ends it

	// Data is for what a hook finds out about the client, such as who it is, so that nobody has to
	// find it out again. [Policy].Check may set it, and package conn takes it as the first
	// value of Conn.Data. This package only carries it.
	Data any

	// One of the two holds the headers. Host is in neither, as in net/http.
	header http.Header
	fields []field
	body   bool // net/http announced a body

	http *http.Request // the argument of NewRequest, else nil
}

// field is one header line. Both strings are parts of the one string that holds the whole header
// section.
type field struct{ name, value string }

// NewRequest returns a Request for r, which net/http has read. It shares the header map and the URL
// with r.
func NewRequest(r *http.Request) *Request {
	target := r.RequestURI
	if target == "" && r.URL != nil {
		target = r.URL.RequestURI() // r was made by hand
	}
	return &Request{
		Method:     r.Method,
		Target:     target,
		Host:       r.Host,
		ProtoMajor: r.ProtoMajor,
		ProtoMinor: r.ProtoMinor,
		URL:        r.URL,
		RemoteAddr: r.RemoteAddr,
		TLS:        r.TLS,
		header:     r.Header,
		body:       r.ContentLength != 0 || len(r.TransferEncoding) > 0,
		http:       r,
	}
}

// HTTPRequest returns the request that net/http has read, or nil if there is none. It is for what a
// router or a middleware has left there, such as path values and the values of its context. Its
// Body must not be read, and its context may have ended once the handshake is done.
func (r *Request) HTTPRequest() *http.Request { return r.http }

// lines yields the values of all lines of one header, in order. name is in the canonical form of
// [http.CanonicalHeaderKey].
func (r *Request) lines(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range r.header[name] {
			if !yield(v) {
				return
			}
		}
		for i := range r.fields {
			if equalFold(r.fields[i].name, name) && !yield(r.fields[i].value) {
				return
			}
		}
	}
}

// single returns the value of a header that must not be repeated, and how many lines the header
// has.
func (r *Request) single(name string) (value string, n int) {
	for v := range r.lines(name) {
		if n++; n == 1 {
			value = trimOWS(v)
		}
	}
	return value, n
}

// lists reports whether a list-valued header names elem in any of its lines.
func (r *Request) lists(name, elem string) bool {
	for v := range r.lines(name) {
		if hasElement(v, elem) {
			return true
		}
	}
	return false
}

// Get returns the value of the first line of a header, or "". Names are case-insensitive. The Host
// header is not among them: see [Request].Host.
func (r *Request) Get(name string) string {
	for v := range r.lines(http.CanonicalHeaderKey(name)) {
		return v
	}
	return ""
}

// Values returns the values of all lines of a header, in order and not split at commas. Names are
// case-insensitive. The caller owns the slice.
func (r *Request) Values(name string) []string {
	var values []string
	for v := range r.lines(http.CanonicalHeaderKey(name)) {
		values = append(values, v)
	}
	return values
}

// Header returns all headers but Host. For a request from net/http that is the live map, for one
// that was read from raw bytes a new copy on each call.
func (r *Request) Header() http.Header {
	if r.header != nil {
		return r.header
	}
	h := make(http.Header, len(r.fields))
	for _, f := range r.fields {
		h.Add(f.name, f.value)
	}
	return h
}

// Cookie returns the first cookie of that name. If there is none, the error is [http.ErrNoCookie].
func (r *Request) Cookie(name string) (*http.Cookie, error) {
	h := http.Request{Header: http.Header{"Cookie": r.Values("Cookie")}}
	return h.Cookie(name)
}

// ExpectsContinue reports whether the client waits for "100 Continue". If so, write [Continue]
// before the 101. "If a server receives both an Upgrade and an Expect header field with the
// "100-continue" expectation (Section 10.1.1), the server MUST send a 100 (Continue) response
// before sending a 101 (Switching Protocols) response": RFC 9110 section 7.8.
func (r *Request) ExpectsContinue() bool {
	return r.ProtoMajor == 1 && r.lists("Expect", "100-continue")
}

// Continue is the interim response that [Request.ExpectsContinue] asks for.
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"
