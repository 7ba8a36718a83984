package docs

import (
	_ "embed"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/around.go
var around string

// root is the path of the root module.
const root = "github.com/rfc6455/ws"

// Compile compiles the Go code of documents, as far as it belongs to a module: to the module below
// the root whose packages it imports, or else to the root. dir is the root's folder, module the
// path of the module without the root's, "" for the root itself, and the documents are named from
// dir. Compile needs the go command, and no network if the module's dependencies are there. It
// returns how many blocks it has compiled.
func Compile(t testing.TB, dir, module string, documents ...string) int {
	t.Helper()
	modules, err := modulesBelow(dir)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var sources []source
	for _, name := range documents {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocksOf(path.Base(name), string(text), "go") {
			s, err := b.parse(fset)
			if err != nil {
				t.Error(err)
				continue
			}
			owner, err := s.owner(modules)
			if err != nil {
				t.Error(err)
			}
			if owner == module {
				sources = append(sources, s)
			}
		}
	}
	if err := check(fset, sources); err != nil {
		t.Error(err)
	}
	return len(sources)
}

// modulesBelow returns the modules below conn, as paths from the root.
func modulesBelow(dir string) (modules []string, err error) {
	for _, pattern := range []string{"conn/*/go.mod", "conn/*/*/go.mod"} {
		found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			rel, err := filepath.Rel(dir, filepath.Dir(file))
			if err != nil {
				return nil, err
			}
			modules = append(modules, filepath.ToSlash(rel))
		}
	}
	return modules, nil
}

// owner returns the module to which a block belongs.
func (s source) owner(modules []string) (owner string, err error) {
	for _, imported := range s.imports {
		for _, m := range modules {
			if full := root + "/" + m; imported != full && !strings.HasPrefix(imported, full+"/") {
				continue
			}
			if owner != "" && owner != m {
				return "", fmt.Errorf("%s:%d imports of both %s and %s: nothing can compile it",
					s.file, s.line, owner, m)
			}
			owner = m
		}
	}
	return owner, nil
}

// check checks the types of all sources, each as a package of its own.
func check(fset *token.FileSet, sources []source) error {
	scope, err := parser.ParseFile(fset, "around.go", around, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	imports, err := importerOf(fset, append(sources, source{syntax: scope}))
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range sources {
		files := []*ast.File{s.syntax}
		if s.fragment {
			files = append(files, scope)
		}
		conf := types.Config{Importer: imports, Error: func(err error) {
			// Soft errors are imports and variables that are not used.
			if e := (types.Error{}); !s.fragment || !errors.As(err, &e) || !e.Soft {
				errs = append(errs, err)
			}
		}}
		_, _ = conf.Check(s.file, fset, files, nil) // conf.Error gets the errors
	}
	return errors.Join(errs...)
}

// importerOf returns an importer of all packages that the sources import. It has the go command
// compile them, or take them from the build cache.
func importerOf(fset *token.FileSet, sources []source) (types.Importer, error) {
	const format = "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"
	args := []string{"list", "-export", "-deps", "-f", format}
	for _, s := range sources {
		for _, spec := range s.syntax.Imports {
			if name := strings.Trim(spec.Path.Value, `"`); !slices.Contains(args, name) {
				args = append(args, name)
			}
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = new(strings.Builder)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%v", err, cmd.Stderr)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[name] = file
	}
	return importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
		return os.Open(files[name])
	}), nil
}
