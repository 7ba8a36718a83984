package rows

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// The rows of RFC 7692 on messages that come in: section 14 of the list.

// What two sides may have agreed on: the parameters that hold if the answer
// has none, and messages that stand for themselves.
var (
	together = handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	apart    = handshake.Deflate{
		ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
	}
)

// windows is what was agreed on with both windows of this size.
func windows(bits int) handshake.Deflate {
	return handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits}
}

// agreed enters exchanges on connections that agreed on d.
func (q *requirements) agreed(id string, d handshake.Deflate, xs ...exchange) {
	with := func(tr transport) transport {
		return transport{tr.name, func(t *testing.T, role frame.Role, s setup, test func(*link)) {
			s.deflate = &d
			tr.run(t, role, s, test)
		}, tr.wait}
	}
	for _, x := range xs {
		q.both(id, x.name, func(t *testing.T, role frame.Role) {
			for _, dr := range drivers {
				x.runOver(t, role, with(overPipe), dr, "whole", whole)
				x.runOver(t, role, with(overPipe), dr, "byte by byte", single)
			}
			x.runOver(t, role, with(overTCP), drivers[3], "whole", whole)
		})
	}
}

// frameOf is a frame with this payload, for wire.
func frameOf(first int, payload []byte) string {
	if n := len(payload); n > 125 {
		return fmt.Sprintf("%02x 7e %04x k %x", first, n, payload)
	}
	return fmt.Sprintf("%02x %02x k %x", first, len(payload), payload)
}

// Messages of RFC 7692 section 7.2.3: "Hello", and "Hello" again by reference
// to the first one.
const (
	hello = "c1 07 k f248cdc9c90700"
	again = "c1 05 k f200110000"
)

func deflateReceiving(q *requirements) {
	deflateFraming(q)
	deflateExamples(q)
	deflateFaults(q)
	deflateWindows(q)
	deflateLimits(q)
	for _, d := range drivers {
		q.both("PD-6-17", "at once, "+d.name, inZipLink(ws.Config{}, together, func(l *link) { pongWithin(l, d) }))
		q.both("PD-8-18", "memory, "+d.name, inZipLink(ws.Config{}, together, func(l *link) { bomb(l, d) }))
	}
}

// inZipLink is inLinkWith compression agreed.
func inZipLink(cfg ws.Config, d handshake.Deflate, run func(*link)) func(*testing.T, frame.Role) {
	return func(t *testing.T, role frame.Role) {
		throughPipe(t, role, setup{cfg: cfg, deflate: &d}, pipeSize, run)
	}
}

// deflateFraming: which bits may be set where, and what is compressed.
func deflateFraming(q *requirements) {
	reserved := func(id, in string, back ...string) {
		q.agreed(id, together, exchange{name: in, in: in, back: back, rule: frame.ErrReservedBits})
	}
	for _, in := range []string{"c8", "c9", "ca", "01 01 k 61|c0", "01 01 k 61|c9", "41 03 k f248cd|c0", "41 03 k f248cd|40", "41 03 k f248cd|c9"} {
		reserved("PD-6.1-02", in)
	}
	for _, in := range []string{"a1", "91", "b1", "d1", "e1", "f1", "a2", "92", "a9", "98", "41 03 k f248cd|a0", "41 03 k f248cd|90"} {
		reserved("PD-6-04", in)
	}
	q.agreed("PD-6-03", together,
		exchange{
			name: "mixed", in: "81 05 k 48656c6c6f|" + hello + "|01 01 k 61|80 01 k 62|" + again + "|82 02 k fffe",
			got: []string{text("Hello"), text("Hello"), text("ab"), text("Hello"), binary("\xff\xfe")},
		},
		exchange{
			name: "what is plain is in no window", in: "81 05 k 48656c6c6f|c1 05 k f20011",
			got: []string{text("Hello")}, rule: frame.ErrInvalidDeflate,
		})
	q.agreed("PD-6-17", together,
		exchange{name: "between", in: "41 03 k f248cd|89 00 k|80 04 k c9c90700", got: []string{text("Hello")}, back: []string{pong("")}},
		exchange{
			name: "with payloads that are no data", in: "41 03 k f248cd|89 04 k ffffffff|00 02 k c9c9|8a 02 k f248|80 02 k 0700|" + again,
			got: []string{text("Hello"), text("Hello")}, back: []string{pong("\xff\xff\xff\xff")},
		},
		exchange{
			name: "a close", in: "41 03 k f248cd|" + closeFrame(1000, "x"),
			back: []string{closeOf(1000)}, end: remote(1000, "x"),
		})
	q.agreed("PD-6-25", together,
		exchange{name: "empty first", in: "41 00 k|80 07 k f248cdc9c90700", got: []string{text("Hello")}},
		exchange{name: "empty first two", in: "42 00 k|00 00 k|80 07 k f248cdc9c90700", got: []string{binary("Hello")}},
		exchange{name: "not compressed", in: "01 00 k|80 07 k" + hexOf("f248cdc"), got: []string{text("f248cdc")}})
}

// deflateExamples are the examples of RFC 7692 section 7.2.3 and what is near
// them.
func deflateExamples(q *requirements) {
	one := []string{text("Hello")}
	two := []string{text("Hello"), text("Hello")}
	q.agreed("PD-7.2.2-06", together,
		exchange{name: "text", in: hello, got: one},
		exchange{name: "binary", in: "c2 07 k f248cdc9c90700", got: []string{binary("Hello")}},
		exchange{name: "two messages, two tails", in: hello + "|" + hello, got: two})
	var bytewise []string
	for i, b := range []string{"f2", "48", "cd", "c9", "c9", "07", "00"} {
		bytewise = append(bytewise, fmt.Sprintf("%02x 01 k %s|00 00 k", map[bool]int{true: 0x41}[i == 0], b))
	}
	bytewise = append(bytewise, "80 00 k")
	q.agreed("PD-7.2.3-07", together,
		exchange{name: "the RFC's", in: "41 03 k f248cd|80 04 k c9c90700", got: one},
		exchange{name: "one byte each", in: join(bytewise), got: one},
		exchange{name: "empty first", in: "41 00 k|80 07 k f248cdc9c90700", got: one},
		exchange{name: "empty last", in: "41 07 k f248cdc9c90700|80 00 k", got: one})
	q.agreed("PD-7.2.3-08", together, exchange{in: hello + "|" + again, got: two})
	q.agreed("PD-7.2.3-08", apart, exchange{name: "no takeover", in: hello + "|c1 05 k f20011", got: one, rule: frame.ErrInvalidDeflate})
	q.agreed("PD-7.2.3-09", together,
		exchange{name: "the RFC's", in: "c1 0b k 000500faff48656c6c6f00", got: one},
		exchange{name: "is in the window", in: "c1 0b k 000500faff48656c6c6f00|" + again, got: two})
	q.agreed("PD-7.2.3-10", together,
		exchange{name: "the RFC's", in: "c1 08 k f348cdc9c9070000", got: one},
		exchange{name: "the window survives", in: "c1 08 k f348cdc9c9070000|" + again, got: two},
		exchange{name: "twice in a message", in: "c1 0f k f348cdc9c90700 f348cdc9c90700 00", got: []string{text("HelloHello")}},
		exchange{name: "refers to what was before", in: "c1 0c k f348cdc9c90700 f200110000", got: []string{text("HelloHello")}})
	q.agreed("PD-7.2.3-11", together,
		exchange{name: "the RFC's", in: "c1 0d k f248050000 00ffff cac9c90700", got: one},
		exchange{name: "the marker ends no message", in: "41 08 k f248050000 00ffff|80 05 k cac9c90700", got: one})
	q.agreed("PD-7.2.3-12", together,
		exchange{name: "one byte", in: "c1 01 k 00", got: []string{text("")}},
		exchange{name: "fixed codes", in: "c1 02 k 0200|" + hello, got: []string{text(""), text("Hello")}},
		exchange{name: "within others", in: hello + "|c2 01 k 00|" + again, got: []string{text("Hello"), binary(""), text("Hello")}})
	q.agreed("PD-7.2-13", together,
		exchange{name: "one frame", in: "c1 00 k|" + hello + "|c2 00 k|" + again, got: []string{text(""), text("Hello"), binary(""), text("Hello")}},
		exchange{name: "fragments", in: "41 00 k|00 00 k|80 00 k|" + hello, got: []string{text(""), text("Hello")}})
	q.agreed("PD-7.2-13", apart, exchange{name: "no takeover", in: "c1 00 k|" + hello, got: []string{text(""), text("Hello")}})
	q.agreed("PD-7.1.1-09", together, exchange{
		name: "received", in: hello + "|" + again + "|81 02 k 6869|c1 01 k 00|" + again,
		got: []string{text("Hello"), text("Hello"), text("hi"), text(""), text("Hello")},
	})
	q.agreed("PD-7.1-20", apart, exchange{name: "received", in: hello + "|" + hello, got: two})
}

// join puts frames behind each other, for wire.
func join(frames []string) (in string) {
	for i, f := range frames {
		if i > 0 {
			in += "|"
		}
		in += f
	}
	return in
}

// deflateFaults are data that are not compressed data. Each ends with the byte
// that makes it so.
func deflateFaults(q *requirements) {
	bad := frame.ErrInvalidDeflate
	q.agreed("PD-7.2-14", together,
		exchange{name: "block type 3", in: "c1 02 k ff", rule: bad},
		exchange{name: "the lengths of a stored block", in: "c1 0b k 000500fafe", rule: bad},
		exchange{name: "no codes", in: "c2 20 k fcffff", rule: bad},
		exchange{name: "after a message", in: hello + "|c1 05 k 07", got: []string{text("Hello")}, rule: bad},
		exchange{name: "in the second fragment", in: "41 03 k f248cd|00 00 k|80 19 k c9c90700 0000ffff 06", rule: bad})
	q.agreed("PD-7.2-15", together,
		exchange{name: "within a block", in: "c1 03 k f248cd", rule: bad},
		exchange{name: "within a stored block", in: "c1 08 k 000500faff48656c", rule: bad},
		exchange{name: "the end is not a block's", in: "c1 06 k f248cdc9c907", rule: bad},
		exchange{name: "in an empty last fragment", in: "41 03 k f248cd|80 00 k", rule: bad})
	q.agreed("PD-7.2-16", together,
		exchange{name: "the first message", in: "c1 05 k f20011", rule: bad},
		exchange{name: "within the message", in: "41 02 k f200|80 03 k 11", rule: bad})
}

// deflateWindows: the peer may refer to all of its window and to nothing beyond
// it, in what it says is its own.
func deflateWindows(q *requirements) {
	for bits := 8; bits <= 15; bits++ {
		size := 1 << bits
		filled := append([]byte{0x00, byte(size), byte(size >> 8), ^byte(size), ^byte(size >> 8)}, letters(size, 1)...)
		first := frameOf(0xc1, append(append(filled, "\x00\x01\x00\xfe\xff."...), 0x00))
		told := string(letters(size, 1)) + "."
		far, beyond := reference(size), reference(size+1)
		ok := exchange{
			name: fmt.Sprintf("%d bits", bits), in: first + "|" + frameOf(0xc1, far),
			got: []string{text(told), text(told[1:4])},
		}
		q.agreed("PD-7.2-16", windows(bits), ok)
		if bits == 15 {
			q.agreed("PD-7.1.2-20", together, ok)
			continue
		}
		q.both("PD-7.2-16", fmt.Sprintf("beyond %d bits", bits), inZipLink(ws.Config{}, windows(bits), func(l *link) {
			l.read(reading)
			l.p.SendBytes(wire(l.role, first+"|"+frameOf(0xc1, beyond)))
			l.wantFailed(frame.ErrInvalidDeflate, []string{text(told)})
		}))
	}
}

// letters are n letters in which nothing is repeated to speak of.
func letters(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 7692))
	p := make([]byte, n)
	for i := range p {
		p[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[r.IntN(64)]
	}
	return p
}

// deflateLimits: the limit is the text's, and what brings no text has one too.
func deflateLimits(q *requirements) {
	kilo := ws.Config{MaxMessageSize: 1024}
	big := frame.ErrMessageTooBig
	deflated := func(n int) []byte { return deflate([]byte(bulk(n))) }
	q.agreed("PD-8-18", together,
		exchange{name: "exactly", in: frameOf(0xc2, deflated(1024)), got: []string{binary(bulk(1024))}, cfg: kilo},
		exchange{name: "each for itself", in: frameOf(0xc2, deflated(1024)) + "|" + frameOf(0xc2, deflated(1024)), got: []string{binary(bulk(1024)), binary(bulk(1024))}, cfg: kilo})
	for _, d := range drivers {
		q.both("PD-8-18", "one more, "+d.name, inZipLink(kilo, together, func(l *link) {
			l.read(d)
			l.p.SendBytes(wire(l.role, frameOf(0xc2, deflated(1025))))
			l.wantFailed(big, nil)
		}))
	}
	// An empty stored block brings nothing. The frames of a message of at most 1024 bytes may have
	// 2192, so that text that compression makes longer fits, and some empty blocks.
	nothing := bytes.Repeat([]byte{0x00, 0x00, 0x00, 0xff, 0xff}, 400)
	fragment := frameOf(0x00, nothing[:1000])
	q.agreed("PD-8-19", together,
		exchange{name: "some", in: frameOf(0xc1, append(slices.Clone(nothing), 0x00)), got: []string{text("")}, cfg: kilo},
		exchange{name: "one frame", in: "c1 7e 0891 k", rule: big, cfg: kilo},
		exchange{name: "fragments", in: "41 00 k|" + fragment + "|" + fragment + "|00 7e 00c1 k", rule: big, cfg: kilo},
		exchange{name: "empty fragments", in: "41 00 k|00 00 k|00 00 k|80 00 k", rule: frame.ErrTooManyFragments, cfg: ws.Config{MaxFragments: 3}})
}

// deflate compresses as a sender that is made of compress/flate does.
func deflate(p []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(p)
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0x00, 0x00, 0xff, 0xff})
}

// pongWithin: a ping in a compressed message is answered before that is
// complete.
func pongWithin(l *link, d driver) {
	l.read(d)
	l.p.SendBytes(wire(l.role, "41 03 k f248cd|89 04 k ffffffff"))
	l.p.WantPong("\xff\xff\xff\xff")
	l.p.SendBytes(wire(l.role, "80 04 k c9c90700"))
	l.finish()
	l.wantOutcome([]string{text("Hello")}, *remote(1000, "done"))
}

// bomb: ten kilobytes that stand for ten megabytes cost no more than the limit
// of one.
func bomb(l *link, d driver) {
	b := wire(l.role, frameOf(0xc2, deflate(make([]byte, 10<<20))))
	if len(b) > 12<<10 {
		l.Fatalf("a bomb of %d bytes, want at most 12 KiB", len(b))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l.read(d)
	l.p.SendBytes(b)
	l.p.WantClose(ws.CloseMessageTooBig)
	runtime.ReadMemStats(&after)
	l.p.WantEOF()
	l.wantEnd(ws.CloseError{Code: ws.CloseAbnormal, Err: frame.ErrMessageTooBig})
	if n := after.TotalAlloc - before.TotalAlloc; n > 6<<20 {
		l.Errorf("%d bytes were allocated, want at most 6 MiB", n)
	}
}
