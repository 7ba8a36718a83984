package repository

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// workflows reads the workflows, by their names without ".yml".
func workflows(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	all := make(map[string]string)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".yml")] = string(text)
	}
	return all
}

// list returns the items of the workflow's list of that name, one item a line.
func list(t *testing.T, workflow, name string) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ *` + name + `:\n((?: *- .*\n)+)`).FindStringSubmatch(workflow)
	if m == nil {
		t.Fatalf("no list %s", name)
	}
	var all []string
	for line := range strings.Lines(m[1]) {
		all = append(all, strings.TrimSpace(strings.Replace(line, "- ", "", 1)))
	}
	return all
}

// TestWorkflowsParts checks that check.yml runs each part of .ci/run once, and no other.
func TestWorkflowsParts(t *testing.T) {
	cmd := exec.Command("bash", filepath.Join(root, ".ci", "run"), "-list")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(out))
	got := strings.Fields(strings.Join(list(t, workflows(t)["check"], "parts"), " "))
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("check.yml runs  %q\n.ci/run -list is %q", got, want)
	}
}

var fuzzTarget = regexp.MustCompile(`(?m)^func Fuzz\w*\(`)

// TestWorkflowsFuzz checks that fuzz.yml names each package with a fuzz target, and names none
// without. A pattern does not reach into a module below its folder.
func TestWorkflowsFuzz(t *testing.T) {
	fuzzed := make(map[string]bool) // folders of packages: whether they are named
	modules := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		dir = filepath.ToSlash(dir)
		switch name := filepath.Base(path); {
		case err != nil:
			return err
		case e.IsDir() && path != root && (name[0] == '.' || name == "node_modules"):
			return fs.SkipDir
		case name == "go.mod":
			modules[dir] = true
		case strings.HasSuffix(name, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if fuzzTarget.Match(text) {
				fuzzed[dir] = false
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(fuzzed) < 10 {
		t.Fatalf("%d packages with fuzz targets, want 10 at least", len(fuzzed))
	}
	moduleOf := func(dir string) string {
		for dir != "." && !modules[dir] {
			dir = filepath.ToSlash(filepath.Dir(dir))
		}
		return dir
	}
	for _, item := range list(t, workflows(t)["fuzz"], "package") {
		dir, below := strings.CutSuffix(strings.TrimPrefix(item, "./"), "/...")
		n := 0
		for pkg := range fuzzed {
			if pkg == dir || below && strings.HasPrefix(pkg, dir+"/") && moduleOf(pkg) == moduleOf(dir) {
				fuzzed[pkg] = true
				n++
			}
		}
		if n == 0 {
			t.Errorf("fuzz.yml names %s, which has no fuzz target", item)
		}
	}
	for pkg, named := range fuzzed {
		if !named {
			t.Errorf("fuzz.yml does not name %s, which has a fuzz target", pkg)
		}
	}
}

// TestWorkflowsCommands checks that the programs and make targets that workflows run are there.
func TestWorkflowsCommands(t *testing.T) {
	targets := makeTargets(t)
	script := regexp.MustCompile(`\.ci/[a-z]+`)
	makes := regexp.MustCompile(`make (?:--no-print-directory )?([a-z0-9-]+)`)
	for name, text := range workflows(t) {
		for _, path := range script.FindAllString(text, -1) {
			if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s.yml runs %s, which is no program: %v", name, path, err)
			}
		}
		for _, m := range makes.FindAllStringSubmatch(text, -1) {
			if !targets[m[1]] {
				t.Errorf("%s.yml runs make %s, and the Makefile has no such target", name, m[1])
			}
		}
	}
}

// TestWorkflowsReleases checks that both releases of Go that go.mod and README name are tested.
func TestWorkflowsReleases(t *testing.T) {
	check := workflows(t)["check"]
	for _, version := range []string{"1.26.x", "1.27.x"} {
		if !strings.Contains(check, version) {
			t.Errorf("check.yml does not test Go %s", version)
		}
	}
}
