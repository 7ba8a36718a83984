package generate

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/rfc6455/ws/autobahn/corpus"
	"github.com/rfc6455/ws/autobahn/internal/cases"
	"github.com/rfc6455/ws/autobahn/internal/engine"
)

const (
	maxInput   = 1 << 10 // bytes; longer cases stay with the catalogues
	maxMessage = 1 << 20
)

// Rows says of a row of docs/requirements.md which level and which section it has.
type Rows map[string]struct{ Level, Section string }

// Cases returns the cases of the corpus: those of both catalogues that need neither time nor
// answers, in both roles, and some found otherwise. Cases that send what an earlier one sends are
// left out. The error names cases of which the catalogue and the reference think differently.
func Cases(rows Rows) ([]corpus.Case, error) {
	var all []corpus.Case
	var disputes []string
	seen := map[string]bool{}
	add := func(c corpus.Case) {
		key := fmt.Sprint(c.Role, c.Deflate, c.Max, strings.Join(c.In, ""))
		if !seen[key] {
			seen[key] = true
			all = append(all, c)
		}
	}
	for _, role := range []string{"server", "client"} {
		list := append(cases.Catalogue(), cases.BeyondServers()...)
		if role == "client" {
			list = append(cases.Catalogue(), cases.BeyondClients()...)
		}
		for _, c := range list {
			section, _, _ := strings.Cut(c.ID, ".")
			if section == "9" || section == "12" || section == "13" {
				continue // long messages, and many
			}
			s := engine.ScriptOf(c)
			in, agreed, ok := engine.Sent(s, role == "client")
			if !ok || len(in) == 0 || len(in) > maxInput {
				continue
			}
			made, models := build(role, in, agreed, maxMessage)
			made.ID, made.Text = "autobahn."+c.ID, c.Description
			made.Section = suiteSection(section)
			level := "must"
			if s.NonStrict != nil {
				level = "should"
			}
			if row, ok := strings.CutPrefix(c.ID, "rfc."); ok && !strings.HasPrefix(row, "deflate.") {
				made.ID = row
				row = row[:strings.LastIndexByte(row, '.')]
				r, ok := rows[row]
				if !ok {
					return nil, fmt.Errorf("case %s: docs/requirements.md has no row %s", c.ID, row)
				}
				made.Section, level = r.Section, verdict(r.Level)
			} else if ok {
				made.ID, made.Section = row, suiteSection(strings.Split(row, ".")[1])
			}
			made.Verdict = weaker(made.Verdict, level)
			if why := dispute(s, models[0]); why != "" && dispute(s, models[2]) != "" {
				disputes = append(disputes, made.ID+"/"+role+": "+why)
			}
			add(made)
		}
		for _, f := range found {
			in, err := hex.DecodeString(f.in[role])
			if err != nil {
				return nil, err
			}
			made, _ := build(role, in, f.agreed, f.max)
			made.ID, made.Text, made.Section, made.Verdict = f.id, f.text, f.section, f.verdict
			if f.also != nil {
				made.Also = append(made.Also, f.also)
			}
			add(made)
		}
	}
	if disputes != nil {
		return nil, fmt.Errorf("the catalogue and the reference differ:\n%s", strings.Join(disputes, "\n"))
	}
	return all, nil
}

// build returns the case of an input, as far as the reference knows it, and the models of which the
// first is that of the case.
func build(role string, in []byte, agreed *engine.Parameters, max int) (c corpus.Case, models []*model) {
	models = []*model{{}, {late: true}, {lenient: true}, {lenient: true, late: true}}
	for _, m := range models {
		m.server, m.max = role == "server", max
		if agreed != nil {
			m.deflate = engine.NewDeflation(*agreed, role == "server") // it inflates what the other role sends
		}
		m.run(in)
	}
	strict, late, lenient := models[0], models[1], models[2]
	c = corpus.Case{Role: role, Max: max, In: strict.frames, Events: strict.events, Out: strict.out(), Verdict: "must"}
	if agreed != nil {
		c.Deflate = &corpus.Deflate{
			ServerNoTakeover: agreed.ServerNoTakeover, ClientNoTakeover: agreed.ClientNoTakeover,
			ServerBits: windowBits(agreed.ServerBits), ClientBits: windowBits(agreed.ClientBits),
		}
	}
	if !slices.Equal(strict.events, late.events) {
		c.Verdict = "should"
	}
	if !slices.Equal(strict.events, lenient.events) {
		c.Verdict = "either"
	}
	for _, m := range models[1:] {
		same := func(events []string) bool { return slices.Equal(events, m.events) }
		if !same(c.Events) && !slices.ContainsFunc(c.Also, same) {
			c.Also = append(c.Also, m.events)
		}
	}
	return c, models
}

// windowBits is the bits of a window, which are 15 if nothing names them.
func windowBits(bits int) int {
	if bits == 0 {
		return 15
	}
	return bits
}

// dispute compares what a catalogue wants with what the reference finds.
func dispute(s *engine.Script, m *model) string {
	if s.OK != nil {
		var want, got []string
		for _, e := range s.OK {
			switch {
			case e.Kind == "message" && e.Binary:
				want = append(want, strings.TrimSpace("binary "+hex.EncodeToString(e.Data)))
			case e.Kind == "message":
				want = append(want, strings.TrimSpace("text "+hex.EncodeToString(e.Data)))
			case e.Kind == "pong":
				want = append(want, strings.TrimSpace("ping "+hex.EncodeToString(e.Data))) // which it answers
			}
		}
		for _, e := range m.events {
			if kind, _, _ := strings.Cut(e, " "); kind == "text" || kind == "binary" || kind == "ping" {
				got = append(got, e)
			}
		}
		if !slices.Equal(want, got) {
			return fmt.Sprintf("events %v, want %v", got, want)
		}
	}
	if m.codes != nil && len(s.Close.Codes) > 0 && !slices.Contains(s.Close.Codes, m.codes[0]) {
		return fmt.Sprintf("fails with %v, want %v", m.codes, s.Close.Codes)
	}
	if m.codes == nil && !s.Close.ByMe && slices.Equal(s.Close.Codes, []int{1002}) {
		return "does not fail"
	}
	return ""
}

// weaker returns the verdict that asks for less.
func weaker(a, b string) string {
	order := []string{"either", "should", "must"}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

// verdict is that of a row's level.
func verdict(level string) string {
	switch {
	case level == "MUST" || level == "MUST NOT":
		return "must"
	case level == "MAY":
		return "either"
	}
	return "should"
}

// suiteSection is the section of a group of the Autobahn|Testsuite.
func suiteSection(group string) string {
	return map[string]string{
		"1": "RFC 6455 5.6", "2": "RFC 6455 5.5.2", "3": "RFC 6455 5.2", "4": "RFC 6455 5.2", "5": "RFC 6455 5.4",
		"6": "RFC 6455 8.1", "7": "RFC 6455 7", "10": "RFC 6455 5.4",
	}[group]
}
