package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What the genuine suite needs: the versions that it asks for itself, and those that pip chose
// for what these need in turn. With them every environment is the same.
var (
	//go:embed requirements.txt
	requirements string
	//go:embed launch.py
	launcher string
)

// virtualenv is the last release that is a single file without requirements and
// that still makes environments for Python 2.7, with pip and setuptools 44 inside.
const virtualenv = "virtualenv==16.7.12"

// optional packages: each group is installed if it can be.
var optional = []struct{ packages, without string }{
	{"wsaccel==0.6.6 ujson==2.0.3", "section 9 will be slow (they need a C compiler)"},
	{
		"cffi==1.15.1 cryptography==3.3.2 enum34==1.1.10 ipaddress==1.0.23 pyasn1==0.5.1 " +
			"pyasn1-modules==0.3.0 pycparser==2.21 pyOpenSSL==19.1.0 service-identity==18.1.0",
		"wss cannot be tested, ws can",
	},
}

// python is an environment that holds the suite.
type python struct{ dir string }

// command returns the command that runs wstest with args.
func (p python) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, p.bin("python"), append([]string{p.bin("launch.py")}, args...)...)
}

func (p python) bin(name string) string { return filepath.Join(p.dir, "bin", name) }

// makePython makes the environment in dir, unless it is there and complete.
func makePython(ctx context.Context, dir, interpreter string) (python, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return python{}, err
	}
	p := python{dir}
	stamp := fmt.Sprintf("%x\n", sha256.Sum256([]byte(requirements+launcher+fmt.Sprint(optional))))
	ready := filepath.Join(dir, "ready")
	if b, err := os.ReadFile(ready); err == nil && string(b) == stamp {
		return p, nil
	}
	if interpreter, err = findPython(ctx, interpreter); err != nil {
		return p, err
	}
	fmt.Printf("making a Python 2.7 environment with the suite in %s\n", dir)
	if err := p.install(ctx, interpreter); err != nil {
		return p, err
	}
	return p, os.WriteFile(ready, []byte(stamp), 0o644)
}

// findPython returns a Python 2.7 interpreter: the one given, one on the PATH, or
// one that pyenv keeps.
func findPython(ctx context.Context, given string) (string, error) {
	candidates := []string{given}
	if given == "" {
		candidates = []string{"python2.7", "python2"}
		for _, root := range []string{os.Getenv("PYENV_ROOT"), os.ExpandEnv("$HOME/.pyenv")} {
			found, _ := filepath.Glob(filepath.Join(root, "versions", "2.7*", "bin", "python2.7"))
			candidates = append(candidates, found...)
		}
	}
	for _, c := range candidates {
		out, err := exec.CommandContext(ctx, c, "-c", "import sys; print(sys.version_info[:2])").Output()
		if err == nil && strings.TrimSpace(string(out)) == "(2, 7)" {
			return c, nil
		}
	}
	return "", errors.New("no Python 2.7 found: install it (pyenv install 2.7.18) or name it with -python")
}

// install fills the environment. Twisted's setup imports incremental, so pip has to install
// incremental first.
func (p python) install(ctx context.Context, interpreter string) error {
	boot := filepath.Join(p.dir, "boot")
	if err := os.RemoveAll(p.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(boot, 0o755); err != nil {
		return err
	}
	if err := quiet(ctx, nil, interpreter, "-m", "pip", "install", "-q", "--target", boot, virtualenv); err != nil {
		return fmt.Errorf("%w\n(a Python 2.7 with pip, and PyPI or a mirror of it, are needed)", err)
	}
	if err := quiet(ctx, []string{"PYTHONPATH=" + boot}, interpreter, "-m", "virtualenv", "--no-download", p.dir); err != nil {
		return err
	}
	pip := func(args ...string) error {
		return quiet(ctx, nil, p.bin("python"), append([]string{"-m", "pip", "install", "-q", "--no-deps"}, args...)...)
	}
	list := filepath.Join(p.dir, "requirements.txt")
	err := errors.Join(
		os.WriteFile(list, []byte(requirements), 0o644),
		os.WriteFile(p.bin("launch.py"), []byte(launcher), 0o644),
	)
	if err != nil {
		return err
	}
	if err := pip("six==1.16.0", "incremental==16.10.1", "zope.interface==4.6.0"); err != nil {
		return err
	}
	if err := pip("-r", list); err != nil {
		return err
	}
	for _, group := range optional {
		if err := pip(strings.Fields(group.packages)...); err != nil {
			fmt.Printf("could not install %s: %s\n", group.packages, group.without)
		}
	}
	return nil
}

// quiet runs a command and shows what it wrote only if it failed.
func quiet(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}
