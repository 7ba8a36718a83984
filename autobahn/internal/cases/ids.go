package cases

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// groups lists how many cases each group of the Autobahn|Testsuite holds. The
// suite has no sections 8 and 11, and its group numbers within a section are not
// always consecutive.
var groups = []struct {
	prefix string
	cases  int
}{
	{"1.1", 8},
	{"1.2", 8},
	{"2", 11},
	{"3", 7},
	{"4.1", 5},
	{"4.2", 5},
	{"5", 20},
	{"6.1", 3},
	{"6.2", 4},
	{"6.3", 2},
	{"6.4", 4},
	{"6.5", 5},
	{"6.6", 11},
	{"6.7", 4},
	{"6.8", 2},
	{"6.9", 4},
	{"6.10", 3},
	{"6.11", 5},
	{"6.12", 8},
	{"6.13", 5},
	{"6.14", 10},
	{"6.15", 1},
	{"6.16", 3},
	{"6.17", 5},
	{"6.18", 5},
	{"6.19", 5},
	{"6.20", 7},
	{"6.21", 8},
	{"6.22", 34},
	{"6.23", 7},
	{"7.1", 6},
	{"7.3", 6},
	{"7.5", 1},
	{"7.7", 13},
	{"7.9", 9},
	{"7.13", 2},
	{"9.1", 6},
	{"9.2", 6},
	{"9.3", 9},
	{"9.4", 9},
	{"9.5", 6},
	{"9.6", 6},
	{"9.7", 6},
	{"9.8", 6},
	{"10.1", 1},
	{"12.1", 18},
	{"12.2", 18},
	{"12.3", 18},
	{"12.4", 18},
	{"12.5", 18},
	{"13.1", 18},
	{"13.2", 18},
	{"13.3", 18},
	{"13.4", 18},
	{"13.5", 18},
	{"13.6", 18},
	{"13.7", 18},
}

// SuiteIDs returns the identifiers of all 517 cases of the Autobahn|Testsuite
// 25.10.1, in the order in which the suite runs them. The caller owns the slice.
func SuiteIDs() []string {
	var ids []string
	for _, g := range groups {
		for n := range g.cases {
			ids = append(ids, fmt.Sprintf("%s.%d", g.prefix, n+1))
		}
	}
	return ids
}

// Select returns those of ids that a pattern in include names and no pattern in exclude, in
// the order of ids. If include is empty, it names all. A pattern is an identifier, or one with
// `*` for any run of characters. With `*` it needs to match only the start of an identifier,
// as in the suite's own configuration: "1.*" and "1*1" name 1.1.1, and "1*1" names 1.1.5 too.
func Select(ids, include, exclude []string) []string {
	var out []string
	for _, id := range ids {
		in := len(include) == 0 || matchAny(include, id)
		if in && !matchAny(exclude, id) {
			out = append(out, id)
		}
	}
	return out
}

// matchAny reports whether one of the patterns names id.
func matchAny(patterns []string, id string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, id) })
}

// match reports whether a pattern names id.
func match(pattern, id string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == id
	}
	rest, ok := strings.CutPrefix(id, parts[0])
	for _, part := range parts[1:] {
		if !ok {
			return false
		}
		_, rest, ok = strings.Cut(rest, part)
	}
	return ok
}

// Compare orders two identifiers as the suite does: part by part, by number ("2.9" before
// "2.10"). Parts that are not numbers compare as text.
func Compare(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		n, errN := strconv.Atoi(x)
		m, errM := strconv.Atoi(y)
		if errN != nil || errM != nil {
			return strings.Compare(x, y)
		}
		return cmp.Compare(n, m)
	})
}
