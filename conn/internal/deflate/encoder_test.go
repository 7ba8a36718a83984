package deflate

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
)

// check inflates wire with the decoder and with the oracle, which has a window of exactly 2^bits
// bytes.
func (p *peer) check(t *testing.T, wire, text []byte) {
	t.Helper()
	p.slow.limit = 1 << 30
	if !p.takeover {
		p.slow.text = nil
	}
	before := len(p.slow.text)
	if err := p.slow.inflate(wire); err != nil || !bytes.Equal(p.slow.text[before:], text) {
		t.Fatalf("the oracle: %d of %d bytes, %v", len(p.slow.text)-before, len(text), err)
	}
	if got, err := p.decoder.Append(nil, wire, Last); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("the decoder: %d of %d bytes, %v", len(got), len(text), err)
	}
}

// peer receives what an encoder sends.
type peer struct {
	slow     slow
	decoder  Decoder
	takeover bool
}

func newPeer(bits uint8, takeover bool) *peer {
	return &peer{
		slow:     slow{window: windowSize(bits)},
		decoder:  Decoder{WindowBits: bits, Takeover: takeover},
		takeover: takeover,
	}
}

// TestEncoderPayload has payloads that are known byte for byte.
func TestEncoderPayload(t *testing.T) {
	high := string(unhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf" +
		"d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"))
	for _, test := range []struct {
		id, name, text, wire string
	}{
		{"PD-7.2.1-05", "Hello", "Hello", "f248cdc9c90700"},
		{"PD-7.2.3-12", "empty", "", "00"},
		{"PD-7.2.1-05", "stored", high, "003000cfff" + hex.EncodeToString([]byte(high)) + "00"},
		{"PD-7.2.1-05", "a run", string(make([]byte, 100)), "62a0030000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachRole(t, test.id, func(t *testing.T) {
				for level := range uint8(10) {
					e := Encoder{Level: level}
					wire := e.Append([]byte("before"), []byte(test.text), Last)
					if want := append([]byte("before"), unhex(test.wire)...); !bytes.Equal(wire, want) {
						t.Errorf("level %d: %x, want %x", level, wire, want)
					}
				}
			})
		})
	}
}

// TestEncoderContext checks that with takeover the second "Hello" is a reference to the first, at
// least as short as that of RFC 7692 section 7.2.3.2. Without takeover both have the same bytes.
func TestEncoderContext(t *testing.T) {
	eachRole(t, "PD-7.1.1-09", func(t *testing.T) {
		e, p := Encoder{Takeover: true}, newPeer(15, true)
		for i, most := range []int{7, 5} {
			wire := e.Append(nil, []byte("Hello"), Last)
			if p.check(t, wire, []byte("Hello")); len(wire) > most {
				t.Errorf("message %d: %x", i, wire)
			}
		}
	})
	for _, id := range []string{"PD-7.1-20", "PD-7.1.1-04", "PD-7.1.1-08"} {
		eachRole(t, id, func(t *testing.T) {
			for name, text := range samples() {
				var e Encoder
				first := e.Append(nil, text, Last)
				e.Append(nil, jsonText(9, 5000), Last)
				if second := e.Append(nil, text, Last); !bytes.Equal(first, second) {
					t.Errorf("%s: two equal messages differ, want the same payload", name)
				}
			}
		})
	}
}

// TestEncoderWindow checks that no reference goes further back than the window, and that one that
// goes exactly as far is made.
func TestEncoderWindow(t *testing.T) {
	for _, test := range []struct {
		id   string
		bits []uint8
	}{
		{"PD-7.1.2-11", []uint8{8, 9, 10, 11, 12, 13, 14, 15}},
		{"PD-7.1.2-17", []uint8{8, 9, 12, 15}},
		{"PD-7.1.2-18", []uint8{10}},
		{"PD-7.1.2-20", []uint8{0}},
	} {
		eachRole(t, test.id, func(t *testing.T) {
			for _, bits := range test.bits {
				testEncoderWindow(t, bits, 1)
				testEncoderWindow(t, bits, 5)
			}
		})
	}
}

func testEncoderWindow(t *testing.T, bits, level uint8) {
	for _, extra := range []int{0, 1} {
		unique := noise(uint64(bits), windowSize(bits)+extra)
		text := append(bytes.Clone(unique), unique[:16]...)
		e, p := Encoder{WindowBits: bits, Level: level, Takeover: true}, newPeer(bits, true)
		p.check(t, e.Append(nil, unique, Last), unique)
		wire := e.Append(nil, unique[:16], Last)
		p.check(t, wire, unique[:16])
		if referred := len(wire) < 16; referred != (extra == 0) {
			t.Errorf("%d bits, level %d, distance +%d: 16 bytes became %d", bits, level, extra, len(wire))
		}
		p = newPeer(bits, false)
		e = Encoder{WindowBits: bits, Level: level}
		p.check(t, e.Append(nil, text, Last), text)
	}
}

// TestEncoderText compresses every kind of text in every window and level.
func TestEncoderText(t *testing.T) {
	for name, text := range samples() {
		for level := range uint8(10) {
			for _, bits := range []uint8{8, 9, 12, 15} {
				e, p := Encoder{WindowBits: bits, Level: level}, newPeer(bits, false)
				if len(text) > 40000 && (level > 1 || bits < 15) {
					text = text[:40000] // the oracle is slow
				}
				wire := e.Append(nil, text, Last)
				p.check(t, wire, text)
				// If nothing helps, a block costs five bytes.
				if most := len(text) + 5*(len(text)/blockMax+1) + 1; len(wire) > most {
					t.Errorf("%s, level %d: %d bytes became %d", name, level, len(text), len(wire))
				}
			}
		}
	}
}

// TestEncoderParts checks that a message is the same however it is divided and flushed, and that
// the memory for it is bounded.
func TestEncoderParts(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		e, p := Encoder{WindowBits: 12, Takeover: takeover}, newPeer(12, takeover)
		r := rand.New(rand.NewPCG(1, 2))
		for i, sizes := range [][]int{
			{0},
			{1},
			{0, 0},
			{1, 1, 1},
			{blockMax},
			{blockMax, 0},
			{blockMax - 1, 1},
			{blockMax - 1, 2},
			{100, blockMax},
			{100, 3 * blockMax},
			{3*blockMax + 5, 7},
			{10, 20, 30, 50000, 40},
			{2 * blockMax, 2 * blockMax, 1},
		} {
			for _, flush := range []bool{false, true} {
				text := []byte(nil)
				wire := []byte(nil)
				for j, n := range sizes {
					piece := jsonText(uint64(r.Uint32()), n)
					text = append(text, piece...)
					if j == len(sizes)-1 {
						wire = e.Append(wire, piece, Last)
						break
					}
					wire = e.Append(wire, piece, More)
					if flush {
						wire = e.Flush(wire)
						wantFlushed(t, p, wire, text)
					}
				}
				p.check(t, wire, text)
				if e.draft != nil || e.carried != 0 || !takeover && e.history.buf != nil {
					t.Fatalf("message %d: the encoder holds %+v", i, e)
				}
			}
		}
	}
}

// TestEncoderPartsRefer checks that the parts of a message refer to each other, with takeover and
// without.
func TestEncoderPartsRefer(t *testing.T) {
	part := noise(1, blockMax/2)
	for _, takeover := range []bool{false, true} {
		e, p := Encoder{Takeover: takeover}, newPeer(15, takeover)
		wire := e.Flush(e.Append(nil, part, More))
		wire = e.Append(wire, part, Last)
		if p.check(t, wire, append(bytes.Clone(part), part...)); len(wire) > len(part)+1000 {
			t.Errorf("takeover %t: twice the same %d bytes became %d, want the second to refer to the first", takeover, len(part), len(wire))
		}
	}
}

// wantFlushed wants everything that was flushed to be readable at once, by a copy of the receiver.
func wantFlushed(t *testing.T, p *peer, wire, text []byte) {
	t.Helper()
	history := p.slow.text
	if !p.takeover {
		history = nil
	}
	d := Decoder{WindowBits: 12, Takeover: true}
	d.history.push(history, 1<<12)
	if got, err := d.Append(nil, wire, More); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("after Flush: %d of %d bytes, %v", len(got), len(text), err)
	}
}

// TestEncoderFlushBits checks that a flush without text held back still contains the last bits of
// what came before.
func TestEncoderFlushBits(t *testing.T) {
	for n := range 16 { // if the code for the end of the block is short, the bits are some of the text's
		var e Encoder
		text := append(noise(13, n), make([]byte, blockMax-n)...)
		wire := e.Flush(e.Append(nil, text, More))
		var d Decoder
		got, err := d.Append(nil, wire, More)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d: %d of %d bytes, %v", n, len(got), len(text), err)
		}
	}
}

// TestEncoderFlush checks that a flush with nothing new appends nothing.
func TestEncoderFlush(t *testing.T) {
	var e Encoder
	if wire := e.Flush(nil); len(wire) != 0 {
		t.Errorf("flushed before a message: %x, want nothing", wire)
	}
	wire := e.Flush(e.Append(nil, []byte("Hel"), More))
	if !bytes.HasSuffix(wire, tail[:]) {
		t.Errorf("flushed: %x, want it to end in %x", wire, tail)
	}
	if again := e.Flush(wire); len(again) != len(wire) {
		t.Errorf("flushed twice: %x, want nothing new", again)
	}
	newPeer(15, false).check(t, e.Append(wire, []byte("lo"), Last), []byte("Hello"))
}

// TestEncoderFeed checks that a message compressed elsewhere becomes part of the window.
func TestEncoderFeed(t *testing.T) {
	text := noise(3, 600)
	shared := Encoder{WindowBits: 9}
	prepared := shared.Append(nil, text, Last)
	e, p := Encoder{WindowBits: 10, Takeover: true}, newPeer(10, true)
	p.check(t, e.Append(nil, jsonText(1, 1000), Last), jsonText(1, 1000))
	p.check(t, prepared, text)
	e.Feed(text)
	wire := e.Append(nil, text[100:], Last)
	if p.check(t, wire, text[100:]); len(wire) > 20 {
		t.Errorf("500 bytes that the window has became %d, want a few", len(wire))
	}
	e.Takeover = false
	if e.Reset(); e.history.buf != nil {
		t.Error("Reset keeps the window, want it forgotten")
	}
	if e.Feed(text); e.history.buf != nil {
		t.Error("Feed keeps a window without takeover, want none")
	}
}

// TestEncoderRatio checks that on text as APIs send it the encoder is no worse than compress/flate
// of level 1, and that levels above 1 are better than level 1.
func TestEncoderRatio(t *testing.T) {
	if raceEnabled {
		t.Skip("slow, and has no concurrency")
	}
	for _, n := range []int{64, 256, 1 << 10, 16 << 10, 64 << 10} {
		flate1 := 0
		ours := make([]int, 10)
		for seed := range uint64(8) {
			text := jsonText(seed, n)
			flate1 += len(flateMessage(text, 1))
			for level := range ours {
				e := Encoder{Level: uint8(level)}
				ours[level] += len(e.Append(nil, text, Last))
			}
		}
		for level, size := range ours {
			if size > flate1 {
				t.Errorf("%d bytes, level %d: %d bytes, want at most the %d of compress/flate", n, level, size, flate1)
			}
			if level > 2 && n > 4096 && size >= ours[1] {
				t.Errorf("%d bytes: level %d has %d, want less than the %d of level 1", n, level, size, ours[1])
			}
		}
	}
}

// TestEncoderMemory checks that an encoder holds only the window between messages.
func TestEncoderMemory(t *testing.T) {
	for _, takeover := range []bool{true, false} {
		e := Encoder{WindowBits: 12, Takeover: takeover}
		e.Append(nil, jsonText(1, 300), Last)
		if n := cap(e.history.buf); takeover && (n < 300 || n > 512) || !takeover && n > 0 {
			t.Errorf("takeover %t: the encoder holds %d bytes after 300, want no more than it needs", takeover, n)
		}
		for i := range uint64(20) {
			e.Append(nil, jsonText(i, 1000), More)
			e.Append(nil, jsonText(i, 1000), Last)
		}
		if n := cap(e.history.buf); takeover && n != 4096 || !takeover && n > 0 {
			t.Errorf("takeover %t: the encoder holds %d bytes, want at most its window of 4096", takeover, n)
		}
		if e.draft != nil {
			t.Error("the encoder holds a draft after a message, want none")
		}
	}
}

// TestConversation sends every kind of message over one connection, in each window, to a receiver
// that enforces it.
func TestConversation(t *testing.T) {
	for bits := uint8(MinWindowBits); bits <= MaxWindowBits; bits++ {
		for _, level := range []uint8{1, 4} {
			t.Run(fmt.Sprintf("%d bits, level %d", bits, level), func(t *testing.T) {
				c := newConversation(bits, level, true)
				r := rand.New(rand.NewPCG(uint64(bits), uint64(level)))
				for range 60 {
					c.send(t, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()))
				}
			})
		}
	}
}

// conversation is one direction of a connection.
type conversation struct {
	encoder, shared Encoder
	peer            *peer
	seed            uint64
}

func newConversation(bits, level uint8, takeover bool) *conversation {
	return &conversation{
		encoder: Encoder{WindowBits: bits, Level: level, Takeover: takeover},
		shared:  Encoder{WindowBits: bits, Level: level},
		peer:    newPeer(bits, takeover),
	}
}

// send sends one message. kind says how, and size and cut say what.
func (c *conversation) send(t *testing.T, kind, size, cut byte) {
	c.seed++
	if kind&0x40 != 0 { // the connection has been idle
		c.encoder.Fold()
		c.peer.decoder.Fold()
	}
	n := int(size) * int(size) / 16
	text := jsonText(c.seed%5, n)
	if kind&0x80 != 0 {
		text = noise(c.seed%5, n)
	}
	at := min(int(cut)*16, len(text))
	var wire []byte
	switch kind % 4 {
	case 0:
		wire = c.encoder.Append(nil, text, Last)
	case 1: // prepared: compressed once for many connections
		wire = c.shared.Append(nil, text, Last)
		c.encoder.Feed(text)
	case 2: // streamed
		wire = c.encoder.Append(nil, text[:at], More)
		wire = c.encoder.Append(wire, text[at:], Last)
	case 3: // streamed and flushed
		wire = c.encoder.Flush(c.encoder.Append(nil, text[:at], More))
		wire = c.encoder.Append(wire, text[at:], Last)
	}
	c.peer.check(t, wire, text)
}
