package autobahn

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// FuzzReceive gives the tester bytes that a testee might send. It may not fail, and
// what it makes of them does not depend on how they are cut.
func FuzzReceive(f *testing.F) {
	for _, b := range []string{
		"\x81\x02hi", "\x01\x01a\x89\x00\x80\x01b", "\x88\x02\x03\xe8", "\x88\x01a", "\x82\x7e\x00\x05hello",
		"\x81\x03\xed\xa0\x80", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
		"\xc1\x02\xff\xff", "\x81\x82\x01\x02\x03\x04hi", "\x88\x04\x03\xe8\xff\xff", "\x8a\x00\x8a\x7d" + string(make([]byte, 125)),
		"\x01\x030\x890\x8a\x00",
	} {
		f.Add([]byte(b), uint8(1), false)
		f.Add([]byte(b), uint8(3), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint8, server bool) {
		whole := receiveAll(b, len(b)+1, server)
		parts := receiveAll(b, int(cut)+1, server)
		if !slices.EqualFunc(whole, parts, event.equal) {
			t.Errorf("at once %v, in pieces of %d %v", whole, cut+1, parts)
		}
	})
}

// receiveAll returns the events of bytes that arrive in pieces of a size.
func receiveAll(b []byte, size int, server bool) []event {
	near, far := net.Pipe()
	go io.Copy(io.Discard, far)
	t := newTester(&Case{keepOpen: true, close: normalClose, ok: nothing}, near, server)
	t.state, t.deflate = open, newDeflation(parameters{}, server)
	for piece := range slices.Chunk(bytes.Clone(b), size) {
		t.receive(piece)
	}
	close(t.gone)
	for _, timer := range t.timers {
		timer.Stop()
	}
	t.out.abort()
	far.Close()
	return t.received
}

// TestNothingAfterTheEnd: a header that fails the connection a second time drops
// TCP, and its frame counts for nothing, empty or not.
func TestNothingAfterTheEnd(t *testing.T) {
	for _, pong := range []string{"\xda\x00", "\xda\x01x"} {
		if got := receiveAll([]byte("\x01\x01\xff"+pong), 99, false); len(got) != 0 {
			t.Errorf("%x: got %v", pong, got)
		}
	}
}

// FuzzParseExtensions looks for header values on which the parser fails, and checks
// that what it accepts is what it would write.
func FuzzParseExtensions(f *testing.F) {
	for _, v := range []string{
		"", "permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=9, foo; x",
		"permessage-deflate; server_max_window_bits=", "permessage-deflate; server_no_context_takeover; ;", `permessage-deflate; client_max_window_bits="15"`,
	} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		answers, _, err := parseExtensions(value, false)
		if err != nil {
			return
		}
		for _, p := range answers {
			again, others, err := parseExtensions(p.answerText(), false)
			if err != nil || others != 0 || len(again) != 1 || again[0] != p {
				t.Errorf("%+v becomes %q, which is %+v, %v", p, p.answerText(), again, err)
			}
		}
	})
}

// FuzzUTF8 compares the check in pieces with the check at once.
func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"", hello, umlauts, kosme + surrogate, beyond, "\xf0\x9f\x98\x80"} {
		f.Add([]byte(s), uint8(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, b []byte, first, second uint8) {
		i := min(int(first), len(b))
		j := min(i+int(second), len(b))
		var whole, parts utf8Check
		whole.write(b)
		parts.write(b[:i])
		parts.write(b[i:j])
		parts.write(b[j:])
		if whole.done() != parts.done() {
			t.Errorf("%q: %v at once, %v cut at %d and %d", b, whole.done(), parts.done(), i, j)
		}
	})
}

// TestMask holds the masking against the definition of RFC 6455 section 5.3.
func TestMask(t *testing.T) {
	h := frame.Header{Masked: true, Key: 0x3d21fa37, Fin: true, Opcode: frame.Text}
	key := frame.Append(nil, h)[2:6]
	for n := range 40 {
		for offset := range 9 {
			b, want := make([]byte, n), make([]byte, n)
			for i := range b {
				b[i] = byte(i * 7)
				want[i] = b[i] ^ key[(i+offset)%4]
			}
			if mask(b, h.Key, int64(offset)); !bytes.Equal(b, want) {
				t.Fatalf("%d octets at offset %d: %x, want %x", n, offset, b, want)
			}
		}
	}
}
