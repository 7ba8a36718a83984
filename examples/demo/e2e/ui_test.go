package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// click presses what the selector finds, as a person does with the mouse.
func (p *page) click(t *testing.T, selector string) {
	t.Helper()
	p.do(t, chromedp.ScrollIntoView(selector), chromedp.Click(selector, chromedp.NodeVisible))
}

// choose picks a radio button, or turns a check box over, by its value.
func (p *page) choose(t *testing.T, name, value string) {
	t.Helper()
	p.click(t, `input[name="`+name+`"][value="`+value+`"]`)
}

// write replaces what is in a field.
func (p *page) write(t *testing.T, selector, text string) {
	t.Helper()
	p.do(t, chromedp.ScrollIntoView(selector), chromedp.Focus(selector))
	p.do(t, chromedp.Evaluate[chromedp.Void](call("(s) => document.querySelector(s).select()", selector)))
	p.do(t, chromedp.SendKeys(selector, text))
}

// state waits until the page shows this readyState, and no other.
func (p *page) state(t *testing.T, name string) {
	t.Helper()
	p.shows(t, "#states [aria-current]", name)
}

// logText returns the events in the log, oldest first.
func (p *page) logText(t *testing.T) string {
	t.Helper()
	return await[string](t, p, `() => [...document.querySelectorAll("#log .badge")].map((e) => e.textContent).join(" ")`)
}

func TestPageConnectsSendsAndCloses(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		p.shows(t, "#status", "Not connected.")
		p.choose(t, "subprotocol", "demo.v2")
		p.click(t, "#connect")
		p.shows(t, "#status", "Open to "+strings.Replace(p.server.url, "http", "ws", 1)+"/echo, speaking demo.v2.")
		p.state(t, "OPEN")
		p.shows(t, "#protocol", "demo.v2")

		p.write(t, "#text", "Hello, <i>κόσμε</i>")
		p.click(t, "#send")
		p.shows(t, "#log .message .what", "Hello, <i>κόσμε</i>")
		p.shows(t, "#log .message .type", "string, ")
		p.shows(t, "#sent", "1 message24 B")
		p.shows(t, "#received", "1 message24 B")
		p.shows(t, "#rtt", " ms")

		p.write(t, "#code", "4001")
		p.write(t, "#reason", "enough")
		p.click(t, "#close")
		p.shows(t, "#log .close .what", "code 4001, the server’s reason \"\"")
		p.shows(t, "#status", "Closed with 4001, cleanly.")
		p.state(t, "CLOSED")
		if got, want := p.logText(t), "call open send message call close"; got != want {
			t.Errorf("the log has %q, want %q", got, want)
		}
		if n := await[int](t, p, `() => document.querySelectorAll("#log i").length`); n != 0 {
			t.Error("a message was parsed as HTML")
		}
	})
}

func TestPageSendsEveryKind(t *testing.T) {
	p := open(t, start(t))
	p.click(t, "#connect")
	p.state(t, "OPEN")
	file := filepath.Join(t.TempDir(), "five.bin")
	if err := os.WriteFile(file, []byte{0, 1, 0xfe, 0xff, 5}, 0o600); err != nil {
		t.Fatal(err)
	}

	p.choose(t, "kind", "blob")
	p.choose(t, "source", "file")
	p.do(t, chromedp.SetUploadFiles("#file", []string{file}))
	p.click(t, "#send")
	p.shows(t, "#log .message .type", "Blob, ")
	p.shows(t, "#log .message .what", "00 01 fe ff 05")

	p.do(t, chromedp.SetValue("#binary-type", "arraybuffer"))
	await[bool](t, p, `() => document.getElementById("binary-type").dispatchEvent(new Event("change"))`)
	p.choose(t, "kind", "arraybuffer")
	p.choose(t, "source", "generated")
	p.click(t, `#sizes button:nth-of-type(7)`) // 16 MiB
	p.click(t, "#send")
	p.shows(t, "#log .message .type", "ArrayBuffer, ")
	p.shows(t, "#received", "2 messages16.0 MiB")
	p.shows(t, "#buffered", "0 Bpeak 16 MiB")

	p.do(t, chromedp.SetValue("#repeat", "1000"))
	p.write(t, "#size", "125")
	p.click(t, "#send")
	p.shows(t, "#received", "1,002 messages")

	p.do(t, chromedp.SetValue("#repeat", "1"))
	p.click(t, `#sizes button:nth-of-type(8)`) // a byte more than /echo takes
	p.click(t, "#send")
	p.shows(t, "#log .close .what", "code 1009")
	p.state(t, "CLOSED")
}

func TestPageShowsFailures(t *testing.T) {
	p := open(t, start(t))
	p.choose(t, "endpoint", "/refuse")
	p.click(t, "#connect")
	p.shows(t, "#status", "Closed with 1006, not cleanly.")
	p.shows(t, "#log .close .what", "code 1006")
	if got, want := p.logText(t), "call error close"; got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}

	p.click(t, "#clear")
	p.choose(t, "endpoint", "/echo")
	p.click(t, "#connect")
	p.state(t, "OPEN")
	p.write(t, "#code", "1006") // the browser allows no such call
	p.click(t, "#close")
	p.shows(t, "#log .exception .what", "1006")
	p.state(t, "OPEN")

	p.click(t, "#examples button:nth-of-type(2)") // "/close 4001 bye"
	p.click(t, "#send")
	p.shows(t, "#status", "Closed with 4001 “bye”, cleanly.")
}

// TestPageByKeyboard checks that every control can be reached with Tab and has a name to be read
// out, and that a button keeps the focus when it becomes unusable.
func TestPageByKeyboard(t *testing.T) {
	p := open(t, start(t))
	var path []string
	for range 40 {
		p.do(t, chromedp.KeyEvent("\t"))
		id := await[string](t, p, `() => document.activeElement.id || document.activeElement.name || document.activeElement.className || document.activeElement.tagName`)
		path = append(path, id)
		if id == "connect" {
			p.do(t, chromedp.KeyEvent("\r"))
			p.state(t, "OPEN")
			if !await[bool](t, p, `() => document.activeElement.id === "connect"`) {
				t.Error("the Connect button lost the focus")
			}
		}
		if id == "send" {
			p.do(t, chromedp.KeyEvent("\r"))
			p.shows(t, "#received", "1 message")
		}
		if id == "close" {
			p.do(t, chromedp.KeyEvent("\r"))
			p.state(t, "CLOSED")
		}
	}
	got := " " + strings.Join(path, " ") + " "
	for _, want := range []string{"endpoint", "subprotocol", "connect", "kind", "source", "text", "repeat", "send", "code", "reason", "close", "binary-type", "clear", "log-scroll", "room-toggle", "say", "wave", "name"} {
		if !strings.Contains(got, " "+want+" ") {
			t.Errorf("Tab never comes to %s, only to%s", want, got)
		}
	}
	nameless := await[[]string](t, p, `() => [...document.querySelectorAll("input, select, textarea, button, canvas")]
		.filter((e) => !(e.textContent.trim() && e.tagName === "BUTTON") && !e.labels?.length && !e.getAttribute("aria-label"))
		.map((e) => e.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("without a name: %q", nameless)
	}
}

func TestRoomBetweenTabs(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		q := open(t, p.server)
		for _, tab := range []*page{p, q} {
			tab.shows(t, "#room-status", "You are in.")
			tab.shows(t, "#room-total", "2 here")
		}
		p.write(t, "#name", "Ada\r")
		q.shows(t, "#members .name", "Ada")

		p.write(t, "#say", "Is <b>anybody</b> there?\r")
		q.shows(t, "#talk li", "AdaIs <b>anybody</b> there?")
		p.shows(t, "#talk .mine", "AdaIs <b>anybody</b> there?")
		q.write(t, "#say", "I am.")
		q.click(t, "#say-form .primary")
		p.shows(t, "#talk li", "I am.")
		if n := await[int](t, q, `() => document.querySelectorAll("#talk li > b:not(.who), #talk span b").length`); n != 0 {
			t.Error("a message was parsed as HTML")
		}
		// This is the server's count: Ada sent a name and a line, both received two lines.
		for _, tab := range []*page{p, q} {
			tab.shows(t, "#members tr:nth-child(1) td:nth-child(2)", "2")
			tab.shows(t, "#members tr:nth-child(1) td:nth-child(3)", "2")
			tab.shows(t, "#members tr:nth-child(2) td:nth-child(2)", "1")
			tab.shows(t, "#members tr:nth-child(2) td:nth-child(3)", "2")
		}
		waves(t, p, q)

		p.click(t, "#room-toggle")
		p.shows(t, "#room-status", "Left with 1000")
		q.shows(t, "#talk .aside", "Ada left")
		q.shows(t, "#room-total", "1 here")
		p.click(t, "#room-toggle")
		q.shows(t, "#members tr:nth-child(2) .name", "Ada") // the name is kept
	})
}

// waves holds p's Wave button until q has seen ten waves.
func waves(t *testing.T, p, q *page) {
	t.Helper()
	await[bool](t, p, `() => document.getElementById("wave").dispatchEvent(new PointerEvent("pointerdown"))`)
	q.shows(t, "#members tr:nth-child(1) td:nth-child(2)", "12")
	await[bool](t, p, `() => document.getElementById("wave").dispatchEvent(new PointerEvent("pointerup"))`)
	inked := await[int](t, q, `async () => {
		const canvas = document.querySelector("#members canvas");
		const colours = new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer));
		return colours.size;
	}`)
	if inked < 4 { // the ground, the line, sent and received
		t.Errorf("the chart has %d colours", inked)
	}
}

// TestRoomSeesTheEnd checks that when the server ends, the page says so, and that it joins again
// when asked.
func TestRoomSeesTheEnd(t *testing.T) {
	p := open(t, start(t))
	p.shows(t, "#room-status", "You are in.")
	if err := p.server.stop(t, os.Interrupt); err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	p.shows(t, "#room-status", "Left with 1001 “the server is shutting down”.")
	p.shows(t, "#room-toggle", "Join")
	p.click(t, "#room-toggle")
	p.shows(t, "#room-status", "Left with 1006.")
}
