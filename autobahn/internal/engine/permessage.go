package engine

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parameters are what both sides agree on for permessage-deflate (RFC 7692 section 7.1).
// Zero bits mean that no parameter names the window: it has 15, the most there are.
type Parameters struct {
	ServerNoTakeover, ClientNoTakeover bool
	ServerBits, ClientBits             int
	clientBitsHint                     bool // offers only: client_max_window_bits without a value
}

// Deflation is permessage-deflate on one connection, seen from the tester.
type Deflation struct {
	// How the tester compresses.
	Bits     int
	Takeover bool
	source   Compressor

	// How the testee compresses.
	window       int    // in bytes
	keep         bool   // messages may refer to those before
	history      []byte // the window's content; not to be changed, only appended to
	hash         uint64 // of history, if hashed is set
	hashed       bool
	memo         map[uint64]*inflated
	memoSize     int
	Agreed       Parameters
	maxPlainSize int
}

// inflated is a message that has been inflated before.
type inflated struct {
	packed, plain []byte
	utf8          bool   // plain is valid UTF-8
	hash          uint64 // of the history after it, if plain is all of that
}

// NewDeflation returns the extension with the parameters agreed on. Server is the tester's
// role.
func NewDeflation(p Parameters, server bool) *Deflation {
	d := &Deflation{Bits: 15, window: 1 << 15, Agreed: p, maxPlainSize: MaxEcho, memo: make(map[uint64]*inflated)}
	mineBits, mineNo, yourBits, yourNo := p.ClientBits, p.ClientNoTakeover, p.ServerBits, p.ServerNoTakeover
	if server {
		mineBits, mineNo, yourBits, yourNo = yourBits, yourNo, mineBits, mineNo
	}
	if mineBits > 0 {
		d.Bits = mineBits
	}
	if yourBits > 0 {
		d.window = 1 << yourBits
	}
	d.Takeover, d.keep = !mineNo, !yourNo
	return d
}

// Compress compresses a message.
func (d *Deflation) Compress(payload []byte) []byte {
	if d.source == nil {
		d.source = NewCompressor(d.Bits)
	} else if !d.Takeover {
		d.source.Reset()
	}
	return d.source.Compress(payload)
}

// seed is the same for all connections, so that the same bytes have the same hash.
var seed = maphash.MakeSeed()

// How long a compressed message has to be for Decompress to remember it, and how many bytes
// it remembers of a connection's.
const (
	memoMin = 1 << 10
	memoMax = 4 << 20
)

// Decompress inflates a message of the testee's. Like is what the message is likely to be: if
// it is, Decompress returns that very slice. If isUTF8 is true, the message is known to be
// UTF-8. The result may not be changed.
//
// The cases that send a thousand messages send the same few over and over, and a testee then
// answers with the same few. Decompress remembers what they inflate to. That follows from
// their bytes, and from those before, which are in the window.
func (d *Deflation) Decompress(packed, like []byte) (plain []byte, isUTF8 bool, err error) {
	var key uint64
	if len(packed) >= memoMin {
		key = d.historyHash() ^ maphash.Bytes(seed, packed)
		if m := d.memo[key]; m != nil && bytes.Equal(m.packed, packed) {
			d.slide(m.plain)
			if len(d.history) == d.window && len(m.plain) >= d.window {
				d.hash, d.hashed = m.hash, true
			}
			return m.plain, m.utf8, nil
		}
	}
	start := len(d.history)
	all, err := inflate(d.history, append(packed, tail...), d.window, start+d.maxPlainSize)
	if err != nil {
		return nil, false, err
	}
	plain = bytes.Clone(all[start:])
	if bytes.Equal(plain, like) {
		plain = like
	}
	d.history = all[:start] // with the room that was made
	d.slide(plain)
	if key != 0 && d.memoSize < memoMax {
		isUTF8 = utf8.Valid(plain)
		d.memo[key] = &inflated{bytes.Clone(packed), plain, isUTF8, d.historyHash()}
		d.memoSize += len(packed) + len(plain)
	}
	return plain, isUTF8, nil
}

// historyHash returns the hash of the history, and computes it if it has changed.
func (d *Deflation) historyHash() uint64 {
	if !d.hashed {
		d.hash, d.hashed = maphash.Bytes(seed, d.history), true
	}
	return d.hash
}

// slide moves the window on past a message.
func (d *Deflation) slide(plain []byte) {
	switch {
	case !d.keep:
		d.history = d.history[:0]
	case len(plain) >= d.window:
		// Clipped, so that what is appended goes elsewhere.
		d.history = slices.Clip(plain[len(plain)-d.window:])
	default:
		d.history = append(d.history, plain...)
		d.history = d.history[max(0, len(d.history)-d.window):]
	}
	d.hashed = false
}

// DeflateRule says what a case negotiates.
type DeflateRule struct {
	// Offers are what the tester offers as a client.
	Offers []Parameters
	// Demands are what the tester asks for as a server. It goes through the testee's offers
	// with each of them in turn, and accepts the first that allows what it asks of the client.
	Demands []Parameters
	// Text is the tester's answer, if it is not the usual text for what was accepted. It has
	// to mean the same.
	Text string
	// Promise holds a client to the window that it has offered (client_max_window_bits with
	// a value).
	Promise bool
	// Given says that the case writes its offer into the request itself.
	Given bool
}

// Accept returns the answer to the first offer that meets a demand, and whether there is one.
func (r *DeflateRule) Accept(offers []Parameters) (Parameters, bool) {
	for _, d := range r.Demands {
		for _, o := range offers {
			if d.ClientBits > 0 && !o.boundable() {
				continue
			}
			p := Parameters{
				ServerNoTakeover: o.ServerNoTakeover || d.ServerNoTakeover, ServerBits: o.ServerBits,
				ClientNoTakeover: d.ClientNoTakeover, ClientBits: d.ClientBits,
			}
			if r.Promise {
				p.ClientBits = o.ClientBits
			}
			if d.ServerBits > 0 && (p.ServerBits == 0 || d.ServerBits < p.ServerBits) {
				p.ServerBits = d.ServerBits
			}
			return p, true
		}
	}
	return Parameters{}, false
}

// boundable reports whether an offer lets the server bound the client's window.
func (p Parameters) boundable() bool { return p.ClientBits > 0 || p.clientBitsHint }

// offerText returns the header value of an offer.
func (p Parameters) offerText() string {
	s := "permessage-deflate; client_no_context_takeover; client_max_window_bits"
	if p.ServerNoTakeover {
		s += "; server_no_context_takeover"
	}
	if p.ServerBits > 0 {
		s += "; server_max_window_bits=" + strconv.Itoa(p.ServerBits)
	}
	return s
}

// answerText returns the header value of an answer.
func (p Parameters) answerText() string {
	s := "permessage-deflate"
	if p.ServerNoTakeover {
		s += "; server_no_context_takeover"
	}
	if p.ServerBits > 0 {
		s += "; server_max_window_bits=" + strconv.Itoa(p.ServerBits)
	}
	if p.ClientNoTakeover {
		s += "; client_no_context_takeover"
	}
	if p.ClientBits > 0 {
		s += "; client_max_window_bits=" + strconv.Itoa(p.ClientBits)
	}
	return s
}

// ParseExtensions returns the elements for permessage-deflate in a header value, and how many
// there are for other extensions. Only an offer may have client_max_window_bits without a
// value (RFC 7692 section 7.1.2.2).
func ParseExtensions(value string, offer bool) (found []Parameters, others int, err error) {
	for element := range strings.SplitSeq(value, ",") {
		name, rest, _ := strings.Cut(element, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "":
			continue
		case "permessage-deflate":
		default:
			others++
			continue
		}
		var p Parameters
		seen := make(map[string]bool)
		for param := range strings.SplitSeq(rest, ";") {
			if strings.TrimSpace(param) == "" {
				continue
			}
			if err := p.set(param, offer, seen); err != nil {
				return nil, 0, err
			}
		}
		found = append(found, p)
	}
	return found, others, nil
}

// set takes one parameter. Each may be there once.
func (p *Parameters) set(param string, offer bool, seen map[string]bool) error {
	name, value, valued := strings.Cut(param, "=")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
	if seen[name] {
		return fmt.Errorf("permessage-deflate has %s twice", name)
	}
	seen[name] = true
	var bits int
	if valued {
		var err error
		if bits, err = strconv.Atoi(value); err != nil || bits < 8 || bits > 15 || value[0] == '0' {
			return fmt.Errorf("permessage-deflate has %s=%s", name, value)
		}
	}
	switch {
	case name == "server_no_context_takeover" && !valued:
		p.ServerNoTakeover = true
	case name == "client_no_context_takeover" && !valued:
		p.ClientNoTakeover = true
	case name == "server_max_window_bits" && valued:
		p.ServerBits = bits
	case name == "client_max_window_bits" && (valued || offer):
		p.ClientBits, p.clientBitsHint = bits, !valued
	default:
		return fmt.Errorf("permessage-deflate has the parameter %q", strings.TrimSpace(param))
	}
	return nil
}

// Within reports whether an answer keeps to an offer (RFC 7692 section 7.1).
func (p Parameters) Within(offer Parameters) bool {
	switch {
	case offer.ServerNoTakeover && !p.ServerNoTakeover:
		return false
	case offer.ServerBits > 0 && (p.ServerBits == 0 || p.ServerBits > offer.ServerBits):
		return false
	case p.ClientBits > 0 && !offer.boundable():
		return false
	}
	return true
}
