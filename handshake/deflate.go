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

// maxWindowBits stands for the window that is used if nothing else was agreed: 32 KiB (RFC 7692
// section 7.1.2).
const maxWindowBits = 15

// Deflate holds the parameters of permessage-deflate that both sides agreed on. A window is 1<<bits
// bytes. The bits are 8 to 15 and never 0.
type Deflate struct {
	ServerNoContextTakeover bool // the server compresses each message by itself
	ClientNoContextTakeover bool // the client compresses each message by itself
	ServerMaxWindowBits     int  // 8 to 15: bound of the server's window
	ClientMaxWindowBits     int  // 8 to 15: bound of the client's window
}

// WindowPolicy says what to do with a peer that keeps a larger window between its messages than
// this side wants to hold. There are such peers: a client can't be told to bound its window unless
// it offers that (RFC 7692 section 7.1.2.2), and some servers don't grant what they are asked for.
type WindowPolicy uint8

// The policies.
const (
	// WindowAccept accepts the peer's messages with the window that it has, 32 KiB at most. It
	// imposes nothing that the peer did not offer, since some clients don't understand more than
	// they offer. It is the default.
	WindowAccept WindowPolicy = iota

	// WindowDemand makes a server tell such a client to keep no window between its messages, which
	// RFC 7692 section 7.1.1.2 allows even if the client did not offer that. Browsers do as they
	// are told. Some clients refuse the connection, and some don't notice, so that their second
	// message can't be read. For a client, WindowDemand means WindowDecline.
	WindowDemand

	// WindowDecline makes a server do without compression. It makes a client fail the handshake,
	// since the server's answer is the last word.
	WindowDecline
)

var windowPolicyNames = [...]string{"accept", "demand", "decline"}

// String returns the name of the policy, such as "demand".
func (p WindowPolicy) String() string {
	if int(p) < len(windowPolicyNames) {
		return windowPolicyNames[p]
	}
	return "unknown"
}

// DeflatePolicy says what a server wants of permessage-deflate. The zero value accepts every valid
// offer as it is made.
//
// If a client announces that it will not use context takeover, the server always accepts that,
// since it saves the server a window.
type DeflatePolicy struct {
	ServerNoContextTakeover bool // the server keeps no window between its messages
	// ClientNoContextTakeover says that the client is to keep no window between its messages.
	// WindowPolicy says what to do if the client does not offer that.
	ClientNoContextTakeover bool
	ServerMaxWindowBits     int // 8 to 15; 0 means 15: no bound but the client's
	// ClientMaxWindowBits bounds the client's window: 8 to 15, and 0 means 15. Only a client whose
	// offer says client_max_window_bits can be bound (RFC 7692 section 7.1.2.2). If
	// ClientMaxWindowBits is below 15, such an offer is preferred, and WindowPolicy says what to do
	// if there is none.
	ClientMaxWindowBits int
	WindowPolicy        WindowPolicy // default: WindowAccept
}

// DeflateOffer says what a client offers and asks for. The zero value offers permessage-deflate
// without parameters.
type DeflateOffer struct {
	ServerNoContextTakeover bool // ask that the server keep no window
	ClientNoContextTakeover bool // announce that this client keeps none
	// ServerMaxWindowBits asks the server to bound its window: 8 to 15, and 0 asks for nothing. Not
	// all servers can do so. Therefore a second offer follows, which asks them to keep no window
	// between messages instead, as ServerNoContextTakeover does. Within one message they may use 15
	// bits. Some servers get two offers wrong, but all of them understand one.
	ServerMaxWindowBits int
	// ClientMaxWindowBits lets the server bound the client's window. 8 to 14 also promises that the
	// window is no larger than that. 15 promises nothing and is sent without a value. 0 does not
	// let the server bound it.
	ClientMaxWindowBits int
	// WindowPolicy says what to do with an answer that does not grant ServerNoContextTakeover or
	// ServerMaxWindowBits. The default is WindowAccept.
	WindowPolicy WindowPolicy
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

// deflateParams has the parameters of one element as they stand in the header. Bits are 0 if the
// parameter is absent, and bare if it has no value.
type deflateParams struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int
}

// bare stands for a client_max_window_bits without a value.
const bare = -1

// parseDeflate reads the parameters of one element. It is not ok if a parameter is unknown or
// repeated, or has an invalid value. A server declines such an offer, a client fails the connection
// (RFC 7692 section 7).
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

// parseBits parses "a decimal integer value without leading zeroes between 8 to 15, inclusive" (RFC
// 7692 section 7.1.2.1). It returns 0 for anything else.
func parseBits(s string) int {
	switch s {
	case "8", "9":
		return int(s[0] - '0')
	case "10", "11", "12", "13", "14", "15":
		return 10 + int(s[1]-'0')
	}
	return 0
}

// orMax returns bits, or 15 if they are 0 or bare.
func orMax(bits int) int {
	if bits <= 0 {
		return maxWindowBits
	}
	return bits
}

// negotiate chooses one of the offers and returns what is agreed and what the answer says, or nil
// if no offer will do. Several elements are alternatives in order of preference (RFC 7692 section
// 5). negotiate prefers the first offer of permessage-deflate with which the client keeps no larger
// window than p wants to hold. If there is none, it answers the first valid one as p.WindowPolicy
// says. It ignores other extensions.
func (p *DeflatePolicy) negotiate(offers []Extension) (agreed *Deflate, answer deflateParams) {
	var first deflateParams // the answer to the first valid offer
	valid := false
	for _, e := range offers {
		if e.Name != extDeflate {
			continue
		}
		offer, ok := parseDeflate(e.Params)
		if !ok {
			continue
		}
		answer = p.accept(offer)
		if p.wants(answer) {
			return answer.agreement(), answer
		}
		if !valid {
			first, valid = answer, true
		}
	}
	if !valid || p.WindowPolicy == WindowDecline {
		return nil, deflateParams{}
	}
	// Any client may be told to keep no window, whether or not it offered that: section 7.1.1.2.
	first.clientNoTakeover = p.WindowPolicy == WindowDemand
	return first.agreement(), first
}

// wants reports whether p is content with the window that the client keeps between its messages
// after this answer.
func (p *DeflatePolicy) wants(answer deflateParams) bool {
	return answer.clientNoTakeover ||
		!p.ClientNoContextTakeover && orMax(answer.clientBits) <= orMax(p.ClientMaxWindowBits)
}

// accept answers one offer. It imposes nothing on the client that the client did not offer.
func (p *DeflatePolicy) accept(offer deflateParams) (answer deflateParams) {
	// "A server accepts an extension negotiation offer that includes the
	// "server_no_context_takeover" extension parameter by including [it] in the corresponding
	// extension negotiation response", and it may include the parameter unasked: RFC 7692 section
	// 7.1.1.1. The client's parameter is a hint: section 7.1.1.2.
	answer.serverNoTakeover = offer.serverNoTakeover || p.ServerNoContextTakeover
	answer.clientNoTakeover = offer.clientNoTakeover

	// An offered bound is accepted by repeating it or a smaller one, even if it is 15. The server
	// may also send a bound that was not offered: section 7.1.2.1.
	bits := min(orMax(p.ServerMaxWindowBits), orMax(offer.serverBits))
	if offer.serverBits != 0 || bits < maxWindowBits {
		answer.serverBits = bits
	}

	// "If a received extension negotiation offer doesn't have the "client_max_window_bits"
	// extension parameter, the corresponding extension negotiation response to the offer MUST NOT
	// include [it]": section 7.1.2.2.
	bits = min(orMax(p.ClientMaxWindowBits), orMax(offer.clientBits))
	if offer.clientBits != 0 && bits < maxWindowBits {
		answer.clientBits = bits
	}
	return answer
}

// agreement returns what is agreed if this is the answer.
func (d deflateParams) agreement() *Deflate {
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

// append appends the offer as it is sent to dst: one element, or two if the server may not be able
// to bound its window. Two are alternatives in order of preference (RFC 7692 section 5).
func (o *DeflateOffer) append(dst []byte) []byte {
	dst = o.params().append(dst)
	if o.ServerMaxWindowBits == 0 {
		return dst
	}
	alone := *o
	alone.ServerNoContextTakeover, alone.ServerMaxWindowBits = true, 0
	return alone.params().append(append(dst, ", "...))
}

// params returns the parameters of the preferred element.
func (o *DeflateOffer) params() deflateParams {
	d := deflateParams{o.ServerNoContextTakeover, o.ClientNoContextTakeover, o.ServerMaxWindowBits, o.ClientMaxWindowBits}
	if d.clientBits == maxWindowBits {
		d.clientBits = bare
	}
	return d
}

// The reasons why a client refuses a server's answer.
const (
	reasonDeflateParams   = "has a parameter of permessage-deflate that is unknown, repeated or invalid (RFC 7692 section 7.1)"
	reasonServerTakeover  = "does not grant the server_no_context_takeover that was asked for"
	reasonServerWindow    = "grants neither the server_max_window_bits nor the server_no_context_takeover that were asked for; ask for 15 bits, which any server may have"
	reasonClientWindow    = "sets client_max_window_bits, which was not offered"
	reasonClientBareValue = "sets client_max_window_bits without a value"
)

// check checks a server's answer against the offer and returns what is agreed. The reason is empty
// if the answer is accepted.
func (o *DeflateOffer) check(params []Param) (agreed *Deflate, reason string) {
	answer, ok := parseDeflate(params)
	switch {
	case !ok:
		return nil, reasonDeflateParams
	case answer.clientBits == bare:
		return nil, reasonClientBareValue
	case answer.clientBits != 0 && o.ClientMaxWindowBits == 0:
		return nil, reasonClientWindow
	case o.WindowPolicy != WindowAccept:
		if reason = o.excess(answer); reason != "" {
			return nil, reason
		}
	}
	agreed = answer.agreement()
	// What the client offered about itself is a promise, whether or not the server repeats it:
	// sections 7.1.1.2 and 7.1.2.2.
	agreed.ClientNoContextTakeover = agreed.ClientNoContextTakeover || o.ClientNoContextTakeover
	agreed.ClientMaxWindowBits = min(agreed.ClientMaxWindowBits, orMax(o.ClientMaxWindowBits))
	return agreed, ""
}

// excess says how the answer lets the server keep a larger window than it was asked to. It returns
// "" if the answer does not. A client has to refuse what it does not support (RFC 7692 section 7).
// A client that has 32 KiB for the server's window supports every answer.
func (o *DeflateOffer) excess(answer deflateParams) string {
	switch {
	case answer.serverNoTakeover:
		return "" // nothing is held
	case o.ServerNoContextTakeover:
		return reasonServerTakeover
	case o.ServerMaxWindowBits != 0 && (answer.serverBits == 0 || answer.serverBits > o.ServerMaxWindowBits):
		return reasonServerWindow // this answers neither element
	}
	return ""
}
