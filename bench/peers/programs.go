//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// programs are this program, built with one build tag each. They are in a temporary folder.
type programs struct {
	dir   string
	built map[string]string // a tag's file
}

// build returns the file of the program with a tag. It builds the program if it has not yet.
func (p *programs) build(tag string) (string, error) {
	if exe := p.built[tag]; exe != "" {
		return exe, nil
	}
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "peers-")
		if err != nil {
			return "", err
		}
		p.dir, p.built = dir, make(map[string]string)
	}
	exe := filepath.Join(p.dir, tag)
	cmd := exec.Command("go", "build", "-tags", tag, "-o", exe, "github.com/rfc6455/ws/bench/peers")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	p.built[tag] = exe
	return exe, nil
}

// remove removes the folder.
func (p *programs) remove() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
		*p = programs{}
	}
}
