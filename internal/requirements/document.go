package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// row is one requirement, a line of one of the document's tables.
type row struct {
	line  int // index into document.lines
	id    string
	roles []string // "server", "client" or both
	shown string   // the last column
}

// document is docs/requirements.md. Lines that are not rows are kept as they are.
type document struct {
	lines []string
	rows  []row
}

// shownBy is the head of the column that this program reads and writes.
const shownBy = "Shown by"

// rowID matches an ID: a topic, mostly a section, and a number.
var rowID = regexp.MustCompile(`^[A-Z][A-Z0-9]-\S+$`)

// parseDocument finds the rows. Every table whose first column is "ID" must have the "Shown by"
// column, and every row as many cells as its head.
func parseDocument(text string) (*document, error) {
	d := &document{lines: strings.Split(text, "\n")}
	var head []string
	seen := map[string]bool{}
	for i, line := range d.lines {
		c := cells(line)
		if len(c) == 0 || !rowID.MatchString(c[0]) {
			if len(c) > 0 && c[0] == "ID" {
				head = c
			}
			continue
		}
		switch {
		case len(head) == 0 || head[len(head)-1] != shownBy:
			return nil, fmt.Errorf("line %d: %s stands in a table whose last column is not %q", i+1, c[0], shownBy)
		case len(c) != len(head):
			return nil, fmt.Errorf("line %d: %s has %d cells, its table %d columns", i+1, c[0], len(c), len(head))
		case seen[c[0]]:
			return nil, fmt.Errorf("line %d: %s is there twice", i+1, c[0])
		}
		seen[c[0]] = true
		d.rows = append(d.rows, row{line: i, id: c[0], roles: rolesOf(head, c), shown: c[len(c)-1]})
	}
	return d, nil
}

// cells splits a line of a table. For any other line it returns nil.
func cells(line string) []string {
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !ok {
		return nil
	}
	c := strings.Split(strings.TrimSuffix(line, "|"), "|")
	for i := range c {
		c[i] = strings.TrimSpace(c[i])
	}
	return c
}

// rolesOf reads the Role column. In a table without that column (the errata) rows have no role, and
// can only be n/a.
func rolesOf(head, c []string) []string {
	i := slices.Index(head, "Role")
	if i < 0 {
		return nil
	}
	switch c[i] {
	case "S":
		return []string{"server"}
	case "C":
		return []string{"client"}
	case "B":
		return []string{"server", "client"}
	}
	return nil
}

// record writes names into the row's last column.
func (d *document) record(r *row, names string) {
	line := d.lines[r.line]
	last := strings.LastIndex(strings.TrimSuffix(line, "|"), "|")
	d.lines[r.line] = line[:last] + "| " + names + " |"
	if names == "" {
		d.lines[r.line] = line[:last] + "| |"
	}
	r.shown = names
}

func (d *document) String() string { return strings.Join(d.lines, "\n") }

// exempt reports whether the row needs no test, and as what it counts.
func (r *row) exempt() (kind string, ok bool) {
	kind, reason, _ := strings.Cut(r.shown, ":")
	return kind, (kind == "n/a" || kind == "later") && strings.TrimSpace(reason) != ""
}

// names returns the tests that the column records.
func (r *row) names() []string {
	if r.shown == "" {
		return nil
	}
	var names []string
	for name := range strings.SplitSeq(r.shown, ",") {
		names = append(names, strings.Trim(name, " `"))
	}
	return names
}

// doors are the two ways into a server's handshake, as path elements.
var doors = []string{"Upgrade", "UpgradeNet"}

// handshakeRow matches the rows that a server must show through both.
var handshakeRow = regexp.MustCompile(`^(HT|HS|EX-9\.1|IA-11\.3|SE-10\.2)-`)

// claims returns what a run of the tests must show for the row.
func (r *row) claims() []claim {
	var want []claim
	for _, role := range r.roles {
		if role != "server" || !handshakeRow.MatchString(r.id) {
			want = append(want, claim{r.id, role, ""})
			continue
		}
		for _, door := range doors {
			want = append(want, claim{r.id, role, door})
		}
	}
	return want
}
