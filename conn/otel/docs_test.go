package wsotel

import (
	"testing"

	"github.com/rfc6455/ws/conn/internal/docs"
)

// TestDocuments compiles the Go code of docs/guide.md that uses this module.
func TestDocuments(t *testing.T) {
	if docs.Compile(t, "../..", "conn/otel", "docs/guide.md") == 0 {
		t.Error("compiled nothing, want a block of docs/guide.md")
	}
}
