package compare

import (
	"bufio"
	"bytes"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	gorilla = "github.com/gorilla/websocket"
	ours    = "github.com/rfc6455/ws/conn/gorilla"
)

// TestAPI: every exported name of gorilla's is there with the same meaning to the compiler, and no
// other name is.
func TestAPI(t *testing.T) {
	want := api(load(t, "go.mod", gorilla))
	if len(want) < 90 {
		t.Fatalf("gorilla has %d names, want those of v1.5.3", len(want))
	}
	for name, pkg := range map[string]*types.Package{
		ours:              load(t, "go.mod", ours),
		"the replacement": load(t, "replaced.mod", gorilla),
	} {
		got := api(pkg)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if got[key] != want[key] {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], want[key])
			}
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[key]; !ok {
				t.Errorf("%s: %s is %q, which gorilla does not have", name, key, got[key])
			}
		}
	}
}

// load returns a package as the compiler knows it.
func load(t *testing.T, modfile, path string) *types.Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-modfile="+modfile, "-export", "-deps", "-f",
		"{{.ImportPath}}={{.Export}}", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		name, file, _ := strings.Cut(lines.Text(), "=")
		files[name] = file
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
	pkg, err := importer.ForCompiler(token.NewFileSet(), "gc", open).Import(path)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// api describes each exported name of a package: constants with their values, functions, variables
// and types, and each type's fields and methods.
func api(pkg *types.Package) map[string]string {
	all := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		switch o := pkg.Scope().Lookup(name).(type) {
		case *types.Const:
			if o.Exported() {
				all[name] = fmt.Sprintf("const %s = %v", text(o.Type()), o.Val())
			}
		case *types.TypeName:
			if o.Exported() {
				describe(all, name, types.Unalias(o.Type()))
			}
		default:
			if o.Exported() {
				all[name] = text(o.Type())
			}
		}
	}
	return all
}

// describe adds a type, its exported fields and its exported methods.
func describe(all map[string]string, name string, t types.Type) {
	all[name] = fmt.Sprintf("type %T, comparable %t", t.Underlying(), types.Comparable(t))
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for f := range u.Fields() {
			if f.Exported() {
				all[name+"."+f.Name()] = "field " + text(f.Type())
			}
		}
	case *types.Interface:
		all[name] = text(u)
		return
	}
	methods := func(t types.Type, kind string) {
		for s := range types.NewMethodSet(t).Methods() {
			if o := s.Obj(); o.Exported() && all[name+"."+o.Name()] == "" {
				all[name+"."+o.Name()] = kind + text(o.Type())
			}
		}
	}
	methods(t, "method of the value ")
	methods(types.NewPointer(t), "method of the pointer ")
}

// text writes a type. The packages that are compared have the same name in it, and parameters have
// none.
func text(t types.Type) string {
	s := types.TypeString(nameless(t), func(p *types.Package) string {
		if p.Path() == gorilla || p.Path() == ours {
			return "websocket"
		}
		return p.Path()
	})
	return strings.ReplaceAll(s, "interface{}", "any")
}

// nameless returns a function's type without the names of its parameters.
func nameless(t types.Type) types.Type {
	f, ok := t.(*types.Signature)
	if !ok {
		return t
	}
	bare := func(from *types.Tuple) *types.Tuple {
		var vars []*types.Var
		for v := range from.Variables() {
			vars = append(vars, types.NewVar(token.NoPos, nil, "", v.Type()))
		}
		return types.NewTuple(vars...)
	}
	return types.NewSignatureType(nil, nil, nil, bare(f.Params()), bare(f.Results()), f.Variadic())
}
