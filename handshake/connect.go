package handshake

import (
	"net/http"
	"net/url"
)

// keyPseudoProtocol is where net/http keeps the pseudo-header ":protocol" of an
// extended CONNECT, in requests that it has read and that it is given to send.
const keyPseudoProtocol = ":protocol"

// connectChecks are the rules for a handshake over HTTP/2 (RFC 8441) or HTTP/3
// (RFC 9220), where a stream takes the place of the connection. There is no key,
// and no Upgrade; "implementations using this extension will use the pseudo-
// header field :protocol instead" (RFC 8441 section 5).
var connectChecks = [...]func(*Request) *Error{
	checkConnect, checkTarget, checkHost, checkHopByHop, checkVersion,
	checkSubprotocols, checkExtensions,
}

// checkConnect wants an extended CONNECT for websocket: RFC 8441 section 4.
// Another protocol gets 501 (RFC 9220 section 3). A plain CONNECT would ask for
// a tunnel, which is none of a WebSocket server's business.
func checkConnect(r *Request) *Error {
	protocol, n := r.single(keyPseudoProtocol)
	switch {
	case r.Method != http.MethodConnect || n != 1:
		return badRequest(fieldRequestLine, `must be an extended CONNECT with ":protocol" websocket (RFC 8441): or use HTTP/1.1`)
	case !equalFold(protocol, "websocket"):
		return &Error{
			Status: http.StatusNotImplemented,
			Field:  keyPseudoProtocol,
			Reason: "names a protocol that is not spoken here: use websocket",
		}
	}
	return nil
}

// checkHopByHop wants none of the headers that HTTP/2 knows no more: a message
// with one is malformed (RFC 9113 section 8.2.2). Sec-WebSocket-Key is ignored.
func checkHopByHop(r *Request) *Error {
	for _, name := range [...]string{"Connection", "Upgrade"} {
		if _, n := r.single(name); n > 0 {
			return badRequest(name, "must not be sent over HTTP/2")
		}
	}
	return nil
}

// ConnectRequest returns the offer as an extended CONNECT, for a round tripper
// that sends those: "http" for ws and "https" for wss, the authority, the path,
// and ":protocol" in the header map, where net/http looks for it. The Key is not
// used. It returns the errors of [Offer.AppendRequest].
func (o *Offer) ConnectRequest() (*http.Request, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "http", Host: o.URL.Host, Path: o.URL.Path, RawPath: o.URL.RawPath, RawQuery: o.URL.RawQuery}
	if isSecure(o.URL) {
		u.Scheme = "https"
	}
	if u.Path == "" {
		u.Path = "/" // "the pseudo-header fields :scheme and :path MUST be included": section 4.
	}
	h := http.Header{}
	for name, values := range o.Header {
		key := http.CanonicalHeaderKey(name)
		h[key] = append(h[key], values...)
	}
	h[keyPseudoProtocol] = []string{"websocket"}
	h[keyVersion] = []string{Version}
	for _, f := range o.offers() {
		h.Set(f.name, f.value)
	}
	r := &http.Request{
		Method: http.MethodConnect, URL: &u, Host: o.host(), Header: h,
		Proto: "HTTP/2.0", ProtoMajor: 2,
	}
	return r, nil
}
