package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Layout says what is in the report.
type Layout struct {
	Baseline string // the server that ratios refer to
	Servers  []Server
	Sections []Section
	Overview Overview
}

// Server is one column of the report.
type Server struct {
	Name  string
	Ours  bool
	Bound bool // it is no library, but what none can be better than
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
	Base        string // the cell whose baseline the ratios refer to
}

// preface is the format of the report's beginning. Its arguments describe the run.
const preface = `# Benchmarks

` + "`make bench-peers`" + ` writes this file; don't edit it. It shows one run on one machine, including the cells in which this
module is not the best. Numbers of other machines differ, and so may the ratios: repeat it on yours.

- Machine: %s
- When: %s; load average at the beginning: %s
- Repetitions: %d, timings of %v each; a table shows the median, and (lowest to highest) where it says so
- Libraries: %s

## How it is measured

Server and load generator are two processes on a core each, connected over loopback. The load generator is the same for
all: an epoll loop that sends frames made beforehand. Before a cell is timed, two rounds of answers on every connection
are compared with what was sent, byte for byte (ten rounds if the connections then fall idle). Each cell, server and
repetition has fresh processes. All servers are one program, but for nbio, which has a program of its own: it sets up its
queues when a process begins, and no other server's garbage collection shall have to mark them. The servers take turns
within a cell, and ratios are taken within a repetition, so that a machine that is slow for a while is slow for all. (While connections are left alone for a minute, other cells are
measured: idle connections use no CPU time.)

The number that counts is the **server's CPU time for each message** (getrusage: user and system, all of the process,
garbage collection included). Throughput and latencies depend on how the two processes take turns, and on whatever else
runs on the machine. They are shown, and prove less.

The servers:

%s
`

// WriteDoc writes benchmarks.md to the folder dir. The plots go to a folder benchmarks in dir, and
// the figures of README's plot to figures.json there.
func (r *Run) WriteDoc(dir string, l *Layout) error {
	plots := filepath.Join(dir, "benchmarks")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, preface, r.Machine, r.When.Format("2006-01-02 15:04 MST"), r.Machine.Load,
		r.Reps, r.Duration, libraries(r.Versions), abouts(l))
	r.writeHowTo(&b)
	for i := range l.Sections {
		s := r.withResults(l.Sections[i])
		if len(s.Cells) == 0 {
			continue
		}
		name := slug(s.Title) + ".svg"
		if err := os.WriteFile(filepath.Join(plots, name), r.plot(&s, l), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n![%s](benchmarks/%s)\n\n",
			s.Title, s.Text, s.Title, name)
		r.writeRatios(&b, &s, l)
		r.writeDetails(&b, &s, l)
	}
	r.writeMemory(&b)
	if err := os.WriteFile(filepath.Join(dir, "benchmarks.md"), b.Bytes(), 0o644); err != nil {
		return err
	}
	if err := r.figures(l).Write(FiguresFile(dir)); err != nil {
		return err
	}
	return WriteOverview(dir, l)
}

// writeHowTo writes how to repeat the run.
func (r *Run) writeHowTo(b *bytes.Buffer) {
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

// abouts returns a list of the servers, with what each does.
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

// libraries returns those of the modules that are compared. It leaves out the modules that these
// need.
func libraries(versions []string) string {
	var out []string
	for _, v := range versions {
		for _, name := range []string{
			"websocket ", "/ws ", "/gws ", "x/net ", "/fasthttp ", "klauspost/compress ",
		} {
			if strings.Contains(v, name) {
				out = append(out, v)
				break
			}
		}
	}
	return strings.Join(out, ", ")
}

// withResults returns the section with only those cells that were measured.
func (r *Run) withResults(s Section) Section {
	all := s.Cells
	s.Cells = nil
	for _, c := range all {
		if slices.ContainsFunc(r.Results, func(m Measurement) bool { return m.Cell == c.Name }) {
			s.Cells = append(s.Cells, c)
		}
	}
	return s
}

// slug returns the file name for a title.
func slug(title string) string {
	return strings.ReplaceAll(strings.ToLower(title), " ", "-")
}
