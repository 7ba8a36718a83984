package opening

import (
	"maps"
	"net/http"
	"net/url"

	"github.com/rfc6455/ws/handshake"
)

// userAgent is the default User-Agent.
const userAgent = "Go-websocket-client"

// RequestHeader returns the headers for the hop's server. They are h.Header, a User-Agent, and the
// cookies of jar unless that is nil. h.Header stays as it is.
func (h *Hop) RequestHeader(jar http.CookieJar) http.Header {
	header := withUserAgent(h.Header)
	if jar == nil {
		return header
	}
	return withCookies(header, jar.Cookies(httpURL(h.URL)))
}

// KeepCookies gives jar the cookies of the response from the hop's server. Both may be nil.
func (h *Hop) KeepCookies(jar http.CookieJar, resp *http.Response) {
	if resp == nil || jar == nil {
		return
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		jar.SetCookies(httpURL(h.URL), cookies)
	}
}

// withUserAgent returns h with a User-Agent. If h has none, it adds the default one to a copy. h
// stays as it is.
func withUserAgent(h http.Header) http.Header {
	for name := range h {
		if http.CanonicalHeaderKey(name) == "User-Agent" {
			return h
		}
	}
	all := make(http.Header, len(h)+1)
	maps.Copy(all, h)
	all["User-Agent"] = []string{userAgent}
	return all
}

// withCookies returns a copy of h with the cookies added. h stays as it is.
func withCookies(h http.Header, cookies []*http.Cookie) http.Header {
	if len(cookies) == 0 {
		return h
	}
	r := http.Request{Header: h.Clone()}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r.Header
}

// httpURL returns u with the scheme http or https, which cookie jars and http.ProxyFromEnvironment
// know.
func httpURL(u *url.URL) *url.URL {
	h := *u
	h.Scheme = "http"
	if u.Scheme == "wss" {
		h.Scheme = "https"
	}
	return &h
}

// ResponseHeader returns the headers for a response: those of always and those of set. If both have
// a header, the one of set counts. It deletes the handshake's own headers from set, since a
// middleware that has set them knew nothing of a handshake.
func ResponseHeader(always, set http.Header) http.Header {
	for name := range set {
		if handshake.IsOwnHeader(name) {
			delete(set, name)
		}
	}
	if len(always) == 0 {
		return set
	}
	all := maps.Clone(always)
	maps.Copy(all, set)
	return all
}
