package opening

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/rfc6455/ws/handshake"
)

// Failure is a dial that has failed at a hop.
type Failure struct {
	Hop      *Hop
	Followed int            // how many redirects led to Hop
	Response *http.Response // of the server, or of a proxy that refused; may be nil
	Err      error
}

// Redirects reports whether the server named another place to connect to.
func (f *Failure) Redirects() bool {
	return f.Response != nil && isRedirect(f.Response) && proxyResponse(f.Err) == nil
}

// Explain makes an error for the caller of f. The error names the URL, without what may be a
// secret. If ctx has ended, it says so. It adds what the server has said.
func (d *Client) Explain(ctx context.Context, f *Failure) error {
	err := f.Err
	var refused *handshake.Error
	if ctx.Err() != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("%w (%w)", contextError(ctx), err)
	}
	if f.Followed > 0 && f.Response != nil && isRedirect(f.Response) {
		err = fmt.Errorf("%w: %d redirects were followed, see Dialer.MaxRedirects", err, f.Followed)
	}
	body := keptBody(f.Response)
	if line := firstLine(body, f.Response); line != "" && !d.hasSecret(f.Hop, line) {
		err = fmt.Errorf("%w: %q", err, line)
	}
	if hint := f.schemeHint(body); hint != "" {
		err = fmt.Errorf("%w: %s", err, hint)
	}
	return &dialError{publicURL(f.Hop.URL), err}
}

// dialError adds to an error which URL was dialed.
type dialError struct {
	url string
	err error
}

// Error says once that this is about WebSockets, and not in each error that the other one wraps.
func (e *dialError) Error() string {
	return "websocket: dial " + e.url + ": " + strings.TrimPrefix(e.err.Error(), "websocket: ")
}

func (e *dialError) Unwrap() error { return e.err }

// publicURL returns u without user information and query.
func publicURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// keptBody returns the body of a refusal that KeepBody has kept. It stays the body of resp.
func keptBody(resp *http.Response) []byte {
	if resp == nil || resp.Body == nil {
		return nil
	}
	body, _ := io.ReadAll(resp.Body) // lies in memory
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// maxLine bounds how many bytes of a body an error repeats.
const maxLine = 200

// firstLine returns the first line of a refusal's body that says something more than the status. If
// that is not text, or is HTML, it returns "".
func firstLine(body []byte, resp *http.Response) string {
	for line := range bytes.Lines(body) {
		s := string(bytes.TrimSpace(line))
		switch {
		case s == "" || s == fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)):
			continue
		case s[0] == '<' || !utf8.ValidString(s):
			return ""
		case len(s) > maxLine:
			return strings.ToValidUTF8(s[:maxLine], "") + "..."
		}
		return s
	}
	return ""
}

// hasSecret reports whether line repeats a value that went to h's server or its proxy and may be a
// secret.
func (d *Client) hasSecret(h *Hop, line string) bool {
	var sent []string
	for _, header := range []http.Header{h.Header, d.ProxyHeader} {
		for name, values := range header {
			if k := http.CanonicalHeaderKey(name); k != "Origin" && k != "User-Agent" {
				sent = append(sent, values...)
			}
		}
	}
	if d.Jar != nil {
		for _, c := range d.Jar.Cookies(httpURL(h.URL)) {
			sent = append(sent, c.Value)
		}
	}
	sent = append(sent, d.Subprotocols...)
	users := []*url.Userinfo{h.URL.User}
	if proxy, err := d.proxyFor(h.URL); err == nil && proxy != nil {
		users = append(users, proxy.User)
	}
	for _, u := range users {
		if u != nil {
			password, _ := u.Password()
			sent = append(sent, u.Username(), password)
		}
	}
	for _, values := range h.URL.Query() {
		sent = append(sent, values...)
	}
	return slices.ContainsFunc(sent, func(v string) bool { return repeats(line, v) })
}

// minSecret is the length in bytes of the shortest value that is taken for a secret.
const minSecret = 4

// repeats reports whether line contains value, or a part of it that may be a secret by itself. Such
// a part is a token behind its scheme, or a cookie.
func repeats(line, value string) bool {
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(" ;,", r) }) {
		if _, v, ok := strings.Cut(part, "="); ok && len(v) >= minSecret {
			part = v
		}
		if len(part) >= minSecret && part != "Bearer" && part != "Basic" && strings.Contains(line, part) {
			return true
		}
	}
	return false
}

// schemeHint returns what to do if only one side spoke TLS. It returns "" if nothing hints at that.
func (f *Failure) schemeHint(body []byte) string {
	const useTLS = "does the server speak TLS on this port? Then the URL must begin with wss://"
	port := f.Hop.URL.Port()
	switch {
	case f.Hop.URL.Scheme == "wss":
		if _, plain := errors.AsType[tls.RecordHeaderError](f.Err); plain {
			return "the server does not speak TLS on this port: should the URL begin with ws://?"
		}
	case f.Response != nil && f.Response.StatusCode == http.StatusBadRequest &&
		(bytes.Contains(body, []byte("HTTPS port")) || bytes.Contains(body, []byte("HTTPS server"))):
		return useTLS
	case f.Response == nil && (port == "443" || port == "8443") &&
		(errors.Is(f.Err, io.ErrUnexpectedEOF) || errors.Is(f.Err, syscall.ECONNRESET)):
		return useTLS
	}
	return ""
}
