package handshake

import (
	"errors"
	"net/http"
)

// Policy says what a server accepts and how it answers. The zero value accepts the pages of the
// host that they connect to, and clients that are not browsers. It agrees on no subprotocol and no
// extension. Any number of goroutines may use a Policy as long as nobody writes to it.
type Policy struct {
	// Origins lists the origins whose pages may connect, each in full, such as
	// "https://example.com" or "http://localhost:3000". [AnyOrigin] stands for all of them.
	//
	// If Origins is empty, the host and port of the Origin header must be those of the Host header.
	// A default port may be missing on either side. Schemes are not compared, since TLS may end in
	// a proxy.
	//
	// A request without an Origin is always accepted, since it does not come from a browser. The
	// origins "null" and "file://" match only AnyOrigin and themselves. Both may be listed, but
	// "null" stands for any sandboxed page of any site.
	//
	// A host may begin with a star, for all names below a domain, at any depth:
	// "https://*.example.com" matches "https://a.b.example.com" but neither "https://example.com"
	// nor "https://evil-example.com". If an origin has no port, it means the default one.
	Origins []string
	// CheckOrigin, if it is set, replaces the rule of Origins. It is not asked about a request with
	// two Origin lines, which is always refused.
	CheckOrigin func(r *Request) bool

	// Check, if it is set, is asked once the origin has been accepted. It refuses the handshake
	// by returning an [*Error], such as one with status 401 and WWW-Authenticate in Extra (RFC 6455
	// section 10.5). It may set r.Data.
	Check func(r *Request) error

	// Subprotocols lists the subprotocols that the server speaks, in its order of preference, which
	// decides. If the client offers none of them, the handshake succeeds without one. A browser
	// that asked for one then fails on its own.
	Subprotocols []string
	// SelectSubprotocol, if it is set, replaces the rule of Subprotocols. It returns one of
	// r.Subprotocols, or "" for none. It refuses the handshake by returning an [*Error].
	SelectSubprotocol func(r *Request) (string, error)

	// Deflate says what to agree on if a client offers permessage-deflate. If it is nil, the
	// extension is not used.
	Deflate *DeflatePolicy

	// Extensions, if there are any, are the answer to the client's offer, as they are, in place of
	// Deflate. They are for intermediaries, which pass on what another server has chosen. The client
	// must have offered extensions of these names.
	Extensions []Extension

	// Header holds further headers of the response, such as Set-Cookie. The headers of the
	// handshake itself are not allowed: [IsOwnHeader].
	Header http.Header
}

// Accepted is a handshake that succeeded, and what was agreed in it.
type Accepted struct {
	Subprotocol string   // "" if there is none
	Deflate     *Deflate // nil without permessage-deflate

	// Extensions are the chosen ones, as the response names them, if [Offer].Extensions or
	// [Policy].Extensions was set. If not, they are nil. Their parameters have not been checked.
	Extensions []Extension

	answer deflateParams // what the response says of permessage-deflate
	header http.Header   // Policy.Header, checked
}

// Respond decides on a request that [CheckRequest] has accepted: origin, authorization, subprotocol
// and extensions (RFC 6455 section 4.2.2).
//
// A refusal is an [*Error]: 403 for the origin, or what a hook chose. Any other error is either a
// mistake in p or a hook's own: answer with 500 and log it. A nil p means the zero Policy.
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
	if p.Check != nil {
		if err := p.Check(r); err != nil {
			return Accepted{}, err
		}
	}
	subprotocol, err := selectSubprotocol(r, p)
	if err != nil {
		return Accepted{}, err
	}
	a := Accepted{Subprotocol: subprotocol, header: p.Header}
	switch {
	case len(p.Extensions) > 0 && !namesAreOf(p.Extensions, r.Extensions):
		return Accepted{}, errors.New("websocket: Policy.Extensions has an extension that the client did not offer")
	case len(p.Extensions) > 0:
		a.Extensions = p.Extensions
	case p.Deflate != nil:
		a.Deflate, a.answer = p.Deflate.negotiate(r.Extensions)
	}
	return a, nil
}

// Validate reports the first mistake in p. [Respond] calls it each time. Call it yourself to find a
// mistake when the server starts.
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
	if err := validateExtensions(p.Extensions); err != nil {
		return err
	}
	return checkFields(p.Header)
}

// AppendResponse appends the response that switches an HTTP/1.1 connection to the WebSocket
// protocol (RFC 6455 section 4.2.2, item 5), with its blank line, to dst and returns the extended
// slice. The response has the headers of Policy.Header, so call AppendResponse before that map
// changes. r is the request that was given to [Respond].
func (a *Accepted) AppendResponse(dst []byte, r *Request) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"+nameAccept+": "...)
	dst = append(AppendAccept(dst, r.Key), "\r\n"...)
	if a.Subprotocol != "" {
		dst = appendField(dst, nameProtocol, a.Subprotocol)
	}
	switch {
	case len(a.Extensions) > 0:
		dst = append(appendExtensions(append(dst, nameExtensions+": "...), a.Extensions), "\r\n"...)
	case a.Deflate != nil:
		dst = append(a.answer.append(append(dst, nameExtensions+": "...)), "\r\n"...)
	}
	return append(appendFields(dst, a.header), "\r\n"...)
}

// AddHeader adds to h what the response to an extended CONNECT says besides its status, which is
// 200 (RFC 8441 section 5): subprotocol, extensions and Policy.Header.
func (a *Accepted) AddHeader(h http.Header) {
	for name, values := range a.header {
		for _, v := range values {
			h.Add(name, v)
		}
	}
	if a.Subprotocol != "" {
		h.Set(nameProtocol, a.Subprotocol)
	}
	switch {
	case len(a.Extensions) > 0:
		h.Set(nameExtensions, string(appendExtensions(nil, a.Extensions)))
	case a.Deflate != nil:
		h.Set(nameExtensions, string(a.answer.append(nil)))
	}
}
