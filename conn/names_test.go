package conn_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// TestNames: the values of the enums have names, all different, and what is no value has
// another.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		values []fmt.Stringer
		other  fmt.Stringer
	}{
		{[]fmt.Stringer{ws.CompressionOff, ws.CompressionNoTakeover, ws.CompressionTakeover}, ws.CompressionMode(3)},
		{[]fmt.Stringer{ws.QueueClose, ws.QueueRefuse, ws.QueueDropNewest, ws.QueueDropOldest}, ws.QueuePolicy(4)},
	} {
		var names []string
		for _, v := range append(test.values, test.other) {
			if name := v.String(); name == "" || slices.Contains(names, name) {
				t.Errorf("a %T is named %q, want a name of its own beside %q", v, name, names)
			} else {
				names = append(names, name)
			}
		}
		if got := test.other.String(); got != "unknown" {
			t.Errorf("a %T that does not exist is named %q, want unknown", test.other, got)
		}
	}
}

// TestEnumsHaveNames looks for exported types of small integers without a String method, in each
// package that others may import.
func TestEnumsHaveNames(t *testing.T) {
	found := 0
	for _, dir := range publicPackages(t) {
		enums, named := map[string]bool{}, map[string]bool{}
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.TypeSpec:
					if id, ok := n.Type.(*ast.Ident); ok && n.Name.IsExported() && id.Name == "uint8" {
						enums[n.Name.Name] = true
					}
				case *ast.FuncDecl:
					if n.Recv != nil && n.Name.Name == "String" {
						if id, ok := n.Recv.List[0].Type.(*ast.Ident); ok {
							named[id.Name] = true
						}
					}
				}
				return true
			})
		}
		found += len(enums)
		for name := range enums {
			if !named[name] {
				t.Errorf("%s: type %s has no String method", dir, name)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d enums: the test looks at the wrong places", found)
	}
}

// publicPackages returns the folders of this repository that others may import, those of nested
// modules too.
func publicPackages(t *testing.T) (dirs []string) {
	t.Helper()
	hidden := []string{
		".git", ".cache", "cmd", "bench", "examples", "internal", "testdata", "node_modules",
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if slices.Contains(hidden, d.Name()) {
			return filepath.SkipDir
		}
		dirs = append(dirs, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}
