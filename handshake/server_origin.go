package handshake

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// AnyOrigin, as an element of [Policy].Origins, lets every web page connect. Use it only if the
// handshake or the first message carries a secret that no other site's page can have. Whichever
// site's page opens the connection, the browser sends your site's cookies with the handshake (RFC
// 6455 section 10.2).
const AnyOrigin = "*"

// What [Policy].Origins may list besides the origins of pages.
const (
	originNull = "null"    // of sandboxed frames, data: URLs and some redirects
	originFile = "file://" // of pages in files, and of some apps' web views
	starLabel  = "*."      // begins the host of a pattern
)

// origin is an origin as browsers send it: scheme, host and port (RFC 6454 section 6.2). The port
// is empty if it is the default one.
type origin struct{ scheme, host, port string }

// parseOrigin parses scheme "://" host [ ":" port ] and nothing else: no path, no user information,
// and not "null".
func parseOrigin(s string) (o origin, ok bool) {
	scheme, authority, ok := strings.Cut(s, "://")
	if !ok || !isToken(scheme) {
		return o, false
	}
	o.scheme = scheme
	o.host, o.port, ok = splitAuthority(authority)
	if o.port == defaultPort(scheme) {
		o.port = ""
	}
	return o, ok
}

// splitAuthority splits host [ ":" port ] (RFC 3986 sections 3.2.2 and 3.2.3) without allocating.
// The brackets of an IPv6 literal stay. The port is empty if there is none. It is not ok if there
// is no host, or if there is user information.
func splitAuthority(s string) (host, port string, ok bool) {
	host = s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	for i := range len(port) {
		if !isDigit(port[i]) {
			return "", "", false
		}
	}
	return host, port, isHost(host)
}

// isHost reports whether s is a name, an IPv4 address or an IPv6 address in brackets. The address
// must not have a zone, which has a meaning on the sender's machine alone (RFC 6874 section 4).
func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == ""
	}
	if !consistsOf(s, &nameBytes) {
		return false
	}
	for _, rest, ok := strings.Cut(s, "%"); ok; _, rest, ok = strings.Cut(rest, "%") {
		if len(rest) < 2 || !isHex(rest[0]) || !isHex(rest[1]) {
			return false
		}
	}
	return true
}

// isAuthority reports whether s is host [ ":" port ], as a Host header has it (RFC 9112 section
// 3.2).
func isAuthority(s string) bool {
	_, _, ok := splitAuthority(s)
	return ok
}

// defaultPort returns the port that a scheme implies.
func defaultPort(scheme string) string {
	switch {
	case equalFold(scheme, "http"), equalFold(scheme, "ws"):
		return "80"
	case equalFold(scheme, "https"), equalFold(scheme, "wss"):
		return "443"
	}
	return ""
}

// matches reports whether two origins are the same, without regard to the case of scheme and host.
func (o origin) matches(other origin) bool {
	return equalFold(o.scheme, other.scheme) && equalFold(o.host, other.host) && o.port == other.port
}

// isOf reports whether a page of this origin was served under the authority that the request names.
// The scheme is not compared, since TLS may end in a proxy. On both sides a missing port is the
// default of the page's scheme.
func (o origin) isOf(authority string) bool {
	host, port, ok := splitAuthority(authority)
	def := defaultPort(o.scheme)
	if !ok || def == "" || equalFold(o.scheme, "ws") || equalFold(o.scheme, "wss") {
		return false
	}
	if port == def {
		port = ""
	}
	return equalFold(o.host, host) && o.port == port
}

// checkOrigin applies the policy's rule: RFC 6455 section 4.2.2, /origin/.
func checkOrigin(r *Request, p *Policy) *Error {
	value, n := r.single("Origin")
	opaque := value == originNull || value == originFile
	switch {
	case n > 1: // RFC 6454 section 7.3; a hook might look at one, its proxy at the other.
		return forbiddenOrigin("must not be repeated")
	case p.CheckOrigin != nil && !p.CheckOrigin(r):
		return forbiddenOrigin("is not allowed here")
	case p.CheckOrigin != nil, n == 0, slices.Contains(p.Origins, AnyOrigin):
		return nil // n == 0: no browser, section 4.2.1, item 7.
	case opaque && slices.Contains(p.Origins, value):
		return nil
	}
	o, ok := parseOrigin(value)
	switch {
	case !ok:
		return forbiddenOrigin("is not that of a web page which may connect here")
	case len(p.Origins) == 0 && !o.isOf(r.Host):
		return forbiddenOrigin("differs from the Host header: the server has to list the origins that may connect, or the reverse proxy ahead of it to pass the Host header on as it was")
	case len(p.Origins) > 0 && !slices.ContainsFunc(p.Origins, o.equals):
		return forbiddenOrigin("is not among those that may connect here")
	}
	return nil
}

// equals reports whether an element of an allow-list is this origin or a pattern for it.
func (o origin) equals(allowed string) bool {
	other, ok := parseOrigin(allowed)
	if !ok {
		return false
	}
	domain, ok := strings.CutPrefix(other.host, starLabel)
	if !ok {
		return o.matches(other)
	}
	return equalFold(o.scheme, other.scheme) && o.port == other.port && isSubdomain(o.host, domain)
}

// isSubdomain reports whether host is a name below domain. What stands before the dot must be
// labels, so that nothing else passes for a subdomain.
func isSubdomain(host, domain string) bool {
	n := len(host) - len(domain) - 1
	if n < 1 || host[n] != '.' || !equalFold(host[n+1:], domain) {
		return false
	}
	for label := range strings.SplitSeq(host[:n], ".") {
		if !consistsOf(label, &labelBytes) {
			return false
		}
	}
	return true
}

func forbiddenOrigin(reason string) *Error {
	return &Error{Status: http.StatusForbidden, Field: "Origin", Reason: reason}
}

// validateOrigins reports the first element of an allow-list that no Origin header can ever match.
// The error names its position and not the element, into which user information may have slipped.
func validateOrigins(list []string) error {
	for i, s := range list {
		if s == AnyOrigin || s == originNull || s == originFile {
			continue
		}
		o, ok := parseOrigin(s)
		domain, star := strings.CutPrefix(o.host, starLabel)
		switch {
		case strings.HasSuffix(s, ":*"):
			return fmt.Errorf("websocket: element %d of Origins has a star for a port, which matches nothing: list each port, or decide with CheckOrigin", i+1)
		case !ok:
			return fmt.Errorf("websocket: element %d of Origins is not an origin: write it with its scheme and without a path, as https://example.com, https://example.com:8443 or https://*.example.com", i+1)
		case equalFold(o.scheme, "ws"), equalFold(o.scheme, "wss"):
			return fmt.Errorf("websocket: element %d of Origins is not the origin of a page: write https:// or http://", i+1)
		case strings.Contains(o.scheme+domain, "*"), star && !isDomain(domain):
			return fmt.Errorf("websocket: element %d of Origins has a star that matches nothing: write https://*.example.com for all subdomains", i+1)
		}
	}
	return nil
}

// isDomain reports whether s may stand after a star: a name of two labels or more, or localhost.
// With less, the star would match anybody's names.
func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !consistsOf(label, &labelBytes) {
			return false
		}
	}
	_, err := netip.ParseAddr(s)
	return err != nil && (strings.Contains(s, ".") || equalFold(s, "localhost"))
}
