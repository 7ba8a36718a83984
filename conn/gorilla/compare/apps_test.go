package compare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var all = flag.Bool("all", false, "run the test suites that take long to build, too")

// app is a program that somebody else has written for gorilla/websocket.
type app struct {
	module   string
	packages []string
	slow     bool   // it takes a minute or more
	limit    string // of a run of the tests; "": 4 minutes
}

var apps = []app{
	{module: "github.com/olahol/melody@v1.1.4", packages: []string{"."}, limit: "40s"},
	{module: "github.com/igm/sockjs-go/v3@v3.0.3", packages: []string{"./sockjs/..."}},
	{module: "github.com/mochi-mqtt/server/v2@v2.7.9", packages: []string{"./listeners"}},
	{
		module:   "github.com/googollee/go-socket.io@v1.7.0",
		packages: []string{"./engineio/..."}, slow: true,
	},
	{
		module:   "k8s.io/client-go@v0.37.2",
		packages: []string{"./transport/websocket", "./tools/remotecommand"}, slow: true,
	},
	{module: "github.com/ethereum/go-ethereum@v1.17.10", packages: []string{"./rpc"}, slow: true},
	{module: "github.com/slack-go/slack@v0.36.0", packages: []string{".", "./socketmode"}, slow: true},
	{
		module:   "github.com/99designs/gqlgen@v0.17.98",
		packages: []string{"./graphql/handler/..."}, slow: true,
	},
	{module: "github.com/rancher/remotedialer@v0.4.1", packages: []string{"."}, slow: true},
}

// TestApps: the test suites of these programs pass with the replacement as they do with gorilla.
func TestApps(t *testing.T) {
	if testing.Short() {
		t.Skip("it downloads modules")
	}
	for _, a := range apps {
		t.Run(a.module, func(t *testing.T) {
			if a.slow && !*all {
				t.Skip("slow: run it with -args -all")
			}
			a.test(t)
		})
	}
}

// attempts is how often a test may fail. Some of melody's wait for ever now and then, with gorilla
// as well, since they send before the server has registered all receivers.
const attempts = 5

// test runs the program's suite with the replacement. A test that fails with gorilla as well does
// not count.
func (a *app) test(t *testing.T) {
	replaced := a.checkout(t, true)
	names := a.list(t, replaced)
	left := a.try(t, replaced, names)
	t.Logf("%d of %d tests passed", len(names)-len(left), len(names))
	if len(left) == 0 {
		return
	}
	anyway := a.try(t, a.checkout(t, false), left)
	for _, name := range left {
		if slices.Contains(anyway, name) {
			t.Logf("%s fails with gorilla as well", name)
		} else {
			t.Errorf("%s fails with the replacement, and not with gorilla", name)
		}
	}
}

// try runs tests until all have passed or none passes any more. Those that are left it runs one by
// one. It returns the names of the tests that have not passed.
func (a *app) try(t *testing.T, dir string, names []string) (failed []string) {
	left := names
	for progress := true; progress && len(left) > 0; {
		passed := a.run(t, dir, left)
		progress = len(passed) > 0
		left = slices.DeleteFunc(slices.Clone(left), func(name string) bool { return passed[name] })
	}
	for _, name := range left {
		passed := false
		for n := 0; n < attempts && !passed; n++ {
			passed = a.run(t, dir, []string{name})[name]
		}
		if !passed {
			failed = append(failed, name)
		}
	}
	return failed
}

// list returns the names of the program's tests.
func (a *app) list(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, e := range a.goTest(t, dir, "-list=^Test") {
		if name := strings.TrimSpace(e.Output); e.Action == "output" &&
			strings.HasPrefix(name, "Test") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("there are no tests")
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// run runs tests, and returns which of them have passed.
func (a *app) run(t *testing.T, dir string, names []string) (passed map[string]bool) {
	t.Helper()
	passed, failed := map[string]bool{}, map[string]bool{}
	limit := "-timeout=" + cmp.Or(a.limit, "4m")
	for _, e := range a.goTest(t, dir, limit, "-run=^("+strings.Join(names, "|")+")$") {
		switch {
		case strings.Contains(e.Test, "/"):
		case e.Action == "fail":
			failed[e.Test] = true
		case e.Action == "pass" || e.Action == "skip":
			passed[e.Test] = true
		}
	}
	maps.DeleteFunc(passed, func(name string, _ bool) bool { return failed[name] })
	return passed
}

// event is what `go test -json` writes.
type event struct{ Action, Test, Output string }

// goTest runs the go command's test in a folder. It fails if the program can't be built.
func (a *app) goTest(t *testing.T, dir string, args ...string) (events []event) {
	t.Helper()
	args = append([]string{"test", "-mod=mod", "-count=1", "-json"}, args...)
	cmd := exec.Command("go", append(args, a.packages...)...)
	cmd.Dir = dir
	out, err := cmd.Output() // an error is that of a test
	for line := range bytes.Lines(out) {
		var e event
		if json.Unmarshal(line, &e) != nil || e.Action == "build-fail" {
			t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, tail(out))
		}
		events = append(events, e)
	}
	return events
}

// checkout copies the program's module to a folder, and replaces gorilla there if that is asked
// for.
func (a *app) checkout(t *testing.T, replace bool) (dir string) {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", a.module).Output()
	if err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(module.Dir)); err != nil {
		t.Fatal(err)
	}
	writable(t, dir)
	if !replace {
		return dir
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	edit := exec.Command("go", "mod", "edit",
		"-replace", gorilla+"="+filepath.Join(root, "conn/gorilla/replace"),
		"-replace", "github.com/rfc6455/ws="+root)
	edit.Dir = dir
	if out, err := edit.CombinedOutput(); err != nil {
		t.Fatalf("go mod edit: %v\n%s", err, out)
	}
	return dir
}

// writable makes a copy from the module cache writable.
func writable(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if e.IsDir() {
			mode = 0o755
		}
		return os.Chmod(name, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tail returns the end of an output.
func tail(out []byte) string {
	const most = 8 << 10
	if len(out) > most {
		return fmt.Sprintf("... %s", out[len(out)-most:])
	}
	return string(out)
}
