package engine

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
		if !slices.EqualFunc(whole, parts, Event.equal) {
			t.Errorf("at once %v, in pieces of %d %v", whole, cut+1, parts)
		}
	})
}

// receiveAll returns the events of bytes that arrive in pieces of a size.
func receiveAll(b []byte, size int, server bool) []Event {
	near, far := net.Pipe()
	go io.Copy(io.Discard, far)
	t := NewTester(&Script{KeepOpen: true, Close: NormalClose, OK: Nothing}, near, server)
	t.state, t.Deflate = open, NewDeflation(Parameters{}, server)
	for piece := range slices.Chunk(bytes.Clone(b), size) {
		t.receive(piece)
	}
	close(t.Gone)
	for _, timer := range t.timers {
		timer.Stop()
	}
	t.out.abort()
	far.Close()
	return t.Received
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
		answers, _, err := ParseExtensions(value, false)
		if err != nil {
			return
		}
		for _, p := range answers {
			again, others, err := ParseExtensions(p.answerText(), false)
			if err != nil || others != 0 || len(again) != 1 || again[0] != p {
				t.Errorf("%+v becomes %q, which is %+v, %v", p, p.answerText(), again, err)
			}
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
