package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// claim is what one subtest shows: a row, in a role, through a door. The door is empty if none
// matters.
type claim struct{ id, role, door string }

func (c claim) String() string {
	return strings.TrimSuffix(c.id+"/"+c.role+"/"+c.door, "/")
}

// results is a run of the tests, as far as it concerns rows.
type results struct {
	passed   map[claim][]string  // the tests that show it, as package.Test
	failed   map[string][]string // by ID: paths of subtests that failed
	named    map[string]string   // every ID in a path, with one such path
	packages []string            // packages that failed
	failures strings.Builder     // what the tests, packages and builds that failed printed
	pending  map[source]string   // what was printed by those that have not ended
	events   int
}

// source is what prints: a test, a package if test is empty, or the build of one.
type source struct{ pkg, test string }

// event is a line of go test -json, as far as it matters here. The events of a build have an import
// path instead of a package.
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// readResults reads the output of go test -json. module is the module's path, which is left out of
// the names of packages.
func readResults(r io.Reader, module string) (*results, error) {
	res := &results{passed: map[claim][]string{}, failed: map[string][]string{}, named: map[string]string{}, pending: map[source]string{}}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 && line[0] == '{' {
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, fmt.Errorf("not a line of go test -json: %.100q: %w", line, err)
			}
			e.Package = strings.TrimPrefix(e.Package, module+"/")
			res.keep(e)
			res.add(e)
		}
		if errors.Is(err, io.EOF) {
			return res, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// keep keeps what a test prints until the test ends, and after that only if it failed.
func (res *results) keep(e event) {
	from := source{e.Package + e.ImportPath, e.Test}
	switch e.Action {
	case "output", "build-output":
		res.pending[from] += e.Output
	case "fail", "build-fail":
		res.failures.WriteString(res.pending[from])
		delete(res.pending, from)
	case "pass", "skip":
		delete(res.pending, from)
	}
}

// add enters one event.
func (res *results) add(e event) {
	res.events++
	if e.Test == "" {
		if e.Action == "fail" {
			res.packages = append(res.packages, e.Package)
		}
		return
	}
	path := e.Package + "." + e.Test
	for _, c := range claimsOf(e.Test) {
		res.named[c.id] = path
		switch {
		case e.Action == "fail":
			res.failed[c.id] = append(res.failed[c.id], path)
		case e.Action == "pass" && c.role != "":
			test, _, _ := strings.Cut(e.Test, "/")
			res.show(c, e.Package+"."+test)
			if c.door != "" {
				res.show(claim{c.id, c.role, ""}, e.Package+"."+test)
			}
		}
	}
}

func (res *results) show(c claim, name string) {
	if !slices.Contains(res.passed[c], name) {
		res.passed[c] = append(res.passed[c], name)
	}
}

// names returns the tests that show anything of the row, sorted.
func (res *results) names(r *row) []string {
	var names []string
	for _, role := range r.roles {
		names = append(names, res.passed[claim{r.id, role, ""}]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// repeat matches what the testing package appends to a path that it has used before.
var repeat = regexp.MustCompile(`#\d+$`)

// claimsOf returns the IDs in a test's path, each with the role that follows it, apart from other
// IDs, and with the door after that. The role is empty if the path ends before it.
func claimsOf(test string) []claim {
	path := strings.Split(test, "/")
	for i := range path {
		path[i] = repeat.ReplaceAllString(path[i], "")
	}
	var found []claim
	for i, id := range path {
		if !rowID.MatchString(id) {
			continue
		}
		rest := path[i+1:]
		for len(rest) > 0 && rowID.MatchString(rest[0]) {
			rest = rest[1:]
		}
		c := claim{id: id}
		if len(rest) > 0 && (rest[0] == "server" || rest[0] == "client") {
			c.role = rest[0]
			if len(rest) > 1 && slices.Contains(doors, rest[1]) {
				c.door = rest[1]
			}
		}
		found = append(found, c)
	}
	return found
}
