package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rfc6455/ws/autobahn/internal/cases"
	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// sectionTitles names the sections of the catalogues.
var sectionTitles = map[string]string{
	"1": "Framing", "2": "Pings and pongs", "3": "Reserved bits", "4": "Opcodes", "5": "Fragmentation",
	"6": "UTF-8", "7": "Closing", "9": "Limits and performance", "10": "Automatic fragmentation",
	"12": "Compression of different payloads", "13": "Compression with different parameters",

	"rfc.HT": "HTTP", "rfc.HS": "Opening handshake of servers", "rfc.HC": "Opening handshake of clients",
	"rfc.RX": "Frames received", "rfc.TX": "Frames sent", "rfc.CL": "Closing, beyond 7", "rfc.U8": "UTF-8, beyond 6",
	"rfc.EX": "Extensions", "rfc.PD": "permessage-deflate", "rfc.LM": "Limits",
	"rfc.deflate": "2, 4, 5, 6 and 7 with compression",
}

// sectionOf returns the section of a case: 12, or rfc.HS.
func sectionOf(id string) string {
	section, rest, _ := strings.Cut(id, ".")
	if section != "rfc" {
		return section
	}
	group, _, _ := strings.Cut(rest, ".")
	group, _, _ = strings.Cut(group, "-")
	return section + "." + group
}

// The matrix of the index page: rows are cases, columns are agents.
type (
	matrix struct {
		Agents   []agentHead
		Sections []matrixSection
	}
	agentHead struct {
		Name  string
		Tally []cell // how many of each verdict
	}
	matrixSection struct {
		Number, Title string
		Tallies       []string // for each agent: how many passed
		Rows          []matrixRow
	}
	matrixRow struct {
		ID, Description string
		Cells           []cell
		Passed          bool // by all agents
	}
	cell struct {
		Class, Text, Note, Link string
	}
)

// class returns the CSS class of a verdict, which gives its colour.
func class(behavior string) string {
	switch behavior {
	case engine.OK:
		return "ok"
	case engine.NonStrict, engine.WrongCode, engine.FailedByClient:
		return "warn"
	case engine.Informational:
		return "info"
	case engine.Unimplemented:
		return "none"
	}
	return "bad"
}

// IndexPage returns the HTML page with the matrix of outcomes, as [OutcomesOf] returns them.
func IndexPage(outcomes []*Outcome) ([]byte, error) {
	var m matrix
	byCase := make(map[string]map[string]*Outcome)
	var ids []string
	for _, o := range outcomes {
		if n := len(m.Agents); n == 0 || m.Agents[n-1].Name != o.Agent {
			m.Agents = append(m.Agents, agentHead{Name: o.Agent})
		}
		m.Agents[len(m.Agents)-1].count(o)
		if byCase[o.Case.ID] == nil {
			byCase[o.Case.ID] = make(map[string]*Outcome)
			ids = append(ids, o.Case.ID)
		}
		byCase[o.Case.ID][o.Agent] = o
	}
	slices.SortFunc(ids, cases.Compare)
	for _, id := range ids {
		number := sectionOf(id)
		if n := len(m.Sections); n == 0 || m.Sections[n-1].Number != number {
			m.Sections = append(m.Sections, matrixSection{Number: number, Title: sectionTitles[number]})
		}
		row := matrixRow{ID: id, Passed: true}
		for _, a := range m.Agents {
			o := byCase[id][a.Name]
			if o != nil {
				row.Description = o.Case.Description
				row.Passed = row.Passed && o.Passed()
			}
			row.Cells = append(row.Cells, o.cell())
		}
		s := &m.Sections[len(m.Sections)-1]
		s.Rows = append(s.Rows, row)
	}
	for i := range m.Sections {
		m.Sections[i].tally(byCase, m.Agents)
	}
	return render("index", m)
}

// tally counts for each agent how many of a section's cases have passed.
func (s *matrixSection) tally(byCase map[string]map[string]*Outcome, agents []agentHead) {
	for _, a := range agents {
		passed, run := 0, 0
		for _, row := range s.Rows {
			if o := byCase[row.ID][a.Name]; o != nil {
				run++
				if o.Passed() {
					passed++
				}
			}
		}
		s.Tallies = append(s.Tallies, fmt.Sprintf("%d of %d", passed, run))
	}
}

// count adds an outcome to an agent's tally.
func (a *agentHead) count(o *Outcome) {
	text := o.verdict.Behavior
	if !o.Passed() && class(text) != "bad" && class(text) != "none" {
		text = "close " + o.verdict.BehaviorClose
	}
	for i := range a.Tally {
		if t := &a.Tally[i]; t.Text == text {
			var n int
			fmt.Sscan(t.Note, &n)
			t.Note = fmt.Sprint(n + 1)
			return
		}
	}
	a.Tally = append(a.Tally, cell{Class: class(strings.TrimPrefix(text, "close ")), Text: text, Note: "1"})
}

// cell returns a field of the matrix. A nil Outcome is that of a case that was not run.
func (o *Outcome) cell() cell {
	if o == nil {
		return cell{Class: "missing", Text: "–"}
	}
	c := cell{Class: class(o.verdict.Behavior), Text: o.verdict.Behavior, Link: FileOf(o, "html")}
	if o.verdict.BehaviorClose != engine.OK && o.verdict.BehaviorClose != o.verdict.Behavior {
		c.Note = "close " + o.verdict.BehaviorClose
		if c.Class == "ok" {
			c.Class = class(o.verdict.BehaviorClose)
		}
	}
	if engine.ScriptOf(o.Case).Timed {
		c.Note = strings.TrimSpace(c.Note + " " + o.rec.Duration().Round(time.Millisecond).String())
	}
	return c
}
