package conn_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer says what the packages of one folder may import, tests aside. A
// folder's rule holds for those below it that have none of their own.
type layer struct {
	dir    string
	module string // folders of this module, separated by spaces
	never  string // packages of the standard library, with all below them
	only   string // if set, all that it may import of the standard library
	x      string // what it may import of other modules
	noGo   bool   // no goroutines either
}

// layers is the drawing of the module:
//
//	examples, autobahn, bench
//	           |      \
//	           |       conn/h2 ----> golang.org/x/net/http2
//	           |      /
//	         conn ----> conn/internal/...
//	        /    \
//	    frame    handshake
//	      |
//	    mask
//
// mask and frame have kernels in assembly, and choose among them by
// internal/cpu, which imports nothing. An arrow that is missing here is missing on purpose. To add one, change the
// drawing in CONTRIBUTING.md first.
var layers = []layer{
	{dir: "internal/cpu", never: "io net time sync context fmt", noGo: true},
	{dir: "mask", module: "internal/cpu", never: "io net time sync context fmt", noGo: true},
	{dir: "frame", module: "mask internal/cpu", never: "io net time sync context fmt", noGo: true},
	{dir: "handshake", never: "net context sync", noGo: true},
	{dir: "conn", module: "mask frame handshake conn/internal/deflate conn/internal/pool"},
	{dir: "conn/h2", module: "conn", x: "golang.org/x/net/http2"}, // the one exception: net/http refuses ":protocol"
	{dir: "conn/xconnect", only: "os"},                            // so that it is initialised before net/http
	{dir: "conn/conntest", module: "conn conn/internal/wstest frame handshake"},
	{dir: "conn/internal", never: "net context"},
	{dir: "conn/internal/wstest", module: "frame"},
	{dir: "autobahn", module: "frame"}, // a tester shares no state machine with what it tests
	{dir: "autobahn/cmd", module: "autobahn conn conn/h2 conn/xconnect frame handshake"},
	{dir: "bench", module: "mask frame handshake conn conn/h2 conn/xconnect conn/conntest"},
	{dir: "examples", module: "conn conn/h2 conn/xconnect handshake frame"},
	{dir: "internal/fence", only: "runtime/debug syscall testing", noGo: true}, // for tests
	{dir: "internal/requirements"},
}

// allowed are packages that never covers, and that pull in nothing of it: types
// and texts.
var allowed = map[string]string{"handshake": "net/http net/url net/netip net/textproto"}

// TestLayers parses the imports of every package of the module.
func TestLayers(t *testing.T) {
	module := modulePath(t)
	err := filepath.WalkDir("..", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return enterable(name)
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			checkFile(t, module, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// enterable keeps the walk within this module and its sources.
func enterable(dir string) error {
	base := filepath.Base(dir)
	if base == "testdata" || base == "node_modules" || len(base) > 2 && (base[0] == '.' || base[0] == '_') {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && dir != ".." {
		return fs.SkipDir // a module of its own
	}
	return nil
}

// checkFile holds one file against its folder's rule.
func checkFile(t *testing.T, module, name string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	dir := strings.TrimPrefix(path.Dir(name), "../")
	l := layerOf(dir)
	if l == nil {
		t.Errorf("%s: folder %s has no place in the layers: give it one", name, dir)
		return
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if why := l.refuse(module, imported); why != "" {
			t.Errorf("%s imports %q: %s", name, imported, why)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if _, ok := n.(*ast.GoStmt); ok && l.noGo {
			t.Errorf("%s starts a goroutine: package %s starts none", name, l.dir)
		}
		return true
	})
}

// layerOf finds the rule of the folder, or of the nearest one above it.
func layerOf(dir string) *layer {
	for ; dir != "."; dir = path.Dir(dir) {
		for i := range layers {
			if layers[i].dir == dir {
				return &layers[i]
			}
		}
	}
	return nil
}

// refuse says why the layer may not import the package, "" where it may.
func (l *layer) refuse(module, imported string) string {
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
		if contains(l.module, ours) || ours == l.dir {
			return ""
		}
		return "package " + l.dir + " may import of this module: " + l.module
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !contains(l.x, imported) {
		return "only the standard library and this module"
	}
	if l.only != "" && !contains(l.only, imported) {
		return "package " + l.dir + " imports " + l.only + " alone"
	}
	for _, never := range strings.Fields(l.never) {
		below := imported == never || strings.HasPrefix(imported, never+"/")
		if below && !contains(allowed[l.dir], imported) {
			return "package " + l.dir + " does without " + never
		}
	}
	return ""
}

func contains(list, word string) bool {
	return slices.Contains(strings.Fields(list), word)
}

// TestDependencies asks the go command what the four packages pull in, all
// told: the standard library and this module.
func TestDependencies(t *testing.T) {
	module := modulePath(t)
	args := []string{"list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}
	for _, dir := range []string{"mask", "frame", "handshake", "conn"} {
		args = append(args, module+"/"+dir)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 4 {
		t.Fatalf("go list names %d packages of this module, want the four and what they import", len(packages))
	}
	for _, p := range packages {
		if !strings.HasPrefix(p, module+"/") {
			t.Errorf("the library depends on %s", p)
		}
	}
}

// TestModule guards go.mod. Its go line lets both supported releases of Go
// import the module, and golang.org/x/net asks for a newer one from v0.59.0
// on. Only a vulnerability in x/net is a reason to raise both.
func TestModule(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var mod struct {
		Go      string
		Require []struct {
			Path, Version string
			Indirect      bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Go != "1.25" && mod.Go != "1.25.0" {
		t.Errorf("go.mod says go %s, want 1.25.0", mod.Go)
	}
	var paths, indirect []string
	for _, r := range mod.Require {
		if r.Indirect {
			indirect = append(indirect, r.Path)
			continue
		}
		paths = append(paths, r.Path)
		var minor, patch int
		if r.Path != "golang.org/x/net" {
			continue
		}
		if _, err := fmt.Sscanf(r.Version, "v0.%d.%d", &minor, &patch); err != nil || minor > 58 {
			t.Errorf("golang.org/x/net is required at %s, want v0.58.0 at most", r.Version)
		}
	}
	slices.Sort(paths)
	if want := []string{"github.com/google/go-cmp", "golang.org/x/net"}; !slices.Equal(paths, want) {
		t.Errorf("go.mod requires %v, want %v and nothing else: dependencies belong in modules of their own", paths, want)
	}
	// The go command wants this line, since x/net's http2 imports it.
	if want := []string{"golang.org/x/text"}; !slices.Equal(indirect, want) {
		t.Errorf("go.mod requires %v indirectly, want %v: what x/net/http2 needs", indirect, want)
	}
}

// TestLayerRules shows that the rules refuse what they should.
func TestLayerRules(t *testing.T) {
	for _, test := range []struct {
		dir, imported string
		ok            bool
	}{
		{"mask", "unsafe", true},
		{"mask", "m/internal/cpu", true},
		{"mask", "m/internal/requirements", false},
		{"frame", "m/mask", true},
		{"frame", "m/internal/cpu", true},
		{"conn", "m/internal/cpu", false},
		{"frame", "m/handshake", false},
		{"frame", "fmt", false},
		{"frame", "io/fs", false},
		{"frame", "errors", true},
		{"handshake", "m/frame", false},
		{"handshake", "net/http", true},
		{"handshake", "net", false},
		{"conn", "m/handshake", true},
		{"conn", "m/conn/internal/wstest", false},
		{"conn", "m/autobahn", false},
		{"conn", "golang.org/x/net/idna", false},
		{"conn/internal/new", "m/conn", false},
		{"conn/h2", "golang.org/x/net/http2", true},
		{"conn/h2", "golang.org/x/net/idna", false},
		{"conn/xconnect", "os", true},
		{"conn/xconnect", "strings", false},
		{"conn/xconnect", "m/conn", false},
		{"autobahn", "m/conn", false},
		{"autobahn/cmd/echoserver", "m/conn", true},
	} {
		if why := layerOf(test.dir).refuse("m", test.imported); (why == "") != test.ok {
			t.Errorf("%s importing %s: %q, want allowed %t", test.dir, test.imported, why, test.ok)
		}
	}
	if l := layerOf("newcomer"); l != nil {
		t.Errorf("a new folder has the rule of %s", l.dir)
	}
}

// modulePath reads go.mod, the one place where the path is written down.
func modulePath(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	module, ok := strings.CutPrefix(line, "module ")
	if !ok {
		t.Fatalf("go.mod begins with %q", line)
	}
	return strings.TrimSpace(module)
}
