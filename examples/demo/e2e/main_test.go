// Package e2e drives the demo in a real browser: headless Chromium against the demo's own program,
// over ws and wss. It also drives the pages of the examples chat and files.
//
//	go test -count=1 ./...
//
// Use -count=1, since go test does not notice that the program has changed. The tests need Chromium
// and fail without it.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds each wait. On an idle machine nothing here takes more than a few seconds. The
// rest is for busy machines.
const patience = 30 * time.Second

// Set by TestMain: the demo's program, and the browser that all tests share.
var (
	program string // over HTTP/1.1 and HTTP/2
	dir     string // for programs and profiles
	browser context.Context
)

func TestMain(m *testing.M) { os.Exit(withBrowser(m)) }

// withBrowser builds the demo, starts the browser and runs the tests.
func withBrowser(m *testing.M) int {
	var err error
	dir, err = os.MkdirTemp("", "demo-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "demo")
	if err := build(program, "github.com/rfc6455/ws/examples/demo"); err != nil {
		return fail(err)
	}
	path, err := chromium()
	if err != nil {
		return fail(err)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(flags(),
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")))...)
	defer cancel()
	browser, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(browser); err != nil { // starts it
		return fail(fmt.Errorf("starting %s: %w", path, err))
	}
	return m.Run()
}

// build builds a program.
func build(program, path string) error {
	build := exec.Command("go", "build", "-o", program, path)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the demo: %w", err)
	}
	return nil
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "FAIL: the browser tests:", err)
	return 1
}

// flags returns the flags for Chromium: no window, no services that call home, and no check of the
// certificate that the demo makes for itself.
func flags() []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(4*patience), // its first start on a machine may take long
	)
}

// chromium finds the browser: $CHROMIUM, or one of the usual names.
func chromium() (string, error) {
	names := []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless-shell",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	}
	if name := os.Getenv("CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium found as %q: install it (Debian, Ubuntu: apt-get install chromium; Fedora: dnf install chromium; "+
		"macOS: brew install --cask chromium), or set CHROMIUM to the path of a Chromium or Chrome", names)
}

// server is a running demo.
type server struct {
	url   string // http://127.0.0.1:port
	cmd   *exec.Cmd
	ended chan error
}

// start starts a demo on a free port and ends it with the test.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	return startProgram(t, program, args...)
}

// startProgram is start for one of the demo's programs.
func startProgram(t *testing.T, program string, args ...string) *server {
	t.Helper()
	cmd := exec.Command(program, append(args, "-addr", "127.0.0.1:0")...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd, ended: make(chan error, 1)}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	s.url = regexp.MustCompile(`https?://[^/ ]+`).FindString(line)
	go func() {
		io.Copy(io.Discard, lines)
		s.ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		if err := s.stop(t, os.Interrupt); err != nil {
			t.Errorf("the demo ended with %v", err) // a panic, a data race, or no end at all
		}
	})
	if s.url == "" {
		t.Fatalf("the demo printed no address: %q, %v", line, err)
	}
	return s
}

// stop sends the demo a signal and returns how it ended, or nil if it had ended before.
func (s *server) stop(t *testing.T, sig os.Signal) error {
	t.Helper()
	cmd := s.cmd
	if cmd == nil {
		return nil
	}
	s.cmd = nil
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case err := <-s.ended:
		return err
	case <-time.After(patience):
		cmd.Process.Kill()
		return errors.New("the demo did not end when told to")
	}
}

// overBoth runs f with a page of a demo, over ws and over wss.
func overBoth(t *testing.T, f func(t *testing.T, p *page)) {
	t.Run("ws", func(t *testing.T) { f(t, open(t, start(t))) })
	t.Run("wss", func(t *testing.T) { f(t, open(t, start(t, "-tls"))) })
}
