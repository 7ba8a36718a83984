// Package browsers drives Firefox against servers of this module: what was
// agreed about compression, messages and the ways in which a connection ends.
//
//	go test -count=1 .
//
// The tests need Firefox and fail without it. Chromium's tests, whose scripts
// these use, are those of examples/demo/e2e.
package browsers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// scripts are what the tests need in the page.
var scripts = []string{"socket.js", "compression.js"}

// browser is the Firefox that all tests share.
var browser *firefox

func TestMain(m *testing.M) { os.Exit(withBrowser(m)) }

func withBrowser(m *testing.M) int {
	dir, err := os.MkdirTemp("", "firefox-")
	if err == nil {
		defer os.RemoveAll(dir)
		browser, err = launch(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: Firefox:", err)
		return 1
	}
	code := m.Run()
	if err := browser.close(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: Firefox:", err)
		return 1
	}
	return code
}

// server is what the page talks to. It tells what each connection of /echo
// agreed about compression, and how it ended.
type server struct {
	*httptest.Server
	agreed chan handshake.Deflate
	ends   chan ws.CloseError
}

// serve starts a server, over TLS if secure, and opens its page.
func serve(t *testing.T, scheme string, cfg ws.Config) *server {
	t.Helper()
	s := &server{agreed: make(chan handshake.Deflate, 100), ends: make(chan ws.CloseError, 100)}
	cfg.MaxMessageSize = 4 << 20
	u := &ws.Upgrader{Config: cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", servePage)
	mux.Handle("/echo", u.Handler(&ws.Events{
		Open:    func(c *ws.Conn, _ *handshake.Request) { s.agreed <- c.Deflate() },
		Message: func(c *ws.Conn, typ ws.MessageType, p []byte) { _ = c.Write(context.Background(), typ, p) },
		Close:   func(_ *ws.Conn, err *ws.CloseError) { s.ends <- *err },
	}))
	mux.HandleFunc("/close", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.FormValue("code"))
		if c, err := u.Upgrade(w, r); err == nil {
			_ = c.Close(ws.CloseCode(code), r.FormValue("reason"))
		}
	})
	mux.HandleFunc("/die", func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			_, _, _ = c.Read(context.Background())
			_ = c.CloseNow()
		}
	})
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	s.Server = httptest.NewUnstartedServer(mux)
	if scheme == "wss" {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	browser.open(t, s.URL+"/")
	return s
}

// servePage serves a page of nothing but the scripts.
func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>WebSocket</title>`)
	for _, name := range scripts {
		text, err := os.ReadFile("../../examples/demo/e2e/testdata/" + name)
		if err != nil {
			panic(err) // net/http prints it, and the page fails
		}
		fmt.Fprintf(w, "<script>%s</script>\n", text)
	}
}

// overBoth runs f with a page over ws and one over wss.
func overBoth(t *testing.T, cfg ws.Config, f func(t *testing.T, s *server)) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) { f(t, serve(t, scheme, cfg)) })
	}
}

// event is one event of a WebSocket as the page saw it.
type event struct {
	Type       string `json:"type"`
	ReadyState int    `json:"readyState"`
	Text       string `json:"text"`
	Code       int    `json:"code"`
	Reason     string `json:"reason"`
	WasClean   bool   `json:"wasClean"`
}

func closeEvent(code int, reason string, clean bool) event {
	return event{Type: "close", ReadyState: 3, Code: code, Reason: reason, WasClean: clean}
}

var (
	openEvent  = event{Type: "open", ReadyState: 1}
	errorEvent = event{Type: "error", ReadyState: 3}
	cutEvent   = closeEvent(1006, "", false)
)

// wantEvents compares all of a socket's events.
func wantEvents(t *testing.T, got []event, want ...event) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the page saw\n\t%+v\nwant\n\t%+v", got, want)
	}
}

// long is the longest reason that a Close frame holds, 123 bytes (RFC 6455
// section 5.5).
var long = strings.Repeat("é", 61) + "!"

// TestServerCloses: the page sees the server's code and reason (RFC 6455
// section 7.1.5).
func TestServerCloses(t *testing.T) {
	tests := []event{
		closeEvent(1000, "", true),
		closeEvent(1001, "going", true),
		closeEvent(1008, "policy", true),
		closeEvent(1009, "too big", true),
		closeEvent(1011, "sorry", true),
		closeEvent(1012, "restart", true),
		closeEvent(3000, "library", true),
		closeEvent(4999, long, true),
	}
	overBoth(t, ws.Config{}, func(t *testing.T, _ *server) {
		for _, want := range tests {
			t.Run(fmt.Sprint(want.Code), func(t *testing.T) {
				got := await[[]event](t, browser, `async (code, reason) => {
					const r = record("/close?" + new URLSearchParams({ code, reason }));
					await r.until("close");
					return r.events;
				}`, want.Code, want.Reason)
				wantEvents(t, got, openEvent, want)
			})
		}
	})
}

// TestClientCloses: the server sees the page's code and reason, and the page a
// clean end with the code.
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
		{[]any{4999, long}, 4999, long},
	}
	overBoth(t, ws.Config{}, func(t *testing.T, s *server) {
		for _, tt := range tests {
			t.Run(fmt.Sprint(len(tt.args), tt.code), func(t *testing.T) {
				got := await[[]event](t, browser, `async (args) => {
					const r = record("/echo");
					await r.until("open");
					r.ws.send("one");
					await r.until("message");
					r.ws.close(...args);
					await r.until("close");
					return r.events;
				}`, tt.args)
				wantEvents(t, got, openEvent, event{Type: "message", ReadyState: 1, Text: "one"}, closeEvent(tt.code, "", true))
				select {
				case end := <-s.ends:
					if int(end.Code) != tt.code || end.Reason != tt.reason || !end.Remote {
						t.Errorf("the server saw %+v, want %d %q from the page", end, tt.code, tt.reason)
					}
				case <-time.After(patience):
					t.Error("the connection does not end at the server")
				}
			})
		}
	})
}

// TestFailures: a server that dies, and one that refuses. Firefox, as Chromium,
// has no error event for a connection that was open and is cut.
func TestFailures(t *testing.T) {
	overBoth(t, ws.Config{}, func(t *testing.T, _ *server) {
		for path, want := range map[string][]event{
			"/die":    {openEvent, cutEvent},
			"/refuse": {errorEvent, cutEvent},
		} {
			t.Run(path[1:], func(t *testing.T) {
				got := await[[]event](t, browser, `async (path) => {
					const r = record(path);
					r.until("open").then(() => r.ws.send("x"), () => 0);
					await r.until("close");
					return r.events;
				}`, path)
				wantEvents(t, got, want...)
			})
		}
	})
}
