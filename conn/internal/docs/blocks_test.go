package docs

import (
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// documents returns all documents that users read, from the root.
func documents(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{
		"*.md", "docs/*.md", "cmd/ws/*.md", "examples/*.md", "examples/*/*.md",
	} {
		found, err := filepath.Glob(filepath.Join("../../..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(file), "../../../"))
		}
	}
	return names
}

// TestDocuments compiles the Go code of all documents, except what belongs to a module below this
// one. Such a module has a test of the same name.
func TestDocuments(t *testing.T) {
	if n := Compile(t, "../../..", "", documents(t)...); n < 7 {
		t.Errorf("compiled %d blocks, want those of README.md, docs/guide.md and others", n)
	}
}

// TestBlocks shows what is a block, and what may be left out of it.
func TestBlocks(t *testing.T) {
	for _, x := range []struct {
		name, text string
		wrong      string // a part of the error; "": none
	}{
		{"a program", "package main\n\nfunc main() { println() }\n", ""},
		{"an unused import", "package main\n\nimport \"os\"\n\nfunc main() {}\n", "x.md:12"},
		{"statements", "c, err := ws.Dial(ctx, \"ws://example.com\")\n", ""},
		{"a declaration", "func f(c *ws.Conn) error { return c.Err() }\n", ""},
		{"a field that does not exist", "a := 1\n_ = ws.Config{Nothing: a}\n", "x.md:11"},
		{"no Go", "c.Read(\n", "x.md:1"},
	} {
		t.Run(x.name, func(t *testing.T) {
			fset := token.NewFileSet()
			s, err := block{"x.md", 10, x.text}.parse(fset)
			if err == nil {
				err = check(fset, []source{s})
			}
			switch {
			case x.wrong == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case x.wrong != "" && (err == nil || !strings.Contains(err.Error(), x.wrong)):
				t.Errorf("error %v, want one with %q", err, x.wrong)
			}
		})
	}
	const document = "a\n```go\nb\n```\n```sh\nc\n```\n- d\n  ```go\n  e\n\n    f\n  ```\n"
	got := blocksOf("x.md", document, "go")
	want := []block{{"x.md", 3, "b\n"}, {"x.md", 10, "e\n\n  f\n"}}
	if !slices.Equal(got, want) {
		t.Errorf("blocks %v, want %v", got, want)
	}
}

// TestOwner shows that a block belongs to the module whose packages it imports.
func TestOwner(t *testing.T) {
	modules, err := modulesBelow("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		text, owner string
		ok          bool
	}{
		{"c.Close(ws.CloseNormal, \"\")\n", "", true},
		{"var d h3.Dialer\n", "conn/h3", true},
		{"m := wsprometheus.New(nil)\n", "conn/prometheus", true},
		{"m, d := wsprometheus.New(nil), h3.Dialer{}\n", "", false},
	} {
		s, err := block{"x.md", 1, x.text}.parse(token.NewFileSet())
		if err != nil {
			t.Fatal(err)
		}
		if owner, err := s.owner(modules); owner != x.owner || (err == nil) != x.ok {
			t.Errorf("%q belongs to %q (%v), want %q", x.text, owner, err, x.owner)
		}
	}
}
