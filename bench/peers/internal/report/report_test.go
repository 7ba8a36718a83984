package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// example is a run of one cell on three servers, three times.
func example() (*Run, *Layout) {
	r := &Run{Reps: 3, Duration: time.Second, Machine: Machine{CPU: "a processor", Cores: 2}}
	for rep, scale := range []float64{1, 10, 2} { // a machine that is slow for a while
		for server, cpu := range map[string]float64{"ours": 4, "base": 8, "bare": 3} {
			r.Results = append(r.Results, Measurement{
				Cell: "echo", Server: server, Rep: rep,
				Values: map[string]float64{CPU: cpu * scale, P99: 1},
			})
		}
	}
	r.Micro = []Micro{
		{Group: "write", Name: "theirs", NS: 100},
		{Group: "write", Name: "ours", NS: 50},
	}
	l := &Layout{
		Baseline: "base",
		Servers: []Server{
			{Name: "ours", Ours: true}, {Name: "base"}, {Name: "bare", Bound: true}, {Name: "absent"},
		},
		Sections: []Section{
			{
				Title: "Ping pong", Value: CPU, Columns: []string{CPU, P99},
				Cells: []Cell{{"echo", "echo & more", "echo"}, {"none", "none", "none"}},
			},
			{Title: "Empty", Value: RSS, Cells: []Cell{{"none", "none", "none"}}},
		},
		Overview: Overview{
			Baseline: "the <base>",
			Cells:    []Cell{{Name: "echo", Title: "an echo"}, {Name: "none", Title: "nothing"}},
			Series:   []Series{{"ours", "one way"}, {"absent", "no way"}},
		},
	}
	return r, l
}

func TestMedianAndRatio(t *testing.T) {
	r, _ := example()
	if got := r.Value("echo", "ours", CPU); got != (Spread{8, 4, 40, 3}) {
		t.Errorf("value: %+v", got)
	}
	// Ratios are taken within a repetition, so that the slow repetition does not show.
	if got := r.Ratio("echo", "ours", CPU, "echo", "base"); got != (Spread{0.5, 0.5, 0.5, 3}) {
		t.Errorf("ratio: %+v", got)
	}
	if got := r.Ratio("echo", "absent", CPU, "echo", "base"); got.N != 0 {
		t.Errorf("ratio of nothing: %+v", got)
	}
	if got := spread([]float64{4, 1, 3, 2}); got.Median != 2.5 {
		t.Errorf("median of an even number of values: %v", got.Median)
	}
}

func TestDoc(t *testing.T) {
	r, l := example()
	dir := t.TempDir()
	if err := r.WriteDoc(dir, l); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a processor, 2 cores", "| echo & more | **8.00** (0.50) | 16.0 (1.00) | 6.00 (0.38) |",
		"| ours | 8.00 (4.00 to 40.0) | 1.00 | 0.50 |", "| ours | 50.0 |",
		"benchmarks/ping-pong.svg",
	} {
		if !bytes.Contains(doc, []byte(want)) {
			t.Errorf("benchmarks.md does not say %q:\n%s", want, doc)
		}
	}
	for _, no := range []string{"absent |", "Empty", "NaN", "| none"} {
		if bytes.Contains(doc, []byte(no)) {
			t.Errorf("benchmarks.md says %q", no)
		}
	}
	svg, err := os.ReadFile(filepath.Join(dir, "benchmarks", "ping-pong.svg"))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	if n := strings.Count(string(svg), "<rect"); n != 3 {
		t.Errorf("the plot has %d bars, want 3", n)
	}
}

// TestOverview checks that README's plot is that of the figures that are kept, and can be drawn
// from them alone.
func TestOverview(t *testing.T) {
	r, l := example()
	dir := t.TempDir()
	if err := r.WriteDoc(dir, l); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "benchmarks", "overview.svg")
	svg, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	for want, n := range map[string]int{
		"one way: 0.50": 1, "an echo": 1, "16.0 µs": 1, "the &lt;base&gt; = 1": 1,
		"no way: ": 0, "nothing": 0,
	} {
		if got := strings.Count(string(svg), want); got != n {
			t.Errorf("the plot says %q %d times, want %d", want, got, n)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := WriteOverview(dir, l); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(name); err != nil || !bytes.Equal(again, svg) {
		t.Errorf("drawn again, the plot differs; error %v", err)
	}
}

// wellFormed checks that an XML parser accepts b.
func wellFormed(t *testing.T, b []byte) {
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
	}
}

func TestKept(t *testing.T) {
	r, _ := example()
	name := filepath.Join(t.TempDir(), "run.json")
	if err := r.Write(name); err != nil {
		t.Fatal(err)
	}
	again, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.Value("echo", "ours", CPU), r.Value("echo", "ours", CPU); got != want {
		t.Errorf("%+v after reading, %+v before", got, want)
	}
}
