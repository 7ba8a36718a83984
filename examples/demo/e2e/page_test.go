package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
)

// page is a tab of the browser that shows the demo.
type page struct {
	ctx    context.Context
	server *server
}

// open opens the demo in a tab of its own. An uncaught exception in the page fails the test.
func open(t *testing.T, s *server) *page {
	t.Helper()
	return openIn(t, browser, s)
}

// openIn is open in a browser of the test's own.
func openIn(t *testing.T, browser context.Context, s *server) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	console := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Source == "security" || strings.Contains(m.Text, "Content Security Policy") {
				t.Errorf("the page: %s", m)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	p := &page{ctx, s}
	p.do(t, chromedp.Navigate(s.url+"/"))
	p.do(t, chromedp.Evaluate[chromedp.Void](pagetest.Socket))
	return p
}

// do runs steps as a person does them: clicks and keys.
func (p *page) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// await calls an async function in the page with args and returns its result.
func await[T any](t *testing.T, p *page, function string, args ...any) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](call(function, args...), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v\nin %s", err, function)
	}
	return v
}

// call is a call of a JavaScript function with JSON arguments.
func call(function string, args ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "(%s)(", function)
	for _, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			panic(err) // a mistake of the test
		}
		b.Write(append(text, ','))
	}
	b.WriteString(")")
	return b.String()
}

// shows waits until an element that the selector finds has text in it.
func (p *page) shows(t *testing.T, selector, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](call("shows", selector, text), chromedp.EvalAwaitPromise)); err != nil {
		now, _ := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](call("(s) => [...document.querySelectorAll(s)].map((e) => e.textContent)", selector)))
		t.Fatalf("%s does not show %q but %q (%v)", selector, text, now, err)
	}
}
