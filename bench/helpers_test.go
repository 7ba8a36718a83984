package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

var bg = context.Background()

// sizes are the sizes of messages, in bytes.
var sizes = []int{16, 128, 1 << 10, 16 << 10, 64 << 10, 1 << 20}

// sizeName returns n for the name of a benchmark.
func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

// must ends the benchmark on an error.
func must(b *testing.B, err error) {
	if err != nil {
		b.Helper() // here, since it costs more than a small message
		b.Fatal(err)
	}
}

var vocabulary = strings.Fields("order price update account message server client session status pending remote local weiß été")

// text returns n bytes of JSON-like text, valid UTF-8. The same seed gives the same text.
func text(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 64))
	word := func() string { return vocabulary[r.IntN(len(vocabulary))] }
	p := []byte("[")
	for len(p) < n {
		p = fmt.Appendf(p, `{"id":%d,"kind":"%s","by":"%s%d","value":%d.%02d,"on":%t,"note":"%s %s %s","hash":"%08x"},`,
			r.IntN(1e6), word(), word(), r.IntN(100), r.IntN(1000), r.IntN(100), r.IntN(2) == 0, word(), word(), word(), r.Uint32())
	}
	p = p[:n]
	for i := n - 1; i >= 0 && p[i] >= 0x80; i-- { // no incomplete character at the end
		p[i] = '.'
	}
	return p
}

// payload returns n bytes for a message of type t.
func payload(t ws.MessageType, n int) []byte {
	p := text(uint64(n), n)
	if t == ws.Binary {
		for i := range p {
			p[i] ^= 0x80
		}
	}
	return p
}

// stream is a transport in memory that delivers the same bytes again and again, and accepts
// everything.
type stream struct {
	wire    []byte
	pos     int
	kept    []byte // what was written, if keep is set
	keep    bool
	written int
	expired bool
}

func (s *stream) Read(p []byte) (int, error) {
	if s.expired {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, s.wire[s.pos:])
	s.pos = (s.pos + n) % len(s.wire)
	return n, nil
}

// SetReadDeadline supports a deadline in the past, and none.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.expired = !t.IsZero()
	return nil
}

func (s *stream) Write(p []byte) (int, error) {
	s.written += len(p)
	if s.keep {
		s.kept = append(s.kept, p...)
	}
	return len(p), nil
}

func (s *stream) Close() error                     { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// maskedFrames returns a client's frames with p, as many as reads of any size need.
func maskedFrames(b *testing.B, op frame.Opcode, p []byte) []byte {
	e := frame.Encoder{Role: frame.Client}
	var wire []byte
	for i := uint32(1); len(wire) < 64<<10; i++ {
		var err error
		wire, err = e.AppendFrame(wire, frame.Header{Opcode: op, Fin: true, Key: i * 0x9e3779b1}, p)
		must(b, err)
	}
	return wire
}

// tcpPair returns the two ends of a connection over loopback, without the handshake.
func tcpPair(b *testing.B, ln net.Listener, cfg ws.Config) (server, client *ws.Conn) {
	dialed, err := net.Dial("tcp", ln.Addr().String())
	must(b, err)
	accepted, err := ln.Accept()
	must(b, err)
	return ws.New(accepted, frame.Server, ws.Negotiated{}, cfg), ws.New(dialed, frame.Client, ws.Negotiated{}, cfg)
}

// listen returns a listener on loopback that is closed when the benchmark ends.
func listen(b *testing.B) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	b.Cleanup(func() { _ = ln.Close() })
	return ln
}
