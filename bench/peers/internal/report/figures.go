package report

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"time"
)

// Figures is what a run came to: the medians of the report's main tables. It is kept beside the
// report, so that README's plot can be drawn again without a run.
type Figures struct {
	When     time.Time
	Machine  Machine
	Reps     int
	Baseline string
	Cells    []Figure
}

// Figure has the medians of one cell.
type Figure struct {
	Cell    string
	Value   string // what was measured: CPU or RSS
	Servers map[string]Point
}

// Point is what one server came to in one cell. The numbers are rounded as the report's are.
type Point struct {
	Median float64
	Ratio  float64 `json:",omitempty"` // to the baseline in the same cell; 0: it was not measured
}

// figures returns the medians of the cells of the layout.
func (r *Run) figures(l *Layout) *Figures {
	f := &Figures{When: r.When, Machine: r.Machine, Reps: r.Reps, Baseline: l.Baseline}
	for i := range l.Sections {
		s := r.withResults(l.Sections[i])
		for _, c := range s.Cells {
			points := make(map[string]Point)
			for _, sv := range l.Servers {
				v := r.Value(c.Name, sv.Name, s.Value)
				if v.N == 0 {
					continue
				}
				q := r.Ratio(c.Name, sv.Name, s.Value, c.Name, l.Baseline)
				points[sv.Name] = Point{rounded(v.Median), math.Round(q.Median*100) / 100}
			}
			f.Cells = append(f.Cells, Figure{c.Name, s.Value, points})
		}
	}
	return f
}

// rounded returns v as the tables show it.
func rounded(v float64) float64 {
	shown, err := strconv.ParseFloat(number(v), 64)
	if err != nil {
		panic(err) // number returns numbers
	}
	return shown
}

// Find returns the figure of a cell, or nil if there is none.
func (f *Figures) Find(cell string) *Figure {
	for i := range f.Cells {
		if f.Cells[i].Cell == cell {
			return &f.Cells[i]
		}
	}
	return nil
}

// ReadFigures reads figures from a file.
func ReadFigures(name string) (*Figures, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := new(Figures)
	return f, json.Unmarshal(b, f)
}

// Write writes the figures to a file.
func (f *Figures) Write(name string) error {
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}
