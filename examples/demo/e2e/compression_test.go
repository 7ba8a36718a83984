package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
	ws "github.com/rfc6455/ws/conn"
)

// zipServer serves an empty page and, below it, /echo with compression. If asked to, it counts the
// bytes on the wire; then the library gets a net.Conn that it does not know, and otherwise a
// *net.TCPConn.
func zipServer(t *testing.T, cfg ws.Config, wire *traffic) *server {
	t.Helper()
	cfg.MaxMessageSize = 4 << 20
	u := &ws.Upgrader{Config: cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>compression</title>`)
	})
	mux.Handle("/echo", u.Handler(&ws.Events{
		Message: func(c *ws.Conn, typ ws.MessageType, p []byte) {
			if err := c.Write(context.Background(), typ, p); err != nil {
				t.Errorf("echo: %v", err)
			}
		},
		Error: func(_ *ws.Conn, err error) { t.Errorf("the server: %v", err) },
	}))
	s := httptest.NewUnstartedServer(mux)
	if wire != nil {
		s.Listener = countingListener{s.Listener, wire}
	}
	s.Start()
	t.Cleanup(s.Close)
	return &server{url: s.URL}
}

// traffic is how many bytes a server has received and sent.
type traffic struct{ in, out atomic.Int64 }

type countingListener struct {
	net.Listener
	wire *traffic
}

func (l countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return countingConn{nc, l.wire}, err
}

type countingConn struct {
	net.Conn
	wire *traffic
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.in.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wire.out.Add(int64(n))
	return n, err
}

// exchange has the page of s echo a hundred messages.
func exchange(t *testing.T, s *server) pagetest.Exchanged {
	t.Helper()
	p := open(t, s)
	p.do(t, chromedp.Evaluate[chromedp.Void](pagetest.Compression))
	got := await[pagetest.Exchanged](t, p, `() => exchangeCompressed("/echo", 100)`)
	got.Check(t)
	return got
}

// TestCompression checks that the page sees what was agreed (RFC 7692 section 7.1) and gets back
// what it sent, with each window and both kinds of context.
func TestCompression(t *testing.T) {
	const deflate = "permessage-deflate"
	const none = deflate + "; server_no_context_takeover" // nothing is imposed on the page
	demand := pagetest.Windows(ws.CompressionNoTakeover, 0, 0)
	demand.Compression.WindowPolicy = ws.WindowDemand
	tests := []struct {
		name string
		ws.Config
		want string
	}{
		{"off", pagetest.Windows(ws.CompressionOff, 0, 0), ""},
		{"takeover", pagetest.Windows(ws.CompressionTakeover, 0, 0), deflate + "; server_max_window_bits=12; client_max_window_bits=12"},
		{"takeover/8,8", pagetest.Windows(ws.CompressionTakeover, 8, 8), deflate + "; server_max_window_bits=8; client_max_window_bits=8"},
		{"takeover/9,9", pagetest.Windows(ws.CompressionTakeover, 9, 9), deflate + "; server_max_window_bits=9; client_max_window_bits=9"},
		{"takeover/9,15", pagetest.Windows(ws.CompressionTakeover, 9, 15), deflate + "; server_max_window_bits=9"},
		{"takeover/15,9", pagetest.Windows(ws.CompressionTakeover, 15, 9), deflate + "; client_max_window_bits=9"},
		{"takeover/15,15", pagetest.Windows(ws.CompressionTakeover, 15, 15), deflate},
		{"no takeover", pagetest.Windows(ws.CompressionNoTakeover, 0, 0), none + "; client_max_window_bits=12"},
		{"no takeover, demanded", demand, none + "; client_no_context_takeover"},
		{"no takeover/9,9", pagetest.Windows(ws.CompressionNoTakeover, 9, 9), none + "; server_max_window_bits=9; client_max_window_bits=9"},
		{"no takeover/15,15", pagetest.Windows(ws.CompressionNoTakeover, 15, 15), none},
		{"every message", ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover, Level: 9, Threshold: -1}}, deflate + "; server_max_window_bits=12; client_max_window_bits=12"},
		{"fragments", ws.Config{FragmentSize: 1000, Compression: ws.Compression{Mode: ws.CompressionTakeover, Fragment: true}}, deflate + "; server_max_window_bits=12; client_max_window_bits=12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exchange(t, zipServer(t, tt.Config, nil)); got.Extensions != tt.want {
				t.Errorf("agreed on %q, want %q", got.Extensions, tt.want)
			}
		})
	}
}

// TestCompressionOnTheWire checks that both sides do compress. A quarter of the messages is random,
// and another one is text of 94 random characters.
func TestCompressionOnTheWire(t *testing.T) {
	for _, mode := range []ws.CompressionMode{ws.CompressionNoTakeover, ws.CompressionTakeover} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			wire := new(traffic)
			text := exchange(t, zipServer(t, pagetest.Windows(mode, 0, 0), wire)).Length
			in, out := wire.in.Load(), wire.out.Load()
			t.Logf("%d bytes became %d from the browser and %d from the server", text, in, out)
			if in > text*2/3 || out > text*2/3 {
				t.Errorf("%d bytes took %d from the browser and %d from the server, want at most two thirds", text, in, out)
			}
		})
	}
}
