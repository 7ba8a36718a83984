//go:build linux

package memory

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"

	kflate "github.com/klauspost/compress/flate"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// sizes are those of the messages that are compressed.
var sizes = []int{256, 1 << 10, 16 << 10, 256 << 10}

// noTakeover compresses each message by itself, with the largest windows.
var noTakeover = handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}

// writer is what the two packages flate have in common.
type writer interface {
	Reset(io.Writer)
	Write([]byte) (int, error)
	Flush() error
}

// compressing is the compression of messages: ours is the whole of Conn.Write,
// with framing; the others compress and do nothing else.
func compressing() ([]operation, error) {
	var ops []operation
	std, err := flate.NewWriter(io.Discard, 1)
	if err != nil {
		return nil, err
	}
	klaus, err := kflate.NewWriter(io.Discard, 1)
	if err != nil {
		return nil, err
	}
	for _, n := range sizes {
		group := "compress " + size(n) + " of JSON, level 1"
		t := texts(n)
		s := &stream{}
		c := ours(s, frame.Server, &noTakeover)
		i := 0
		next := func() []byte { i++; return t[i%len(t)] }
		ops = append(ops,
			operation{group, "compress/flate", n, func() (int, error) { return deflate(std, next()) }},
			operation{group, "klauspost/compress/flate", n, func() (int, error) { return deflate(klaus, next()) }},
			operation{group, "ours Write", n, func() (int, error) {
				before := s.written
				err := c.Write(context.Background(), ws.Text, next())
				return s.written - before, err
			}},
		)
	}
	return ops, nil
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// out is where deflate's output goes: one for all, so that none is allocated.
var out counter

// deflate makes one message's payload and returns its length, without the four
// bytes of RFC 7692 section 7.2.1.
func deflate(w writer, p []byte) (int, error) {
	out = 0
	w.Reset(&out)
	if _, err := w.Write(p); err != nil {
		return 0, err
	}
	err := w.Flush()
	return int(out) - len(tail), err
}

// inflating is the decompression of messages that compress/flate has made: ours
// is the whole of Conn.ReadInto, with framing, unmasking and the check of the
// text.
func inflating() ([]operation, error) {
	var ops []operation
	for _, n := range sizes {
		group := "decompress " + size(n) + " of JSON"
		t := texts(n)
		payloads, err := compressed(t)
		if err != nil {
			return nil, err
		}
		in, err := wire(payloads, frame.Header{Opcode: frame.Text, RSV: frame.RSV1})
		if err != nil {
			return nil, err
		}
		c := ours(&stream{wire: in}, frame.Server, &noTakeover)
		std, klaus := newInflater(flate.NewReader(nil), n), newInflater(kflate.NewReader(nil), n)
		i, j, k := 0, 0, 0
		var buf []byte
		ops = append(ops,
			operation{group, "compress/flate", n, func() (int, error) { i++; return 0, std.check(payloads[i%len(t)], t[i%len(t)]) }},
			operation{group, "klauspost/compress/flate", n, func() (int, error) { j++; return 0, klaus.check(payloads[j%len(t)], t[j%len(t)]) }},
			operation{group, "ours ReadInto", n, func() (int, error) {
				_, got, err := c.ReadInto(context.Background(), buf[:0])
				if err == nil {
					err = same(got, t[k%len(t)])
				}
				buf = got
				k++
				return 0, err
			}},
		)
	}
	return ops, nil
}

// size is a number of bytes for people.
func size(n int) string {
	if n >= 1<<10 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// What RFC 7692 section 7.2.1 takes off a message, and an empty block that ends
// the stream.
const (
	tail  = "\x00\x00\xff\xff"
	final = "\x01\x00\x00\xff\xff"
)

// compressed returns the payloads of messages. Behind each, within its
// capacity, lie tail and final.
func compressed(texts [][]byte) (payloads [][]byte, err error) {
	for _, p := range texts {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.DefaultCompression)
		if err != nil {
			return nil, err
		}
		_, _ = w.Write(p) // to memory
		_ = w.Flush()
		payloads = append(payloads, append(b.Bytes(), final...)[:b.Len()-len(tail)])
	}
	return payloads, nil
}

// inflater inflates messages with one of the packages flate.
type inflater struct {
	r   io.Reader
	src bytes.Reader
	buf []byte
}

// newInflater makes one for messages of n bytes.
func newInflater(r io.Reader, n int) *inflater { return &inflater{r: r, buf: make([]byte, n)} }

// check inflates a payload that compressed has made.
func (z *inflater) check(payload, want []byte) error {
	z.src.Reset(payload[:len(payload)+len(tail)+len(final)])
	if err := z.r.(flate.Resetter).Reset(&z.src, nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(z.r, z.buf); err != nil {
		return err
	}
	return same(z.buf, want)
}
