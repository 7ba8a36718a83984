package conn_test

import (
	"encoding/json"
	"go/ast"
	"go/build"
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
	tests  bool   // its tests are held to the rule as well
}

// layers is the drawing of the module:
//
//	examples, autobahn, bench
//	           |      \
//	           |       conn/h2 ----> golang.org/x/net/http2, conn/relay
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
	{dir: "conn", module: "mask frame handshake conn/internal/clock conn/internal/pool conn/internal/transport conn/internal/outbox conn/internal/ending conn/internal/opening conn/internal/deflate conn/internal/loop conn/internal/redial conn/internal/browser"},
	{dir: "conn/h2", module: "conn conn/internal/h2client", x: "golang.org/x/net/http2"}, // the one exception: net/http refuses ":protocol"
	{dir: "conn/relay", module: "conn conn/internal/opening conn/internal/pool conn/internal/transport frame handshake mask"},
	{dir: "conn/xconnect", only: "os"}, // so that it is initialised before net/http
	{dir: "conn/gorilla", module: "mask frame handshake conn/internal/deflate conn/internal/opening conn/internal/pool conn/internal/transport"},
	{dir: "conn/conntest", module: "conn conn/internal/wstest frame handshake"},
	{dir: "conn/hub", module: "conn"},
	{dir: "conn/hub/internal/brokertest", module: "conn conn/hub conn/conntest"}, // for tests
	{dir: "conn/wsjson", module: "conn"},
	{dir: "conn/rows", module: "conn conn/internal/loop conn/internal/wstest conn/xconnect frame handshake", x: "golang.org/x/net/http2 golang.org/x/net/http2/hpack", tests: true},
	{dir: "conn/internal", never: "net context"},
	{dir: "conn/internal/browser", only: "errors syscall/js", noGo: true},
	{dir: "conn/internal/transport", module: "conn/internal/pool conn/internal/loop"},
	{dir: "conn/internal/loop", module: "conn/internal/clock", never: "context fmt net/http crypto"},
	{dir: "conn/internal/ending", never: "net io context time fmt", noGo: true},
	{dir: "conn/internal/opening", module: "handshake conn/internal/pool conn/internal/transport"},
	{dir: "conn/internal/outbox", module: "frame conn/internal/pool conn/internal/deflate", never: "net io context time log os fmt", noGo: true},
	{dir: "conn/internal/redial", module: "conn/internal/clock", never: "net io fmt", noGo: true},
	{dir: "conn/internal/clock", only: "time", noGo: true},
	{dir: "conn/internal/pool", module: "conn/internal/clock", never: "net io context fmt", noGo: true},
	{dir: "conn/internal/h2client", module: "conn/internal/connect", x: "golang.org/x/net/http2 golang.org/x/net/http2/hpack"},
	{dir: "conn/internal/connect", x: "golang.org/x/net/http/httpguts"},
	{dir: "conn/internal/wstest", module: "frame"},
	{dir: "conn/internal/docs", module: "conn conn/internal/outbox frame"},                                       // for tests
	{dir: "autobahn", module: "frame autobahn/internal/engine autobahn/internal/cases autobahn/internal/report"}, // a tester shares no state machine with what it tests
	{dir: "autobahn/internal/engine", module: "frame"},
	{dir: "autobahn/internal/cases", module: "frame autobahn/internal/engine"},
	{dir: "autobahn/internal/report", module: "frame autobahn/internal/engine autobahn/internal/cases"},
	{dir: "autobahn/corpus"}, // for implementations of any kind
	{dir: "autobahn/internal/generate", module: "autobahn/corpus autobahn/internal/cases autobahn/internal/engine"},
	{dir: "autobahn/cmd", module: "autobahn autobahn/corpus conn conn/h2 conn/xconnect frame handshake"},
	{dir: "bench", module: "mask frame handshake conn conn/hub conn/h2 conn/relay conn/xconnect conn/conntest"},
	{dir: "examples", module: "conn conn/hub conn/wsjson conn/h2 conn/xconnect handshake frame examples/demo/internal/site"},
	{dir: "internal/fence", only: "runtime/debug syscall testing", noGo: true}, // for tests
	{dir: "internal/requirements"},
	{dir: "internal/repository"}, // tests alone
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
		case strings.HasSuffix(name, ".go"):
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
	if strings.HasSuffix(name, "_test.go") && (l == nil || !l.tests) {
		return
	}
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
	for never := range strings.FieldsSeq(l.never) {
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

// TestDependencies asks the go command what the packages pull in, all
// told: the standard library and this module.
func TestDependencies(t *testing.T) {
	module := modulePath(t)
	args := []string{"list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}
	for _, dir := range []string{"mask", "frame", "handshake", "conn", "conn/gorilla", "conn/hub", "conn/relay", "conn/wsjson"} {
		args = append(args, module+"/"+dir)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 7 {
		t.Fatalf("go list names %d packages of this module, want those and what they import", len(packages))
	}
	for _, p := range packages {
		if !strings.HasPrefix(p, module+"/") {
			t.Errorf("the library depends on %s", p)
		}
	}
}

// TestModule guards go.mod. Its go line lets both supported releases of Go
// import the module, and golang.org/x/net may not ask for a newer one: the go
// command would raise the line. Only a vulnerability in x/net is a reason to raise
// both.
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
	if mod.Go != "1.26" && mod.Go != "1.26.0" {
		t.Errorf("go.mod says go %s, want 1.26.0", mod.Go)
	}
	var paths, indirect []string
	for _, r := range mod.Require {
		if r.Indirect {
			indirect = append(indirect, r.Path)
			continue
		}
		paths = append(paths, r.Path)
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
		{"conn/internal/opening", "net", true},
		{"conn/internal/opening", "m/handshake", true},
		{"conn/internal/opening", "m/frame", false},
		{"conn/internal/opening", "m/conn", false},
		{"conn/h2", "golang.org/x/net/http2", true},
		{"conn/h2", "golang.org/x/net/idna", false},
		{"conn/hub", "m/conn", true},
		{"conn/hub", "m/frame", false},
		{"conn/hub", "github.com/nats-io/nats.go", false},
		{"conn/xconnect", "os", true},
		{"conn/xconnect", "strings", false},
		{"conn/xconnect", "m/conn", false},
		{"conn/gorilla", "m/conn/internal/transport", true},
		{"conn/gorilla", "m/conn", false},
		{"conn/gorilla", "github.com/gorilla/websocket", false},
		{"conn/wsjson", "m/conn", true},
		{"conn/wsjson", "m/frame", false},
		{"conn/wsjson", "encoding/json/v2", true},
		{"conn/rows", "m/conn", true},
		{"conn/rows", "m/conn/internal/wstest", true},
		{"conn/rows", "m/conn/internal/outbox", false},
		{"autobahn", "m/conn", false},
		{"autobahn", "m/autobahn/internal/cases", true},
		{"autobahn/internal/cases", "m/autobahn/internal/engine", true},
		{"autobahn/internal/cases", "m/autobahn/internal/report", false},
		{"autobahn/internal/engine", "m/autobahn/internal/cases", false},
		{"autobahn/internal/engine", "m/conn", false},
		{"autobahn/cmd/echoserver", "m/conn", true},
		{"autobahn/corpus", "m/frame", false},
		{"autobahn/internal/generate", "m/frame", false},
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

// TestConnSize: conn stays a package that one can read from beginning to end. It has at most 25
// product files on Linux, and Conn at most 80 methods of its own: a method that is for one kind of
// goroutine belongs to a type that embeds *Conn (CONTRIBUTING.md).
func TestConnSize(t *testing.T) {
	const maxFiles, maxMethods = 25, 80
	linux := build.Default
	linux.GOOS, linux.GOARCH = "linux", "amd64"
	pkg, err := linux.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(pkg.GoFiles); n > maxFiles {
		t.Errorf("%d product files, want at most %d", n, maxFiles)
	}
	methods := 0
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			if star, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok {
				if id, ok := star.X.(*ast.Ident); ok && id.Name == "Conn" {
					methods++
				}
			}
		}
	}
	if methods > maxMethods {
		t.Errorf("Conn has %d methods, want at most %d", methods, maxMethods)
	}
}
