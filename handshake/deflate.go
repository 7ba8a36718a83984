package handshake

import (
	"fmt"
	"strconv"
)

// extDeflate is the registered name of the extension (RFC 7692 section 7).
const extDeflate = "permessage-deflate"

// The parameters of permessage-deflate (RFC 7692 section 7.1).
const (
	paramServerNoTakeover = "server_no_context_takeover"
	paramClientNoTakeover = "client_no_context_takeover"
	paramServerBits       = "server_max_window_bits"
	paramClientBits       = "client_max_window_bits"
)

// maxWindowBits is the window that holds where nothing else was agreed: 32 KiB
// (RFC 7692 section 7.1.2).
const maxWindowBits = 15

// Deflate holds the parameters of permessage-deflate that both sides agreed on.
// Windows are 1<<8 to 1<<15 bytes; the bits are never 0.
type Deflate struct {
	ServerNoContextTakeover bool // the server compresses each message by itself
	ClientNoContextTakeover bool // the client compresses each message by itself
	ServerMaxWindowBits     int  // 8 to 15: bound of the server's window
	ClientMaxWindowBits     int  // 8 to 15: bound of the client's window
}

// DeflatePolicy says what a server wants of permessage-deflate. The zero value
// accepts every valid offer as it is made.
//
// A client's hint that it will not use context takeover is always accepted, as
// it saves the server a window.
type DeflatePolicy struct {
	ServerNoContextTakeover bool // keep no window between messages to the client
	ClientNoContextTakeover bool // have the client keep none between its messages
	ServerMaxWindowBits     int  // 8 to 15; 0 means 15: no bound but the client's
	// ClientMaxWindowBits bounds the client's window: 8 to 15; 0 means 15. Only
	// an offer that says client_max_window_bits lets it be bound (RFC 7692
	// section 7.1.2.2). If this is below 15, such an offer is preferred, and
	// where there is none the client is told to keep no window between its
	// messages, as by ClientNoContextTakeover; within one it may use 15 bits.
	ClientMaxWindowBits int
}

// DeflateOffer says what a client offers and asks for. The zero value offers
// permessage-deflate without parameters.
type DeflateOffer struct {
	ServerNoContextTakeover bool // demand that the server keep no window
	ClientNoContextTakeover bool // announce that this client keeps none
	// ServerMaxWindowBits demands that the server's window be at most so large:
	// 8 to 15; 0 demands nothing. Not all servers can bound their window, so a
	// second offer asks those to keep no window between messages, as by
	// ServerNoContextTakeover; within one they may use 15 bits.
	ServerMaxWindowBits int
	// ClientMaxWindowBits lets the server bound the client's window: 8 to 14
	// also promises that it is no larger than that; 15 promises nothing and is
	// sent without a value; 0 does not let it.
	ClientMaxWindowBits int
}

// validBits reports the first window that is neither 0 nor 8 to 15.
func validBits(bits ...int) error {
	for _, n := range bits {
		if n != 0 && (n < 8 || n > maxWindowBits) {
			return fmt.Errorf("websocket: %d window bits: permessage-deflate has 8 to 15, and 0 is the default", n)
		}
	}
	return nil
}

// deflateParams are the parameters of one element as they stand in the header.
// Bits are 0 where the parameter is absent, bare where it has no value.
type deflateParams struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int
}

// bare stands for a client_max_window_bits without a value.
const bare = -1

// parseDeflate reads the parameters of one element. It is not ok if one is
// unknown, repeated, or has an invalid value: a server declines such an offer, a
// client fails the connection (RFC 7692 section 7).
func parseDeflate(params []Param) (d deflateParams, ok bool) {
	for _, p := range params {
		switch p.Name {
		case paramServerNoTakeover:
			ok = !d.serverNoTakeover && p.Value == ""
			d.serverNoTakeover = true
		case paramClientNoTakeover:
			ok = !d.clientNoTakeover && p.Value == ""
			d.clientNoTakeover = true
		case paramServerBits:
			ok = d.serverBits == 0
			d.serverBits = parseBits(p.Value)
			ok = ok && d.serverBits > 0
		case paramClientBits:
			ok = d.clientBits == 0
			d.clientBits = bare
			if p.Value != "" {
				d.clientBits = parseBits(p.Value)
			}
			ok = ok && d.clientBits != 0
		default:
			ok = false
		}
		if !ok {
			return d, false
		}
	}
	return d, true
}

// parseBits parses "a decimal integer value without leading zeroes between 8 to
// 15, inclusive" (RFC 7692 section 7.1.2.1). It returns 0 for anything else.
func parseBits(s string) int {
	switch s {
	case "8", "9":
		return int(s[0] - '0')
	case "10", "11", "12", "13", "14", "15":
		return 10 + int(s[1]-'0')
	}
	return 0
}

// orMax returns bits, or 15 where they are 0 or bare.
func orMax(bits int) int {
	if bits <= 0 {
		return maxWindowBits
	}
	return bits
}

// negotiate answers the first offer of permessage-deflate that lets the client's
// window be bound as p wants it, else the first one that is valid: several
// elements are alternatives in order of preference (RFC 7692 section 5). Other
// extensions are ignored. It returns the agreed parameters and those of the
// answer, or nil if no offer will do.
func (p *DeflatePolicy) negotiate(offers []Extension) (agreed *Deflate, answer deflateParams) {
	if agreed, answer = p.first(offers); agreed != nil {
		return agreed, answer
	}
	// The bound limits what is held between messages, and for a client without
	// takeover nothing is. That may be demanded of any client, whether or not it
	// offered to do without: section 7.1.1.2.
	alone := *p
	alone.ClientNoContextTakeover, alone.ClientMaxWindowBits = true, 0
	return alone.first(offers)
}

// first answers the first offer that p can accept without a change.
func (p *DeflatePolicy) first(offers []Extension) (agreed *Deflate, answer deflateParams) {
	for _, e := range offers {
		if e.Name != extDeflate {
			continue
		}
		if offer, ok := parseDeflate(e.Params); ok {
			if answer, ok = p.accept(offer); ok {
				return answer.agreed(), answer
			}
		}
	}
	return nil, deflateParams{}
}

// accept answers one offer, if it can be had.
func (p *DeflatePolicy) accept(offer deflateParams) (answer deflateParams, ok bool) {
	// "A server accepts an extension negotiation offer that includes the
	// "server_no_context_takeover" extension parameter by including [it] in the
	// corresponding extension negotiation response", and may include it unasked:
	// RFC 7692 section 7.1.1.1. The client's is a hint, section 7.1.1.2.
	answer.serverNoTakeover = offer.serverNoTakeover || p.ServerNoContextTakeover
	answer.clientNoTakeover = offer.clientNoTakeover || p.ClientNoContextTakeover

	// An offered bound is accepted by repeating it or a smaller one, even if it
	// is 15; without an offer one may be sent still: section 7.1.2.1.
	bits := min(orMax(p.ServerMaxWindowBits), orMax(offer.serverBits))
	if offer.serverBits != 0 || bits < maxWindowBits {
		answer.serverBits = bits
	}

	// "If a received extension negotiation offer doesn't have the
	// "client_max_window_bits" extension parameter, the corresponding extension
	// negotiation response to the offer MUST NOT include [it]": section 7.1.2.2.
	bits = min(orMax(p.ClientMaxWindowBits), orMax(offer.clientBits))
	if bits < maxWindowBits {
		answer.clientBits = bits
	}
	return answer, answer.clientBits == 0 || offer.clientBits != 0
}

// agreed returns what holds if this is the answer.
func (d deflateParams) agreed() *Deflate {
	return &Deflate{
		ServerNoContextTakeover: d.serverNoTakeover,
		ClientNoContextTakeover: d.clientNoTakeover,
		ServerMaxWindowBits:     orMax(d.serverBits),
		ClientMaxWindowBits:     orMax(d.clientBits),
	}
}

// append appends the element with these parameters to dst.
func (d deflateParams) append(dst []byte) []byte {
	dst = append(dst, extDeflate...)
	if d.serverNoTakeover {
		dst = append(dst, "; "+paramServerNoTakeover...)
	}
	if d.clientNoTakeover {
		dst = append(dst, "; "+paramClientNoTakeover...)
	}
	if d.serverBits != 0 {
		dst = strconv.AppendInt(append(dst, "; "+paramServerBits+"="...), int64(d.serverBits), 10)
	}
	if d.clientBits != 0 {
		dst = append(dst, "; "+paramClientBits...)
	}
	if d.clientBits > 0 {
		dst = strconv.AppendInt(append(dst, '='), int64(d.clientBits), 10)
	}
	return dst
}

// append appends the offer as it is sent to dst: one element, or two where the
// server may not be able to bound its window. They are alternatives in order of
// preference (RFC 7692 section 5).
func (o *DeflateOffer) append(dst []byte) []byte {
	dst = o.params().append(dst)
	if o.ServerMaxWindowBits == 0 {
		return dst
	}
	alone := *o
	alone.ServerNoContextTakeover, alone.ServerMaxWindowBits = true, 0
	return alone.params().append(append(dst, ", "...))
}

// params returns the parameters of the offer that is preferred.
func (o *DeflateOffer) params() deflateParams {
	d := deflateParams{o.ServerNoContextTakeover, o.ClientNoContextTakeover, o.ServerMaxWindowBits, o.ClientMaxWindowBits}
	if d.clientBits == maxWindowBits {
		d.clientBits = bare
	}
	return d
}

// Why a client does not take a server's answer.
const (
	reasonDeflateParams   = "has a parameter of permessage-deflate that is unknown, repeated or invalid (RFC 7692 section 7.1)"
	reasonServerTakeover  = "does not grant the server_no_context_takeover that was asked for"
	reasonServerWindow    = "grants neither the server_max_window_bits nor the server_no_context_takeover that were asked for; ask for 15 bits, which any server may have"
	reasonClientWindow    = "sets client_max_window_bits, which was not offered"
	reasonClientBareValue = "sets client_max_window_bits without a value"
)

// check checks a server's answer against the offer and returns what is agreed.
// The reason is empty if the answer can be taken.
func (o *DeflateOffer) check(params []Param) (agreed *Deflate, reason string) {
	answer, ok := parseDeflate(params)
	switch {
	case !ok:
		return nil, reasonDeflateParams
	case answer.clientBits == bare:
		return nil, reasonClientBareValue
	case answer.clientBits != 0 && o.ClientMaxWindowBits == 0:
		return nil, reasonClientWindow
	case o.ServerNoContextTakeover && !answer.serverNoTakeover:
		return nil, reasonServerTakeover
	case !answer.serverNoTakeover && o.ServerMaxWindowBits != 0 &&
		(answer.serverBits == 0 || answer.serverBits > o.ServerMaxWindowBits):
		return nil, reasonServerWindow // an answer to neither element
	}
	agreed = answer.agreed()
	// What the client offered about itself is a promise, whether or not the
	// server repeats it: sections 7.1.1.2 and 7.1.2.2.
	agreed.ClientNoContextTakeover = agreed.ClientNoContextTakeover || o.ClientNoContextTakeover
	agreed.ClientMaxWindowBits = min(agreed.ClientMaxWindowBits, orMax(o.ClientMaxWindowBits))
	return agreed, ""
}
