package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
)

// over is what the server says about the connection on which it was asked.
type over struct {
	Protocol string `json:"protocol"`
	Sockets  int    `json:"sockets"`
	Page     string `json:"page"` // the protocol that the page itself came by, as the browser has it
}

// twoSockets opens two sockets, has each echo a message, and asks.
const twoSockets = `async () => {
	for (const text of ["one", "two"]) {
		const r = record("/echo");
		await r.until("open");
		r.ws.send(text.repeat(10000));
		const { data } = await r.until("message");
		if (data !== text.repeat(10000)) throw new Error("the echo of " + text + " is " + data.slice(0, 100));
	}
	const answer = await (await fetch("/over")).json();
	answer.page = performance.getEntriesByType("navigation")[0].nextHopProtocol;
	return answer;
}`

// TestOverHTTP2 checks that a page that came over HTTP/2 opens its WebSockets as streams of the
// same connection (RFC 8441): the two of the test, and the room's.
func TestOverHTTP2(t *testing.T) {
	p := open(t, start(t, "-tls"))
	p.shows(t, "#room-total", "1")
	if got := await[over](t, p, twoSockets); got != (over{"HTTP/2.0", 3, "h2"}) {
		t.Errorf("%+v", got)
	}
	p.do(t, chromedp.Click("#connect"))
	p.shows(t, "#carrier", "HTTP/2: 4 sockets on this page’s connection")
	got := await[[]pagetest.Event](t, p, `async () => {
		const r = record("/echo");
		await r.until("open");
		r.ws.close(4001, "bye");
		await r.until("close");
		return r.events;
	}`)
	pagetest.WantEvents(t, got, pagetest.Open, pagetest.Close(4001, "", true)) // the answer repeats the code alone
}

// TestWithoutHTTP2 has the same page and the same server without TLS, and with the setting switched
// off. Each socket has a connection of its own.
func TestWithoutHTTP2(t *testing.T) {
	t.Run("ws", func(t *testing.T) {
		p := open(t, start(t))
		if got := await[over](t, p, twoSockets); got != (over{"HTTP/1.1", 0, "http/1.1"}) {
			t.Errorf("%+v", got)
		}
		p.do(t, chromedp.Click("#connect"))
		p.shows(t, "#carrier", "HTTP/1.1: a connection of its own")
	})
	t.Run("switched off", func(t *testing.T) {
		t.Setenv("GODEBUG", "http2xconnect=0")
		p := open(t, start(t, "-tls"))
		if got := await[over](t, p, twoSockets); got != (over{"HTTP/2.0", 0, "h2"}) {
			t.Errorf("%+v", got)
		}
	})
}
