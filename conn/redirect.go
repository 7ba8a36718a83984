package conn

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rfc6455/ws/handshake"
)

// hop is one server on the way that redirects lead.
type hop struct {
	url    *url.URL
	header http.Header
	host   string
}

// isRedirect reports whether the response names another place to connect to.
func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}

// redirect is where resp leads to from h.
func (h *hop) redirect(resp *http.Response) (*hop, error) {
	location, err := h.url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, fmt.Errorf("redirect: the Location header is no URL: %w", err)
	}
	switch strings.ToLower(location.Scheme) {
	case "http":
		location.Scheme = "ws"
	case "https":
		location.Scheme = "wss"
	}
	location.Fragment = ""
	next, err := handshake.ParseURL(location.String())
	if err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	if h.url.Scheme == "wss" && next.Scheme == "ws" {
		return nil, errors.New("redirect: from wss to ws, which would give up TLS")
	}
	to := &hop{url: next, header: h.header}
	if handshake.HostPort(next) == handshake.HostPort(h.url) && next.Scheme == h.url.Scheme {
		to.host = h.host
		if next.User == nil {
			next.User = h.url.User
		}
		return to, nil
	}
	// Another origin gets no credentials that were meant for this one.
	to.header = h.header.Clone()
	for name := range to.header {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", "Proxy-Authorization", "Www-Authenticate":
			delete(to.header, name)
		}
	}
	return to, nil
}

// httpURL is u as cookie jars and http.ProxyFromEnvironment know it.
func httpURL(u *url.URL) *url.URL {
	h := *u
	h.Scheme = "http"
	if u.Scheme == "wss" {
		h.Scheme = "https"
	}
	return &h
}

// withCookies returns h with the cookies added; h stays as it is.
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
