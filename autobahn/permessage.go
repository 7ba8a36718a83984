package autobahn

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parameters are what permessage-deflate agrees on (RFC 7692 section 7.1). A
// window of zero bits is one that no parameter names: the largest, 15.
type parameters struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int
	clientBitsHint                     bool // offers only: client_max_window_bits without a value
}

// deflation is permessage-deflate on one connection, seen from the tester.
type deflation struct {
	// How the tester compresses.
	bits     int
	takeover bool
	source   compressor

	// How the testee compresses.
	window       int // bytes
	keep         bool
	history      []byte // not to be changed, only appended to
	hash         uint64 // of history, if hashed is set
	hashed       bool
	memo         map[uint64]*inflated
	memoSize     int
	agreed       parameters
	maxPlainSize int
}

// inflated is a message that has been inflated before.
type inflated struct {
	packed, plain []byte
	utf8          bool   // plain is valid UTF-8
	hash          uint64 // of the history after it, if plain is all of that
}

// newDeflation returns the extension with the parameters agreed on.
func newDeflation(p parameters, server bool) *deflation {
	d := &deflation{bits: 15, window: 1 << 15, agreed: p, maxPlainSize: maxEcho, memo: make(map[uint64]*inflated)}
	mineBits, mineNo, yourBits, yourNo := p.clientBits, p.clientNoTakeover, p.serverBits, p.serverNoTakeover
	if server {
		mineBits, mineNo, yourBits, yourNo = yourBits, yourNo, mineBits, mineNo
	}
	if mineBits > 0 {
		d.bits = mineBits
	}
	if yourBits > 0 {
		d.window = 1 << yourBits
	}
	d.takeover, d.keep = !mineNo, !yourNo
	return d
}

// compress compresses a message.
func (d *deflation) compress(payload []byte) []byte {
	if d.source == nil {
		d.source = newCompressor(d.bits)
	} else if !d.takeover {
		d.source.reset()
	}
	return d.source.compress(payload)
}

// seed makes the same bytes hash alike on all connections of a process.
var seed = maphash.MakeSeed()

// What is worth remembering of inflated messages, and how much of it.
const (
	memoMin = 1 << 10
	memoMax = 4 << 20
)

// decompress inflates a message of the testee's. Like is what it may well be: if it is
// the same, the result is that very slice. Whether the result is UTF-8 is told if that
// is known. The result may not be changed.
//
// The cases that send a thousand messages send the same few over and over. A
// testee then answers with the same few, and what these inflate to is remembered:
// it follows from the bytes and from those before, which the window holds.
func (d *deflation) decompress(packed, like []byte) (plain []byte, isUTF8 bool, err error) {
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

// historyHash returns the hash of the history.
func (d *deflation) historyHash() uint64 {
	if !d.hashed {
		d.hash, d.hashed = maphash.Bytes(seed, d.history), true
	}
	return d.hash
}

// slide moves the window on over a message.
func (d *deflation) slide(plain []byte) {
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

// deflateRule says what a case negotiates.
type deflateRule struct {
	// As a client, the tester sends these offers.
	offers []parameters
	// As a server, it goes through the testee's offers with each of these in turn,
	// and accepts the first offer that allows what is asked of the client.
	demands []parameters
	// The tester's answer, in place of the text that is usual for what was accepted;
	// it has to mean the same.
	text string
	// The window that a client said it would have (client_max_window_bits with a value)
	// is the one that it is held to.
	promise bool
	// The case offers in its own way.
	given bool
}

// accept returns the answer to the first offer that meets a demand.
func (r *deflateRule) accept(offers []parameters) (parameters, bool) {
	for _, d := range r.demands {
		for _, o := range offers {
			if d.clientBits > 0 && !o.boundable() {
				continue
			}
			p := parameters{
				serverNoTakeover: o.serverNoTakeover || d.serverNoTakeover, serverBits: o.serverBits,
				clientNoTakeover: d.clientNoTakeover, clientBits: d.clientBits,
			}
			if r.promise {
				p.clientBits = o.clientBits
			}
			if d.serverBits > 0 && (p.serverBits == 0 || d.serverBits < p.serverBits) {
				p.serverBits = d.serverBits
			}
			return p, true
		}
	}
	return parameters{}, false
}

// boundable reports whether an offer lets the server bound the client's window.
func (p parameters) boundable() bool { return p.clientBits > 0 || p.clientBitsHint }

// offerText returns the header value of an offer, answerText that of an answer.
func (p parameters) offerText() string {
	s := "permessage-deflate; client_no_context_takeover; client_max_window_bits"
	if p.serverNoTakeover {
		s += "; server_no_context_takeover"
	}
	if p.serverBits > 0 {
		s += "; server_max_window_bits=" + strconv.Itoa(p.serverBits)
	}
	return s
}

func (p parameters) answerText() string {
	s := "permessage-deflate"
	if p.serverNoTakeover {
		s += "; server_no_context_takeover"
	}
	if p.serverBits > 0 {
		s += "; server_max_window_bits=" + strconv.Itoa(p.serverBits)
	}
	if p.clientNoTakeover {
		s += "; client_no_context_takeover"
	}
	if p.clientBits > 0 {
		s += "; client_max_window_bits=" + strconv.Itoa(p.clientBits)
	}
	return s
}

// parseExtensions returns the permessage-deflate elements of a header value; other
// extensions are counted. Only offers may have client_max_window_bits without a
// value (RFC 7692 section 7.1.2.2).
func parseExtensions(value string, offer bool) (found []parameters, others int, err error) {
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
		var p parameters
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
func (p *parameters) set(param string, offer bool, seen map[string]bool) error {
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
		p.serverNoTakeover = true
	case name == "client_no_context_takeover" && !valued:
		p.clientNoTakeover = true
	case name == "server_max_window_bits" && valued:
		p.serverBits = bits
	case name == "client_max_window_bits" && (valued || offer):
		p.clientBits, p.clientBitsHint = bits, !valued
	default:
		return fmt.Errorf("permessage-deflate has the parameter %q", strings.TrimSpace(param))
	}
	return nil
}
