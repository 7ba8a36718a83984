package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
)

// Overview is the layout of README's plot. Each cell is a row, and each series a mark in it: the
// ratio to the baseline.
type Overview struct {
	Baseline string // what README calls the baseline
	Cells    []Cell
	Series   []Series
}

// Series is one way to use this module.
type Series struct{ Server, Title string }

// Sizes in README's plot, in pixels.
const (
	overviewWidth  = 860
	overviewLabel  = 250
	overviewValue  = 110 // for the baseline's own value, on the right
	overviewRow    = 24
	overviewBottom = 30
)

// marks are the shapes of the series, in colours that can be read on white and on black. The
// arguments of the formats are the coordinates of the centre, and a title.
var marks = []string{
	`<circle cx="%[1]g" cy="%[2]d" r="6" fill="#2f7fd1"><title>%[3]s</title></circle>`,
	`<path d="M%[1]g %[2]dm-5.5 -5.5h11v11h-11z" fill="#2a9d64"><title>%[3]s</title></path>`,
	`<path d="M%[1]g %[2]dm0 -7.5l7.5 7.5l-7.5 7.5l-7.5 -7.5z" fill="#a05bc0">` +
		`<title>%[3]s</title></path>`,
}

// FiguresFile returns the name of the figures' file, if benchmarks.md is in the folder dir.
func FiguresFile(dir string) string { return filepath.Join(dir, "benchmarks", "figures.json") }

// WriteOverview draws README's plot from the figures that are in dir.
func WriteOverview(dir string, l *Layout) error {
	f, err := ReadFigures(FiguresFile(dir))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks", "overview.svg"), f.Plot(&l.Overview), 0o644)
}

// Plot returns README's plot as SVG. It leaves out a cell that was not measured.
func (f *Figures) Plot(o *Overview) []byte {
	var rows []Figure
	var titles []string
	most := 1.0
	for _, c := range o.Cells {
		row := f.Find(c.Name)
		if row == nil || row.Servers[f.Baseline].Median == 0 {
			continue
		}
		rows, titles = append(rows, *row), append(titles, c.Title)
		for _, s := range o.Series {
			most = max(most, row.Servers[s.Server].Ratio)
		}
	}
	const top = 72
	bottom := top + overviewRow*len(rows)
	height := bottom + overviewBottom
	width := float64(overviewWidth - overviewLabel - overviewValue)
	scale := math.Ceil(most*4) / 4 // the axis ends at a quarter
	x := func(ratio float64) float64 {
		return math.Round(10*(overviewLabel+ratio/scale*width)) / 10
	}

	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`width="%d" height="%d" font-family="system-ui, sans-serif" font-size="13" fill="%s">`+"\n",
		overviewWidth, height, overviewWidth, height, colourText)
	fmt.Fprintf(&b, "<title>What a message and a connection cost the server, beside %s</title>\n",
		html.EscapeString(o.Baseline))
	o.legend(&b)
	for q := 0.0; q <= scale; q += 0.25 {
		dash, weight := ` stroke-opacity="0.3"`, ""
		if q == 1 {
			dash, weight = ` stroke-width="2"`, ` font-weight="600"`
		}
		fmt.Fprintf(&b, `<path d="M%g %dV%d" stroke="%s"%s/>`, x(q), top-4, bottom,
			baseColour(q), dash)
		fmt.Fprintf(&b, `<text x="%g" y="%d" text-anchor="middle" font-size="11"%s>%g</text>`+"\n",
			x(q), bottom+16, weight, q)
	}
	fmt.Fprintf(&b, `<text x="%g" y="%d" text-anchor="middle" fill="%s" font-weight="600">%s = 1, `+
		"less is better</text>\n", x(1), top-12, colourBase, html.EscapeString(o.Baseline))
	for i := range rows {
		y := top + overviewRow*i + overviewRow/2
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`,
			overviewLabel-14, y+4, html.EscapeString(titles[i]))
		for j, s := range o.Series {
			p := rows[i].Servers[s.Server]
			if p.Ratio == 0 {
				continue
			}
			fmt.Fprintf(&b, marks[j%len(marks)], x(p.Ratio), y,
				html.EscapeString(fmt.Sprintf("%s: %.2f", s.Title, p.Ratio)))
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n",
			overviewWidth-8, y+4, colourBase,
			withUnit(rows[i].Value, rows[i].Servers[f.Baseline].Median))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// legend draws what the marks mean, in one line.
func (o *Overview) legend(b *bytes.Buffer) {
	at := 14
	for i, s := range o.Series {
		fmt.Fprintf(b, marks[i%len(marks)], float64(at), 16, html.EscapeString(s.Title))
		fmt.Fprintf(b, `<text x="%d" y="20">%s</text>`+"\n", at+14, html.EscapeString(s.Title))
		at += 40 + 7*len(s.Title)
	}
}

// baseColour returns the colour of the line at this ratio.
func baseColour(ratio float64) string {
	if ratio == 1 {
		return colourBase
	}
	return colourText
}

// withUnit returns a median as text.
func withUnit(value string, v float64) string {
	if value == RSS {
		return number(v/1000) + " KB"
	}
	return number(v) + " µs"
}
