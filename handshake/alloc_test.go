package handshake

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

// browserRequest is what Chromium sends, including headers that have no meaning here.
const browserRequest = "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nConnection: Upgrade\r\n" +
	"Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
	"Upgrade: websocket\r\nOrigin: https://server.example.com\r\nSec-WebSocket-Version: 13\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en\r\nCookie: session=0123456789\r\n" +
	"Sec-WebSocket-Key: " + testKey + "\r\nSec-WebSocket-Protocol: chat, superchat\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

var browserPolicy = &Policy{Subprotocols: []string{"superchat", "chat"}, Deflate: new(DeflatePolicy)}

// serverHandshake does everything that a server does on raw bytes.
func serverHandshake(tb testing.TB, in, out []byte) []byte {
	var p Parser
	r, n, err := p.Request(in)
	if err != nil || n != len(in) {
		tb.Fatal(n, err)
	}
	if err := CheckRequest(r); err != nil {
		tb.Fatal(err)
	}
	a, err := Respond(r, browserPolicy)
	if err != nil {
		tb.Fatal(err)
	}
	return a.AppendResponse(out, r)
}

// wantAllocs fails the test if f allocates more often than want.
func wantAllocs(t *testing.T, want float64, f func()) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	if got := testing.AllocsPerRun(100, f); got > want {
		t.Errorf("%v allocations, want at most %v", got, want)
	}
}

func TestServerHandshakeAllocs(t *testing.T) {
	in, out := []byte(browserRequest), make([]byte, 0, 512)
	wantAllocs(t, 8, func() { serverHandshake(t, in, out[:0]) })
}

// TestCheckAllocs shows that reading the headers of an *http.Request allocates only what is kept: a
// list of subprotocols, of extensions and of parameters, and what was agreed.
func TestCheckAllocs(t *testing.T) {
	hr, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(browserRequest))))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRequest(hr)
	wantAllocs(t, 4, func() {
		if err := CheckRequest(r); err != nil {
			t.Fatal(err)
		}
		if _, err := Respond(r, browserPolicy); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAppendAcceptAllocs(t *testing.T) {
	var buf [28]byte
	wantAllocs(t, 0, func() { AppendAccept(buf[:0], testKey) })
}

func TestMoreBytesAllocs(t *testing.T) {
	in := []byte(browserRequest)
	wantAllocs(t, 0, func() {
		var p Parser
		for n := range in {
			if _, n, err := p.Request(in[:n]); n != 0 || err != nil {
				t.Fatal(n, err)
			}
		}
	})
}
