package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Layout says what the report is made of.
type Layout struct {
	Baseline string // the server that ratios refer to
	Servers  []Server
	Sections []Section
}

// Server is one column of the report.
type Server struct {
	Name  string
	Ours  bool
	About string
}

// Section is a group of cells with a plot.
type Section struct {
	Title, Text string
	Value       string   // what the table of ratios and the plot show
	Columns     []string // what the detailed tables show
	Cells       []Cell
}

// Cell is one row.
type Cell struct {
	Name, Title string
	Base        string // the cell whose baseline server is the measure
}

// preface is the report's beginning; what it says of the run is put in.
const preface = `# Benchmarks

This file is written by ` + "`make bench-peers`" + `; don't edit it. It shows one run on one machine, including the cells
where this module is not the best. Numbers of other machines differ, and so may the ratios: repeat it on yours.

- Machine: %s
- When: %s; load average at the beginning: %s
- Repetitions: %d, timings of %v each; a table shows the median, and (lowest to highest) where it says so
- Libraries: %s

## How it is measured

Server and load generator are two processes on a core each, connected over loopback. The load generator is the same for
all: an epoll loop that sends frames made beforehand. Before a cell is timed, two rounds of answers on every connection
are compared with what was sent, byte for byte (ten rounds where the connections then fall idle). Each cell, server and
repetition has fresh processes; the servers take turns within a cell, and ratios are taken within a repetition, so that
a machine that is slow for a while is slow for all. (Connections that are left alone for a minute are so while other
cells are measured: they use no CPU time.)

The number that counts is the **server's CPU time for each message** (getrusage: user and system, all of the process,
garbage collection included). Throughput and latencies depend on the two processes' turns and on whatever else runs on
the machine; they are shown and prove less.

The servers:

%s
`

// WriteDoc writes benchmarks.md and its plots, in a folder named benchmarks
// beside it, to the folder dir.
func (r *Run) WriteDoc(dir string, l *Layout) error {
	plots := filepath.Join(dir, "benchmarks")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, preface, r.Machine, r.When.Format("2006-01-02 15:04 MST"), r.Machine.Load, r.Reps, r.Duration,
		libraries(r.Versions), abouts(l))
	r.repeat(&b)
	for i := range l.Sections {
		s := r.present(l.Sections[i])
		if len(s.Cells) == 0 {
			continue
		}
		name := slug(s.Title) + ".svg"
		if err := os.WriteFile(filepath.Join(plots, name), r.plot(&s, l), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n![%s](benchmarks/%s)\n\n", s.Title, s.Text, s.Title, name)
		r.ratios(&b, &s, l)
		r.details(&b, &s, l)
	}
	r.inMemory(&b)
	return os.WriteFile(filepath.Join(dir, "benchmarks.md"), b.Bytes(), 0o644)
}

// repeat says how to do it again.
func (r *Run) repeat(b *bytes.Buffer) {
	fmt.Fprintf(b, `
## To repeat it

On Linux with two cores that have nothing else to do:

    make bench-peers                  # this file, in a quarter of an hour or a little more
    cd bench/peers
    go run . -quick                   # everything once, in less than three minutes, to look at
    go run . -cells '128B*' -servers serve,gorilla -reps 9
    go run . -cells 1KiB-64x1 -servers serve -profile .

This run was: %s
`, "`"+r.Command+"`")
}

func abouts(l *Layout) string {
	var lines []string
	for _, s := range l.Servers {
		ours := ""
		if s.Ours {
			ours = "this module: "
		}
		lines = append(lines, fmt.Sprintf("- **%s**: %s%s", s.Name, ours, s.About))
	}
	return strings.Join(lines, "\n")
}

// libraries are the modules that are compared, without what those need.
func libraries(versions []string) string {
	var out []string
	for _, v := range versions {
		for _, name := range []string{"websocket ", "/ws ", "/gws ", "x/net ", "/fasthttp ", "klauspost/compress "} {
			if strings.Contains(v, name) {
				out = append(out, v)
				break
			}
		}
	}
	return strings.Join(out, ", ")
}

// present is the section with the cells that were measured.
func (r *Run) present(s Section) Section {
	all := s.Cells
	s.Cells = nil
	for _, c := range all {
		if slices.ContainsFunc(r.Results, func(m Measurement) bool { return m.Cell == c.Name }) {
			s.Cells = append(s.Cells, c)
		}
	}
	return s
}

// slug is a title as a file name.
func slug(title string) string {
	return strings.ReplaceAll(strings.ToLower(title), " ", "-")
}
