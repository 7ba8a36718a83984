package conn

import (
	"bytes"
	"testing"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// fixedLiterals returns n bytes 0xff as a deflate block of literals in the fixed code (RFC 1951
// section 3.2.6), which takes nine bits for each: the most that an encoder needs which does not fall
// back to stored blocks, as zlib can't if its window is small.
func fixedLiterals(n int) []byte {
	var out []byte
	bits, held := uint(0), uint(0)
	put := func(v, width uint) {
		bits |= v << held
		for held += width; held >= 8; held -= 8 {
			out = append(out, byte(bits))
			bits >>= 8
		}
	}
	put(0b010, 3) // not the last block, of the fixed code
	for range n {
		put(0x1ff, 9)
	}
	put(0, 7) // the end of the block
	put(0, 3) // an empty stored block, whose length is left out (RFC 7692 section 7.2.1)
	put(0, 7)
	return out
}

// TestMessageGrownByCompression checks that a message of exactly MaxMessageSize is taken even if its
// sender's compression has made it longer by an eighth.
func TestMessageGrownByCompression(t *testing.T) {
	const size = 64 << 10
	near, far := tcpNets(t)
	c := New(near, frame.Server, Negotiated{Deflate: &handshake.Deflate{}}, Config{
		MaxMessageSize: size, Compression: Compression{Mode: CompressionTakeover},
	})
	t.Cleanup(func() { _, _ = c.CloseNow(), far.Close() })
	e := frame.Encoder{Role: frame.Client, AllowRSV1: true}
	wire, err := e.AppendFrame(nil, frame.Header{Opcode: frame.Binary, Fin: true, RSV: frame.RSV1, Key: 1}, fixedLiterals(size))
	check(err)
	go far.Write(wire)
	if _, p, err := c.Read(within(t)); err != nil || !bytes.Equal(p, bytes.Repeat([]byte{0xff}, size)) {
		t.Errorf("Read = %d bytes, %v, want the whole message of %d bytes", len(p), err, size)
	}
}
