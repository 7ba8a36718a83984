package deflate

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecoder inflates any bytes as two messages, with the oracle, with compress/flate and with the
// decoder, whole and in pieces.
func FuzzDecoder(f *testing.F) {
	for _, wire := range []string{
		"f248cdc9c90700", "f200110000", "000500faff48656c6c6f00", "f348cdc9c9070000", "f348cdc9c90700f248cdc9c90700",
		"f24805000000ffffcac9c90700", "00", "0200", "ffff", "f248cd", "1a0300", "4b04f900", "000a00f5ff48656c6c6f",
	} {
		f.Add(unhex("f248cdc9c90700"), unhex(wire), uint8(15), uint8(3))
	}
	for _, text := range samples() {
		if len(text) > 0 && len(text) <= 1<<10 {
			f.Add(flateMessage(text, 9), flateMessage(text, 1), uint8(9), uint8(100))
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte, bits, cut uint8) {
		bits = MinWindowBits + bits%8
		n := 1 + int(cut)
		const limit = 1 << 17
		s := slow{window: 1 << bits, limit: limit}
		whole := Decoder{WindowBits: bits, Takeover: true, Limit: limit}
		pieces, reads := whole, whole
		for _, wire := range [][]byte{first, second} {
			before := len(s.text)
			s.limit = limit
			want := map[error]error{errSlowCorrupt: ErrCorrupt, errSlowTooBig: ErrTooBig}[s.inflate(wire)]
			got, err := whole.Append(nil, wire, Last)
			if err != want || err == nil && !bytes.Equal(got, s.text[before:]) {
				t.Fatalf("whole: %d bytes, %v; want %d, %v", len(got), err, len(s.text)-before, want)
			}
			inPieces, err := appendPieces(&pieces, wire, n)
			if err != want || err == nil && !bytes.Equal(inPieces, got) {
				t.Fatalf("pieces of %d: %d bytes, %v; want %d, %v", n, len(inPieces), err, len(got), want)
			}
			inReads, err := readPieces(&reads, wire, 257-n, n)
			if err != want || err == nil && !bytes.Equal(inReads, got) {
				t.Fatalf("reads of %d: %d bytes, %v; want %d, %v", n, len(inReads), err, len(got), want)
			}
			if want != nil {
				return
			}
			if std, err := flateInflate(s.text[:before], wire); len(wire) > 0 && (err != nil || !bytes.Equal(std, got)) {
				t.Fatalf("compress/flate: %d bytes, %v; want %d", len(std), err, len(got))
			}
		}
	})
}

// FuzzEncoder compresses any text at every level, whole and in parts, without a reference that the
// window does not allow.
func FuzzEncoder(f *testing.F) {
	for _, text := range samples() {
		if len(text) <= 1<<15+1 {
			f.Add(text, uint8(1), uint8(9), uint16(1000))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, level, bits uint8, cut uint16) {
		bits = MinWindowBits + bits%8
		e := Encoder{WindowBits: bits, Level: level % 10, Takeover: true}
		p := newPeer(bits, true)
		p.check(t, e.Append(nil, text, Last), text)
		at := min(int(cut), len(text))
		wire := e.Append(nil, text[:at], More)
		wire = e.Append(wire, text[at:], More)
		p.check(t, e.Append(wire, text[:at], Last), append(bytes.Clone(text), text[:at]...))
		shared := Encoder{WindowBits: bits, Level: level % 10}
		wire = shared.Append(nil, text, Last)
		if std, err := flateInflate(nil, wire); err != nil || !bytes.Equal(std, text) {
			t.Fatalf("compress/flate: %d of %d bytes, %v", len(std), len(text), err)
		}
	})
}

// FuzzConversation mixes whole, shared, streamed and flushed messages over one connection. Three
// bytes of script are one message.
func FuzzConversation(f *testing.F) {
	f.Add([]byte("\x00\x20\x01\x81\x20\x01\x02\x80\xff\x03\x80\xff\x00\x00\x00\x00\xff\x00"), uint8(12), uint8(1))
	f.Add(bytes.Repeat([]byte{0, 40, 0, 1, 40, 0}, 10), uint8(8), uint8(5))
	f.Fuzz(func(t *testing.T, script []byte, bits, level uint8) {
		c := newConversation(MinWindowBits+bits%8, level%10, bits < 128)
		for ; len(script) >= 3; script = script[3:] {
			c.send(t, script[0], script[1], script[2])
		}
	})
}

// TestOracle checks that what checks the codec fails if it should.
func TestOracle(t *testing.T) {
	for _, test := range []struct {
		wire string
		want error
	}{
		{"f248cdc9c90700", nil},
		{"f248cd", errSlowCorrupt},
		{"f200110000", errSlowCorrupt},
		{"ffff", errSlowCorrupt},
		{"f348cdc9c90700 f248cdc9c90700", errSlowTooBig},
	} {
		s := slow{window: 256, limit: 9}
		if err := s.inflate(unhex(test.wire)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.wire, err, test.want)
		}
	}
	s := slow{window: 256, limit: 1000}
	if err := s.inflate(matchMessage(make([]byte, 300), 256)); err != nil {
		t.Errorf("a distance of the window: %v, want no error", err)
	}
	s = slow{window: 256, limit: 1000}
	if err := s.inflate(matchMessage(make([]byte, 300), 257)); err != errSlowCorrupt {
		t.Errorf("a distance beyond the window: %v, want an error", err)
	}
}
