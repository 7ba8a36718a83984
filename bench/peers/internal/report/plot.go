package report

import (
	"bytes"
	"fmt"
	"html"
)

// Sizes in the plot, in pixels.
const (
	plotWidth  = 860
	labelWidth = 210
	valueWidth = 110
	barHeight  = 14
	barGap     = 3
	groupGap   = 30
)

// The colours of the plot. They can be read on white and on black.
const (
	colourOurs  = "#2f7fd1"
	colourBase  = "#c2622d"
	colourOther = "#9aa1ab"
	colourBare  = "#c9ccd1"
	colourText  = "#7a7f87"
)

// plot returns a drawing of the section's value, as SVG. Each cell is a group of bars, with one bar
// for each server. A line shows the spread over the repetitions.
func (r *Run) plot(s *Section, l *Layout) []byte {
	var body bytes.Buffer
	y := 40
	for _, c := range s.Cells {
		y = r.plotCell(&body, s, l, c, y)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`width="%d" height="%d" font-family="system-ui, sans-serif" font-size="12" fill="%s">`+"\n",
		plotWidth, y, plotWidth, y, colourText)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(s.Title+": "+headings[s.Value]))
	fmt.Fprintf(&b, `<text x="8" y="20" font-size="14">%s: %s, less is better. `+
		`Blue: this module; the thin line: lowest to highest</text>`+"\n",
		html.EscapeString(s.Title), headings[s.Value])
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// plotCell draws one group and returns where the next one begins.
func (r *Run) plotCell(b *bytes.Buffer, s *Section, l *Layout, c Cell, y int) int {
	var most float64
	for _, sv := range l.Servers {
		most = max(most, r.Value(c.Name, sv.Name, s.Value).Max)
	}
	if most <= 0 {
		return y
	}
	const width = plotWidth - labelWidth - valueWidth
	x := func(v float64) float64 { return labelWidth + max(0, v)/most*width }
	y += 16
	fmt.Fprintf(b, `<text x="8" y="%d" font-weight="600">%s</text>`+"\n",
		y, html.EscapeString(c.Title))
	y += 8
	for _, sv := range l.Servers {
		v := r.Value(c.Name, sv.Name, s.Value)
		if v.N == 0 {
			continue
		}
		middle := y + barHeight/2
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`,
			labelWidth-8, middle+4, sv.Name)
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`,
			labelWidth, y, x(v.Median)-labelWidth, barHeight, colour(sv, l))
		if v.N > 1 {
			fmt.Fprintf(b, `<path d="M%.1f %dH%.1f" stroke="%s"/>`,
				x(v.Min), middle, x(v.Max), colourText)
		}
		label := number(v.Median)
		q := r.Ratio(c.Name, sv.Name, s.Value, c.Base, l.Baseline)
		if q.N > 0 && sv.Name != l.Baseline {
			label += fmt.Sprintf("  ×%.2f", q.Median)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n",
			x(max(v.Max, v.Median))+6, middle+4, label)
		y += barHeight + barGap
	}
	return y + groupGap - 16
}

// colour returns the colour of the server's bars.
func colour(s Server, l *Layout) string {
	switch {
	case s.Ours:
		return colourOurs
	case s.Name == l.Baseline:
		return colourBase
	case s.Bound:
		return colourBare
	}
	return colourOther
}
