package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/autobahn"
)

func TestFill(t *testing.T) {
	got := fill([]string{"echo", "-url", "{url}/x", "{agent}", "{other}"}, "{url}", "ws://h", "{agent}", "a b")
	if want := []string{"echo", "-url", "ws://h/x", "a b", "{other}"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressCountsCases(t *testing.T) {
	p := &progress{total: 100}
	for i := range 3 {
		// A line may come in pieces, and may be about no case.
		fmt.Fprintf(p, "something else\nRunning test ")
		fmt.Fprintf(p, "case ID 1.1.%d for agent x\n", i)
	}
	if p.done != 3 {
		t.Errorf("counted %d, want 3", p.done)
	}
}

func TestTally(t *testing.T) {
	results := map[string]autobahn.Result{
		"1.1.1":  {Behavior: autobahn.OK, BehaviorClose: autobahn.OK},
		"1.1.2":  {Behavior: autobahn.OK, BehaviorClose: autobahn.OK},
		"1.1.3":  {Behavior: autobahn.OK, BehaviorClose: autobahn.Unclean},
		"10.1.1": {Behavior: autobahn.Failed, BehaviorClose: autobahn.Failed},
	}
	for prefix, want := range map[string]string{
		"1.": "2 OK; 1 OK, close UNCLEAN", "10.": "1 FAILED", "2.": "not run",
	} {
		if got := tally(results, prefix); got != want {
			t.Errorf("%s: got %q, want %q", prefix, got, want)
		}
	}
}

func TestWriteSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary.md")
	results := map[string]autobahn.Result{"7.1.6": {Behavior: autobahn.Informational, BehaviorClose: autobahn.Informational}}
	expect := &autobahn.Expectations{Exceptions: []autobahn.Exception{{Case: "7.1.6", Behavior: autobahn.Informational, Reason: "Because."}}}
	outcomes := []outcome{{"server", results, 83 * time.Second}, {"client", results, time.Minute}}
	if err := writeSummary(path, outcomes, expect); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 7 Close handling | 1 INFORMATIONAL | 1 INFORMATIONAL |", "| 1 Framing | not run | not run |",
		"as server took 1m23s", "- 7.1.6 is INFORMATIONAL. Because.",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the summary has no %q:\n%s", want, b)
		}
	}
}

// TestNoEngineIsAnError: if the suite can't be run, the run does not pass.
func TestNoEngineIsAnError(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PYENV_ROOT", "")
	for _, engine := range []string{"auto", "python", "docker", "other"} {
		c := &config{engine: engine, venv: filepath.Join(t.TempDir(), "venv")}
		if e, err := c.findEngine(context.Background()); err == nil {
			t.Errorf("-engine %s: got %v, want an error", engine, e)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for name, c := range map[string]*config{
		"no such case": {cases: "8.*", role: "server", expect: "../../expect.json"},
		"no such role": {role: "proxy", expect: "../../expect.json"},
		"no file":      {role: "server", expect: "none.json"},
	} {
		if _, err := c.run(context.Background()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestShare has three processes share five cases.
func TestShare(t *testing.T) {
	dir := t.TempDir()
	r := &runner{reports: dir, agent: "x", ids: []string{"1.1.1", "1.1.2", "1.1.3", "1.1.4", "1.1.5"}}
	ok := autobahn.Result{Behavior: autobahn.OK, BehaviorClose: autobahn.OK}
	test := func(r *runner, _ context.Context) (outcome, error) {
		o := outcome{results: make(map[string]autobahn.Result)}
		for _, id := range r.ids {
			o.results[id] = ok
		}
		if len(r.ids) > 2 || filepath.Dir(r.reports) != dir {
			return o, fmt.Errorf("%d cases for %s", len(r.ids), r.reports)
		}
		return o, nil
	}
	o, err := r.share(context.Background(), 3, "server", test)
	if err != nil || o.role != "server" || len(o.results) != 5 {
		t.Errorf("%+v, %v", o, err)
	}
	index, err := autobahn.ReadIndex(filepath.Join(dir, "server", "index.json"))
	if err != nil || len(index["x"]) != 5 {
		t.Errorf("index.json: %+v, %v", index, err)
	}
	fails := func(r *runner, _ context.Context) (outcome, error) {
		if r.part == " 2" {
			return outcome{}, fmt.Errorf("part%s", r.part)
		}
		return outcome{}, nil
	}
	if _, err := r.share(context.Background(), 3, "server", fails); err == nil {
		t.Error("one part fails: no error")
	}
}
