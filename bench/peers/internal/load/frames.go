//go:build linux

package load

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/rfc6455/ws/bench/peers/internal/sample"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/mask"
)

// script is the messages that each connection sends in turn, and their frames.
type script struct {
	payloads [][]byte
	frames   [][]byte
	burst    []byte // Flight frames in one piece
}

// distinct is how many bytes of text are compressed before the text repeats. No window holds as
// many.
const distinct = 256 << 10

// newScript makes the messages and frames of s. Without compression all messages are the same,
// since no server's speed depends on what is in them.
func newScript(s *Spec) *script {
	n := 1
	if s.Compression != servers.Off {
		n = min(256, max(16, distinct/max(1, s.Size)))
	}
	sc := &script{}
	for i := range n {
		sc.add(s, uint64(i))
	}
	for i := range s.Flight {
		sc.burst = append(sc.burst, sc.frames[i%n]...)
	}
	return sc
}

// add adds the message that the seed stands for.
func (sc *script) add(s *Spec, seed uint64) {
	h := frame.Header{Opcode: frame.Binary, Fin: true}
	if !s.Dialed { // a client masks
		h.Masked, h.Key = true, rand.Uint32()
	}
	p := sample.Bytes(seed, s.Size)
	if s.Text {
		h.Opcode, p = frame.Text, sample.JSON(seed, s.Size)
	}
	if s.Multibyte {
		p = sample.Multibyte(seed, s.Size)
	}
	wire := p
	if s.Compression != servers.Off {
		h.RSV, wire = frame.RSV1, compress(p)
	}
	h.Length = int64(len(wire))
	f := frame.Append(nil, h)
	f = append(f, wire...)
	if h.Masked {
		mask.XOR(f[len(f)-len(wire):], h.Key)
	}
	sc.payloads = append(sc.payloads, p)
	sc.frames = append(sc.frames, f)
}

// tail is the end of a compressed message that is not sent (RFC 7692 section 7.2.1).
var tail = []byte{0, 0, 0xff, 0xff}

// smallWindow is the smallest window that a server of this comparison agrees on, in bytes.
const smallWindow = 4 << 10

// compress returns the payload of a compressed message. It refers to no other message, and to
// nothing farther back than smallWindow. compress/flate has no such setting, so that each piece of
// that size is compressed by itself.
func compress(p []byte) []byte {
	var out bytes.Buffer
	for len(p) > 0 {
		n := min(len(p), smallWindow)
		w, err := flate.NewWriter(&out, flate.DefaultCompression)
		if err != nil {
			panic(err) // the level is a constant
		}
		_, _ = w.Write(p[:n]) // to memory
		_ = w.Flush()
		p = p[n:]
	}
	return bytes.TrimSuffix(out.Bytes(), tail)
}

// inflater inflates a server's messages, for the check before the timing.
type inflater struct {
	takeover bool
	window   []byte
}

// message returns the text of the message whose payload is p.
func (z *inflater) message(p []byte) ([]byte, error) {
	// An empty final block ends the stream for compress/flate.
	src := io.MultiReader(
		bytes.NewReader(p), bytes.NewReader(tail), bytes.NewReader([]byte{1, 0, 0, 0xff, 0xff}))
	text, err := io.ReadAll(flate.NewReaderDict(src, z.window))
	if err != nil {
		return nil, fmt.Errorf("the answer does not inflate: %w", err)
	}
	if z.takeover {
		z.window = append(z.window, text...)
		z.window = z.window[max(0, len(z.window)-32<<10):]
	}
	return text, nil
}

// answers finds the frames in the bytes that the other side sends.
type answers struct {
	masked bool // the other side is a client

	head   [frame.MaxHeaderSize]byte
	have   int   // bytes in head
	left   int64 // payload of the current frame that is still to come
	key    uint32
	fin    bool
	first  frame.Header // of the current message
	middle bool         // a message has begun
	length int64        // payload of the message so far
}

// feed takes bytes from the front of p, up to the end of a message or up to the end of p. It calls
// sink for each piece of payload. It returns how many bytes it took, and whether a message ends
// there.
func (a *answers) feed(p []byte, sink func([]byte)) (n int, done bool, err error) {
	for {
		if a.left > 0 {
			k := int(min(a.left, int64(len(p)-n)))
			sink(p[n : n+k])
			n += k
			a.left -= int64(k)
			if a.left > 0 {
				return n, false, nil
			}
			if a.fin {
				return n, true, nil
			}
		}
		if n == len(p) {
			return n, false, nil
		}
		a.head[a.have] = p[n]
		a.have++
		n++
		h, size, err := frame.Parse(a.head[:a.have])
		if err != nil {
			return n, false, err
		}
		if size == 0 {
			continue
		}
		a.have = 0
		if done, err := a.begin(h); done || err != nil {
			return n, done, err
		}
	}
}

// begin begins the frame with the header h. It reports whether the message ends with this header,
// because there is no payload.
func (a *answers) begin(h frame.Header) (done bool, err error) {
	continues := h.Opcode == frame.Continuation
	if h.Opcode.IsControl() || h.Masked != a.masked || a.middle != continues {
		return false, fmt.Errorf("the server sent an unexpected frame: %+v", h)
	}
	if !a.middle {
		a.first, a.length = h, 0
	}
	a.middle = !h.Fin
	a.left, a.key, a.fin = h.Length, h.Key, h.Fin
	a.length += h.Length
	return h.Fin && h.Length == 0, nil
}
