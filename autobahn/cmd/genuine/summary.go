package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rfc6455/ws/autobahn"
)

// sections names the suite's sections.
var sections = []struct{ number, title string }{
	{"1", "Framing"},
	{"2", "Pings and pongs"},
	{"3", "Reserved bits"},
	{"4", "Opcodes"},
	{"5", "Fragmentation"},
	{"6", "UTF-8 handling"},
	{"7", "Close handling"},
	{"9", "Limits and performance"},
	{"10", "Automatic fragmentation"},
	{"12", "Compression, different payloads"},
	{"13", "Compression, different parameters"},
}

// writeSummary writes the table of a complete run as Markdown.
func writeSummary(path string, outcomes []outcome, expect *autobahn.Expectations) error {
	var b strings.Builder
	b.WriteString("# Autobahn|Testsuite\n\n")
	fmt.Fprintf(&b, "Results of the genuine suite (version 25.10.1, all %d cases, compression on), as\n", len(autobahn.SuiteIDs()))
	b.WriteString("`make autobahn` wrote them. The server is `autobahn/cmd/echoserver`, the client\n`autobahn/cmd/echoclient`.\n\n")
	b.WriteString("| section |")
	for _, o := range outcomes {
		fmt.Fprintf(&b, " as %s |", o.role)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(outcomes)) + "\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "| %s %s |", s.number, s.title)
		for _, o := range outcomes {
			fmt.Fprintf(&b, " %s |", tally(o.results, s.number+"."))
		}
		b.WriteString("\n")
	}
	b.WriteString("| **all** |")
	for _, o := range outcomes {
		fmt.Fprintf(&b, " **%s** |", tally(o.results, ""))
	}
	b.WriteString("\n\n")
	for _, o := range outcomes {
		fmt.Fprintf(&b, "The run as %s took %s. ", o.role, o.took.Round(time.Second))
	}
	b.WriteString("\n\nThese cases are expected to be other than OK:\n\n")
	for _, x := range expect.Exceptions {
		fmt.Fprintf(&b, "- %s is %s. %s\n", x.Case, x.Behavior, x.Reason)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// tally counts the verdicts of the cases whose identifiers start with prefix. If the close was
// not as it should be, it counts that beside the verdict.
func tally(results map[string]autobahn.Result, prefix string) string {
	counts := make(map[string]int)
	for id, r := range results {
		if !strings.HasPrefix(id, prefix) {
			continue
		}
		v := r.Behavior
		if r.BehaviorClose != autobahn.OK && r.BehaviorClose != r.Behavior {
			v += ", close " + r.BehaviorClose
		}
		counts[v]++
	}
	verdicts := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(verdicts, func(a, b string) int { return counts[b] - counts[a] })
	var parts []string
	for _, v := range verdicts {
		parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
	}
	if parts == nil {
		return "not run"
	}
	return strings.Join(parts, "; ")
}
