package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rfc6455/ws/autobahn"
)

func TestPick(t *testing.T) {
	for _, test := range []struct {
		s    selection
		want int // cases; zero: an error
	}{
		{selection{catalogue: "autobahn"}, 517},
		{selection{catalogue: "autobahn", cases: "1.*, 2.*"}, 27},
		{selection{catalogue: "autobahn", exclude: "12.*,13.*"}, 301},
		{selection{catalogue: "rfc"}, len(autobahn.BeyondServers())},
		{selection{catalogue: "all"}, 517 + len(autobahn.BeyondServers())},
		{selection{catalogue: "all", cases: "8.*"}, 0},
		{selection{catalogue: "none"}, 0},
	} {
		cases, err := test.s.pick(autobahn.BeyondServers())
		if len(cases) != test.want || (err != nil) != (test.want == 0) {
			t.Errorf("%+v: %d cases, %v; want %d", test.s, len(cases), err, test.want)
		}
	}
}

// TestWrongPath tests a server at a path without WebSockets. The run can't be done then, and
// there is no report.
func TestWrongPath(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	reports := filepath.Join(t.TempDir(), "reports")
	err := serverTest(t.Context(), []string{
		"-url", "ws" + strings.TrimPrefix(server.URL, "http") + "/no/such/path", "-catalogue", "all", "-messages", "1", "-reports", reports,
	})
	if err == nil || errors.Is(err, errNotPassed) {
		t.Fatalf("got %v, want an error that is not for a failed case", err)
	}
	if !strings.Contains(err.Error(), "404 Not Found: is the path right?") {
		t.Errorf("got %q, want the status and what to do", err)
	}
	if _, err := os.Stat(reports); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a report: %v", err)
	}
}

func TestDiff(t *testing.T) {
	dir := t.TempDir()
	index := func(name, behavior string) string {
		path := filepath.Join(dir, name)
		text := `{"x": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK"}, "1.1.2": {"behavior": "` + behavior + `", "behaviorClose": "OK"}}}`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := index("a", "OK"), index("b", "FAILED")
	if err := diff([]string{a, a}); err != nil {
		t.Errorf("a report and itself: %v", err)
	}
	if err := diff([]string{a, b}); !errors.Is(err, errNotPassed) {
		t.Errorf("reports that differ: %v", err)
	}
	if err := diff([]string{a + "," + b, b}); err != nil {
		t.Errorf("one of two runs is the same: %v", err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte(`{"y": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := diff([]string{a, other}); !errors.Is(err, errNotPassed) {
		t.Errorf("reports with nothing in common: %v", err)
	}
	if err := diff([]string{a, strings.Repeat("x", 9)}); err == nil {
		t.Error("no such file: no error")
	}
	if err := diff([]string{a + "," + filepath.Join(dir, "none"), b}); err == nil {
		t.Error("one of two files is not there: no error")
	}
	if err := diff([]string{a}); err == nil {
		t.Error("one report: no error")
	}
}

func TestCompare(t *testing.T) {
	a := verdicts{"x": {"1": {"OK"}, "2": {"OK"}, "3": {"OK", "FAILED"}, "4": {"OK"}}, "y": {"1": {"OK"}}}
	b := verdicts{"x": {"1": {"OK"}, "2": {"FAILED"}, "3": {"FAILED"}, "5": {"OK"}}}
	compared, differ, unsteady := compare(a, b)
	if compared != 3 || len(differ) != 1 || differ[0].id != "2" || len(unsteady) != 1 || unsteady[0].id != "3" {
		t.Errorf("%d compared, %v differ, %v unsteady", compared, differ, unsteady)
	}
}

// TestProgress looks at what a run writes if its output is no terminal.
func TestProgress(t *testing.T) {
	var b strings.Builder
	show := progress(&b)
	for n := range 120 {
		show(&autobahn.Outcome{Case: autobahn.Catalogue()[n]}, n+1, 120)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 120+3 || lines[50] != "50 of 120" || lines[122] != "120 of 120" || !strings.HasPrefix(lines[0], "1.1.1 ") {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}
