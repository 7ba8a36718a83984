package main

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"sync"
	"testing"
	"time"
)

// dayLength is how long a day of the picture lasts.
const dayLength = 150 * time.Second

// day is the load for the picture: a few clients, later many more, and in the end a few.
func day(ctx context.Context, url string) {
	ctx, cancel := context.WithTimeout(ctx, dayLength)
	defer cancel()
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			from, to := time.Duration(i)*dayLength/15, dayLength-time.Duration(i)*dayLength/15
			ctx, cancel := context.WithTimeout(ctx, to)
			defer cancel()
			select {
			case <-time.After(from):
				crowd(ctx, url, 8, 20*time.Second)
			case <-ctx.Done():
			}
		})
	}
	all.Wait()
}

// Sizes in the picture, in pixels.
const (
	columns     = 3
	panelWidth  = 300
	panelHeight = 200
	left, right = 48, 12 // of a plot, in its panel
	top, bottom = 28, 58
	plotWidth   = panelWidth - left - right
	plotHeight  = panelHeight - top - bottom
)

// The colours can be read on white and on black.
const (
	colourText = "#7a7f87"
	colourGrid = "#7a7f8740"
)

var colours = []string{"#2f7fd1", "#c2622d", "#3a9d5d", "#8e63c7", "#b5901b", "#c2497a", "#5f9ea0", "#9aa1ab"}

// curve is a series with its name in the legend.
type curve struct {
	name string
	series
}

// draw writes docs/dashboard.svg: each panel of the dashboard, with what Prometheus answers.
func draw(t *testing.T, p *realPrometheus, window string, from, to time.Time) {
	panels := load(t).Panels
	rows := (len(panels) + columns - 1) / columns
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, sans-serif" font-size="10" fill="%s">`+"\n",
		columns*panelWidth, rows*panelHeight+36, columns*panelWidth, rows*panelHeight+36, colourText)
	b.WriteString("<title>The dashboard's panels, drawn from its queries</title>\n")
	for i, panel := range panels {
		var curves []curve
		for _, x := range panel.Targets {
			for _, s := range p.over(t, x.query(window), from, to) {
				curves = append(curves, curve{legend(x.LegendFormat, s.Metric), s})
			}
		}
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%columns*panelWidth, i/columns*panelHeight)
		drawPanel(&b, panel, curves, float64(from.Unix()), float64(to.Unix()))
		b.WriteString("</g>\n")
	}
	fmt.Fprintf(&b, `<text x="8" y="%d">Drawn from the queries of conn/prometheus/dashboard.json. `+
		`Prometheus %s answered them about a run of examples/metrics under load.</text>`+"\n", rows*panelHeight+14, html.EscapeString(p.version))
	fmt.Fprintf(&b, `<text x="8" y="%d">It is not a screenshot of Grafana.</text>`+"\n", rows*panelHeight+28)
	b.WriteString("</svg>\n")
	if err := os.WriteFile("../../docs/dashboard.svg", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// legend puts labels into a legend's format, as Grafana does.
func legend(format string, labels map[string]string) string {
	return regexp.MustCompile(`{{(\w+)}}`).ReplaceAllStringFunc(format, func(m string) string {
		return labels[m[2:len(m)-2]]
	})
}

// drawPanel draws the axes, the curves and the legend of a panel.
func drawPanel(b *bytes.Buffer, p panel, curves []curve, from, to float64) {
	fmt.Fprintf(b, `<text x="8" y="16" font-size="12" font-weight="600">%s</text>`+"\n", html.EscapeString(p.Title))
	low, high := 0.0, 0.0
	for _, c := range curves {
		for _, v := range c.Values {
			if !math.IsNaN(v.value) {
				low, high = min(low, v.value), max(high, v.value)
			}
		}
	}
	step := round((high - low) / 3)
	low, high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	x := func(at float64) float64 { return left + (at-from)/(to-from)*plotWidth }
	y := func(v float64) float64 { return top + (high-v)/(high-low)*plotHeight }

	for v := low; v < high+step/2; v += step {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), left+plotWidth, colourGrid, left-4, y(v)+3, number(v, p.FieldConfig.Defaults.Unit))
	}
	for at := 0.0; at <= to-from; at += 60 {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f min</text>`+"\n", x(from+at), top+plotHeight+12, at/60)
	}
	nameX, nameY := left, top+plotHeight+28
	for i, c := range curves {
		colour := colours[i%len(colours)]
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.3"/>`+"\n", path(c.Values, x, y), colour)
		width := 24 + 11*len(c.name)/2
		if nameX > left && nameX+width > panelWidth {
			nameX, nameY = left, nameY+13
		}
		fmt.Fprintf(b, `<path d="M%d %dh10" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n",
			nameX, nameY-3, colour, nameX+13, nameY, html.EscapeString(c.name))
		nameX += width
	}
}

// path is a curve as SVG. It has a gap for each value that is no number.
func path(values []point, x, y func(float64) float64) string {
	var b bytes.Buffer
	verb := "M"
	for _, v := range values {
		if math.IsNaN(v.value) {
			verb = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", verb, x(v.at), y(v.value))
		verb = "L"
	}
	return b.String()
}

// round returns the least of 1, 2 and 5, times a power of ten, that is not below v.
func round(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= v {
			return f * power
		}
	}
	return 10 * power
}

// number is a value of an axis in one of the dashboard's units.
func number(v float64, unit string) string {
	v = math.Round(v*1e6) / 1e6
	switch unit {
	case "percentunit":
		return fmt.Sprintf("%g %%", math.Round(v*100))
	case "s":
		switch {
		case v != 0 && v < 0.001:
			return fmt.Sprintf("%g µs", v*1e6)
		case v != 0 && v < 1:
			return fmt.Sprintf("%g ms", v*1e3)
		}
		return fmt.Sprintf("%g s", v)
	}
	suffix := map[string]string{"bytes": "B", "Bps": "B/s"}[unit]
	for _, prefix := range []string{"", "k", "M"} {
		if math.Abs(v) < 1000 || prefix == "M" {
			return fmt.Sprintf("%g %s%s", v, prefix, suffix)
		}
		v /= 1000
	}
	return ""
}
