package cpu

import "testing"

func TestBest(t *testing.T) {
	names := map[Level]string{Generic: "generic", Vector: "vector", Wide: "wide"}
	for l, want := range names {
		if l.String() != want {
			t.Errorf("level %d is %q, want %q", l, l, want)
		}
	}
	if _, ok := names[Best()]; !ok {
		t.Errorf("Best() = %d, want one of the levels", Best())
	}
}
