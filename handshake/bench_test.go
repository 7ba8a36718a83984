package handshake

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

func BenchmarkServer(b *testing.B) {
	in, out := []byte(browserRequest), make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		serverHandshake(b, in, out[:0])
	}
}

// BenchmarkServerNetHTTP leaves out what net/http spends on the request.
func BenchmarkServerNetHTTP(b *testing.B) {
	hr, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(browserRequest))))
	if err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		r := NewRequest(hr)
		if err := CheckRequest(r); err != nil {
			b.Fatal(err)
		}
		a, err := Respond(r, browserPolicy)
		if err != nil {
			b.Fatal(err)
		}
		a.AppendResponse(out[:0], r)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	in := []byte(browserRequest)
	b.ReportAllocs()
	for b.Loop() {
		ParseRequest(in)
	}
}

func BenchmarkClient(b *testing.B) {
	offer := Offer{URL: mustURL(b, "ws://server.example.com/chat"), Key: testKey, Subprotocols: []string{"chat"}}
	in := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + testAccept + "\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
	out := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := offer.AppendRequest(out[:0]); err != nil {
			b.Fatal(err)
		}
		resp, _, err := ParseResponse(in)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := offer.CheckResponse(resp); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	var buf [28]byte
	b.ReportAllocs()
	for b.Loop() {
		AppendAccept(buf[:0], testKey)
	}
}

func BenchmarkParseExtensions(b *testing.B) {
	in := []string{"permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseExtensions(in); err != nil {
			b.Fatal(err)
		}
	}
}
