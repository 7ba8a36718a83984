package interop

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rfc6455/ws/handshake"
)

// summary is where the matrix is written; without it, it is compared.
var summary = flag.String("summary", "", "write the matrix of what passed to this `file`, docs/interop.md")

// documentation is the file that a run of all tests is compared with.
const documentation = "../../docs/interop.md"

// matrix is what has passed so far: the rows of docs/interop.md.
var matrix struct {
	mu   sync.Mutex
	rows []*row
}

// row is a peer in one role.
type row struct {
	name   string
	role   role
	second bool // of the second table
	passed map[aspect]bool
	agreed []handshake.Deflate
}

// columns are the aspects in their order.
var columns = []aspect{text, binary, ourFragments, between, theirFragments, largest, ourPing, theirPing, ourClose, theirClose, overTLS}

// row returns the subject's row. matrix.mu is held.
func (s *subject) row() *row {
	name := s.peer.name
	if s.via != nil {
		name += " through " + s.via.name
	}
	for _, r := range matrix.rows {
		if r.name == name && r.role == s.role {
			return r
		}
	}
	r := &row{name: name, role: s.role, second: s.peer.second, passed: map[aspect]bool{}}
	matrix.rows = append(matrix.rows, r)
	return r
}

// passed records that a thing was done.
func (s *subject) passed(a aspect) {
	matrix.mu.Lock()
	defer matrix.mu.Unlock()
	s.row().passed[a] = true
}

// agreed records parameters with which a connection was opened.
func (s *subject) agreed(z handshake.Deflate) {
	matrix.mu.Lock()
	defer matrix.mu.Unlock()
	if r := s.row(); !slices.Contains(r.agreed, z) {
		r.agreed = append(r.agreed, z)
	}
}

// report writes the matrix, or compares it with the one in docs.
func report() error {
	if *summary != "" {
		return write(*summary)
	}
	doc, err := os.ReadFile(documentation)
	if err != nil {
		return err
	}
	if table := matrixTable(false); !bytes.Contains(doc, []byte(table)) {
		return fmt.Errorf("%s does not say what has passed, which `make interop-summary` would write:\n%s", documentation, table)
	}
	if table := matrixTable(true); *all && !bytes.Contains(doc, []byte(table)) {
		return fmt.Errorf("%s does not say what has passed, which `make interop-all-summary` would write:\n%s", documentation, table)
	}
	return nil
}

// write writes the document. Without -all its second part stays as it is.
func write(file string) error {
	second := introductionForAll + matrixTable(true) + versionsForAll()
	if !*all {
		doc, err := os.ReadFile(documentation)
		if err != nil {
			return err
		}
		heading, _, _ := strings.Cut(introductionForAll, "\n")
		_, rest, found := strings.Cut(string(doc), heading)
		if !found {
			return fmt.Errorf("%s lacks the heading %q", documentation, heading)
		}
		second = heading + rest
	}
	return os.WriteFile(file, []byte(introduction+matrixTable(false)+versions()+"\n"+second), 0o644)
}

// matrixTable is the first table or the second.
func matrixTable(second bool) string {
	var b strings.Builder
	b.WriteString("| Peer | it is the |")
	for _, a := range columns {
		fmt.Fprintf(&b, " %s |", a)
	}
	b.WriteString(" permessage-deflate |\n|---|---|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, r := range matrix.rows {
		if r.second != second {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s |", r.name, r.role)
		for _, a := range columns {
			mark := "–"
			if r.passed[a] {
				mark = "✓"
			}
			fmt.Fprintf(&b, " %s |", mark)
		}
		fmt.Fprintf(&b, " %s |\n", r.deflate())
	}
	return b.String()
}

// deflate sums up the parameters of a row's connections.
func (r *row) deflate() string {
	if len(r.agreed) == 0 {
		return "–"
	}
	server := span(r.agreed, func(z handshake.Deflate) (int, bool) { return z.ServerMaxWindowBits, z.ServerNoContextTakeover })
	client := span(r.agreed, func(z handshake.Deflate) (int, bool) { return z.ClientMaxWindowBits, z.ClientNoContextTakeover })
	return "server " + server + "; client " + client
}

// span lists the windows that occur, and whether they were kept.
func span(list []handshake.Deflate, of func(handshake.Deflate) (bits int, alone bool)) string {
	var all []int
	var kept, alone bool
	for _, z := range list {
		bits, a := of(z)
		all = append(all, bits)
		kept, alone = kept || !a, alone || a
	}
	slices.Sort(all)
	all = slices.Compact(all)
	windows := strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ", "), "[]")
	if n := len(all); n > 2 && all[n-1]-all[0] == n-1 {
		windows = fmt.Sprintf("%d to %d", all[0], all[n-1])
	}
	switch {
	case kept && alone:
		return windows + " with and without takeover"
	case kept:
		return windows + " with takeover"
	}
	return windows + " without takeover"
}
