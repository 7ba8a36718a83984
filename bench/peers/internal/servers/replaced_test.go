package servers

import (
	"os"
	"strings"
	"testing"
)

// TestReplacedIsTheSameProgram: what is measured as "replaced" is the source of "gorilla", with
// another import.
func TestReplacedIsTheSameProgram(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := strings.NewReplacer(
		`"github.com/gorilla/websocket"`, `websocket "github.com/rfc6455/ws/conn/gorilla"`,
		"serveGorilla", "serveReplaced", "gorillaBroadcast", "replacedBroadcast",
	).Replace(read("gorilla.go"))
	if read("replaced.go") != want {
		t.Error("replaced.go is not gorilla.go with the import and the names of the functions changed")
	}
	dial := read("dial.go")
	body := func(name string) string {
		_, rest, _ := strings.Cut(dial, "func "+name+"(")
		_, rest, _ = strings.Cut(rest, "{\n")
		body, _, _ := strings.Cut(rest, "\n}\n")
		return body
	}
	if got := strings.ReplaceAll(body("dialReplaced"), "replaced.", "gorilla."); got == "" || got != body("dialGorilla") {
		t.Error("dialReplaced is not dialGorilla with another package")
	}
}
