package bench

import (
	"bytes"
	"testing"
	"unicode/utf8"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
	"github.com/rfc6455/ws/mask"
)

// BenchmarkHeader parses and writes headers (RFC 6455 section 5.2).
func BenchmarkHeader(b *testing.B) {
	buf := make([]byte, 0, frame.MaxHeaderSize)
	for _, n := range []int64{125, 65535, 1 << 20} {
		h := frame.Header{Opcode: frame.Binary, Fin: true, Masked: true, Key: 0x5b1c9d27, Length: n}
		wire := frame.Append(nil, h)
		b.Run("Parse/"+sizeName(len(wire)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got, _, err := frame.Parse(wire); got.Length != n || err != nil {
					b.Fatal(got, err)
				}
			}
		})
		b.Run("Append/"+sizeName(len(wire)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if len(frame.Append(buf, h)) != len(wire) {
					b.Fatal("wrong size")
				}
			}
		})
	}
}

// BenchmarkMask masks in place and while copying, and compares with a plain copy.
func BenchmarkMask(b *testing.B) {
	for _, n := range sizes {
		src, dst := payload(ws.Binary, n), make([]byte, n)
		for _, f := range []struct {
			name string
			run  func()
		}{
			{"XOR", func() { mask.XOR(dst, 0x5b1c9d27) }},
			{"Copy", func() { mask.Copy(dst, src, 0x5b1c9d27) }},
			{"copy", func() { copy(dst, src) }},
		} {
			b.Run(sizeName(n)+"/"+f.name, func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					f.run()
				}
			})
		}
	}
}

// BenchmarkUTF8 checks text in one piece, and compares with package unicode/utf8.
func BenchmarkUTF8(b *testing.B) {
	for _, n := range sizes {
		for _, in := range []struct {
			name string
			p    []byte
		}{{"ASCII", bytes.Repeat([]byte("a"), n)}, {"mixed", text(1, n)}} {
			b.Run(sizeName(n)+"/"+in.name+"/frame", func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					if !frame.ValidUTF8(in.p) {
						b.Fatal("valid text was refused")
					}
				}
			})
			b.Run(sizeName(n)+"/"+in.name+"/unicode", func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					if !utf8.Valid(in.p) {
						b.Fatal("valid text was refused")
					}
				}
			})
		}
	}
}

// BenchmarkHandshake parses a browser's request and answers it.
func BenchmarkHandshake(b *testing.B) {
	request := []byte("GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nOrigin: http://example.com\r\n" +
		"Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		var parser handshake.Parser
		req, n, err := parser.Request(request)
		if n != len(request) || err != nil {
			b.Fatal(n, err)
		}
		must(b, handshake.CheckRequest(req))
		a, err := handshake.Respond(req, &handshake.Policy{})
		must(b, err)
		if len(a.AppendResponse(nil, req)) == 0 {
			b.Fatal("no response")
		}
	}
}
