package frame_test

import (
	"bytes"
	"testing"

	"github.com/rfc6455/ws/frame"
)

var headers = []struct {
	wire string
	h    frame.Header
}{
	{"81 00", frame.Header{Opcode: frame.Text, Fin: true}},
	{"02 7d", frame.Header{Opcode: frame.Binary, Length: 125}},
	{"82 7e 00 7e", frame.Header{Opcode: frame.Binary, Fin: true, Length: 126}},
	{"82 7e ff ff", frame.Header{Opcode: frame.Binary, Fin: true, Length: 65535}},
	{"82 7f 00 00 00 00 00 01 00 00", frame.Header{Opcode: frame.Binary, Fin: true, Length: 65536}},
	{"00 ff 7f ff ff ff ff ff ff ff 37 fa 21 3d", frame.Header{Length: 1<<63 - 1, Masked: true, Key: 0x3d21fa37}},
	{"88 80 00 00 00 00", frame.Header{Opcode: frame.Close, Fin: true, Masked: true}},
	{"c1 85 01 02 03 04", frame.Header{Opcode: 1, Fin: true, RSV: frame.RSV1, Length: 5, Masked: true, Key: 0x04030201}},
	{"2f 00", frame.Header{Opcode: 15, RSV: frame.RSV2}},
	{"13 00", frame.Header{Opcode: 3, RSV: frame.RSV3}},
}

func TestHeader(t *testing.T) {
	for _, c := range headers {
		b := unhex(c.wire)
		if h, n, err := frame.Parse(append(b, 0xEE)); h != c.h || n != len(b) || err != nil {
			t.Errorf("Parse(%s) = %+v, %d, %v, want %+v", c.wire, h, n, err, c.h)
		}
		for i := range b {
			if h, n, err := frame.Parse(b[:i]); h != (frame.Header{}) || n != 0 || err != nil {
				t.Errorf("Parse(% x) = %+v, %d, %v, want nothing yet", b[:i], h, n, err)
			}
		}
		if got := frame.Append([]byte{0xEE}, c.h); !bytes.Equal(got[1:], b) || got[0] != 0xEE {
			t.Errorf("Append(%+v) = % x, want ee %s", c.h, got, c.wire)
		}
		if got := c.h.Size(); got != len(b) {
			t.Errorf("Size of %+v = %d, want %d", c.h, got, len(b))
		}
	}
}

func TestParseLengthErrors(t *testing.T) {
	for _, c := range []struct {
		wire string // up to the byte that shows it; the masking key is not waited for
		err  error
	}{
		{"82 7e 00 7d", frame.ErrLengthNotMinimal},
		{"82 fe 00 00", frame.ErrLengthNotMinimal},
		{"82 7f 00 00 00 00 00 00 ff ff", frame.ErrLengthNotMinimal},
		{"82 ff 80 00 00 00 00 00 00 00", frame.ErrLengthOverflow},
		{"89 ff ff ff ff ff ff ff ff ff", frame.ErrLengthOverflow},
	} {
		if h, n, err := frame.Parse(unhex(c.wire)); h != (frame.Header{}) || n != 0 || err != c.err {
			t.Errorf("Parse(%s) = %+v, %d, %v, want %v", c.wire, h, n, err, c.err)
		}
	}
}

// What does not fit into a header is cut off or written as 0, as documented.
func TestAppendMisuse(t *testing.T) {
	h := frame.Header{Opcode: 0x12, RSV: 0x0c, Length: -5}
	if got := frame.Append(nil, h); !bytes.Equal(got, unhex("42 00")) || h.Size() != 2 {
		t.Errorf("Append = % x, Size() = %d, want 42 00 and 2", got, h.Size())
	}
}

func TestOpcode(t *testing.T) {
	names := map[frame.Opcode]string{0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
	for o := range frame.Opcode(32) {
		name, known := names[o]
		if o.IsReserved() == known {
			t.Errorf("Opcode(%d).IsReserved() = %t, want %t", o, o.IsReserved(), !known)
		}
		if want := o >= 8 && o <= 15; o.IsControl() != want {
			t.Errorf("Opcode(%d).IsControl() = %t, want %t", o, o.IsControl(), want)
		}
		if known && o.String() != name {
			t.Errorf("%d: %q, want %q", o, o, name)
		}
	}
	if got := frame.Opcode(11).String(); got != "opcode 11" {
		t.Errorf("Opcode(11) = %q, want %q", got, "opcode 11")
	}
	if got := frame.Server.String() + " " + frame.Client.String(); got != "server client" {
		t.Errorf("the roles are %q, want %q", got, "server client")
	}
}
