package handshake

import (
	"net/http"
	"net/url"
	"strings"
)

// MaxSubprotocols is the greatest number of subprotocols that a client may offer. A longer list is
// refused with status 400.
const MaxSubprotocols = 128

const badHost = "must name the server as host or host:port"

const badTarget = "has an invalid target: send a path, or an absolute http or https URI, without user information or a fragment"

// CheckRequest checks a request by the rules of RFC 6455 section 4.2.1, or of RFC 8441 section 5 if
// it came over HTTP/2, and sets its Key, Subprotocols and Extensions.
//
// The error is an *[Error] whose status says what kind of mistake it is: 405 for the method; 426 if
// the request does not ask for a WebSocket, or asks for another version of the protocol; 417 for an
// unknown expectation; 501 for another protocol over HTTP/2; 400 for the rest.
//
// CheckRequest does not look at the origin. [Respond] does.
func CheckRequest(r *Request) error {
	checks := upgradeChecks[:]
	if r.ProtoMajor >= 2 {
		checks = connectChecks[:]
	}
	for _, check := range checks {
		if e := check(r); e != nil {
			return e
		}
	}
	return nil
}

// upgradeChecks are the rules for a handshake over HTTP/1.1, in the order in which they are
// applied: first those that tell whether the request is a handshake at all.
var upgradeChecks = [...]func(*Request) *Error{
	checkMethod, checkTarget, checkHost,
	checkUpgrade, checkVersion, checkKey, checkBody, checkExpect,
	checkSubprotocols, checkExtensions,
}

// checkMethod wants GET and HTTP/1.1 or later: "The request is "GET" with HTTP/1.1 or higher", item
// 1.
func checkMethod(r *Request) *Error {
	if r.Method != http.MethodGet {
		return &Error{
			Status:   http.StatusMethodNotAllowed,
			Field:    fieldRequestLine,
			Reason:   "must use the method GET",
			headOnly: r.Method == http.MethodHead,
		}
	}
	// "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request": RFC
	// 9110 section 7.8.
	if r.ProtoMajor != 1 || r.ProtoMinor < 1 {
		return upgradeRequired(fieldRequestLine, "must use HTTP/1.1: an upgrade does not exist in HTTP/1.0")
	}
	return nil
}

// checkTarget wants a path or an absolute URI (item 1). A fragment is not part of a request-target
// at all (RFC 9112 section 3.2). User information is refused, since it is "likely being used to
// obscure the authority" (RFC 9110 section 4.2.4).
func checkTarget(r *Request) *Error {
	if r.URL == nil {
		r.URL, _ = url.ParseRequestURI(r.Target)
	}
	if r.URL == nil || r.URL.User != nil || strings.IndexByte(r.Target, '#') >= 0 {
		return badRequest(fieldRequestLine, badTarget)
	}
	absolute := r.URL.Host != "" && (hasPrefixFold(r.Target, "http://") || hasPrefixFold(r.Target, "https://"))
	if !absolute && !strings.HasPrefix(r.Target, "/") {
		return badRequest(fieldRequestLine, badTarget)
	}
	return nil
}

// checkHost wants an authority: item 2.
func checkHost(r *Request) *Error {
	if !isAuthority(r.Host) {
		return badRequest("Host", badHost)
	}
	return nil
}

// checkUpgrade wants a request for a WebSocket in both headers: items 3 and 4. Upgrade and
// Connection are lists, over any number of lines.
func checkUpgrade(r *Request) *Error {
	if !r.lists("Upgrade", "websocket") {
		return upgradeRequired("Upgrade", `must name websocket: this address serves WebSocket connections, send "Upgrade: websocket" and "Connection: Upgrade"`)
	}
	if !r.lists("Connection", "Upgrade") {
		return upgradeRequired("Connection", `must name Upgrade: a proxy in between has to pass on "Upgrade: websocket" and "Connection: Upgrade"`)
	}
	return nil
}

// upgradeRequired returns the error for a request that does not ask for a WebSocket, or asks in a
// way that the server can't grant.
func upgradeRequired(field, reason string) *Error {
	return &Error{Status: http.StatusUpgradeRequired, Field: field, Reason: reason}
}

// checkVersion wants version 13, once: item 6 and section 11.3.5. It is applied before checkKey,
// since another version may have another key. Numbers are compared as text, since the grammar of
// section 4.3 has neither signs nor leading zeros.
func checkVersion(r *Request) *Error {
	version, n := r.single(keyVersion)
	switch {
	case n == 0:
		return badRequest(nameVersion, "is missing: send 13")
	case n > 1 || !isVersion(version):
		return badRequest(nameVersion, "must be one number from 0 to 255: send 13")
	case version != Version && r.ProtoMajor >= 2:
		return badRequest(nameVersion, "names a version that is not spoken here: send 13")
	case version != Version:
		return upgradeRequired(nameVersion, "names a version that is not spoken here: send 13")
	}
	return nil
}

// isVersion reports whether s is a version by the grammar of RFC 6455 section 4.3: a number from 0
// to 255 without leading zeros.
func isVersion(s string) bool {
	if s == "" || len(s) > 3 || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return len(s) < 3 || s <= "255"
}

// checkKey wants 16 bytes in base64, once: item 5 and section 11.3.1.
func checkKey(r *Request) *Error {
	key, n := r.single(keyKey)
	switch {
	case n == 0:
		return badRequest(nameKey, "is missing: send 16 random bytes in base64")
	case n > 1:
		return badRequest(nameKey, "must not be repeated")
	case !validKey(key):
		return badRequest(nameKey, `must be 16 bytes in base64: 22 characters and "=="`)
	}
	r.Key = key
	return nil
}

// checkBody wants no body. Frames follow the header section, so bytes that an intermediary took for
// a body would be read as frames.
func checkBody(r *Request) *Error {
	for length := range r.lines("Content-Length") {
		r.body = r.body || length != "0"
	}
	for range r.lines("Transfer-Encoding") {
		r.body = true
	}
	if r.body {
		return badRequest("Content-Length", "or Transfer-Encoding announces a body: an opening handshake has none")
	}
	return nil
}

// checkExpect refuses expectations other than "100-continue", since no other is defined (RFC 9110
// section 10.1.1).
func checkExpect(r *Request) *Error {
	for v := range r.lines("Expect") {
		for e, rest, ok := nextElement(v); ok; e, rest, ok = nextElement(rest) {
			if !equalFold(e, "100-continue") {
				return &Error{
					Status: http.StatusExpectationFailed,
					Field:  "Expect",
					Reason: "names an expectation other than 100-continue",
				}
			}
		}
	}
	return nil
}

// checkSubprotocols collects the offered subprotocols, which the client may have spread over
// several lines: item 8 and section 11.3.4.
func checkSubprotocols(r *Request) *Error {
	r.Subprotocols = nil
	for line := range r.lines(keyProtocol) {
		var reason string
		if r.Subprotocols, reason = appendSubprotocols(r.Subprotocols, line); reason != "" {
			return badRequest(nameProtocol, reason)
		}
	}
	return nil
}

// checkExtensions parses the offered extensions: item 9 and section 9.1.
func checkExtensions(r *Request) *Error {
	var p extensionParser
	for line := range r.lines(keyExtensions) {
		if reason := p.parse(line); reason != "" {
			return badRequest(nameExtensions, reason)
		}
	}
	r.Extensions = p.extensions
	return nil
}
