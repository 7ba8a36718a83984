package h3_test

import (
	"testing"

	"github.com/rfc6455/ws/conn/internal/docs"
)

// TestDocuments compiles the Go code of docs/http3.md.
func TestDocuments(t *testing.T) {
	if n := docs.Compile(t, "../..", "conn/h3", "docs/http3.md"); n < 2 {
		t.Errorf("compiled %d blocks, want those of docs/http3.md", n)
	}
}
