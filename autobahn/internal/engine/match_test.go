package engine

import "testing"

// TestPongsOvertake has what may come for pings and messages in the second catalogue.
func TestPongsOvertake(t *testing.T) {
	a, b, p, q := TextMessage("a"), TextMessage("b"), Pong("p"), Pong("q")
	for _, test := range []struct {
		name      string
		want, got []Event
		match     bool
	}{
		{"the same", []Event{a, p, b, q}, []Event{a, p, b, q}, true},
		{"pongs come first", []Event{a, p, b, q}, []Event{p, q, a, b}, true},
		{"one pong comes early", []Event{a, b, p}, []Event{a, p, b}, true},
		{"a pong comes late", []Event{p, a}, []Event{a, p}, false},
		{"messages change places", []Event{a, b, p}, []Event{b, a, p}, false},
		{"pongs change places", []Event{p, q}, []Event{q, p}, false},
		{"the latest ping alone is answered", []Event{p, p, q}, []Event{q}, true},
		{"one of two like pings is answered", []Event{p, p, a}, []Event{p, a}, true},
		{"the latest ping is not answered", []Event{p, q}, []Event{p}, false},
		{"there is no pong", []Event{a, p}, []Event{a}, false},
		{"there is a pong too many", []Event{a, p}, []Event{a, p, p}, false},
		{"a message is missing", []Event{a, p}, []Event{p}, false},
		{"a message is there twice", []Event{a, p}, []Event{a, a, p}, false},
		{"nothing is due, and comes", Nothing, nil, true},
		{"nothing is due", Nothing, []Event{p}, false},
	} {
		strict, other := Script{Strict: true}, Script{}
		if got := strict.matches(test.want, test.got); got != test.match {
			t.Errorf("%s: %t, want %t", test.name, got, test.match)
		}
		if got := other.matches(test.want, test.got); got != sameEvents(test.want, test.got) {
			t.Errorf("%s, in the first catalogue: %t", test.name, got)
		}
	}
}
