package generate

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write autobahn/corpus/cases.jsonl")

// TestCorpus compares cases.jsonl with what is generated. `make corpus-update` writes it.
func TestCorpus(t *testing.T) {
	all, err := Cases(readRows(t))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, c := range all {
		if err := enc.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	const name = "../../corpus/cases.jsonl"
	if *update {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, b.Bytes()) {
		t.Errorf("%s is not what the catalogues give: run make corpus-update and look at the differences", name)
	}
	if len(all) < 500 {
		t.Errorf("%d cases, want hundreds: something is left out", len(all))
	}
}

// readRows reads the rows of docs/requirements.md.
func readRows(t *testing.T) Rows {
	text, err := os.ReadFile("../../../docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := Rows{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if id, ok := strings.CutPrefix(cells[0], "| "); ok && len(cells) > 4 {
			r := rows[id]
			r.Level, r.Section = cells[2], section(id, cells[3])
			rows[id] = r
		}
	}
	return rows
}

// section returns the section of a row with its RFC, which the table leaves out if the row's group
// tells.
func section(id, cell string) string {
	cell = strings.NewReplacer("§", "", "†", "").Replace(cell)
	switch {
	case strings.HasPrefix(cell, "6455") || strings.HasPrefix(cell, "7692"):
		return "RFC " + cell
	case cell == "—":
		return ""
	case strings.HasPrefix(id, "PD-"):
		return "RFC 7692 " + cell
	}
	return "RFC 6455 " + cell
}

// TestReference holds the reference against inputs of which the RFC says itself what they mean
// (RFC 6455 section 5.7), and against cut ones.
func TestReference(t *testing.T) {
	for _, test := range []struct {
		role, in string
		want     string
	}{
		{"client", "810548656c6c6f", "open, text 48656c6c6f, end"},
		{"server", "818537fa213d7f9f4d5158", "open, text 48656c6c6f, end"},
		{"client", "010348656c80026c6f", "open, text 48656c6c6f, end"},
		{"client", "890548656c6c6f", "open, ping 48656c6c6f, end"},
		{"server", "8a8537fa213d7f9f4d5158", "open, pong 48656c6c6f, end"},
		{"client", "8105", "open, end"},
		{"client", "83", "open, fail 1002"},
		{"client", "0102ce", "open, end"},
		{"client", "8102ce41", "open, fail 1007"},
		{"client", "8101ce", "open, fail 1007"},
		{"client", "8103ff", "open, fail 1007"},
		{"client", "880203e8", "open, close 1000"},
		{"client", "88023a98", "open, fail 1002"},
		{"server", "8100", "open, fail 1002"},
		{"client", "827f8000000000000000", "open, fail 1002 1009"},
	} {
		var in []byte
		for i := 0; i < len(test.in); i += 2 {
			in = append(in, unhex(test.in[i])<<4|unhex(test.in[i+1]))
		}
		c, _ := build(test.role, in, nil, maxMessage)
		if got := strings.Join(c.Events, ", "); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.role, test.in, got, test.want)
		}
	}
}

func unhex(c byte) byte { return byte(strings.IndexByte("0123456789abcdef", c)) }
