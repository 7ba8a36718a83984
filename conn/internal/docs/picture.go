package docs

import (
	"bytes"
	"fmt"
	"html"
)

// The colours of pictures. What stands outside boxes can be read on white and on black.
const (
	colourLine   = "#7a7f87"
	colourBox    = "#dbe9f8"
	colourEnd    = "#f3dccd" // of a box in which something goes wrong
	colourBorder = "#2f7fd1"
	colourText   = "#1b1f24"
)

// picture is a drawing, as SVG.
type picture struct {
	body          bytes.Buffer
	title         string
	width, height int
}

// box is a rectangle with a title and further lines of text.
type box struct {
	x, y, width, height int
	title               string
	lines               []string
	fill                string // default: colourBox
}

// box draws a box.
func (p *picture) box(b box) {
	if b.fill == "" {
		b.fill = colourBox
	}
	fmt.Fprintf(&p.body, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" `+
		`fill="%s" stroke="%s"/>`+"\n", b.x, b.y, b.width, b.height, b.fill, colourBorder)
	const titleHeight, lineHeight = 18, 15
	y := b.y + (b.height-titleHeight-lineHeight*len(b.lines))/2 + 14
	p.text(b.x+b.width/2, y, "middle", b.title, styleTitle)
	y += titleHeight - 1
	for _, line := range b.lines {
		p.text(b.x+b.width/2, y, "middle", line, styleText)
		y += lineHeight
	}
}

// The styles of text.
const (
	styleTitle   = `font-size="14" font-weight="600" fill="` + colourText + `"`
	styleText    = `font-size="12" fill="` + colourText + `"`
	styleHeading = `font-size="14" fill="` + colourLine + `"` // outside of boxes
	styleLabel   = `font-size="12" fill="` + colourLine + `"`
)

// text writes one line.
func (p *picture) text(x, y int, anchor, text, style string) {
	fmt.Fprintf(&p.body, `<text x="%d" y="%d" text-anchor="%s" %s>%s</text>`+"\n",
		x, y, anchor, style, html.EscapeString(text))
}

// label writes one line outside of boxes.
func (p *picture) label(x, y int, anchor, text string) {
	p.text(x, y, anchor, text, styleLabel)
}

// frame draws a dashed frame with a title, around boxes that belong together.
func (p *picture) frame(x, y, width, height int, title string) {
	fmt.Fprintf(&p.body, `<rect x="%d" y="%d" width="%d" height="%d" rx="10" `+
		`fill="none" stroke="%s" stroke-dasharray="4 4"/>`+"\n", x, y, width, height, colourLine)
	p.text(x+width/2, y+20, "middle", title, styleHeading)
}

// arrow draws a line with a head at its end. path is that of SVG.
func (p *picture) arrow(format string, args ...any) {
	fmt.Fprintf(&p.body, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5" `+
		`marker-end="url(#head)"/>`+"\n", fmt.Sprintf(format, args...), colourLine)
}

// svg returns the whole picture.
func (p *picture) svg() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`width="%d" height="%d" font-family="system-ui, sans-serif">`+"\n",
		p.width, p.height, p.width, p.height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(p.title))
	fmt.Fprintf(&b, `<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" `+
		`markerWidth="8" markerHeight="8" orient="auto">`+
		`<path d="M0 0L8 4L0 8Z" fill="%s"/></marker></defs>`+"\n", colourLine)
	b.Write(p.body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}
