package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The versions of the peers.
const (
	nodePeer   = "ws@8.23.0"
	pythonPeer = "websockets==17.4"
)

// Where the peers are installed: a folder that git ignores.
var (
	nodeModules string
	python      string
)

// TestMain installs the peers from their registries, unless they are there.
func TestMain(m *testing.M) {
	cache, err := filepath.Abs("../../.cache/interop")
	if err == nil {
		err = install(cache)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "the peers could not be installed (node with npm and python3 with venv are needed): %v\n", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func install(cache string) error {
	nodeModules = filepath.Join(cache, "node", "node_modules")
	python = filepath.Join(cache, "python", "bin", "python")
	if err := os.MkdirAll(filepath.Join(cache, "node"), 0o755); err != nil {
		return err
	}
	steps := []struct {
		made string
		argv []string
	}{
		{filepath.Join(nodeModules, "ws"), []string{"npm", "install", "--no-audit", "--no-fund", "--prefix", filepath.Join(cache, "node"), nodePeer}},
		{python, []string{"python3", "-m", "venv", filepath.Join(cache, "python")}},
		{filepath.Join(cache, "python", "bin", "pip-done"), []string{python, "-m", "pip", "install", "-q", pythonPeer}},
	}
	for _, s := range steps {
		if _, err := os.Stat(s.made); err == nil {
			continue
		}
		if out, err := exec.Command(s.argv[0], s.argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", s.argv, err, out)
		}
		if filepath.Base(s.made) == "pip-done" {
			if err := os.WriteFile(s.made, nil, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
