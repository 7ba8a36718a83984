//go:build linux

package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/load"
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// TestMain lets the test's own program run as the server or the load process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"serve", "load", "memory"}, os.Args[1]) {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestMeasure runs one cell of each kind, with its processes.
func TestMeasure(t *testing.T) {
	p := &plan{Duration: 20 * time.Millisecond, Idle: 20}
	silent := []string{"idle", "dialed-idle", "idle-tls", "idle-deep"}
	for _, c := range cells() {
		all := append(silent, "128B-64x1", "tls-128B-64x1", "handshake", "z-1KiB", "broadcast")
		if !slices.Contains(all, c.Name) {
			continue
		}
		c.Spec.Conns = min(c.Spec.Conns, 20)
		measure := p.measure
		if c.Spec.Kind == load.Idle {
			measure = func(c *cell, s *servers.Server, rep int) (*report.Measurement, error) {
				i, err := p.startIdle(c, s, rep)
				if err != nil {
					return nil, err
				}
				return i.finish(0)
			}
		}
		m, err := measure(&c, servers.Find("serve"), 0)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		want := report.CPU
		if slices.Contains(silent, c.Name) {
			want = report.RSS
		}
		if m.Values[want] <= 0 {
			t.Errorf("%s: %+v", c.Name, m.Values)
		}
	}
}

// TestProgramsApart checks that nbio is in the program that serves with nbio, and in no other one.
// What nbio sets up when a process begins would have to be marked by every collection of the others.
func TestProgramsApart(t *testing.T) {
	const library = "github.com/lesismal/nbio"
	p := &plan{Duration: 20 * time.Millisecond}
	defer p.programs.remove()
	c := cells()[0]
	c.Spec.Conns = 4
	if m, err := p.measure(&c, servers.Find("nbio"), 0); err != nil {
		t.Fatal(err)
	} else if m.Values[report.CPU] <= 0 {
		t.Errorf("nbio: %+v, want CPU time", m.Values)
	}
	tagged, err := p.programs.build("nbio")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{tagged: true, own: false} {
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == library })
		if got != want {
			t.Errorf("%s has %s: %v, want %v", file, library, got, want)
		}
	}
	p.programs.remove()
	if _, err := os.Stat(tagged); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after remove, Stat of %s = %v, want %v", tagged, err, fs.ErrNotExist)
	}
}

// TestProfile checks that a profile of the server is written if it is asked for.
func TestProfile(t *testing.T) {
	p := &plan{Duration: 20 * time.Millisecond, Profile: t.TempDir()}
	c := cells()[0]
	if _, err := p.measure(&c, servers.Find("read"), 3); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(p.Profile, c.Name+".read.3.prof"))
	if err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
}

func TestChoice(t *testing.T) {
	o, err := parse([]string{"-quick", "-cells", "z-*,idle", "-servers", "serve,gorilla"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, who, err := o.choose()
	if err != nil || len(chosen) != 7 || len(who) != 2 || who[0].Name != baseline {
		t.Errorf("%d cells, %d servers, error %v; want 7, and two with the baseline first",
			len(chosen), len(who), err)
	}
	o.cells = "nothing"
	if _, _, err := o.choose(); err == nil {
		t.Error("a choice of nothing is no error")
	}
	if _, err := parse([]string{"serve"}); err == nil {
		t.Error("an argument that is no flag is no error")
	}
}

// TestSections checks that every cell is in the report once.
func TestSections(t *testing.T) {
	seen := make(map[string]int)
	for _, s := range sections().Sections {
		for _, c := range s.Cells {
			seen[c.Name]++
		}
	}
	for _, c := range cells() {
		if seen[c.Name] != 1 {
			t.Errorf("cell %s is in the report %d times", c.Name, seen[c.Name])
		}
	}
}

// TestFigures checks that README's plot is that of the committed figures, and that these are the
// figures of docs/benchmarks.md.
func TestFigures(t *testing.T) {
	const docs = "../../docs"
	f, err := report.ReadFigures(report.FiguresFile(docs))
	if err != nil {
		t.Fatal(err)
	}
	l := sections()
	svg, err := os.ReadFile(filepath.Join(docs, "benchmarks", "overview.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(svg, f.Plot(&l.Overview)) {
		t.Error("docs/benchmarks/overview.svg is not the plot of figures.json: make plot")
	}
	text, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Sections {
		_, rest, _ := strings.Cut(string(text), "\n## "+s.Title+"\n")
		table, _, _ := strings.Cut(rest, "<details>") // the section's main table
		_, rest, _ = strings.Cut(table, "\n| ")
		head, _, _ := strings.Cut(rest, " |\n")
		for _, c := range s.Cells {
			checkRow(t, table, strings.Split(head, " | "), c.Title, f.Find(c.Name))
		}
	}
}

// checkRow checks that a row of a table has the medians of the figure. The table's first column is
// the title, and the others are servers.
func checkRow(t *testing.T, table string, columns []string, title string, f *report.Figure) {
	t.Helper()
	_, rest, found := strings.Cut(table, "\n| "+title+" |")
	if !found || f == nil {
		t.Errorf("%s: in benchmarks.md: %v, in figures.json: %v; want both", title, found, f != nil)
		return
	}
	line, _, _ := strings.Cut(rest, "|\n")
	cells := strings.Split(line, "|")
	if len(cells) != len(columns)-1 {
		t.Fatalf("%s: %d cells, want %d", title, len(cells), len(columns)-1)
	}
	for i, cell := range cells {
		server, shown := columns[i+1], strings.Split(strings.TrimSpace(cell), " ")[0]
		want := 0.0
		if shown = strings.Trim(shown, "*"); shown != "" {
			var err error
			if want, err = strconv.ParseFloat(shown, 64); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.Servers[server].Median; got != want {
			t.Errorf("%s, %s: %v in figures.json, want %v as in benchmarks.md", title, server, got, want)
		}
	}
}
