package cases

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

func TestCatalogueIsComplete(t *testing.T) {
	var ids []string
	for _, c := range suite() {
		ids = append(ids, c.ID)
		if c.Description == "" || c.Expectation == "" {
			t.Errorf("%s has no description or no expectation", c.ID)
		}
		if len(c.Close.Codes) == 0 || len(c.Steps) == 0 {
			t.Errorf("%s has no steps, or no rule for its end", c.ID)
		}
		if c.OK == nil && c.Message == nil {
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
			payload := c.Steps[0].(say).Payload
			if got := utf8.ValidString(payload); got != p.valid {
				t.Errorf("6.%d.%d: %q is valid: %v; the table says %v", g.number, i+1, payload, got, p.valid)
			}
			for cut := range len(payload) {
				var u engine.UTF8Check
				u.Write([]byte(payload[:cut]))
				u.Write([]byte(payload[cut:]))
				if u.Done() != p.valid {
					t.Errorf("6.%d.%d: cut at %d, it is valid: %v", g.number, i+1, cut, u.Done())
				}
			}
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
				d := engine.NewDeflation(parameters{ClientBits: bits, ClientNoTakeover: !takeover}, true)
				for k := range 3*dataUnits/length + 1 {
					plain, packed := s.message(k)
					like := plain
					if k%2 == 0 {
						like = nil
					}
					got, _, err := d.Decompress(slices.Clone(packed), like)
					if err != nil || string(got) != string(plain) {
						t.Fatalf("%d octets, %d bits, takeover %v, message %d: %v", length, bits, takeover, k, err)
					}
				}
			}
		}
	}
}

func TestWaits(t *testing.T) {
	for id, want := range map[string]time.Duration{
		"1.1.1": 0, "5.19": second, "6.4.1": 2 * second, "rfc.deflate.6.4.1": 2 * second,
		"rfc.HS-4.2-15.1": longPatience, "rfc.HS-4.2-31.1": idleTime, "rfc.CL-7.1-15.1": patient,
	} {
		c := Pick(append(Catalogue(), BeyondServers()...), []string{id}, nil)[0]
		if got := engine.ScriptOf(c).Waits(); got != want {
			t.Errorf("%s waits %v, want %v", id, got, want)
		}
	}
}
