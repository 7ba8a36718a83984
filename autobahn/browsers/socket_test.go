// Package browsers drives Firefox against servers of this module: what was
// agreed about compression, messages and the ways in which a connection ends.
//
//	go test -count=1 .
//
// The tests need Firefox and fail without it. Chromium's tests are those
// of examples/demo/e2e.
package browsers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

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

// server is what the page talks to. It says what each connection of /echo has agreed about
// compression, and how the connection ended.
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

// servePage serves a page that has the scripts and nothing else.
func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>WebSocket</title>`)
	fmt.Fprintf(w, "<script>%s</script>\n<script>%s</script>\n", pagetest.Socket, pagetest.Compression)
}

// overBoth runs f with a page over ws and one over wss.
func overBoth(t *testing.T, cfg ws.Config, f func(t *testing.T, s *server)) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) { f(t, serve(t, scheme, cfg)) })
	}
}

// TestServerCloses: the page sees the server's code and reason (RFC 6455
// section 7.1.5).
func TestServerCloses(t *testing.T) {
	tests := []pagetest.Event{
		pagetest.Close(1000, "", true),
		pagetest.Close(1001, "going", true),
		pagetest.Close(1008, "policy", true),
		pagetest.Close(1009, "too big", true),
		pagetest.Close(1011, "sorry", true),
		pagetest.Close(1012, "restart", true),
		pagetest.Close(3000, "library", true),
		pagetest.Close(4999, pagetest.LongReason, true),
	}
	overBoth(t, ws.Config{}, func(t *testing.T, _ *server) {
		for _, want := range tests {
			t.Run(fmt.Sprint(want.Code), func(t *testing.T) {
				got := await[[]pagetest.Event](t, browser, `async (code, reason) => {
					const r = record("/close?" + new URLSearchParams({ code, reason }));
					await r.until("close");
					return r.events;
				}`, want.Code, want.Reason)
				pagetest.WantEvents(t, got, pagetest.Open, want)
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
		{[]any{4999, pagetest.LongReason}, 4999, pagetest.LongReason},
	}
	overBoth(t, ws.Config{}, func(t *testing.T, s *server) {
		for _, tt := range tests {
			t.Run(fmt.Sprint(len(tt.args), tt.code), func(t *testing.T) {
				got := await[[]pagetest.Event](t, browser, `async (args) => {
					const r = record("/echo");
					await r.until("open");
					r.ws.send("one");
					await r.until("message");
					r.ws.close(...args);
					await r.until("close");
					return r.events;
				}`, tt.args)
				pagetest.WantEvents(t, got, pagetest.Open, pagetest.Message("one"), pagetest.Close(tt.code, "", true))
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

// TestFailures: a server that dies, and one that refuses. If a connection was open and is cut,
// Firefox has no error event for it, and neither has Chromium.
func TestFailures(t *testing.T) {
	overBoth(t, ws.Config{}, func(t *testing.T, _ *server) {
		for path, want := range map[string][]pagetest.Event{
			"/die":    {pagetest.Open, pagetest.Cut},
			"/refuse": {pagetest.Error, pagetest.Cut},
		} {
			t.Run(path[1:], func(t *testing.T) {
				got := await[[]pagetest.Event](t, browser, `async (path) => {
					const r = record(path);
					r.until("open").then(() => r.ws.send("x"), () => 0);
					await r.until("close");
					return r.events;
				}`, path)
				pagetest.WantEvents(t, got, want...)
			})
		}
	})
}
