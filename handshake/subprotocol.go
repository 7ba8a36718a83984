package handshake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The reasons why a list of subprotocols is refused.
const (
	reasonNoSubprotocol    = "must name at least one subprotocol, or not be sent"
	reasonBadSubprotocol   = "must be a comma-separated list of tokens (RFC 6455 section 4.1)"
	reasonSameSubprotocol  = "must not name a subprotocol twice"
	reasonManySubprotocols = "names too many subprotocols: send at most 128"
)

// appendSubprotocols appends the elements of one Sec-WebSocket-Protocol line to list. It returns
// the reason why the line is refused, or "". "The elements that comprise this value MUST be
// non-empty strings with characters in the range U+0021 to U+007E not including separator
// characters [...] and MUST all be unique strings": RFC 6455 section 4.1, item 10.
func appendSubprotocols(list []string, line string) (_ []string, reason string) {
	before := len(list)
	if list == nil {
		list = make([]string, 0, min(1+strings.Count(line, ","), MaxSubprotocols))
	}
	for e, rest, ok := nextElement(line); ok; e, rest, ok = nextElement(rest) {
		switch {
		case !isToken(e):
			return nil, reasonBadSubprotocol
		case len(list) == MaxSubprotocols:
			return nil, reasonManySubprotocols
		case slices.Contains(list, e):
			return nil, reasonSameSubprotocol
		}
		list = append(list, e)
	}
	if len(list) == before {
		return nil, reasonNoSubprotocol
	}
	return list, ""
}

// validateSubprotocols reports the first name of one of our own lists that can't be sent or that
// would be sent twice. The error does not repeat the name, since in some lists it is a user's
// token.
func validateSubprotocols(list []string) error {
	for i, s := range list {
		if !isToken(s) {
			return fmt.Errorf("websocket: subprotocol %d of the list is not a token (RFC 6455 section 4.1, item 10)", i+1)
		}
		if slices.Contains(list[:i], s) {
			return fmt.Errorf("websocket: subprotocol %d of the list is listed twice", i+1)
		}
	}
	if len(list) > MaxSubprotocols {
		return fmt.Errorf("websocket: %d subprotocols are too many: list at most %d", len(list), MaxSubprotocols)
	}
	return nil
}

// selectSubprotocol returns the first of the server's subprotocols that the client offers, or the
// hook's choice. It returns "" for none, which is not an error. "The value chosen MUST be derived
// from the client's handshake": RFC 6455 section 4.2.2.
func selectSubprotocol(r *Request, p *Policy) (string, error) {
	if p.SelectSubprotocol == nil {
		for _, s := range p.Subprotocols {
			if slices.Contains(r.Subprotocols, s) {
				return s, nil
			}
		}
		return "", nil
	}
	s, err := p.SelectSubprotocol(r)
	if err == nil && s != "" && !slices.Contains(r.Subprotocols, s) {
		err = errors.New("websocket: SelectSubprotocol returned a subprotocol that the client did not offer")
	}
	return s, err
}
