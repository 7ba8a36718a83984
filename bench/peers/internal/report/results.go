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
	User   = "user"   // the part of CPU in the program, µs
	System = "system" // the part of CPU in the kernel, µs
	Rate   = "rate"   // messages per second
	P50    = "p50"    // median of the latency, µs
	P99    = "p99"    // 99th percentile of the latency, µs
	Allocs = "allocs" // objects that the server allocates for each message
	Bytes  = "bytes"  // the bytes of these objects

	PerByte = "perbyte" // CPU time for each byte of text, ns
	Wire    = "wire"    // compressed size of the answers, as a part of the size of the text

	RSS   = "rss"   // resident memory for each connection, bytes
	Heap  = "heap"  // memory on the heap for each connection, bytes
	Stack = "stack" // memory in stacks for each connection, bytes
	Conns = "conns" // with how many connections the memory was measured
)

// Measurement is what one cell on one server came to, in one repetition.
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
	MBs         float64 // MB/s; 0: not measured
	Wire        float64 // compressed size, as a part of the size of the text; 0: not measured
}

// Run is everything that one run has measured, as [Run.Write] writes it to a file.
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

// spread returns the spread of the values, which it sorts.
func spread(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(values)
	return Spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1], n}
}

// Value returns the spread over the repetitions of one value of one cell and server.
func (r *Run) Value(cell, server, value string) Spread {
	var all []float64
	for _, m := range r.Results {
		if v, ok := m.Values[value]; ok && m.Cell == cell && m.Server == server {
			all = append(all, v)
		}
	}
	return spread(all)
}

// Ratio returns the spread over the repetitions of a ratio: that of the value to the same value of
// baseCell and baseServer, in the same repetition.
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

// micro returns the spread over the repetitions of one value of an operation in memory.
func (r *Run) micro(group, name string, value func(Micro) float64) Spread {
	var all []float64
	for _, m := range r.Micro {
		if m.Group == group && m.Name == name {
			all = append(all, value(m))
		}
	}
	return spread(all)
}

// names returns the values of f for all, each once, in the order in which they come.
func names[T any](all []T, f func(T) string) []string {
	var out []string
	for _, v := range all {
		if n := f(v); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
