package bench

import (
	"bytes"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

var types = []ws.MessageType{ws.Text, ws.Binary}

// BenchmarkRead receives masked messages from memory. ReadInto allocates nothing, Read only what it
// returns.
func BenchmarkRead(b *testing.B) {
	for _, t := range types {
		for _, n := range sizes {
			p := payload(t, n)
			wire := maskedFrames(b, frame.Opcode(t), p)
			server := func() *ws.Conn { return ws.New(&stream{wire: wire}, frame.Server, ws.Negotiated{}, ws.Config{}) }
			b.Run(t.String()+"/"+sizeName(n)+"/ReadInto", func(b *testing.B) {
				c := server()
				buf := make([]byte, 0, n)
				readMessages(b, p, func() ([]byte, error) {
					_, got, err := c.ReadInto(bg, buf)
					return got, err
				})
			})
			b.Run(t.String()+"/"+sizeName(n)+"/Read", func(b *testing.B) {
				c := server()
				readMessages(b, p, func() ([]byte, error) {
					_, got, err := c.Read(bg)
					return got, err
				})
			})
		}
	}
}

// readMessages times read, which must return want.
func readMessages(b *testing.B, want []byte, read func() ([]byte, error)) {
	for range 2 {
		if got, err := read(); err != nil || !bytes.Equal(got, want) {
			b.Fatalf("%d bytes, error %v; want the %d that were sent", len(got), err, len(want))
		}
	}
	b.SetBytes(int64(len(want)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite sends messages to memory, as a server and, masked, as a client.
func BenchmarkWrite(b *testing.B) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		for _, t := range types {
			for _, n := range sizes {
				b.Run(role.String()+"/"+t.String()+"/"+sizeName(n), func(b *testing.B) {
					s := &stream{wire: []byte{0}}
					c := ws.New(s, role, ws.Negotiated{}, ws.Config{})
					p := payload(t, n)
					must(b, c.Write(bg, t, p))
					if s.written <= n {
						b.Fatalf("%d bytes were written for a message of %d", s.written, n)
					}
					b.SetBytes(int64(n))
					b.ReportAllocs()
					for b.Loop() {
						if err := c.Write(bg, t, p); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// BenchmarkAppend queues sixteen small messages, which leave together. The time is that of one
// message.
func BenchmarkAppend(b *testing.B) {
	const batch = 16
	for _, n := range []int{16, 128, 1 << 10} {
		b.Run(sizeName(n), func(b *testing.B) {
			c := ws.New(&stream{wire: []byte{0}}, frame.Server, ws.Negotiated{}, ws.Config{})
			p := payload(ws.Binary, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				must(b, c.Append(ws.Binary, p))
				if i++; i%batch == 0 {
					must(b, c.Flush(bg))
				}
			}
		})
	}
}
