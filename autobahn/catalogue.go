package autobahn

import (
	"slices"
	"sync"
)

// Catalogue returns the 517 cases of the Autobahn|Testsuite, in its order. They
// send what that suite sends and are judged as it judges. The caller owns the
// slice, but not the cases.
func Catalogue() []*Case { return slices.Clone(catalogue()) }

var catalogue = sync.OnceValue(func() []*Case {
	cases := slices.Concat(
		framingCases(), pingCases(), reservedBitCases(), opcodeCases(), fragmentCases(), utf8Cases(),
		closeCases(), limitCases(), miscellaneousCases(), deflateCases(),
	)
	slices.SortFunc(cases, func(a, b *Case) int { return Compare(a.ID, b.ID) })
	return cases
})

// Pick returns those of cases that are named by the patterns in include and not by
// those in exclude; see [Select].
func Pick(cases []*Case, include, exclude []string) []*Case {
	var ids []string
	for _, c := range cases {
		ids = append(ids, c.ID)
	}
	ids = Select(ids, include, exclude)
	return slices.DeleteFunc(slices.Clone(cases), func(c *Case) bool { return !slices.Contains(ids, c.ID) })
}
