package report

import (
	"bytes"
	"fmt"
	"strings"
)

// headings has the headings of the columns, by the names of the values.
var headings = map[string]string{
	CPU: "CPU µs", User: "user µs", System: "system µs",
	Rate: "messages/s", P50: "p50 µs", P99: "p99 µs",
	Allocs: "allocations", Bytes: "bytes allocated", PerByte: "CPU ns/B", Wire: "wire",
	RSS: "RSS B", Heap: "heap B", Stack: "stack B", Conns: "connections",
}

// number returns v with about three digits.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.095:
		return fmt.Sprintf("%.3f", v)
	case v < 9.95:
		return fmt.Sprintf("%.2f", v)
	case v < 99.5:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// row writes one line of a table.
func row(b *bytes.Buffer, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// rule writes the line below a table's heading. The first column is text. The argument says how
// many columns of numbers follow.
func rule(b *bytes.Buffer, numbers int) {
	b.WriteString("|---" + strings.Repeat("|--:", numbers) + "|\n")
}

// writeRatios writes the main table of a section, with a row for each cell and a column for each
// server. It shows the values and, in brackets, their ratios to the baseline. The best library of a
// row is bold.
func (r *Run) writeRatios(b *bytes.Buffer, s *Section, l *Layout) {
	servers := r.serversIn(s, l)
	head := []string{headings[s.Value]}
	for _, sv := range servers {
		head = append(head, sv.Name)
	}
	row(b, head...)
	rule(b, len(servers))
	for _, c := range s.Cells {
		line := []string{c.Title}
		best := r.best(c.Name, s.Value, servers)
		for _, sv := range servers {
			v := r.Value(c.Name, sv.Name, s.Value)
			if v.N == 0 {
				line = append(line, "")
				continue
			}
			text := number(v.Median)
			if sv.Name == best {
				text = "**" + text + "**"
			}
			if q := r.Ratio(c.Name, sv.Name, s.Value, c.Base, l.Baseline); q.N > 0 {
				text += fmt.Sprintf(" (%.2f)", q.Median)
			}
			line = append(line, text)
		}
		row(b, line...)
	}
	fmt.Fprintf(b, "\nIn brackets: the ratio to %s in the same repetition, median. "+
		"Bold: the lowest of the libraries.\n", l.Baseline)
}

// serversIn returns the servers that have a value in the section.
func (r *Run) serversIn(s *Section, l *Layout) []Server {
	var out []Server
	for _, sv := range l.Servers {
		for _, c := range s.Cells {
			if r.Value(c.Name, sv.Name, s.Value).N > 0 {
				out = append(out, sv)
				break
			}
		}
	}
	return out
}

// best returns the name of the library with the lowest value. A bound is no library.
func (r *Run) best(cell, value string, servers []Server) string {
	best, lowest := "", 0.0
	for _, sv := range servers {
		v := r.Value(cell, sv.Name, value)
		if v.N > 0 && !sv.Bound && (best == "" || v.Median < lowest) {
			best, lowest = sv.Name, v.Median
		}
	}
	return best
}

// writeDetails writes all values of the section, which a browser shows only when asked to.
func (r *Run) writeDetails(b *bytes.Buffer, s *Section, l *Layout) {
	b.WriteString("\n<details><summary>All values, with the spread over the repetitions" +
		"</summary>\n")
	for _, c := range s.Cells {
		fmt.Fprintf(b, "\n%s:\n\n", c.Title)
		head := []string{"server"}
		for _, v := range s.Columns {
			head = append(head, headings[v])
		}
		row(b, append(head, "ratio")...)
		rule(b, len(s.Columns)+1)
		for _, sv := range r.serversIn(s, l) {
			line := []string{sv.Name}
			for _, value := range s.Columns {
				line = append(line, withSpread(r.Value(c.Name, sv.Name, value)))
			}
			q := r.Ratio(c.Name, sv.Name, s.Value, c.Base, l.Baseline)
			if r.Value(c.Name, sv.Name, s.Value).N > 0 {
				row(b, append(line, withSpread(q))...)
			}
		}
	}
	b.WriteString("\n</details>\n")
}

// withSpread returns the median as text, with the lowest and the highest value.
func withSpread(v Spread) string {
	switch {
	case v.N == 0:
		return ""
	case v.N == 1 || number(v.Min) == number(v.Max):
		return number(v.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(v.Median), number(v.Min), number(v.Max))
}

// writeMemory writes the section about what was measured without system calls.
func (r *Run) writeMemory(b *bytes.Buffer) {
	if len(r.Micro) == 0 {
		return
	}
	b.WriteString("\n## In memory\n\nWithout system calls, on one core, by the CPU clock: " +
		"connections over a stream in memory that holds many frames, and codecs on whole " +
		"messages. When codecs are compared, ours is the whole of Conn.Write or Conn.ReadInto, " +
		"with framing, masks and the check of the text. The others compress or decompress and " +
		"do nothing else. Ratios are to the first of each group.\n\n")
	row(b, "", "", "CPU ns", "MB/s", "allocations", "wire", "ratio")
	b.WriteString("|---|---|--:|--:|--:|--:|--:|\n")
	for _, group := range names(r.Micro, func(m Micro) string { return m.Group }) {
		r.writeGroup(b, group)
	}
}

// writeGroup writes the rows of one group of measurements in memory.
func (r *Run) writeGroup(b *bytes.Buffer, group string) {
	first := 0.0
	title := group
	for _, name := range names(r.Micro, func(m Micro) string {
		if m.Group != group {
			return ""
		}
		return m.Name
	}) {
		if name == "" {
			continue
		}
		value := func(f func(Micro) float64) Spread { return r.micro(group, name, f) }
		ns := value(func(m Micro) float64 { return m.NS })
		if first == 0 {
			first = ns.Median
		}
		wire := value(func(m Micro) float64 { return m.Wire })
		text := ""
		if wire.Median > 0 {
			text = number(wire.Median)
		}
		speed := value(func(m Micro) float64 { return m.MBs })
		allocs := value(func(m Micro) float64 { return m.Allocs })
		row(b, title, name, withSpread(ns), number(speed.Median), number(allocs.Median), text,
			fmt.Sprintf("%.2f", ns.Median/first))
		title = ""
	}
}
