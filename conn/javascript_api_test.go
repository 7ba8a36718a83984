package conn_test

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notInJavaScript lists what the API for GOOS=js does without. A name stands for all below it.
var notInJavaScript = map[string]string{
	"AnyOrigin": "a server's", "Upgrade": "a server's", "Upgrader": "a server's",
	"New": "a page has no streams", "Negotiated": "a page has no streams",
	"Dialer.DialNet": "a page has no streams", "Dialer.DialVia": "net/http's",
	"NoProxy":              "a browser has its own proxies",
	"ProxyFromEnvironment": "a browser has its own proxies",
	"Stream":               "needs a reader of single frames, and few pages",
	"LogTrace":             "log/slog is as large as the rest",
	"JoinTraces":           "there is little to join without LogTrace",
	"Conn.Deflate":         "a browser compresses as it likes",
}

// otherInJavaScript lists what has another type with GOOS=js, and that type. Values of the type
// that other platforms have can be assigned to it, or it has the same methods and fields as far as
// a page can use them.
var otherInJavaScript = map[string]string{
	"Request":            "a struct of its own without net/http; it is always nil",
	"HandshakeError":     "a struct of its own, since that of handshake needs net/http",
	"WindowPolicy":       "a type of its own, without handshake",
	"WindowAccept":       "a constant of its own", // and so on
	"WindowDemand":       "a constant of its own",
	"WindowDecline":      "a constant of its own",
	"QueueClose":         "a constant of its own, without outbox",
	"QueueRefuse":        "a constant of its own",
	"QueueDropNewest":    "a constant of its own",
	"QueueDropOldest":    "a constant of its own",
	"Dialer.Header":      "map[string][]string",
	"Dialer.ProxyHeader": "map[string][]string",
	"Dialer.TLSConfig":   "any",
	"Dialer.Jar":         "any",
	"Dialer.Proxy":       "any",
	"Retry.Attempt":      "func(context.Context, int) (string, map[string][]string, error)",
	"Dialer.Dial":        "func(context.Context, string) (*Conn, *Response, error)",
}

// onlyInJavaScript lists what has no counterpart.
var onlyInJavaScript = []string{
	// In the place of http.Response.
	"Response", "Response.Status", "Response.StatusCode", "Response.Header",
	// Those of handshake.WindowPolicy, handshake.Request and handshake.Error.
	"WindowPolicy.String",
	"Request.Method", "Request.Target", "Request.Host", "Request.Subprotocols",
	"Request.RemoteAddr", "Request.Data",
	"HandshakeError.Status", "HandshakeError.Field", "HandshakeError.Reason", "HandshakeError.Error",
}

// TestJavaScriptAPI compares the exported API for GOOS=js with that of other platforms. Each name
// has to be there with the same signature, or has to be in one of the lists above.
func TestJavaScriptAPI(t *testing.T) {
	native, js := exported(t, "linux", "amd64"), exported(t, "js", "wasm")
	if len(native) < 150 || len(js) < 100 {
		t.Fatalf("found %d names and, for GOOS=js, %d: is the search broken?", len(native), len(js))
	}
	for _, name := range slices.Sorted(maps.Keys(native)) {
		above, _, _ := strings.Cut(name, ".")
		_, without := notInJavaScript[name]
		_, withoutAll := notInJavaScript[above]
		other, isOther := otherInJavaScript[name]
		got, there := js[name]
		switch {
		case there && (without || withoutAll):
			t.Errorf("%s is there for GOOS=js: take it out of the list notInJavaScript", name)
		case without || withoutAll:
		case !there:
			t.Errorf("%s is not there for GOOS=js: add it, or say in notInJavaScript why not", name)
		case isOther && got == native[name]:
			t.Errorf("%s is the same for GOOS=js: take it out of the list otherInJavaScript", name)
		case isOther && strings.HasPrefix(other, "a "):
		case isOther && got != other:
			t.Errorf("for GOOS=js %s is %s, want %s", name, got, other)
		case !isOther && got != native[name]:
			t.Errorf("for GOOS=js %s is\n\t%s\nwant\n\t%s", name, got, native[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(js)) {
		if _, there := native[name]; there == slices.Contains(onlyInJavaScript, name) {
			t.Errorf("%s is there for GOOS=js alone, or the list onlyInJavaScript says so and it is not",
				name)
		}
	}
}

// TestJavaScriptDependencies: what makes a page's program large is not in it.
func TestJavaScriptDependencies(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "syscall/js") {
		t.Fatalf("package conn depends on %q: is the list right?", deps)
	}
	for _, dep := range deps {
		for _, large := range []string{"net/http", "net/url", "crypto", "log", "encoding/json"} {
			if dep == large || strings.HasPrefix(dep, large+"/") {
				t.Errorf("for GOOS=js package conn depends on %s", dep)
			}
		}
	}
}

// exported returns the exported names of package conn on a platform: constants, variables,
// functions, types, and the fields and methods of types. The value is the type, without the names
// of parameters that do not show.
func exported(t *testing.T, goos, goarch string) map[string]string {
	t.Helper()
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = goos, goarch, false
	pkg, err := ctx.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]string)
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				addFunc(names, d)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					addSpec(names, d.Tok, s)
				}
			}
		}
	}
	return names
}

func addFunc(names map[string]string, d *ast.FuncDecl) {
	name := d.Name.Name
	if d.Recv != nil {
		name = strings.TrimPrefix(text(d.Recv.List[0].Type), "*") + "." + name
	}
	if allExported(name) {
		names[name] = text(d.Type)
	}
}

func addSpec(names map[string]string, tok token.Token, s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for i, n := range s.Names {
			if !n.IsExported() {
				continue
			}
			names[n.Name] = tok.String()
			if s.Type != nil {
				names[n.Name] += " " + text(s.Type)
			}
			if i < len(s.Values) {
				names[n.Name] += " = " + text(s.Values[i])
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		st, ok := s.Type.(*ast.StructType)
		if !ok {
			names[s.Name.Name] = text(s.Type)
			return
		}
		names[s.Name.Name] = "struct"
		for _, f := range st.Fields.List {
			for _, n := range f.Names {
				if n.IsExported() {
					names[s.Name.Name+"."+n.Name] = text(f.Type)
				}
			}
			if len(f.Names) == 0 {
				names[s.Name.Name] += " " + text(f.Type) // embedded
			}
		}
	}
}

func allExported(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if !ast.IsExported(part) {
			return false
		}
	}
	return true
}

var blank = regexp.MustCompile(`\s+`)

// text prints a type or a value in one line.
func text(n ast.Node) string {
	if f, ok := n.(*ast.FuncType); ok {
		n = withoutNames(f)
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		panic(err)
	}
	return blank.ReplaceAllString(b.String(), " ")
}

// withoutNames returns f without the names of its parameters and results.
func withoutNames(f *ast.FuncType) *ast.FuncType {
	types := func(list *ast.FieldList) *ast.FieldList {
		if list == nil {
			return nil
		}
		out := new(ast.FieldList)
		for _, field := range list.List {
			for range max(1, len(field.Names)) {
				out.List = append(out.List, &ast.Field{Type: field.Type})
			}
		}
		return out
	}
	return &ast.FuncType{TypeParams: f.TypeParams, Params: types(f.Params), Results: types(f.Results)}
}
