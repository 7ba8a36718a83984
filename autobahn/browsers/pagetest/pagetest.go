// Package pagetest is what the tests of all browsers have in common: scripts for the page, and
// what the page reports about its WebSocket.
package pagetest

import (
	_ "embed"
	"slices"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// Socket and Compression are scripts, to be run in the page in this order.
var (
	//go:embed socket.js
	Socket string
	//go:embed compression.js
	Compression string
)

// Event is one event of a WebSocket as the page saw it.
type Event struct {
	Type       string `json:"type"`
	ReadyState int    `json:"readyState"`
	Text       string `json:"text"`
	Code       int    `json:"code"`
	Reason     string `json:"reason"`
	WasClean   bool   `json:"wasClean"`
}

// Open is the event of a connection that is open. Error and Cut are those of one
// that did not close cleanly.
var (
	Open  = Event{Type: "open", ReadyState: 1}
	Error = Event{Type: "error", ReadyState: 3}
	Cut   = Close(1006, "", false)
)

// Message is a message event of a text.
func Message(text string) Event { return Event{Type: "message", ReadyState: 1, Text: text} }

// Close is a close event.
func Close(code int, reason string, clean bool) Event {
	return Event{Type: "close", ReadyState: 3, Code: code, Reason: reason, WasClean: clean}
}

// LongReason is the longest reason that a Close frame holds, 123 bytes (RFC 6455
// section 5.5).
var LongReason = strings.Repeat("é", 61) + "!"

// WantEvents compares all of a socket's events.
func WantEvents(t testing.TB, got []Event, want ...Event) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the page saw\n\t%+v\nwant\n\t%+v", got, want)
	}
}

// Exchanged is what the page's exchangeCompressed returns.
type Exchanged struct {
	Extensions string   `json:"extensions"`
	Wrong      []string `json:"wrong"`
	Length     int64    `json:"length"` // bytes of text and of binary data, one way
	Code       int      `json:"code"`
	WasClean   bool     `json:"wasClean"`
}

// Check fails the test if a message came back otherwise than it was sent, or if the connection
// did not close with 1000.
func (e *Exchanged) Check(t testing.TB) {
	t.Helper()
	for _, m := range e.Wrong {
		t.Error(m)
	}
	if e.Code != 1000 || !e.WasClean {
		t.Errorf("closed with %d, cleanly: %v", e.Code, e.WasClean)
	}
}

// Windows is a configuration with windows of the server and the client.
func Windows(mode ws.CompressionMode, serverBits, clientBits int) ws.Config {
	return ws.Config{Compression: ws.Compression{Mode: mode, ServerWindowBits: serverBits, ClientWindowBits: clientBits}}
}
