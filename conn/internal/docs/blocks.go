package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A block is a piece of code in a document.
type block struct {
	file string // the document
	line int    // the line of the document on which the code begins
	text string
}

// blocksOf returns the code of a document that stands between ```language and ```. A block in a
// list is indented, and loses that.
func blocksOf(file, document, language string) (blocks []block) {
	var b *block
	indent, fence := "", false
	for i, line := range strings.Split(document, "\n") {
		code := strings.TrimLeft(line, " ")
		switch {
		case fence && line == indent+"```":
			if b != nil {
				blocks = append(blocks, *b)
			}
			b, fence = nil, false
		case fence:
			if b != nil {
				b.text += strings.TrimPrefix(line, indent) + "\n"
			}
		case strings.HasPrefix(code, "```"):
			fence, indent = true, line[:len(line)-len(code)]
			if code == "```"+language {
				b = &block{file: file, line: i + 2}
			}
		}
	}
	return blocks
}

// names are the packages that a fragment may use without an import.
var names = map[string]string{
	"atomic":   "sync/atomic",
	"bytes":    "bytes",
	"context":  "context",
	"errors":   "errors",
	"expvar":   "expvar",
	"fmt":      "fmt",
	"http":     "net/http",
	"httputil": "net/http/httputil",
	"io":       "io",
	"json":     "encoding/json",
	"log":      "log",
	"net":      "net",
	"os":       "os",
	"rand":     "math/rand/v2",
	"signal":   "os/signal",
	"slog":     "log/slog",
	"strconv":  "strconv",
	"strings":  "strings",
	"sync":     "sync",
	"syscall":  "syscall",
	"synctest": "testing/synctest",
	"testing":  "testing",
	"time":     "time",
	"url":      "net/url",

	"ws":           "github.com/rfc6455/ws/conn",
	"conntest":     "github.com/rfc6455/ws/conn/conntest",
	"frame":        "github.com/rfc6455/ws/frame",
	"h3":           "github.com/rfc6455/ws/conn/h3",
	"http3":        "github.com/quic-go/quic-go/http3",
	"hub":          "github.com/rfc6455/ws/conn/hub",
	"prometheus":   "github.com/prometheus/client_golang/prometheus",
	"promhttp":     "github.com/prometheus/client_golang/prometheus/promhttp",
	"relay":        "github.com/rfc6455/ws/conn/relay",
	"wsjson":       "github.com/rfc6455/ws/conn/wsjson",
	"wsotel":       "github.com/rfc6455/ws/conn/otel",
	"wsprometheus": "github.com/rfc6455/ws/conn/prometheus",
}

// source is a block as a file that can be compiled.
type source struct {
	block
	syntax   *ast.File
	fragment bool
	imports  []string
}

// parse makes a file of a block.
func (b block) parse(fset *token.FileSet) (source, error) {
	if strings.HasPrefix(b.text, "package ") {
		return b.parseAs(fset, "", "")
	}
	// Declarations first: what is one can't be a statement too, but for var, const and type, which
	// mean the same on either level.
	declarations, err := b.parseAs(fset, "package fragment;", "")
	if err == nil {
		return b.withImports(fset, declarations, "")
	}
	statements, err := b.parseAs(fset, "package fragment; func _() {", "}")
	if err != nil {
		return source{}, err
	}
	return b.withImports(fset, statements, "func _() {")
}

// withImports parses a fragment once more, with an import of each package that it names.
func (b block) withImports(fset *token.FileSet, s source, open string) (source, error) {
	head := "package fragment;"
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if name, ok := selector.X.(*ast.Ident); ok {
			if path, ok := names[name.Name]; ok && !strings.Contains(head, strconv.Quote(path)) {
				head += fmt.Sprintf("import %s %q;", name.Name, path)
			}
		}
		return true
	})
	if open == "" {
		return b.parseAs(fset, head, "")
	}
	return b.parseAs(fset, head+open, "}")
}

// parseAs parses a block between two pieces of code. Errors have the document's lines.
func (b block) parseAs(fset *token.FileSet, before, after string) (source, error) {
	text := fmt.Sprintf("%s\n//line %s:%d\n%s%s\n", before, b.file, b.line, b.text, after)
	syntax, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{block: b, syntax: syntax, fragment: before != ""}
	for _, spec := range syntax.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		if !slices.Contains(s.imports, path) {
			s.imports = append(s.imports, path)
		}
	}
	return s, nil
}
