package corpus

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Column is an implementation and its results, in the order of the cases.
type Column struct {
	Name    string
	Results []Result
}

// Write prints a matrix: first the cases on which the implementations disagree, then those that all
// of them fail, with what each has made of it, and then how many of each verdict passed.
func Write(w io.Writer, cases []Case, columns []Column) {
	for _, all := range []bool{false, true} {
		title := "Disagreements"
		if all {
			title = "Not passed by any"
		}
		for i, c := range cases {
			passed, failed := tally(columns, i)
			if failed == 0 || (passed == 0) != all {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "%s:\n\n", title)
				title = ""
			}
			fmt.Fprintf(w, "%s, %s (%s), %s: %s\n", c.ID, c.Role, c.Verdict, c.Section, c.Text)
			for _, col := range columns {
				fmt.Fprintf(w, "    %-12s %s\n", col.Name, shown(col.Results[i]))
			}
			fmt.Fprintln(w)
		}
	}
	summary(w, cases, columns)
}

func shown(r Result) string {
	switch {
	case r.Skip != "":
		return "skipped: " + r.Skip
	case r.Why != "":
		return "NO: " + r.Why
	}
	return "yes"
}

// tally counts the implementations that pass and fail the i-th case.
func tally(columns []Column, i int) (passed, failed int) {
	for _, col := range columns {
		switch r := col.Results[i]; {
		case r.Skip != "":
		case r.Why == "":
			passed++
		default:
			failed++
		}
	}
	return passed, failed
}

func summary(w io.Writer, cases []Case, columns []Column) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "passed of\tmust\tshould\teither\tskipped\t")
	for _, col := range columns {
		passed, of, skipped := map[string]int{}, map[string]int{}, 0
		for i, r := range col.Results {
			if r.Skip != "" {
				skipped++
				continue
			}
			of[cases[i].Verdict]++
			if r.Why == "" {
				passed[cases[i].Verdict]++
			}
		}
		fmt.Fprintf(t, "%s\t", col.Name)
		for _, v := range []string{"must", "should", "either"} {
			fmt.Fprintf(t, "%d/%d\t", passed[v], of[v])
		}
		fmt.Fprintf(t, "%d\t\n", skipped)
	}
	t.Flush()
}
