package opening

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rfc6455/ws/handshake"
)

// Hop is one server in a chain of redirects.
type Hop struct {
	URL    *url.URL
	Header http.Header // the caller's headers for this server
	Host   string      // the Host header's value; "": the URL's host
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

// Redirect returns the hop to which resp leads from h.
func (h *Hop) Redirect(resp *http.Response) (*Hop, error) {
	location, err := h.URL.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, errors.New("redirect: the Location header is no URL") // err would repeat its query
	}
	location.Fragment = ""
	next, err := handshake.ParseURL(location.String())
	if err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	if h.URL.Scheme == "wss" && next.Scheme == "ws" {
		return nil, errors.New("redirect: from wss to ws, which would give up TLS")
	}
	to := &Hop{URL: next, Header: h.Header}
	if h.keepsCredentials(next) {
		to.Host = h.Host
		if next.User == nil {
			next.User = h.URL.User
		}
		return to, nil
	}
	// Another origin gets no credentials that were meant for this one.
	to.Header = h.Header.Clone()
	for name := range to.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", "Proxy-Authorization", "Www-Authenticate":
			delete(to.Header, name)
		}
	}
	return to, nil
}

// keepsCredentials reports whether next may get the credentials that were meant for h. It may if it
// has the same origin. It also may if it is the same host over TLS, as its certificate shows.
func (h *Hop) keepsCredentials(next *url.URL) bool {
	if h.URL.Scheme == "ws" && next.Scheme == "wss" {
		return strings.EqualFold(next.Hostname(), h.URL.Hostname())
	}
	return handshake.HostPort(next) == handshake.HostPort(h.URL) && next.Scheme == h.URL.Scheme
}
