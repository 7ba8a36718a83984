package autobahn

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"
)

func TestCatalogueIsComplete(t *testing.T) {
	var ids []string
	for _, c := range Catalogue() {
		ids = append(ids, c.ID)
		if c.Description == "" || c.Expectation == "" {
			t.Errorf("%s has no description or no expectation", c.ID)
		}
		if len(c.close.codes) == 0 || len(c.steps) == 0 {
			t.Errorf("%s has no steps, or no rule for its end", c.ID)
		}
		if c.ok == nil && c.message == nil {
			t.Errorf("%s cannot pass", c.ID)
		}
	}
	if want := SuiteIDs(); !slices.Equal(ids, want) {
		t.Errorf("the cases are %v\nwant %v", ids, want)
	}
}

// TestUTF8Table holds the table of section 6 against the standard library.
func TestUTF8Table(t *testing.T) {
	for _, g := range utf8Groups {
		for i, p := range g.payloads {
			c := p.aCase(g.title)
			payload := c.steps[0].(say).payload
			if got := utf8.ValidString(payload); got != p.valid {
				t.Errorf("6.%d.%d: %q is valid: %v; the table says %v", g.number, i+1, payload, got, p.valid)
			}
			for cut := range len(payload) {
				var u utf8Check
				u.write([]byte(payload[:cut]))
				u.write([]byte(payload[cut:]))
				if u.done() != p.valid {
					t.Errorf("6.%d.%d: cut at %d, it is valid: %v", g.number, i+1, cut, u.done())
				}
			}
		}
	}
}

// TestUTF8FailsFast looks for the byte at which text is known to be invalid.
func TestUTF8FailsFast(t *testing.T) {
	for _, test := range []struct {
		text string
		at   int // bytes that can still become valid
	}{{kosme + beyond, 12}, {kosme + surrogate, 12}, {"\xc0", 0}, {"a\xe0\x9f", 2}, {"a\xff", 1}, {"\xf4\x8f\xbf\xbf\x80", 4}} {
		var u utf8Check
		n := 0
		for n < len(test.text) && u.write([]byte(test.text[n:n+1])) {
			n++
		}
		if n != test.at {
			t.Errorf("%q is invalid at %d, want %d", test.text, n, test.at)
		}
	}
}

// TestDataSets checks that the sets are rings of the right size and do not change
// from run to run, which would make reports differ.
func TestDataSets(t *testing.T) {
	want := make(map[string]int)
	for _, d := range dataSets {
		all := d.slice(0, dataUnits)
		if n := utf8.RuneCount(all); !d.binary && n != dataUnits || d.binary && len(all) != dataUnits {
			t.Errorf("%s: %d characters, %d octets", d.title, n, len(all))
		}
		if got, want := d.slice(dataUnits-3, 5), append(d.slice(dataUnits-3, 3), d.slice(0, 2)...); string(got) != string(want) {
			t.Errorf("%s: around the end %q, want %q", d.title, got, want)
		}
		want[fmt.Sprintf("%x", sha256.Sum256(all))]++
	}
	if len(want) != len(dataSets) {
		t.Error("two data sets are the same")
	}
}

// TestStreams inflates what the compression cases send, with no larger window than
// agreed, beyond the point where messages are used again.
func TestStreams(t *testing.T) {
	for _, length := range []int{1024, 65536} {
		for _, bits := range []int{9, 15} {
			for _, takeover := range []bool{false, true} {
				s := streamOf(dataSets[3], length, bits, takeover)
				d := newDeflation(parameters{clientBits: bits, clientNoTakeover: !takeover}, true)
				for k := range 3*dataUnits/length + 1 {
					plain, packed := s.message(k)
					like := plain
					if k%2 == 0 {
						like = nil
					}
					got, _, err := d.decompress(slices.Clone(packed), like)
					if err != nil || string(got) != string(plain) {
						t.Fatalf("%d octets, %d bits, takeover %v, message %d: %v", length, bits, takeover, k, err)
					}
				}
			}
		}
	}
}
