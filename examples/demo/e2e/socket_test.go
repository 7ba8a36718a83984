package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
)

func TestEventsInOrder(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		got := await[[]pagetest.Event](t, p, `async () => {
			const r = record("/echo");
			await r.until("open");
			r.ws.send("one");
			r.ws.send("two");
			await r.until("message");
			await r.until("message");
			r.ws.close(4002);
			await r.until("close");
			return r.events;
		}`)
		pagetest.WantEvents(t, got,
			pagetest.Open,
			pagetest.Message("one"),
			pagetest.Message("two"),
			pagetest.Close(4002, "", true))
	})
}

func TestRefusedHandshake(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		got := await[[]pagetest.Event](t, p, `async () => {
			const r = record("/refuse");
			await r.until("close");
			return r.events;
		}`)
		pagetest.WantEvents(t, got, pagetest.Error, pagetest.Cut)
	})
}

func TestServerDies(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		got := await[[]pagetest.Event](t, p, `async () => {
			const r = record("/die");
			await r.until("open");
			r.ws.send("x");
			await r.until("close");
			return r.events;
		}`)
		pagetest.WantEvents(t, withError(got), pagetest.Open, pagetest.Error, pagetest.Cut)
	})
	t.Run("killed", func(t *testing.T) {
		p := open(t, start(t))
		await[bool](t, p, `async () => {
			globalThis.victim = record("/echo");
			await victim.until("open");
			return true;
		}`)
		p.server.stop(t, syscall.SIGKILL) // its exit status is that of the signal
		got := await[[]pagetest.Event](t, p, `async () => (await victim.until("close"), victim.events)`)
		pagetest.WantEvents(t, withError(got), pagetest.Open, pagetest.Error, pagetest.Cut)
	})
}

// withError adds the error event before close if the browser left it out. A connection that is lost
// has failed (RFC 6455 section 7.2.1). The WebSockets standard has an error event for that, but
// Chromium fires close alone.
func withError(got []pagetest.Event) []pagetest.Event {
	if i := len(got) - 1; i > 0 && got[i].Type == "close" && got[i-1].Type != "error" {
		return slices.Insert(got, i, pagetest.Error)
	}
	return got
}

func TestServerShutsDown(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		await[bool](t, p, `async () => {
			globalThis.guests = ["/echo", "/chat", "/die"].map((path) => record(path));
			await Promise.all(guests.map((r) => r.until("open")));
			return true;
		}`)
		if err := p.server.stop(t, syscall.SIGTERM); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		for _, got := range await[[]pagetest.Event](t, p, `() => Promise.all(guests.map(async (r) => (await r.until("close"), r.events.at(-1))))`) {
			pagetest.WantEvents(t, []pagetest.Event{got}, pagetest.Close(1001, "the server is shutting down", true))
		}
	})
}

func TestStrings(t *testing.T) {
	tests := []struct {
		note, make string // make is a JavaScript expression
		want       string // what comes back; by default the same
	}{
		{note: "empty", make: `""`},
		{note: "one byte", make: `"x"`},
		{note: "1 MiB", make: `"0123456789abcdef".repeat(65536)`},
		{note: "astral", make: `"\u{1F44B}\u{10FFFF}\u{1D11E}\u{10000} \u{1F469}\u200D\u{1F680}"`},
		{note: "1 MiB of astral characters", make: `"\u{1F44B}\u{1D11E}".repeat(131072)`},
		{note: "every length of UTF-8 at its edges", make: `"\0\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"`},
		{note: "byte order mark", make: `"\ufeffx"`},
		{note: "lone surrogate", make: `"a\ud800b"`, want: `"a\ufffdb"`}, // the browser replaces it
	}
	overBoth(t, func(t *testing.T, p *page) {
		for _, tt := range tests {
			if tt.want == "" {
				tt.want = tt.make
			}
			t.Run(tt.note, func(t *testing.T) {
				got := await[string](t, p, fmt.Sprintf(`async () => {
					const r = record("/echo");
					await r.until("open");
					r.ws.send(%s);
					const { data } = await r.until("message");
					r.ws.close();
					await r.until("close");
					return data === %s ? "same" : typeOf(data) + " of " + data.length + ": " + data.slice(0, 40);
				}`, tt.make, tt.want))
				if got != "same" {
					t.Errorf("came back as %s", got)
				}
			})
		}
	})
}

func TestBinary(t *testing.T) {
	// The sizes at which the length's encoding changes (RFC 6455 section 5.2), and one that neither
	// a queue nor a socket buffer holds.
	sizes := []int{0, 125, 126, 65535, 65536, 16 << 20}
	overBoth(t, func(t *testing.T, p *page) {
		for _, kind := range []string{"Blob", "ArrayBuffer"} {
			for _, binaryType := range []string{"blob", "arraybuffer"} {
				for _, size := range sizes {
					t.Run(fmt.Sprintf("%s to %s/%d", kind, binaryType, size), func(t *testing.T) {
						testBinary(t, p, kind, binaryType, size)
					})
				}
			}
		}
	})
}

func testBinary(t *testing.T, p *page, kind, binaryType string, size int) {
	type result struct {
		Type string `json:"type"`
		Size int    `json:"size"`
		Same bool   `json:"same"`
	}
	got := await[result](t, p, `async (kind, binaryType, size) => {
		const r = record("/echo", { binaryType });
		const bytes = pattern(size);
		await r.until("open");
		r.ws.send(kind === "Blob" ? new Blob([bytes]) : bytes.slice().buffer);
		const { data } = await r.until("message");
		r.ws.close();
		await r.until("close");
		return { type: typeOf(data), size: data.size ?? data.byteLength, same: await sameBytes(data, bytes) };
	}`, kind, binaryType, size)
	want := result{Type: map[string]string{"blob": "Blob", "arraybuffer": "ArrayBuffer"}[binaryType], Size: size, Same: true}
	if got != want {
		t.Errorf("came back as %+v, want %+v", got, want)
	}
}

func TestBufferedAmountFallsToZero(t *testing.T) {
	const size = 16 << 20
	overBoth(t, func(t *testing.T, p *page) {
		got := await[[]int](t, p, `async (size) => {
			const r = record("/echo");
			await r.until("open");
			r.ws.send(pattern(size));
			const amounts = [r.ws.bufferedAmount];
			while (amounts.at(-1) > 0) {
				await turn();
				if (r.ws.bufferedAmount !== amounts.at(-1)) amounts.push(r.ws.bufferedAmount);
			}
			await r.until("message");
			r.ws.close();
			await r.until("close");
			return amounts;
		}`, size)
		if len(got) == 0 || got[0] != size || got[len(got)-1] != 0 || !slices.IsSortedFunc(got, func(a, b int) int { return b - a }) {
			t.Errorf("bufferedAmount went %v, want from %d down to 0", got, size)
		}
	})
}

// TestClientCloses closes from the page. The server answers with the code alone, so the page's own
// event has no reason. That the server got the reason shows in the room, which is told with what a
// member left.
func TestClientCloses(t *testing.T) {
	tests := []struct {
		args   []any
		code   int
		reason string
	}{
		{[]any{}, 1005, ""},
		{[]any{1000}, 1000, ""},
		{[]any{1000, "bye"}, 1000, "bye"},
		{[]any{3000, "library"}, 3000, "library"},
		{[]any{4999, pagetest.LongReason}, 4999, pagetest.LongReason},
	}
	type outcome struct {
		Closing int            // readyState after close()
		Event   pagetest.Event // what the page saw
		Left    struct {       // what the server saw, as the room's other member hears it
			Code int
			Text string
		}
	}
	overBoth(t, func(t *testing.T, p *page) {
		for _, tt := range tests {
			t.Run(fmt.Sprint(len(tt.args), tt.code), func(t *testing.T) {
				got := await[outcome](t, p, `async (args) => {
					const [r, witness] = [record("/chat"), record("/chat")];
					const { id } = JSON.parse((await r.until("message")).data);
					await witness.until("message");
					r.ws.close(...args);
					const closing = r.ws.readyState;
					await r.until("close");
					let left;
					do left = JSON.parse((await witness.until("message")).data);
					while (left.type !== "left" || left.id !== id);
					witness.ws.close();
					await witness.until("close");
					return { closing, event: r.events.at(-1), left };
				}`, tt.args)
				pagetest.WantEvents(t, []pagetest.Event{got.Event}, pagetest.Close(tt.code, "", true))
				if got.Closing != 2 || got.Left.Code != tt.code || got.Left.Text != tt.reason {
					t.Errorf("readyState was %d, the server saw %+v; want 2 and %d %q", got.Closing, got.Left, tt.code, tt.reason)
				}
			})
		}
	})
}

func TestServerCloses(t *testing.T) {
	tests := []pagetest.Event{
		pagetest.Close(1000, "", true),
		pagetest.Close(1001, "going", true),
		pagetest.Close(1011, "sorry", true),
		pagetest.Close(3000, "library", true),
		pagetest.Close(4001, "bye", true),
		pagetest.Close(4999, pagetest.LongReason, true),
	}
	overBoth(t, func(t *testing.T, p *page) {
		for _, want := range tests {
			t.Run(fmt.Sprint("by query/", want.Code), func(t *testing.T) {
				got := await[[]pagetest.Event](t, p, `async (code, reason) => {
					const r = record("/echo?" + new URLSearchParams({ close: code, reason }));
					await r.until("close");
					return r.events;
				}`, want.Code, want.Reason)
				pagetest.WantEvents(t, got, pagetest.Open, want)
			})
			t.Run(fmt.Sprint("by command/", want.Code), func(t *testing.T) {
				got := await[[]pagetest.Event](t, p, `async (code, reason) => {
					const r = record("/echo");
					await r.until("open");
					r.ws.send("before");
					r.ws.send("/close " + code + " " + reason);
					await r.until("close");
					return r.events;
				}`, want.Code, want.Reason)
				pagetest.WantEvents(t, got, pagetest.Open, pagetest.Message("before"), want)
			})
		}
	})
}

func TestSubprotocol(t *testing.T) {
	tests := []struct {
		offer []string
		want  string // what is agreed; "-" if the browser gives up
	}{
		{[]string{}, ""},
		{[]string{"demo.v1"}, "demo.v1"},
		{[]string{"demo.v2"}, "demo.v2"},
		{[]string{"demo.v2", "demo.v1"}, "demo.v1"},
		{[]string{"demo.v9", "demo.v2"}, "demo.v2"},
		{[]string{"demo.v9"}, "-"},
	}
	overBoth(t, func(t *testing.T, p *page) {
		for _, tt := range tests {
			t.Run(strings.Join(tt.offer, " "), func(t *testing.T) {
				got := await[string](t, p, `async (protocols) => {
					const r = record("/echo", { protocols });
					try {
						await r.until("open");
					} catch {
						return r.events.map((e) => e.type).join() === "error,close" ? "-" : JSON.stringify(r.events);
					}
					r.ws.close();
					await r.until("close");
					return r.ws.protocol;
				}`, tt.offer)
				if got != tt.want {
					t.Errorf("agreed on %q, want %q", got, tt.want)
				}
			})
		}
	})
}

// TestFiftySockets opens 50 sockets, has all of them talk at once and checks that each gets its own
// messages back, in order.
func TestFiftySockets(t *testing.T) {
	overBoth(t, func(t *testing.T, p *page) {
		got := await[[]string](t, p, `async (sockets, messages) => {
			const all = Array.from({ length: sockets }, () => record("/echo"));
			await Promise.all(all.map((r) => r.until("open")));
			const open = all.filter((r) => r.ws.readyState === WebSocket.OPEN).length;
			for (let m = 0; m < messages; m++) all.forEach((r, i) => r.ws.send(i + "/" + m));
			return Promise.all(all.map(async (r, i) => {
				for (let m = 0; m < messages; m++) {
					const { text } = await r.until("message");
					if (text !== i + "/" + m) return "socket " + i + " got " + text + " as message " + m;
				}
				r.ws.close(1000);
				const { code, wasClean } = await r.until("close");
				return code === 1000 && wasClean && open === sockets ? "" : "socket " + i + " closed with " + code + ", " + open + " were open";
			}));
		}`, 50, 20)
		for _, problem := range got {
			if problem != "" {
				t.Error(problem)
			}
		}
		if len(got) != 50 {
			t.Errorf("%d sockets, want 50", len(got))
		}
	})
}
