package handshake

import (
	"net/http"
)

// Policy is what a server accepts and how it answers. The zero value accepts
// pages of the host that they connect to and clients that are no browsers, and
// agrees on no subprotocol and no extension. A Policy may serve any number of
// goroutines as long as nobody writes to it.
type Policy struct {
	// Origins lists the origins whose pages may connect, each in full, such as
	// "https://example.com" or "http://localhost:3000". [AnyOrigin] stands for
	// all of them. If it is empty, the host and port of the Origin must be those
	// of the Host header, where a default port may be missing on either side;
	// schemes are not compared, as TLS may end in a proxy. Either way a request
	// without an Origin is accepted, as it comes from no browser, and the
	// origin "null" matches nothing but AnyOrigin.
	Origins []string
	// CheckOrigin replaces that rule if it is set. It is not asked about a
	// request with two Origin lines, which is always refused.
	CheckOrigin func(r *Request) bool

	// Authorize, if it is set, is asked once the origin has been accepted. An
	// [*Error] refuses the handshake, such as one with status 401 and
	// WWW-Authenticate in Extra (RFC 6455 section 10.5).
	Authorize func(r *Request) error

	// Subprotocols lists the subprotocols spoken, the server's order of
	// preference deciding. If the client offers none of them the handshake
	// succeeds without one; a browser that asked for one then fails by itself.
	Subprotocols []string
	// SelectSubprotocol replaces that rule if it is set. It returns one of
	// r.Subprotocols, or "" for none. An [*Error] refuses the handshake.
	SelectSubprotocol func(r *Request) (string, error)

	// Deflate lets permessage-deflate be negotiated; nil does not.
	Deflate *DeflatePolicy

	// Header holds more headers for the response, such as Set-Cookie. Those of
	// the handshake itself are not allowed.
	Header http.Header
}

// Accepted is a handshake that succeeded, with what was agreed in it.
type Accepted struct {
	Subprotocol string   // "" if there is none
	Deflate     *Deflate // nil without permessage-deflate

	answer deflateParams // what the response says of permessage-deflate
	header http.Header   // Policy.Header, checked
}

// Respond decides on a request that [CheckRequest] has accepted: origin,
// authorization, subprotocol, extensions (RFC 6455 section 4.2.2).
//
// A refusal is an [*Error]: 403 for the origin, or what a hook chose. Any other
// error is a mistake in p, or a hook's own: answer 500 and log it. A nil p means
// the zero Policy.
func Respond(r *Request, p *Policy) (Accepted, error) {
	if p == nil {
		p = new(Policy)
	}
	if err := p.Validate(); err != nil {
		return Accepted{}, err
	}
	if e := checkOrigin(r, p); e != nil {
		return Accepted{}, e
	}
	if p.Authorize != nil {
		if err := p.Authorize(r); err != nil {
			return Accepted{}, err
		}
	}
	subprotocol, err := selectSubprotocol(r, p)
	if err != nil {
		return Accepted{}, err
	}
	a := Accepted{Subprotocol: subprotocol, header: p.Header}
	if p.Deflate != nil {
		a.Deflate, a.answer = p.Deflate.negotiate(r.Extensions)
	}
	return a, nil
}

// Validate reports the first mistake in p. [Respond] calls it each time; call it
// yourself where a mistake should show when the server starts.
func (p *Policy) Validate() error {
	if err := validateOrigins(p.Origins); err != nil {
		return err
	}
	if err := validateSubprotocols(p.Subprotocols); err != nil {
		return err
	}
	if p.Deflate != nil {
		if err := validBits(p.Deflate.ServerMaxWindowBits, p.Deflate.ClientMaxWindowBits); err != nil {
			return err
		}
	}
	return checkFields(p.Header)
}

// AppendResponse appends the response that switches an HTTP/1.1 connection to
// the WebSocket protocol (RFC 6455 section 4.2.2, item 5), with its blank line,
// to dst and returns the extended slice. It holds Policy.Header; call it before
// that map changes. r is the request given to [Respond].
func (a *Accepted) AppendResponse(dst []byte, r *Request) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"+nameAccept+": "...)
	dst = append(AppendAccept(dst, r.Key), "\r\n"...)
	if a.Subprotocol != "" {
		dst = appendField(dst, nameProtocol, a.Subprotocol)
	}
	if a.Deflate != nil {
		dst = append(a.answer.append(append(dst, nameExtensions+": "...)), "\r\n"...)
	}
	return append(appendFields(dst, a.header), "\r\n"...)
}

// AddHeader adds to h what the response to an extended CONNECT says beside its
// status, which is 200 (RFC 8441 section 5): subprotocol, extensions and
// Policy.Header.
func (a *Accepted) AddHeader(h http.Header) {
	for name, values := range a.header {
		for _, v := range values {
			h.Add(name, v)
		}
	}
	if a.Subprotocol != "" {
		h.Set(nameProtocol, a.Subprotocol)
	}
	if a.Deflate != nil {
		h.Set(nameExtensions, string(a.answer.append(nil)))
	}
}
