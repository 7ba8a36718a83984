package report

import "fmt"

// Line returns a measurement as the controller prints it, with its ratio to the baseline in the
// same repetition.
func (r *Run) Line(m *Measurement, baseCell, baseServer string) string {
	v := m.Values
	line := fmt.Sprintf("%-18s %-9s", m.Cell, m.Server)
	if _, idle := v[RSS]; idle {
		line += fmt.Sprintf(" RSS %7.0f B  heap %6.0f  stack %6.0f  (%.0f connections)",
			v[RSS], v[Heap], v[Stack], v[Conns])
		return line + r.ratioText(m, RSS, baseCell, baseServer)
	}
	line += fmt.Sprintf(" CPU %8.2f µs (%5.2f user)  %8.0f/s  "+
		"p50 %7.0f µs  p99 %7.0f µs  %6.2f allocs",
		v[CPU], v[User], v[Rate], v[P50], v[P99], v[Allocs])
	if wire, ok := v[Wire]; ok {
		line += fmt.Sprintf("  %.2f ns/B  wire %.3f", v[PerByte], wire)
	}
	return line + r.ratioText(m, CPU, baseCell, baseServer)
}

// ratioText returns the ratio of one value of m to the baseline's, as text. It is "" if there is
// none.
func (r *Run) ratioText(m *Measurement, value, baseCell, baseServer string) string {
	for _, b := range r.Results {
		if b.Cell == baseCell && b.Server == baseServer && b.Rep == m.Rep && b.Values[value] > 0 {
			return fmt.Sprintf("  × %.3f", m.Values[value]/b.Values[value])
		}
	}
	return ""
}
