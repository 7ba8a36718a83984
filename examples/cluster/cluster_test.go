package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	ws "github.com/rfc6455/ws/conn"
)

// patience bounds each wait, on a machine that is busy.
const patience = 90 * time.Second

// process is one node.
type process struct {
	number int
	args   []string
	cmd    *exec.Cmd
}

// start starts the node; ready waits until it serves.
func (p *process) start(t *testing.T) (ready func()) {
	t.Helper()
	p.cmd = exec.Command(program, p.args...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if line, err := bufio.NewReader(out).ReadString('\n'); !strings.HasPrefix(line, "serves ") {
			t.Fatalf("node %d says %q, %v", p.number, line, err)
		}
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cluster-test-")
	if err == nil {
		program = filepath.Join(dir, "cluster")
		build := exec.Command("go", "build", "-o", program, ".")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the program:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// freePorts returns the first of so many free ports in a row. They are not of those that systems
// give to clients, from 32768 or 49152 on: while a node is down, one of the many connections of this
// test could get its port.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 20000 + rand.IntN(10000)
		var all []net.Listener
		for i := range n {
			next, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first+i))
			if err != nil {
				break
			}
			all = append(all, next)
		}
		for _, ln := range all {
			_ = ln.Close()
		}
		if len(all) == n {
			return first
		}
	}
	t.Fatal("there are no free ports in a row")
	return 0
}

// browse starts Chromium. The context is that of its first tab.
func browse(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path == "" {
			path, _ = exec.LookPath(name)
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium: install it, or set CHROMIUM")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(patience))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// page is a tab.
type page struct {
	t   *testing.T
	ctx context.Context
}

func openPage(t *testing.T, browser context.Context, url string) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // opens the tab, which ends with this context
		t.Fatal(err)
	}
	p := &page{t, ctx}
	p.run(chromedp.Navigate(url))
	return p
}

func (p *page) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// await waits until an expression is true.
func (p *page) await(why, expression string) {
	p.t.Helper()
	for over := time.Now().Add(patience); !eval[bool](p, expression); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(over) {
			p.t.Fatalf("%s: %s is not true; the tab is on %q with %d messages", why, expression,
				eval[string](p, `document.getElementById("node").textContent`), eval[int](p, `received.length`))
		}
	}
}

const onNode = `document.getElementById("node").dataset.node`

// TestNodesAreKilled: the tabs of a node that is killed move to another one, and get every message
// once and in order.
func TestNodesAreKilled(t *testing.T) {
	first := freePorts(t, 2*nodes)
	dir := t.TempDir()
	var all []*process
	var ready []func()
	for i := range nodes {
		p := &process{number: i, args: []string{"-node", strconv.Itoa(i), "-port", strconv.Itoa(first), "-store", dir}}
		ready = append(ready, p.start(t))
		t.Cleanup(func() { p.kill() })
		all = append(all, p)
	}
	for _, f := range ready {
		f()
	}
	browser := browse(t)
	var pages []*page
	for i := range nodes {
		p := openPage(t, browser, fmt.Sprintf("http://127.0.0.1:%d/", first+i))
		p.await("at first", fmt.Sprintf(`%s === "%d"`, onNode, i))
		pages = append(pages, p)
	}
	eval[bool](pages[0], `document.getElementById("text").value = "hello", document.getElementById("say").requestSubmit(), true`)
	for _, p := range pages {
		p.await("the first message", `received.length === 1 && document.getElementById("log").textContent.includes("hello")`)
	}
	const messages = 600
	pace, sent := make(chan struct{}), make(chan error, 1)
	go func() { sent <- publish(t.Context(), fmt.Sprintf("ws://127.0.0.1:%d/ws", first+2), messages, pace) }()
	step := func(n int) {
		t.Helper()
		for range n {
			select {
			case pace <- struct{}{}:
			case err := <-sent:
				t.Fatalf("the publisher has ended: %v", err)
			case <-time.After(patience):
				t.Fatal("the publisher is stuck")
			}
		}
	}
	step(100)
	for _, i := range []int{0, 1} {
		all[i].kill()
		step(100)
		pages[i].await("its node was killed", fmt.Sprintf(`%[1]s !== undefined && %[1]s !== "%[2]d"`, onNode, i))
		all[i].start(t)()
		step(100)
	}
	step(100)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	var want []string
	for k := range messages {
		want = append(want, strconv.Itoa(k))
	}
	for i, p := range pages {
		p.await("all messages", fmt.Sprintf(`received.length >= %d`, messages+1))
		if got := eval[[]string](p, `received.slice(1)`); !slices.Equal(got, want) {
			t.Errorf("tab %d received %v, want %d messages in order", i, got, messages)
		}
	}
}

// publish says messages with the numbers from 0 on, each when it is told to. It returns when the
// server has taken them all.
func publish(ctx context.Context, url string, n int, pace <-chan struct{}) error {
	c, err := ws.Dial(ctx, url)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx, nil) }()
	for i := range n {
		<-pace
		if err := c.Write(ctx, ws.Text, fmt.Appendf(nil, `{"id":"%d","text":"message %d"}`, i, i)); err != nil {
			return errors.Join(err, <-ended)
		}
	}
	_, err = c.Ping(ctx) // which the server answers after the messages
	return errors.Join(err, c.Close(ws.CloseNormal, ""))
}
