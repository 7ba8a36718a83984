package frame_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

func FuzzParse(f *testing.F) {
	for _, c := range headers {
		f.Add(unhex(c.wire))
	}
	f.Add(unhex("82 7e 00 7d"))
	f.Add(unhex("82 ff 80 00 00 00 00 00 00 00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := frame.Parse(b)
		if n == 0 {
			if h != (frame.Header{}) || err == nil && len(b) >= frame.MaxHeaderSize {
				t.Fatalf("Parse(% x) = %+v, %d, %v, want a header, an error, or zeroes for too few bytes", b, h, n, err)
			}
			return
		}
		if err != nil || n != h.Size() || h.Length < 0 {
			t.Fatalf("Parse(% x) = %+v, %d, %v, want no error and n = Size()", b, h, n, err)
		}
		if again := frame.Append(nil, h); !bytes.Equal(again, b[:n]) {
			t.Fatalf("Append of Parse(% x) = % x, want the same", b[:n], again)
		}
	})
}

// seedDecoder adds the inputs of the rules, for both roles and with limits of the same kinds.
func seedDecoder(f *testing.F) {
	for _, r := range slices.Concat(headerRules(), messageRules(), controlRules(), utf8Rules(), limitRules()) {
		for i, c := range r.cases {
			if len(c.input) > 500 {
				continue
			}
			how := uint8(0)
			if c.limit.AllowRSV1 {
				how |= 2
			}
			if c.limit.MaxMessage > 0 {
				how |= 4
			}
			if c.limit.MaxFragments > 0 {
				how |= 8
			}
			f.Add(wire(frame.Client, c.input), how, uint64(i))
			f.Add(wire(frame.Server, c.input), how|1, uint64(i))
		}
	}
}

// newDecoder returns a decoder and an oracle with the same settings, taken from the bits of how: 1
// for a server, 2 for compression, 4 for a limit on the length, 8 for a limit on the number of
// fragments.
func newDecoder(how uint8, b []byte) (frame.Decoder, *oracle) {
	d := frame.Decoder{AllowRSV1: how&2 != 0}
	o := &oracle{b: b, server: true, deflate: d.AllowRSV1, maxMessage: 1<<63 - 1, maxFrames: 1 << 30}
	if how&1 == 0 {
		d.Role, o.server = frame.Client, false
	}
	if how&4 != 0 {
		d.MaxMessage, o.maxMessage = 200, 200
	}
	if how&8 != 0 {
		d.MaxFragments, o.maxFrames = 3, 3
	}
	return d, o
}

// inTwo splits at one place.
func inTwo(at int) split {
	return func(left int) (int, bool) {
		n := left
		if at > 0 {
			n = min(at, left)
		}
		at = 0
		return n, false
	}
}

// everyCut is how long an input may be to be cut at every place.
const everyCut = 200

// However the bytes are split, and whether payload goes through Step or Take, the results are the
// same.
func FuzzDecoderSplits(f *testing.F) {
	seedDecoder(f)
	f.Fuzz(func(t *testing.T, b []byte, how uint8, seed uint64) {
		d, _ := newDecoder(how, b)
		want := feed(t, &d, b, whole)
		splits := []split{singleBytes, wholeWithTake, random(seed), random(seed + 1)}
		for at := 1; at < len(b) && len(b) <= everyCut; at++ {
			splits = append(splits, inTwo(at))
		}
		for _, next := range splits {
			d2, _ := newDecoder(how, b)
			got := feed(t, &d2, b, next)
			if got.err != want.err || !slices.Equal(got.events, want.events) {
				t.Fatalf("% x\nwhole: %q, %v\nsplit: %q, %v", b, want.events, want.err, got.events, got.err)
			}
			if want.err != nil {
				continue
			}
			if !bytes.Equal(got.message, want.message) || d2.Remaining() != d.Remaining() || d2.Between() != d.Between() ||
				d2.InMessage() != d.InMessage() {
				t.Fatalf("% x: the decoders' states differ, want them equal", b)
			}
		}
	})
}

// The decoder reports what the oracle does, and fails at the same byte.
func FuzzDecoderOracle(f *testing.F) {
	seedDecoder(f)
	f.Fuzz(func(t *testing.T, b []byte, how uint8, _ uint64) {
		d, o := newDecoder(how, b)
		code := o.run()
		tr := feed(t, &d, b, singleBytes)
		got := 0
		if tr.err != nil {
			got = int(tr.err.(*frame.Error).Code())
		}
		if got != code || !slices.Equal(tr.events, o.events) || code != 0 && tr.at != o.at {
			t.Fatalf("% x\noracle:  %q, %d at %d\ndecoder: %q, %v at %d", b, o.events, code, o.at, tr.events, tr.err, tr.at)
		}
	})
}

// expect notes what a frame that an Encoder agreed to send must arrive as.
func (tr *trace) expect(h frame.Header, payload []byte) {
	if h.Opcode.IsControl() {
		tr.events = append(tr.events, event(h.Opcode, payload))
		return
	}
	if h.Opcode != frame.Continuation {
		tr.opcode, tr.compressed = h.Opcode, h.RSV == frame.RSV1
	}
	tr.message = append(tr.message, payload...)
	if h.Fin {
		tr.end()
	}
}

// A Decoder of the other role receives exactly what an Encoder agrees to send.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("\x01ab\x00cd\x89x\x80ef\x88"), uint8(0), uint64(1))
	f.Add([]byte("\xc1\xff\xfe\x82\x01\xff\x88\x03\xe8"), uint8(1), uint64(2))
	f.Add(bytes.Repeat([]byte("\x02aaaaaaaaaaaaaaaa\x80"), 20), uint8(0), uint64(3))
	f.Fuzz(func(t *testing.T, program []byte, role uint8, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 5))
		e := frame.Encoder{Role: frame.Role(role & 1), AllowRSV1: true}
		var b []byte
		want := new(trace)
		for len(program) > 0 { // an instruction: the first byte of a frame, and some of the rest as its payload
			first := program[0]
			n := min(len(program)-1, r.IntN(300))
			h := frame.Header{
				Opcode: frame.Opcode(first & 15), RSV: first >> 4 & 7, Fin: first&128 != 0, Key: r.Uint32(),
			}
			before := bytes.Clone(b)
			var err error
			if b, err = e.AppendFrame(b, h, program[1:1+n]); err == nil {
				want.expect(h, program[1:1+n])
			} else if !bytes.Equal(b, before) {
				t.Fatalf("%+v: refused with %v, but % x was written, want nothing", h, err, b[len(before):])
			}
			program = program[1+n:]
		}
		d := frame.Decoder{Role: e.Role.Peer(), AllowRSV1: true}
		tr := feed(t, &d, b, random(seed))
		if tr.err != nil && tr.err != frame.ErrInvalidUTF8 {
			t.Fatalf("receiving % x: %v, want no error", b, tr.err)
		}
		if got := tr.events; len(got) > len(want.events) || !slices.Equal(got, want.events[:len(got)]) || tr.err == nil && len(got) < len(want.events) {
			t.Fatalf("% x: sent %q, received %q", b, want.events, got)
		}
		if tr.err == nil && (!d.Between() || d.InMessage() != e.InMessage()) {
			t.Fatalf("% x: between %t, in message %t, want true, %t", b, d.Between(), d.InMessage(), e.InMessage())
		}
	})
}

func FuzzClose(f *testing.F) {
	for _, s := range []string{"", "03", "03 e8", "03 e8 61 62", "03 ed", "0f a0 ce ba", "03 e8 ed a0 80"} {
		f.Add(unhex(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		code, reason, err := frame.ParseClose(p)
		if err != nil {
			if len(p) == 0 || len(p) > 1 && valid(int(p[0])<<8|int(p[1])) && utf8.Valid(p[2:]) {
				t.Fatalf("ParseClose(% x): %v, want no error", p, err)
			}
			return
		}
		again, err := frame.AppendClose(nil, code, string(reason))
		if len(reason) > frame.MaxReason {
			if err != frame.ErrReasonTooLong {
				t.Fatalf("AppendClose of the reason in % x: %v, want %v", p, err, frame.ErrReasonTooLong)
			}
			again, err = frame.AppendClose(nil, code, frame.TruncateReason(string(reason)))
			p = p[:len(again)]
		}
		if err != nil || !bytes.Equal(again, p) {
			t.Fatalf("AppendClose of ParseClose(% x) = % x, %v, want the same", p, again, err)
		}
	})
}

func FuzzUTF8(f *testing.F) {
	for _, c := range slices.Concat(validTexts(), invalidTexts()) {
		f.Add(wire(frame.Client, c.input), uint64(len(c.name)))
	}
	f.Add(bytes.Repeat([]byte("aé日😀"), 30), uint64(7))
	f.Fuzz(func(t *testing.T, p []byte, seed uint64) {
		text := strings.Repeat("aé日😀", 1+int(seed%40)) // to make it long enough for a kernel
		long := append([]byte(text[:len(text)-9*int(seed%2)]), p...)
		frame.EachLevel(func(string) {
			fuzzUTF8(t, p, seed, 40)
			fuzzUTF8(t, append(long, text...), seed, 300)
		})
	})
}

// fuzzUTF8 compares ValidUTF8, and Write with pieces of up to largest bytes, with package utf8.
func fuzzUTF8(t *testing.T, p []byte, seed uint64, largest int) {
	if frame.ValidUTF8(p) != utf8.Valid(p) {
		t.Fatalf("ValidUTF8(%q) = %t, want %t", p, frame.ValidUTF8(p), utf8.Valid(p))
	}
	r := rand.New(rand.NewPCG(seed, 3629))
	var u frame.UTF8
	ok, n := true, 0
	for ok && n < len(p) {
		k := 1 + r.IntN(min(len(p)-n, largest))
		ok = u.Write(p[n : n+k])
		n += k
		if ok != isPrefix(p[:n]) {
			t.Fatalf("Write up to %q = %t, want %t", p[:n], ok, isPrefix(p[:n]))
		}
	}
	if (ok && u.Done()) != utf8.Valid(p) {
		t.Fatalf("%q: Write %t, Done %t, want both: %t", p, ok, u.Done(), utf8.Valid(p))
	}
}
