package cases

import (
	"slices"
	"testing"
)

func TestSuiteIDs(t *testing.T) {
	ids := SuiteIDs()
	if len(ids) != 517 {
		t.Errorf("%d cases, want 517", len(ids))
	}
	if !slices.IsSortedFunc(ids, Compare) {
		t.Error("the cases are not in the suite's order")
	}
	for _, id := range []string{"1.1.1", "2.11", "6.22.34", "7.13.2", "9.8.6", "10.1.1", "13.7.18"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is missing", id)
		}
	}
}

func TestSelect(t *testing.T) {
	ids := []string{"1.1.1", "1.2.5", "2.1", "2.10", "12.1.1"}
	for _, test := range []struct {
		name             string
		include, exclude []string
		want             []string
	}{
		{"all", nil, nil, ids},
		{"exact", []string{"2.1"}, nil, []string{"2.1"}},
		{"star at the end", []string{"1.*"}, nil, []string{"1.1.1", "1.2.5"}},
		{"only the start needs to match", []string{"1*.1"}, nil, []string{"1.1.1", "12.1.1"}},
		{"star in front", []string{"*.5"}, nil, []string{"1.2.5"}},
		{"exclude", []string{"*"}, []string{"1.*", "12.*"}, []string{"2.1", "2.10"}},
		{"nothing", []string{"3.*"}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Select(ids, test.include, test.exclude); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"2.9", "2.10", -1}, {"10.1.1", "9.8.6", 1}, {"5.1", "5.1", 0}, {"1.1", "1.1.1", -1}, {"rfc.b", "rfc.a", 1}} {
		if got := Compare(test.a, test.b); got != test.want {
			t.Errorf("Compare(%s, %s) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
