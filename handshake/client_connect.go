package handshake

import (
	"net/http"
	"net/url"
)

// ConnectRequest returns the offer as an extended CONNECT (RFC 8441 section 4), for a round tripper
// that sends such requests. It has the scheme "http" for ws and "https" for wss, the authority, the
// path, and ":protocol" in the header map, where net/http looks for it. Key is not used. The errors
// are those of [Offer.AppendRequest].
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
