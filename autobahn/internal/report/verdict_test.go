package report

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// TestExpectationsFile holds the project's own expectations to what the suite
// allows: three cases are informational by nature, all others must be OK.
func TestExpectationsFile(t *testing.T) {
	e, err := ReadExpectations("../../expect.json")
	if err != nil {
		t.Fatal(err)
	}
	if e.Behavior != engine.OK || e.BehaviorClose != engine.OK {
		t.Errorf("the default is %s, close %s", e.Behavior, e.BehaviorClose)
	}
	var exceptions []string
	for _, x := range e.Exceptions {
		exceptions = append(exceptions, x.Case)
		if x.Behavior != engine.Informational || x.BehaviorClose != engine.Informational {
			t.Errorf("%s: %s, close %s", x.Case, x.Behavior, x.BehaviorClose)
		}
	}
	if want := []string{"7.1.6", "7.13.1", "7.13.2"}; !slices.Equal(exceptions, want) {
		t.Errorf("exceptions %v, want %v", exceptions, want)
	}
}

func TestExpectationsCheck(t *testing.T) {
	e := &Expectations{engine.OK, engine.OK, []Exception{{"7.1.6", engine.Informational, engine.Informational, "why"}}}
	ids := []string{"1.1.1", "7.1.6"}
	ok, info := Result{Behavior: engine.OK, BehaviorClose: engine.OK}, Result{Behavior: engine.Informational, BehaviorClose: engine.Informational}
	for _, test := range []struct {
		name string
		got  map[string]Result
		want string // start of the only line; empty: none
	}{
		{"as expected", map[string]Result{"1.1.1": ok, "7.1.6": info}, ""},
		{"worse", map[string]Result{"1.1.1": info, "7.1.6": info}, "1.1.1: INFORMATIONAL"},
		{"better", map[string]Result{"1.1.1": ok, "7.1.6": ok}, "7.1.6: OK"},
		{"close alone", map[string]Result{"1.1.1": {Behavior: engine.OK, BehaviorClose: engine.Unclean}, "7.1.6": info}, "1.1.1: OK, close UNCLEAN"},
		{"missing", map[string]Result{"1.1.1": ok}, "7.1.6: no result"},
		{"not asked for", map[string]Result{"1.1.1": ok, "7.1.6": info, "2.1": ok}, "2.1: a result"},
	} {
		t.Run(test.name, func(t *testing.T) {
			diff := e.Check(ids, test.got)
			switch {
			case test.want == "" && len(diff) > 0:
				t.Errorf("got %q, want nothing", diff)
			case test.want != "" && (len(diff) != 1 || !strings.HasPrefix(diff[0], test.want)):
				t.Errorf("got %q, want one line that starts %q", diff, test.want)
			}
		})
	}
}

func TestReadExpectationsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no reason":    `{"exceptions": [{"case": "7.1.6"}]}`,
		"no such case": `{"exceptions": [{"case": "8.1.1", "reason": "why"}]}`,
		"not JSON":     `{`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "../../expect.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if e, err := ReadExpectations(path); err == nil {
				t.Errorf("got %+v, want an error", e)
			}
		})
	}
}
