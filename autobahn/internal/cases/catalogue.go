package cases

import (
	"slices"
	"sync"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// Catalogue returns the 517 cases of the Autobahn|Testsuite, in its order. The caller owns
// the slice, but not the cases.
func Catalogue() []*engine.Case { return slices.Clone(catalogue()) }

var catalogue = sync.OnceValue(func() []*engine.Case { return newCases(suite()) })

// suite has the scripts of the catalogue.
var suite = sync.OnceValue(func() []*script {
	cases := slices.Concat(
		framingCases(), pingCases(), reservedBitCases(), opcodeCases(), fragmentCases(), utf8Cases(),
		closeCases(), limitCases(), miscellaneousCases(), deflateCases(),
	)
	slices.SortFunc(cases, func(a, b *script) int { return Compare(a.ID, b.ID) })
	return cases
})

// newCases returns the cases of the scripts in all lists.
func newCases(lists ...[]*script) []*engine.Case {
	var cases []*engine.Case
	for _, s := range slices.Concat(lists...) {
		cases = append(cases, engine.NewCase(s))
	}
	return cases
}

// Pick returns those of cases that the patterns in include name and those in exclude do not;
// see [Select].
func Pick(cases []*engine.Case, include, exclude []string) []*engine.Case {
	var ids []string
	for _, c := range cases {
		ids = append(ids, c.ID)
	}
	ids = Select(ids, include, exclude)
	return slices.DeleteFunc(slices.Clone(cases), func(c *engine.Case) bool { return !slices.Contains(ids, c.ID) })
}
