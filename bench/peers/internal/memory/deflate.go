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

// sizes are the sizes of the messages that are compressed, in bytes.
var sizes = []int{256, 1 << 10, 16 << 10, 256 << 10}

// noTakeover is compression of each message by itself, with the largest windows.
var noTakeover = handshake.Deflate{
	ServerNoContextTakeover: true, ClientNoContextTakeover: true,
	ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
}

// writer is what the writers of the two packages flate have in common.
type writer interface {
	Reset(io.Writer)
	Write([]byte) (int, error)
	Flush() error
}

// compressing returns the operations that compress messages. Ours is the whole of Conn.Write, with
// framing. The others compress and do nothing else.
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
			operation{group, "compress/flate", n, func() (int, error) {
				return deflate(std, next())
			}},
			operation{group, "klauspost/compress/flate", n, func() (int, error) {
				return deflate(klaus, next())
			}},
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

// out gets the output of deflate. There is one for all calls, so that none allocates its own.
var out counter

// deflate compresses one message and returns the length of its payload. That is without the four
// bytes that RFC 7692 section 7.2.1 removes.
func deflate(w writer, p []byte) (int, error) {
	out = 0
	w.Reset(&out)
	if _, err := w.Write(p); err != nil {
		return 0, err
	}
	err := w.Flush()
	return int(out) - len(tail), err
}

// inflating returns the operations that decompress messages, which compress/flate has compressed.
// Ours is the whole of Conn.ReadInto, with framing, unmasking and the check of the text.
func inflating() ([]operation, error) {
	var ops []operation
	for _, n := range sizes {
		group := "decompress " + size(n) + " of JSON"
		t := texts(n)
		payloads, err := compressAll(t)
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
			operation{group, "compress/flate", n, func() (int, error) {
				i++
				return 0, std.check(payloads[i%len(t)], t[i%len(t)])
			}},
			operation{group, "klauspost/compress/flate", n, func() (int, error) {
				j++
				return 0, klaus.check(payloads[j%len(t)], t[j%len(t)])
			}},
			operation{group, "ours ReadInto", n, func() (int, error) {
				_, got, err := c.ReadInto(context.Background(), buf[:0])
				if err == nil {
					err = checkSame(got, t[k%len(t)])
				}
				buf = got
				k++
				return 0, err
			}},
		)
	}
	return ops, nil
}

// size returns a number of bytes as text.
func size(n int) string {
	if n >= 1<<10 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// What may follow the payload of a compressed message in a stream of DEFLATE.
const (
	tail  = "\x00\x00\xff\xff"     // the end that is not sent (RFC 7692 section 7.2.1)
	final = "\x01\x00\x00\xff\xff" // an empty block that ends the stream
)

// compressAll returns the payloads of the compressed messages. Behind each payload, within its
// capacity, lie tail and final.
func compressAll(texts [][]byte) (payloads [][]byte, err error) {
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

// newInflater returns an inflater for messages of n bytes.
func newInflater(r io.Reader, n int) *inflater { return &inflater{r: r, buf: make([]byte, n)} }

// check inflates a payload that compressAll has made. It returns an error if the text is not want.
func (z *inflater) check(payload, want []byte) error {
	z.src.Reset(payload[:len(payload)+len(tail)+len(final)])
	if err := z.r.(flate.Resetter).Reset(&z.src, nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(z.r, z.buf); err != nil {
		return err
	}
	return checkSame(z.buf, want)
}
