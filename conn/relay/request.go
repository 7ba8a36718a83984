package relay

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/rfc6455/ws/handshake"
)

// outgoing is what a backend is asked for.
type outgoing struct {
	url          *url.URL
	host         string // the Host header's value; "": the URL's host
	header       http.Header
	subprotocols []string
	extensions   []handshake.Extension
}

// The keys of the headers in which the two sides agree.
const (
	keyProtocol   = "Sec-Websocket-Protocol"
	keyExtensions = "Sec-Websocket-Extensions"
)

// isHandshake reports whether r asks for a WebSocket, rightly or not.
func isHandshake(r *http.Request) bool {
	if r.ProtoMajor >= 2 {
		return r.Method == http.MethodConnect
	}
	return lists(r.Header["Upgrade"], "websocket")
}

// lists reports whether one of the lists in values has the element, in any case.
func lists(values []string, element string) bool {
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(textproto.TrimString(e), element) {
				return true
			}
		}
	}
	return false
}

var (
	errNoRewrite = errors.New("websocket: relay: the Proxy has no Rewrite, which names the backend")
	errNoURL     = errors.New("websocket: relay: Rewrite has set no Out.URL: call SetURL there")
)

// rewrite makes the backend's request of the client's.
func (p *Proxy) rewrite(r *http.Request) (*outgoing, error) {
	if p.Rewrite == nil {
		return nil, errNoRewrite
	}
	out := r.Clone(r.Context())
	out.Method, out.Body = http.MethodGet, nil
	out.URL.Scheme, out.URL.Host = "", "" // of an absolute URI: the client must not name the backend
	removeHopByHop(out.Header)
	for _, name := range [...]string{
		":protocol", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	} {
		delete(out.Header, name)
	}
	if q, err := url.ParseQuery(out.URL.RawQuery); err != nil {
		out.URL.RawQuery = q.Encode() // what two parsers read in two ways is taken out
	}
	p.Rewrite(&httputil.ProxyRequest{In: r, Out: out})
	return newOutgoing(out)
}

// newOutgoing takes what Rewrite has made.
func newOutgoing(r *http.Request) (*outgoing, error) {
	if r.URL == nil || r.URL.Host == "" {
		return nil, errNoURL
	}
	u, err := handshake.ParseURL(r.URL.String())
	if err != nil {
		return nil, fmt.Errorf("websocket: relay: Rewrite's Out.URL: %w", err)
	}
	o := &outgoing{url: u, host: r.Host, header: r.Header}
	for _, line := range r.Header[keyProtocol] {
		for e := range strings.SplitSeq(line, ",") {
			if e = textproto.TrimString(e); e != "" {
				o.subprotocols = append(o.subprotocols, e)
			}
		}
	}
	if o.extensions, err = handshake.ParseExtensions(r.Header[keyExtensions]); err != nil {
		return nil, fmt.Errorf("websocket: relay: Rewrite's Out.Header: %w", err)
	}
	removeOwn(o.header)
	if _, ok := o.header["User-Agent"]; !ok {
		o.header["User-Agent"] = []string{""} // none, not a default one
	}
	return o, nil
}

// removeHopByHop removes the headers that are for the next hop alone (RFC 9110 section 7.6.1).
func removeHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); !isHandshakes(name) {
				h.Del(name)
			}
		}
	}
	for _, name := range [...]string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		h.Del(name)
	}
}

// isHandshakes reports whether the header is the handshake's. A client can't have it taken out.
func isHandshakes(name string) bool {
	const prefix = "Sec-WebSocket-"
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// removeOwn removes the headers that the handshake writes itself.
func removeOwn(h http.Header) {
	for name := range h {
		if handshake.IsOwnHeader(name) || strings.EqualFold(name, "Host") {
			delete(h, name)
		}
	}
}
