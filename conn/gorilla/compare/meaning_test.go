package compare

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMeaning: what the tests of conn/gorilla say about gorilla is true of gorilla. They are
// compiled once more, with gorilla's import path in the place of ours.
func TestMeaning(t *testing.T) {
	dir := t.TempDir()
	files, err := filepath.Glob("../meaning_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	for _, file := range append(files, "../helpers_test.go") {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = bytes.ReplaceAll(source, []byte(`"`+ours+`"`), []byte(`"`+gorilla+`"`))
		write(t, filepath.Join(dir, filepath.Base(file)), source)
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, err := filepath.Abs("../../..")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, file), bytes.ReplaceAll(source, []byte("=> ../../.."),
			[]byte("=> "+root)))
	}
	cmd := exec.Command("go", "test", "-count=1", "-v", ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go test: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS"); n < 100 {
		t.Errorf("%d tests passed, want more than a hundred\n%s", n, out)
	}
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o666); err != nil {
		t.Fatal(err)
	}
}
