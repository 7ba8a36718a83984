package hub

import (
	"errors"
	"strconv"
	"strings"
)

// Position is a place in a topic: just after the message of that Offset. A subscriber that has lost
// its connection subscribes again from the Position of the last message that it has seen.
//
// The zero Position is no place. Positions of one Epoch are ordered by their Offset. Offsets grow
// along a topic, and not always by one.
type Position struct {
	// Epoch names the life of the broker's memory. A broker that has lost its messages has another
	// one, so that old positions are not taken for new ones.
	Epoch string

	// Offset is the number of the message.
	Offset uint64
}

// maxEpoch bounds the length of an Epoch.
const maxEpoch = 40

// IsZero reports whether p is no place.
func (p Position) IsZero() bool { return p == Position{} }

// String returns p as text, such as "1042.Zm9v". The text of the zero Position is "".
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	return strconv.FormatUint(p.Offset, 10) + "." + p.Epoch
}

var errPosition = errors.New(`hub: a position is text such as "1042.Zm9v", as a message of the hub had it`)

// ParsePosition reads the text of a Position. The text may come from a stranger: a Position of
// another broker, or an invented one, does no harm. It may be called concurrently.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	digits, epoch, ok := strings.Cut(s, ".")
	offset, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || strconv.FormatUint(offset, 10) != digits || !validEpoch(epoch) {
		return Position{}, errPosition
	}
	return Position{Epoch: epoch, Offset: offset}, nil
}

// validEpoch reports whether s may be an Epoch: letters, digits, "-" and "_".
func validEpoch(s string) bool {
	if s == "" || len(s) > maxEpoch {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
