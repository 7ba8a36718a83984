package browsers

import (
	"testing"

	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// TestCompression: the page gets back what it sent, with each window and both kinds of context
// (RFC 7692 section 7.1). Firefox tells the page the extension's name but no parameters. What
// was agreed is known to the server.
func TestCompression(t *testing.T) {
	const on, off = ws.CompressionTakeover, ws.CompressionNoTakeover
	// Firefox does not offer client_max_window_bits, so a server can't bound its
	// window (RFC 7692 section 7.1.2.2): it takes 15 bits, or has the page do without.
	declined := handshake.Deflate{}
	tests := []struct {
		name string
		ws.Config
		want handshake.Deflate
	}{
		{"off", pagetest.Windows(ws.CompressionOff, 0, 0), declined},
		{"takeover", pagetest.Windows(on, 0, 0), takeover(12)},
		{"takeover 9,9", pagetest.Windows(on, 9, 9), takeover(9)},
		{"takeover 8,15", pagetest.Windows(on, 8, 15), takeover(8)},
		{"takeover 9,15", pagetest.Windows(on, 9, 15), takeover(9)},
		{"takeover 12,15", pagetest.Windows(on, 12, 15), takeover(12)},
		{"takeover 15,15", pagetest.Windows(on, 15, 15), takeover(15)},
		{"no takeover", pagetest.Windows(off, 0, 0), alone(15)},
		{"no takeover 9,9", pagetest.Windows(off, 9, 9), alone(9)},
		{"takeover, demanding", with(pagetest.Windows(on, 0, 0), demand), unbound(12)},
		{"no takeover, demanding", with(pagetest.Windows(off, 0, 0), demand), none(15)},
		{"no takeover 9,15, demanding", with(pagetest.Windows(off, 9, 15), demand), none(9)},
		{"takeover, declining", with(pagetest.Windows(on, 0, 0), func(c *ws.Config) { c.Compression.WindowPolicy = ws.WindowDecline }), declined},
		{"every message", with(pagetest.Windows(on, 12, 15), func(c *ws.Config) { c.Compression.Level, c.Compression.Threshold = 9, -1 }), takeover(12)},
		{"fragments", with(pagetest.Windows(on, 12, 15), func(c *ws.Config) { c.Compression.Fragment, c.FragmentSize = true, 1000 }), takeover(12)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { exchange(t, serve(t, "ws", tt.Config), tt.want) })
	}
	t.Run("over TLS", func(t *testing.T) { exchange(t, serve(t, "wss", pagetest.Windows(on, 12, 15)), takeover(12)) })
}

// demand has the page do without takeover.
func demand(c *ws.Config) { c.Compression.WindowPolicy = ws.WindowDemand }

// takeover, unbound, alone and none are what is agreed with windows of the given
// bits for the server, and of 15 for the client: both sides keep theirs between
// messages, only the server, only the client, neither.
func takeover(bits int) handshake.Deflate {
	return handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: 15}
}

func unbound(bits int) handshake.Deflate {
	return handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: 15, ClientNoContextTakeover: true}
}

func alone(bits int) handshake.Deflate {
	return handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: 15, ServerNoContextTakeover: true}
}

func none(bits int) handshake.Deflate {
	return handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: 15, ServerNoContextTakeover: true, ClientNoContextTakeover: true}
}

// exchange has the page echo a hundred messages of up to 1 MiB.
func exchange(t *testing.T, s *server, want handshake.Deflate) {
	t.Helper()
	got := await[pagetest.Exchanged](t, browser, `() => exchangeCompressed("/echo", 100)`)
	got.Check(t)
	if agreed := <-s.agreed; agreed != want {
		t.Errorf("agreed on %+v, want %+v", agreed, want)
	}
	if named := got.Extensions == "permessage-deflate"; named != (want != handshake.Deflate{}) {
		t.Errorf("the page sees the extensions %q", got.Extensions)
	}
}

func with(cfg ws.Config, change func(*ws.Config)) ws.Config {
	change(&cfg)
	return cfg
}
