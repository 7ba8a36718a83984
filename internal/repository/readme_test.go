package repository

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is how long README may be: who looks at it has a minute.
const maxLines = 150

// TestReadmeIsShort checks that README stays what it is meant to be.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n >= maxLines {
		t.Errorf("README.md has %d lines, want less than %d: move what is long to docs", n, maxLines)
	}
}

// TestExamplesAreListed checks that README.md and examples/README.md name each example.
func TestExamplesAreListed(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	for file, link := range map[string]string{"README.md": "(examples/%s)", "examples/README.md": "(%s)"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && !strings.Contains(string(text), fmt.Sprintf(link, e.Name())) {
				t.Errorf("%s does not name the example %s", file, e.Name())
			}
		}
	}
}
