package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	doc := flag.String("doc", "docs/requirements.md", "the document to check")
	update := flag.Bool("update", false, "write the tests' names into the document")
	flag.Parse()
	ok, err := run(*doc, *update, os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run does the whole check. It reports whether nothing is lacking.
func run(file string, update bool, in io.Reader, out io.Writer) (bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	d, err := parseDocument(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	module, err := modulePath("go.mod")
	if err != nil {
		return false, err
	}
	res, err := readResults(in, module)
	if err != nil {
		return false, err
	}
	if res.events == 0 {
		return false, fmt.Errorf("no test events on standard input: pipe go test -json ./... into this program")
	}
	if update {
		updateNames(d, res)
		if err := os.WriteFile(file, []byte(d.String()), 0o644); err != nil {
			return false, err
		}
	}
	return report(d, res, out), nil
}

// modulePath reads the module path from go.mod, so that it stands there alone.
func modulePath(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("run this in the module's root: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(path), nil
		}
	}
	return "", fmt.Errorf("%s has no module line", file)
}

// updateNames records the tests of the run, except in rows that need none.
func updateNames(d *document, res *results) {
	for i := range d.rows {
		r := &d.rows[i]
		if _, ok := r.exempt(); ok {
			continue
		}
		names := res.names(r)
		for i, name := range names {
			names[i] = "`" + name + "`"
		}
		d.record(r, strings.Join(names, ", "))
	}
}

// report prints what failed tests printed, then row by row what is lacking, and then the totals. It
// reports whether nothing is lacking.
func report(d *document, res *results, out io.Writer) bool {
	io.WriteString(out, res.failures.String())
	problems := slices.Concat(packageProblems(res), unknownRows(d, res))
	counts := map[string]int{}
	var surplus []string
	for i := range d.rows {
		r := &d.rows[i]
		kind, exempt := r.exempt()
		if exempt && len(res.names(r)) > 0 {
			surplus = append(surplus, r.id)
		}
		lacks := r.lacks(res)
		switch {
		case len(lacks) > 0:
			problems = append(problems, lacks...)
			counts["lacking"]++
		case exempt:
			counts[kind]++
		default:
			counts["shown"]++
		}
	}
	for _, p := range problems {
		fmt.Fprintln(out, p)
	}
	if len(surplus) > 0 {
		fmt.Fprintln(out, "note: n/a or later, yet tests name them:", strings.Join(surplus, " "))
	}
	fmt.Fprintf(out, "requirements: %d rows: %d shown, %d n/a, %d later, %d lacking\n",
		len(d.rows), counts["shown"], counts["n/a"], counts["later"], counts["lacking"])
	return len(problems) == 0
}

func packageProblems(res *results) (problems []string) {
	for _, p := range slices.Compact(slices.Sorted(slices.Values(res.packages))) {
		problems = append(problems, "package "+p+": its tests failed or did not build")
	}
	return problems
}

// unknownRows finds tests that name a row which does not exist, such as a mistyped ID.
func unknownRows(d *document, res *results) (problems []string) {
	known, topics := map[string]bool{}, map[string]bool{}
	for _, r := range d.rows {
		known[r.id], topics[r.id[:2]] = true, true
	}
	for _, id := range slices.Sorted(maps.Keys(res.named)) {
		if !known[id] && topics[id[:2]] {
			problems = append(problems, fmt.Sprintf("%s: no such row, but %s names it", id, res.named[id]))
		}
	}
	return problems
}

// lacks returns what keeps the row from being shown.
func (r *row) lacks(res *results) (lacks []string) {
	for _, path := range res.failed[r.id] {
		lacks = append(lacks, r.id+": failed: "+path)
	}
	if _, ok := r.exempt(); ok {
		return lacks
	}
	if len(r.roles) == 0 {
		return append(lacks, r.id+": no role in its table, so its last column must be \"n/a: reason\"")
	}
	for _, c := range r.claims() {
		if len(res.passed[c]) == 0 {
			lacks = append(lacks, fmt.Sprintf("%s: no subtest .../%s passed", r.id, c))
		}
	}
	ran := res.names(r)
	for _, name := range r.names() {
		if !slices.Contains(ran, name) {
			lacks = append(lacks, fmt.Sprintf("%s: %s is recorded, but none of its subtests for this row passed", r.id, name))
		}
	}
	if len(lacks) == 0 && r.shown == "" {
		lacks = append(lacks, r.id+": shown but not recorded: run make requirements-update")
	}
	return lacks
}
