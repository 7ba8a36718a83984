// Package report turns measurements into docs/benchmarks.md: tables and plots.
package report

import (
	"encoding/json"
	"os"
	"slices"
	"time"
)

// The names of measured values.
const (
	CPU    = "cpu"    // server's CPU time for each message, µs
	User   = "user"   // of that in the program
	System = "system" // and in the kernel
	Rate   = "rate"   // messages per second
	P50    = "p50"    // µs
	P99    = "p99"    // µs
	Allocs = "allocs" // objects that the server allocates for each message
	Bytes  = "bytes"  // and their bytes

	PerByte = "perbyte" // CPU time for each byte of text, ns
	Wire    = "wire"    // compressed size of the answers, as a part of the text's

	RSS   = "rss"   // for each connection, bytes
	Heap  = "heap"  // of that on the heap
	Stack = "stack" // and on stacks
	Conns = "conns" // how many connections that was measured with
)

// Measurement is one cell on one server, once.
type Measurement struct {
	Cell, Server string
	Rep          int
	Values       map[string]float64
}

// Micro is one measurement in memory.
type Micro struct {
	Group, Name string
	Rep         int
	NS          float64 // CPU time for each operation
	Allocs      float64
	MBs         float64 // 0: not told
	Wire        float64 // compressed part of the text; 0: not told
}

// Run is everything that one run measured, as it is kept in a file.
type Run struct {
	When     time.Time
	Machine  Machine
	Command  string
	Reps     int
	Duration time.Duration
	Versions []string // of the libraries
	Results  []Measurement
	Micro    []Micro
}

// Read reads a run from a file.
func Read(name string) (*Run, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := new(Run)
	return r, json.Unmarshal(b, r)
}

// Write writes the run to a file.
func (r *Run) Write(name string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// Spread is the median of a value with its extremes.
type Spread struct {
	Median, Min, Max float64
	N                int
}

func spread(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(values)
	return Spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1], n}
}

// Value is the spread of one value of one cell and server over the repetitions.
func (r *Run) Value(cell, server, value string) Spread {
	var all []float64
	for _, m := range r.Results {
		if v, ok := m.Values[value]; ok && m.Cell == cell && m.Server == server {
			all = append(all, v)
		}
	}
	return spread(all)
}

// Ratio is the spread of the value's ratio to that of another cell and server
// in the same repetition.
func (r *Run) Ratio(cell, server, value, baseCell, baseServer string) Spread {
	base := make(map[int]float64)
	for _, m := range r.Results {
		if m.Cell == baseCell && m.Server == baseServer {
			base[m.Rep] = m.Values[value]
		}
	}
	var all []float64
	for _, m := range r.Results {
		if v, ok := m.Values[value]; ok && m.Cell == cell && m.Server == server && base[m.Rep] > 0 {
			all = append(all, v/base[m.Rep])
		}
	}
	return spread(all)
}

// micro is the spread of a value of an operation in memory.
func (r *Run) micro(group, name string, value func(Micro) float64) Spread {
	var all []float64
	for _, m := range r.Micro {
		if m.Group == group && m.Name == name {
			all = append(all, value(m))
		}
	}
	return spread(all)
}

// names are the distinct values of f over all, in the order of their coming.
func names[T any](all []T, f func(T) string) []string {
	var out []string
	for _, v := range all {
		if n := f(v); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
