package e2e

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const example = "github.com/rfc6455/ws/examples/page"

// folder is where the example lies.
var folder = filepath.Join("..", "..", "..", "..", "examples", "page")

// buildExample builds the example's program for the page, as a program that is deployed.
func buildExample(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "client.wasm")
	if err := build("build", "-ldflags=-s -w", "-o", file, example); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSize: a client is at most 0.95 MB gzipped, and has neither net/http nor crypto/tls in it.
// With these two it would have 1.4 MB. The Go runtime, fmt and package net make up nine tenths.
func TestSize(t *testing.T) {
	zipped, err := exec.Command("gzip", "-9", "-c", buildExample(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes gzipped", len(zipped))
	if len(zipped) > 950_000 {
		t.Errorf("the example has %d bytes gzipped, want 950000 at most", len(zipped))
	}
	cmd := exec.Command("go", "list", "-deps", example)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("the example depends on %q: is the list right?", deps)
	}
	for _, dep := range deps {
		if dep == "net/http" || dep == "net/url" || strings.HasPrefix(dep, "crypto/") {
			t.Errorf("the example depends on %s", dep)
		}
	}
}

var picture = flag.Bool("picture", false, "write the picture of the page, docs/page.png")

// TestExample uses the example as a person does: Go in a page, against the demo. With -picture it
// then writes what the page shows. It is not compared with that, since fonts differ.
func TestExample(t *testing.T) {
	dir := filepath.Dir(buildExample(t))
	runtime, err := support("wasm_exec.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		runtime, filepath.Join(folder, "index.html"), filepath.Join(folder, "start.js"),
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	browser, err := start(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(browser, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(demo(t, dir)+"/go/")); err != nil {
		t.Fatal(err)
	}
	shows := func(want string) {
		t.Helper()
		// The page is looked at whenever it changes.
		const wait = `(want) => new Promise((done) => {
			const log = document.getElementById("log");
			const look = () => {
				if ([...log.children].some((li) => li.textContent === want)) done(log.textContent);
			};
			new MutationObserver(look).observe(log, { childList: true });
			look();
		})`
		look := chromedp.Evaluate[string](fmt.Sprintf("(%s)(%q)", wait, want), chromedp.EvalAwaitPromise)
		if _, err := chromedp.Run(ctx, look); err != nil {
			text := chromedp.Evaluate[string](`document.getElementById("log").innerText`)
			log, _ := chromedp.Run(browser, text)
			t.Fatalf("the page does not show %q: %v\n%s", want, err, log)
		}
	}
	say := func(line string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.SendKeys("#line", line+"\r")); err != nil {
			t.Fatal(err)
		}
	}
	shows("open, subprotocol demo.v1")
	say("hello")
	shows("> hello")
	shows("< text: hello")
	say("/close 1012 again") // the client comes back
	shows("websocket: connection closed by the peer: 1012 service restart: again")
	say("/close 4001 bye") // after this it does not
	shows("websocket: connection closed by the peer: 4001: bye")
	shows("the end; load the page again to connect again")
	if *picture {
		takePicture(t, ctx)
	}
}

// takePicture writes docs/page.png.
func takePicture(t *testing.T, ctx context.Context) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(640, 360)); err != nil {
		t.Fatal(err)
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "..", "..", "docs", "page.png")
	if err := os.WriteFile(file, png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// demo starts the demo with a folder below /go/, until the end of the test, and returns its URL.
func demo(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "demo")
	build := exec.Command("go", "build", "-o", program, "github.com/rfc6455/ws/examples/demo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the demo: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "-addr", "127.0.0.1:0", "-go", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	url := regexp.MustCompile(`http://[^/ ]+`).FindString(line)
	if url == "" {
		t.Fatalf("the demo printed no address: %q, %v", line, err)
	}
	return url
}
