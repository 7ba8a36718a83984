package h3

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// services is what a Dialer knows of servers: where they have announced HTTP/3 (RFC 7838), and
// where QUIC did not work. The zero value knows nothing.
type services struct {
	mu      sync.Mutex
	servers map[string]service // by host and port
}

// service is what is known of one server.
type service struct {
	at     string    // the host and port that were announced for HTTP/3; "" for none
	fresh  time.Time // until when
	broken time.Time // no QUIC connection is tried until then
	fails  uint8     // how often connecting has failed, one after the other
}

const (
	maxServices   = 1000               // more servers than that are not remembered
	defaultMaxAge = 24 * time.Hour     // RFC 7838 section 3.1
	longestMaxAge = 7 * 24 * time.Hour // browsers have such a bound as well
	brokenTime    = 5 * time.Minute    // doubles with each failure
	maxDoublings  = 6
)

// learn takes the Alt-Svc fields of a response that came through TLS. They are about the server
// that sent them, which after a redirect is another one than that which was dialed. A proxy's
// response has no Request.
func (s *services) learn(resp *http.Response) {
	if resp == nil || resp.Request == nil || len(resp.Header["Alt-Svc"]) == 0 {
		return
	}
	u := resp.Request.URL
	if u.Scheme != "https" && u.Scheme != "wss" {
		return
	}
	at, age := parseAltSvc(strings.Join(resp.Header["Alt-Svc"], ", "), u.Hostname())
	s.change(u, func(v *service) { v.at, v.fresh = at, time.Now().Add(age) })
}

// alternative returns the host and port at which the server of u has announced HTTP/3, or "".
func (s *services) alternative(u *url.URL) string {
	v := s.find(u)
	if time.Now().After(v.fresh) {
		return ""
	}
	return v.at
}

// failed reports whether connecting has failed lately.
func (s *services) failed(u *url.URL) bool { return time.Now().Before(s.find(u).broken) }

// fails notes that connecting has failed.
func (s *services) fails(u *url.URL) {
	s.change(u, func(v *service) {
		v.broken = time.Now().Add(brokenTime << v.fails)
		v.fails = min(v.fails+1, maxDoublings)
	})
}

// works notes that the server is reached.
func (s *services) works(u *url.URL) {
	if s.find(u).fails > 0 {
		s.change(u, func(v *service) { v.broken, v.fails = time.Time{}, 0 })
	}
}

func (s *services) find(u *url.URL) service {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.servers[strings.ToLower(authority(u))]
}

// change changes what is known of a server.
func (s *services) change(u *url.URL, f func(*service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(authority(u))
	v, ok := s.servers[name]
	if !ok && len(s.servers) >= maxServices {
		return
	}
	if s.servers == nil {
		s.servers = make(map[string]service)
	}
	f(&v)
	s.servers[name] = v
}

// parseAltSvc returns the host and port that the value of Alt-Svc announces for HTTP/3, and how
// long that holds. The first one counts. If there is none, as in "clear", at is "".
func parseAltSvc(value, host string) (at string, age time.Duration) {
	for value != "" {
		var entry string
		entry, value = cutUnquoted(value, ',')
		alternative, parameters := cutUnquoted(entry, ';')
		id, authority, ok := strings.Cut(strings.TrimSpace(alternative), "=")
		if !ok || id != http3.NextProtoH3 {
			continue
		}
		altHost, port, err := net.SplitHostPort(unquote(authority))
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
			continue
		}
		if altHost == "" {
			altHost = host
		}
		return net.JoinHostPort(altHost, port), maxAge(parameters)
	}
	return "", 0
}

// maxAge returns the value of the parameter ma.
func maxAge(parameters string) time.Duration {
	for parameters != "" {
		var p string
		p, parameters = cutUnquoted(parameters, ';')
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		n, err := strconv.ParseUint(unquote(value), 10, 31)
		if err == nil && strings.EqualFold(name, "ma") {
			return min(time.Duration(n)*time.Second, longestMaxAge)
		}
	}
	return defaultMaxAge
}

// cutUnquoted cuts s at the first sep that is outside quotation marks.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote returns the text of a quoted-string or a token (RFC 9110 section 5.6.4).
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.ReplaceAll(s[1:len(s)-1], `\`, "")
}
