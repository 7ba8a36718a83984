package conn_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// aroundRows is what the cells of docs/migrating.md stand in.
const aroundRows = `package rows

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

var (
	_ = json.Marshal
	_ = wsjson.Write[any]
	_ = errors.As
	_ = handshake.AnyOrigin
	_ net.Conn
	_ frame.Header
	_ tls.Config
)
`

// rowFunc is a row's function: its number, its line in the document, its code.
const rowFunc = `
func row%d(ctx context.Context, c *ws.Conn, u *ws.Upgrader, group *ws.Group, pm *ws.Prepared, w http.ResponseWriter,
	r *http.Request, header http.Header, url string, v any, p []byte, t time.Time, n int64, err error) {
	{
//line migrating.md:%d
%s	}
}
`

// TestMigrating compiles what docs/migrating.md says to write here.
func TestMigrating(t *testing.T) {
	text, err := os.ReadFile("../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| `.*?` \\| `(.*?)` \\|")
	source, rows := aroundRows, 0
	for i, line := range strings.Split(string(text), "\n") {
		cells := row.FindStringSubmatch(line)
		if cells == nil {
			if strings.HasPrefix(line, "| `") {
				t.Errorf("line %d has not code in both columns", i+1)
			}
			continue
		}
		rows++
		source += fmt.Sprintf(rowFunc, rows, i+1, statements(strings.ReplaceAll(cells[1], `\|`, "|")))
	}
	if rows < 40 {
		t.Fatalf("only %d rows", rows)
	}
	file := filepath.Join(t.TempDir(), "rows.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", os.DevNull, file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// statements makes code one or more statements that leave no variable unused.
func statements(code string) string {
	if expr, err := parser.ParseExpr(code); err == nil {
		if _, call := expr.(*ast.CallExpr); !call {
			return "_ = " + code + "\n"
		}
		return code + "\n"
	}
	used := ""
	for _, declared := range regexp.MustCompile(`([\w, ]+) :=|var (\w+)`).FindAllStringSubmatch(code, -1) {
		for name := range strings.SplitSeq(declared[1]+declared[2], ",") {
			if name = strings.TrimSpace(name); name != "_" {
				used += "_ = " + name + "\n"
			}
		}
	}
	return strings.ReplaceAll(code, "; ", "\n") + "\n" + used
}
