package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const head = "| ID | Role | Requirement | Shown by |\n|---|---|---|---|\n"

// events formats lines of go test -json, all of package conn. A line of its input is like "pass
// TestX/ID/server".
func events(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		action, test, _ := strings.Cut(line, " ")
		b.WriteString(`{"Action":"` + action + `","Package":"example.org/m/conn"`)
		if test != "" {
			b.WriteString(`,"Test":"` + test + `"`)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// check runs the program in a module of its own. It returns its verdict, what it printed, and the
// document afterwards.
func check(t *testing.T, doc, in string, update bool) (ok bool, out, after string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	file := filepath.Join(dir, "requirements.md")
	for name, text := range map[string]string{"go.mod": "module example.org/m\n", file: doc} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	ok, err := run(file, update, strings.NewReader(in), &buf)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return ok, buf.String(), string(text)
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		row  string
		in   []string
		want string // a part of what is printed; "" if nothing is lacking
	}{
		{"shown", "| RX-1 | S | x | `conn.TestX` |", []string{"pass TestX/RX-1/server"}, ""},
		{"shown with a tail", "| RX-1 | C | x | `conn.TestX` |", []string{"pass TestX/RX-1/client/whole"}, ""},
		{"repeated name", "| RX-1 | C | x | `conn.TestX` |", []string{"pass TestX/RX-1#02/client"}, ""},
		{"nested rows", "| RX-1 | S | x | `conn.TestX` |\n| RX-2 | S | x | `conn.TestX` |", []string{"pass TestX/RX-1/RX-2/server"}, ""},
		{"not run", "| RX-1 | S | x | |", []string{"pass TestX"}, "no subtest .../RX-1/server passed"},
		{"one role of two", "| RX-1 | B | x | `conn.TestX` |", []string{"pass TestX/RX-1/client"}, "RX-1/server passed"},
		{"no role", "| RX-1 | C | x | |", []string{"pass TestX/RX-1"}, "RX-1/client passed"},
		{"skipped", "| RX-1 | C | x | |", []string{"skip TestX/RX-1/client"}, "RX-1/client passed"},
		{"failed elsewhere", "| RX-1 | C | x | `conn.TestX` |", []string{"pass TestX/RX-1/client", "fail TestY/RX-1/client"}, "failed: conn.TestY/RX-1/client"},
		{"recorded and gone", "| RX-1 | C | x | `conn.TestX`, `conn.TestY` |", []string{"pass TestX/RX-1/client"}, "conn.TestY is recorded"},
		{"not recorded", "| RX-1 | C | x | |", []string{"pass TestX/RX-1/client"}, "requirements-update"},
		{"n/a", "| RX-1 | C | x | n/a: none of ours |", []string{"pass TestX"}, ""},
		{"n/a without a reason", "| RX-1 | C | x | n/a: |", []string{"pass TestX"}, "RX-1/client passed"},
		{"later", "| RX-1 | B | x | later: RFC 1 |", []string{"pass TestX"}, ""},
		{"later, failed", "| RX-1 | B | x | later: RFC 1 |", []string{"fail TestX/RX-1/server"}, "failed: conn.TestX"},
		{"role unknown", "| RX-1 | proxy | x | |", []string{"pass TestX"}, "no role"},
		{"package failed", "| RX-1 | C | x | n/a: y |", []string{"fail"}, "package conn: its tests failed"},
		{"mistyped row", "| RX-1 | C | x | n/a: y |", []string{"pass TestX/RX-11/client"}, "RX-11: no such row"},
		{"no row at all", "| RX-1 | C | x | n/a: y |", []string{"pass TestX/AB-11/client"}, ""},
		{"both doors", "| HS-1 | S | x | `conn.TestX` |", []string{"pass TestX/HS-1/server/Upgrade", "pass TestX/HS-1/server/UpgradeNet"}, ""},
		{"one door", "| HS-1 | S | x | `conn.TestX` |", []string{"pass TestX/HS-1/server/Upgrade"}, "HS-1/server/UpgradeNet passed"},
		{"no door", "| HT-1 | S | x | |", []string{"pass TestX/HT-1/server"}, "HT-1/server/Upgrade passed"},
		{"client needs no door", "| EX-9.1-1 | C | x | `conn.TestX` |", []string{"pass TestX/EX-9.1-1/client"}, ""},
		{"other sections need no door", "| EX-9.2-1 | S | x | `conn.TestX` |", []string{"pass TestX/EX-9.2-1/server"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ok, out, after := check(t, head+test.row+"\n", events(test.in...), false)
			if ok != (test.want == "") || !strings.Contains(out, test.want) {
				t.Errorf("ok %t, printed\n%swant %q", ok, out, test.want)
			}
			if after != head+test.row+"\n" {
				t.Errorf("the check changed the document:\n%s", after)
			}
		})
	}
}

// TestFailuresAreShown checks that what a failed test, package or build printed is shown, and
// nothing else.
func TestFailuresAreShown(t *testing.T) {
	in := `{"ImportPath":"m/b [m/b.test]","Action":"build-output","Output":"b.go:1: undefined: x\n"}
{"ImportPath":"m/b [m/b.test]","Action":"build-fail"}
{"Action":"output","Package":"m/b","Output":"FAIL m/b [build failed]\n"}
{"Action":"fail","Package":"m/b"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"good\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestBad/sub","Output":"first\n"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"bad\n"}
{"Action":"output","Package":"m/a","Test":"TestBad/sub","Output":"second\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad/sub"}
{"Action":"fail","Package":"m/a","Test":"TestBad"}
{"Action":"output","Package":"m/a","Output":"FAIL m/a\n"}
{"Action":"fail","Package":"m/a"}
{"Action":"output","Package":"m/c","Output":"ok m/c\n"}
{"Action":"pass","Package":"m/c"}
`
	ok, out, _ := check(t, head, in, false)
	want := "b.go:1: undefined: x\nFAIL m/b [build failed]\nfirst\nsecond\nbad\nFAIL m/a\npackage "
	if ok || !strings.HasPrefix(out, want) {
		t.Errorf("ok %t, printed\n%s\nwant at first\n%s", ok, out, want)
	}
}

func TestUpdate(t *testing.T) {
	doc := "# Title\n\n" + head + "| RX-1 | B | x | |\n| RX-2 | C | x | `conn.Gone` |\n| RX-3 | S | x | later: RFC 1 |\n\ntext | here\n"
	in := events("pass TestX/RX-1/server", "pass TestX/RX-1/client", "pass TestA/RX-1/client/y", "pass TestX/RX-3/server")
	ok, out, after := check(t, doc, in, true)
	want := "# Title\n\n" + head + "| RX-1 | B | x | `conn.TestA`, `conn.TestX` |\n| RX-2 | C | x | |\n| RX-3 | S | x | later: RFC 1 |\n\ntext | here\n"
	if after != want {
		t.Errorf("document:\n%swant:\n%s", after, want)
	}
	if ok || !strings.Contains(out, "RX-2/client passed") || !strings.Contains(out, "yet tests name them: RX-3\n") {
		t.Errorf("ok %t, printed\n%s", ok, out)
	}
	if !strings.Contains(out, "3 rows: 1 shown, 0 n/a, 1 later, 1 lacking") {
		t.Errorf("printed\n%s", out)
	}
	// A second update changes nothing.
	if _, _, again := check(t, after, in, true); again != after {
		t.Errorf("updated again:\n%s", again)
	}
}

func TestBadInput(t *testing.T) {
	for name, doc := range map[string]string{
		"no column":  "| ID | Role |\n|---|---|\n| RX-1 | S |\n",
		"no table":   "| RX-1 | S | x | |\n",
		"twice":      head + "| RX-1 | S | x | |\n| RX-1 | S | x | |\n",
		"more cells": head + "| RX-1 | S | x | y | |\n",
	} {
		if _, err := parseDocument(doc); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := readResults(strings.NewReader("{broken\n"), "m"); err == nil {
		t.Error("broken JSON: no error")
	}
	t.Chdir(t.TempDir())
	os.WriteFile("doc.md", []byte(head), 0o644)
	if _, err := run("doc.md", false, strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("no go.mod: no error")
	}
	os.WriteFile("go.mod", []byte("go 1.25\n"), 0o644)
	if _, err := run("doc.md", false, strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("no module line: no error")
	}
	os.WriteFile("go.mod", []byte("module m\n"), 0o644)
	if _, err := run("doc.md", false, strings.NewReader("ok\n"), &bytes.Buffer{}); err == nil {
		t.Error("no events: no error")
	}
	if _, err := run("none.md", false, strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("no document: no error")
	}
}

// TestDocument reads the real document. It must parse, and not everything in it may be exempt.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	d, err := parseDocument(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if d.String() != string(text) {
		t.Error("the document changes by being parsed and written")
	}
	i := slices.IndexFunc(d.rows, func(r row) bool { return r.id == "HT-5.1-01" })
	if i < 0 || len(d.rows[i].claims()) != 3 {
		t.Errorf("HT-5.1-01 is row %d; want it to claim two doors of the server and the client", i)
	}
	for _, r := range d.rows {
		if _, ok := r.exempt(); !ok && len(r.roles) == 0 {
			t.Errorf("%s has no role and no reason", r.id)
		}
	}
}
