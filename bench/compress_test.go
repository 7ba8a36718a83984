package bench

import (
	"bytes"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// mode is a way to compress.
type mode struct {
	name   string
	agreed handshake.Deflate
	config ws.Compression
}

// newMode returns the mode with the parameters that both ends have agreed on (RFC 7692 section
// 7.1). Every message is compressed.
func newMode(name string, m ws.CompressionMode, bits, level int) mode {
	alone := m == ws.CompressionNoTakeover
	return mode{
		name: name,
		agreed: handshake.Deflate{
			ServerNoContextTakeover: alone, ClientNoContextTakeover: alone,
			ServerMaxWindowBits: bits, ClientMaxWindowBits: bits,
		},
		config: ws.Compression{Mode: m, Level: level, Threshold: -1},
	}
}

var modes = []mode{
	newMode("alone", ws.CompressionNoTakeover, 15, 1),
	newMode("alone-level6", ws.CompressionNoTakeover, 15, 6),
	newMode("takeover-4KiB", ws.CompressionTakeover, 12, 1),
	newMode("takeover-32KiB", ws.CompressionTakeover, 15, 1),
}

func (m *mode) conn(s *stream, role frame.Role) *ws.Conn {
	agreed := m.agreed
	return ws.New(s, role, ws.Negotiated{Deflate: &agreed}, ws.Config{Compression: m.config})
}

// messages returns different texts of n bytes: more than fit into a window, unless that is too
// many. A window and a processor would both learn a single text by heart.
func messages(n int) [][]byte {
	var all [][]byte
	for seed := range uint64(min(1024, max(4, 64<<10/n))) {
		all = append(all, text(seed, n))
	}
	return all
}

// compressSizes are the sizes in bytes of the messages that are compressed.
var compressSizes = []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20}

// BenchmarkCompress times Write with compression, framing included. ratio is the size on the wire
// as a part of the text's size.
func BenchmarkCompress(b *testing.B) {
	for _, n := range compressSizes {
		texts := messages(n)
		for _, m := range modes {
			b.Run(sizeName(n)+"/"+m.name, func(b *testing.B) {
				s := &stream{wire: []byte{0}}
				c := m.conn(s, frame.Server)
				for _, p := range texts {
					must(b, c.Write(bg, ws.Text, p))
				}
				s.written = 0
				b.SetBytes(int64(n))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if err := c.Write(bg, ws.Text, texts[i%len(texts)]); err != nil {
						b.Fatal(err)
					}
					i++
				}
				b.ReportMetric(float64(s.written)/float64(i*n), "ratio")
			})
		}
	}
}

// BenchmarkDecompress times ReadInto of what a client of ours has compressed and masked, including
// the check of the text.
func BenchmarkDecompress(b *testing.B) {
	for _, n := range compressSizes {
		texts := messages(n)
		for _, m := range modes {
			b.Run(sizeName(n)+"/"+m.name, func(b *testing.B) {
				sent := &stream{wire: []byte{0}, keep: true}
				client := m.conn(sent, frame.Client)
				for _, p := range texts {
					must(b, client.Write(bg, ws.Text, p))
				}
				// The first text refers to nothing before it, so that all of them can follow the
				// last one again.
				c := m.conn(&stream{wire: sent.kept}, frame.Server)
				buf := make([]byte, 0, n)
				i := 0
				read := func() []byte {
					_, got, err := c.ReadInto(bg, buf)
					must(b, err)
					i++
					return got
				}
				for range 2 * len(texts) {
					if want := texts[i%len(texts)]; !bytes.Equal(read(), want) {
						b.Fatal("the text is not what was sent")
					}
				}
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					read()
				}
				b.ReportMetric(float64(len(sent.kept))/float64(n*len(texts)), "ratio")
			})
		}
	}
}
