// Package e2e runs the tests of Go in the browser, those of package browser, where JavaScript is:
// in headless Chromium, over WebSocketStream and over WebSocket, and in Node.js. It serves what
// they connect to.
//
//	go test -count=1 ./...
//
// The tests need Chromium and Node.js, and fail without them.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds each run. On an idle machine one takes a few seconds. The rest is for busy
// machines.
const patience = 4 * time.Minute

// program is the tests of package browser as a program for GOOS=js. TestMain builds it.
var program string

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "browser-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "test.wasm")
	if err := build("test", "-c", "-o", program, ".."); err != nil {
		return fail(err)
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "FAIL: the tests of Go in the browser:", err)
	return 1
}

// build runs the go command for GOOS=js.
func build(args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// support returns a file of Go's own that runs a program for GOOS=js.
func support(name string) (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", name), err
}

// TestNode runs the tests in Node.js.
func TestNode(t *testing.T) {
	s := serve(t)
	run, err := support("wasm_exec_node.js")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--experimental-websocket", "--no-warnings",
		"--stack-size=8192", run, program, "-test.v")
	// Go has one thread here, and fails if the environment says otherwise.
	cmd.Env = append(os.Environ(), "WS_URL="+s.url, "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	check(t, string(out), err)
}

// TestChromium runs the tests in a page, over each kind of socket that Chromium has.
func TestChromium(t *testing.T) {
	browser, err := start(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("WebSocketStream", func(t *testing.T) { inPage(t, browser, true) })
	t.Run("WebSocket", func(t *testing.T) { inPage(t, browser, false) })
}

// runInPage runs the program in a page. What a program prints goes to the page's console.
const runInPage = `async (url, stream) => {
	if (!stream) delete globalThis.WebSocketStream;
	const lines = [];
	console.log = (line) => lines.push(line);
	const go = new Go();
	go.argv = ["test.wasm", "-test.v"];
	go.env = { WS_URL: url };
	let code = 0;
	go.exit = (c) => { code = c; };
	const { instance } = await WebAssembly.instantiateStreaming(fetch("/test.wasm"), go.importObject);
	await go.run(instance);
	return { code, output: lines.join("\n") };
}`

// inPage runs the tests in a page of their own.
func inPage(t *testing.T, browser context.Context, stream bool) {
	s := serve(t)
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(s.page)); err != nil {
		t.Fatal(err)
	}
	call := fmt.Sprintf("(%s)(%q, %t)", runInPage, s.url, stream)
	got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Code   int    `json:"code"`
		Output string `json:"output"`
	}](call, chromedp.EvalAwaitPromise))
	if err == nil && got.Code != 0 {
		err = fmt.Errorf("exit status %d", got.Code)
	}
	check(t, got.Output, err)
	if stream != strings.Contains(got.Output, "--- PASS: TestReadBackPressure") {
		t.Errorf("the tests ran over the other kind of socket")
	}
}

// check reports what the tests in JavaScript have printed.
func check(t *testing.T, output string, err error) {
	t.Helper()
	if err == nil && !strings.Contains(output, "\nPASS") {
		err = errors.New("no PASS at the end")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Logf("%d tests passed", strings.Count("\n"+output, "\n--- PASS"))
}

// start starts Chromium, until the end of the test.
func start(t *testing.T) (context.Context, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(patience),
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(t.TempDir(), "profile")))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(browser); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return browser, nil
}

// chromium finds the browser: $CHROMIUM, or one of the usual names.
func chromium() (string, error) {
	names := []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"chrome", "headless-shell",
	}
	if name := os.Getenv("CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium found as %q: install it, or set CHROMIUM to the path of one",
		names)
}
