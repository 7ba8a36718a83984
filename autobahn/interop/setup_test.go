package interop

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The peers that come from npm and from PyPI. Those for Go are in go.mod, the
// rest are Debian's packages.
var (
	fromNPM  = []string{"ws@8.23.0", "undici@7.30.2", "bun@1.4.5"}
	fromPyPI = []string{
		"websockets==17.4", "aiohttp==3.14.5", "wsproto==1.3.2", "h2==4.4.1", "pycurl==7.49.0",
		"tornado==6.6.1", "hypercorn==0.18.0", "uvicorn==0.54.0", "autobahn==26.10.2", "aioquic==1.7.2",
	}
)

// built is what TestMain has made below .cache/interop, which git ignores.
var built struct {
	node         string // the program
	nodeModules  string
	python       string
	gopeers, lws string
	java         string // the folder with its classes and its libraries
	rustpeers    string
	authority    string // the file with the certificate that the peers trust
	certificate  string // the file with the servers' certificate and key
	keyPair      tls.Certificate
	roots        *x509.CertPool
}

// TestMain installs and builds the peers, unless they are there.
func TestMain(m *testing.M) {
	flag.Parse()
	cache, err := filepath.Abs("../../.cache/interop")
	if err == nil {
		err = errors.Join(os.MkdirAll(cache, 0o755), makeCertificates(cache), installNode(cache), installPython(cache), findDebian(), buildPeers(cache), buildForAll(cache))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: the peers are not there:\n%v\n", err)
		os.Exit(1)
	}
	code := m.Run()
	if whole := flag.Lookup("test.run").Value.String() == ""; code == 0 && whole {
		if err := report(); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// installNode installs the peers from npm, and Node itself where the one that is
// there has no WebSocket of its own: it came with version 20.10.
func installNode(cache string) error {
	dir := filepath.Join(cache, "node")
	built.nodeModules, built.node = filepath.Join(dir, "node_modules"), "node"
	packages := fromNPM
	if exec.Command("node", "--experimental-websocket", "-e", "WebSocket").Run() != nil {
		name := "node-" + runtime.GOOS + "-" + map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
		packages = append(slices.Clip(packages), name+"@24.9.0")
		built.node = filepath.Join(built.nodeModules, name, "bin", "node")
	}
	return once(dir, strings.Join(packages, " "), "node with npm (Debian: apt-get install nodejs npm)",
		append([]string{"npm", "install", "--no-audit", "--no-fund", "--prefix", dir}, packages...))
}

// installPython installs the peers from PyPI.
func installPython(cache string) error {
	dir := filepath.Join(cache, "python")
	built.python = filepath.Join(dir, "bin", "python")
	return once(dir, strings.Join(fromPyPI, " "), "python3 with venv (Debian: apt-get install python3 python3-venv)",
		[]string{"python3", "-m", "venv", dir},
		append([]string{built.python, "-m", "pip", "install", "-q", "--disable-pip-version-check"}, fromPyPI...))
}

// findDebian looks for the libraries whose peers are scripts for Debian's own
// programs.
func findDebian() error {
	return errors.Join(
		run("libsoup 3 for Python (Debian: apt-get install python3-gi gir1.2-soup-3.0)", debianPython, "testdata/soup.py", "version"),
		run("Mojolicious (Debian: apt-get install libmojolicious-perl libio-socket-ssl-perl)",
			"perl", "-MIO::Socket::SSL", "testdata/mojo.pl", "version"))
}

// buildPeers builds the programs in Go and C.
func buildPeers(cache string) error {
	built.gopeers, built.lws = filepath.Join(cache, "gopeers"), filepath.Join(cache, "lws")
	return errors.Join(
		run("", "go", "build", "-o", built.gopeers, "./gopeers"),
		run("libwebsockets (Debian: apt-get install gcc libc6-dev libwebsockets-dev)",
			"cc", "-O1", "-Wall", "-Wextra", "-o", built.lws, "testdata/lws.c", "-lwebsockets", "-lpthread"))
}

// once runs commands, unless they have been run in dir for the same state.
func once(dir, state, needs string, commands ...[]string) error {
	mark := filepath.Join(dir, "installed")
	if was, err := os.ReadFile(mark); err == nil && string(was) == state {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, argv := range commands {
		if err := runDownload(needs, argv...); err != nil {
			return err
		}
	}
	return os.WriteFile(mark, []byte(state), 0o644)
}

// runDownload is run for a command that downloads, which may fail: there are three attempts.
func runDownload(needs string, argv ...string) (err error) {
	for range 3 {
		if err = run(needs, argv...); err == nil || errors.Is(err, exec.ErrNotFound) {
			break
		}
	}
	return err
}

// run runs a command. needs says what it takes.
func run(needs string, argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%sneeded: %s", strings.Join(argv, " "), err, out, needs)
	}
	return nil
}
