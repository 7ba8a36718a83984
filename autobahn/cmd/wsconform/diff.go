package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rfc6455/ws/autobahn"
)

// verdicts are what runs of one suite gave: for each agent and case all verdicts that were seen.
// If a case depends on time, there may be several.
type verdicts map[string]map[string][]string

// readVerdicts reads reports, with commas between their paths.
func readVerdicts(paths string) (verdicts, error) {
	v := make(verdicts)
	for path := range strings.SplitSeq(paths, ",") {
		index, err := autobahn.ReadIndex(path)
		if err != nil {
			return nil, err
		}
		for agent, results := range index {
			if v[agent] == nil {
				v[agent] = make(map[string][]string)
			}
			for id, r := range results {
				seen := r.Behavior + ", close " + r.BehaviorClose
				if !slices.Contains(v[agent][id], seen) {
					v[agent][id] = append(v[agent][id], seen)
				}
			}
		}
	}
	return v, nil
}

// diff compares reports: those of this suite and of the genuine one, or those of a testee before
// and after a change. If a side has several runs, a case differs if no verdict is on both
// sides.
func diff(args []string) error {
	f := flag.NewFlagSet("diff", flag.ExitOnError)
	ids := f.Bool("ids", false, "print nothing but the cases that differ, with commas between them")
	f.Parse(args)
	if f.NArg() != 2 {
		return errors.New("diff needs two index.json files, or two lists of them with commas between")
	}
	a, err := readVerdicts(f.Arg(0))
	if err != nil {
		return err
	}
	b, err := readVerdicts(f.Arg(1))
	if err != nil {
		return err
	}
	compared, differ, unsteady := compare(a, b)
	if *ids {
		var list []string
		for _, d := range differ {
			list = append(list, d.id)
		}
		fmt.Println(strings.Join(list, ","))
	} else {
		for _, d := range unsteady {
			fmt.Println(d, "(not always the same)")
		}
		for _, d := range differ {
			fmt.Println(d)
		}
		fmt.Printf("%d cases in both, %d verdicts differ\n", compared, len(differ))
	}
	if len(differ) > 0 || compared == 0 {
		return errNotPassed
	}
	return nil
}

// pair is what two suites gave for one case.
type pair struct {
	agent, id string
	a, b      []string
}

func (p pair) String() string {
	return fmt.Sprintf("%s %s: %s / %s", p.agent, p.id, strings.Join(p.a, " or "), strings.Join(p.b, " or "))
}

// compare returns how many cases are in both, which of them differ, and which do not differ but
// have several verdicts.
func compare(a, b verdicts) (compared int, differ, unsteady []pair) {
	for _, agent := range slices.Sorted(maps.Keys(a)) {
		for _, id := range slices.SortedFunc(maps.Keys(a[agent]), autobahn.Compare) {
			p := pair{agent, id, a[agent][id], b[agent][id]}
			if p.b == nil {
				continue
			}
			compared++
			same := slices.ContainsFunc(p.a, func(v string) bool { return slices.Contains(p.b, v) })
			if !same {
				differ = append(differ, p)
			} else if len(p.a)+len(p.b) > 2 {
				unsteady = append(unsteady, p)
			}
		}
	}
	return compared, differ, unsteady
}
