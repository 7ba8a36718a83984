package deflate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// message is one message as a peer sends it, and what has to come of it.
type message struct {
	wire string // hex; | where one part ends and the next begins
	text string
	err  error
}

// TestDecoderRequirements has the messages of RFC 7692 section 7.2.3 byte for byte, and mistakes
// that a peer may make.
func TestDecoderRequirements(t *testing.T) {
	for _, test := range []struct {
		id, name string
		alone    bool // without takeover
		messages []message
	}{
		{id: "PD-7.2.2-06", name: "tail put back", messages: []message{{wire: "f248cdc9c90700", text: "Hello"}}},
		{id: "PD-7.2.3-07", name: "two parts", messages: []message{{wire: "f248cd|c9c90700", text: "Hello"}}},
		{id: "PD-7.2.3-07", name: "one byte each", messages: []message{{wire: "f2|48|cd|c9|c9|07|00", text: "Hello"}}},
		{id: "PD-7.2.3-07", name: "empty last part", messages: []message{{wire: "f248cdc9c90700|", text: "Hello"}}},
		{id: "PD-6-25", name: "empty first part", messages: []message{{wire: "|f248cdc9c90700", text: "Hello"}}},
		{id: "PD-7.2.3-08", name: "shared window", messages: []message{
			{wire: "f248cdc9c90700", text: "Hello"}, {wire: "f200110000", text: "Hello"},
		}},
		{id: "PD-7.2.3-08", name: "window not shared", alone: true, messages: []message{
			{wire: "f248cdc9c90700", text: "Hello"}, {wire: "f200110000", err: ErrCorrupt},
		}},
		{id: "PD-7.1.1-09", name: "window kept over empty messages", messages: []message{
			{wire: "f248cdc9c90700", text: "Hello"}, {wire: "00"}, {wire: ""}, {wire: "0200"}, {wire: "f200110000", text: "Hello"},
		}},
		{id: "PD-7.2.3-09", name: "stored", messages: []message{{wire: "000500faff48656c6c6f00", text: "Hello"}}},
		{id: "PD-7.2.3-10", name: "BFINAL, window survives", messages: []message{
			{wire: "f348cdc9c9070000", text: "Hello"}, {wire: "f200110000", text: "Hello"},
		}},
		{id: "PD-7.2.3-10", name: "BFINAL, then more", messages: []message{
			{wire: "f348cdc9c90700f248cdc9c90700", text: "HelloHello"},
		}},
		{id: "PD-7.2.3-10", name: "BFINAL, stored and dynamic blocks", messages: []message{
			{wire: "010500faff48656c6c6f f348cdc9c90700 00", text: "HelloHello"},
		}},
		{id: "PD-7.2.3-10", name: "BFINAL, without the empty block", messages: []message{
			{wire: "f348cdc9c90700", err: ErrCorrupt},
		}},
		{id: "PD-7.2.3-11", name: "two blocks", messages: []message{{wire: "f248050000 00ffffcac9c90700", text: "Hello"}}},
		{id: "PD-7.2.3-12", name: "empty, stored", messages: []message{{wire: "00"}}},
		{id: "PD-7.2.3-12", name: "empty, fixed", messages: []message{{wire: "0200"}}},
		{id: "PD-7.2-13", name: "no payload", messages: []message{
			{wire: "f248cdc9c90700", text: "Hello"}, {wire: ""}, {wire: "||"}, {wire: "f200110000", text: "Hello"},
		}},
		{id: "PD-7.2-14", name: "reserved block type", messages: []message{{wire: "ffff", err: ErrCorrupt}, {wire: "00", err: ErrCorrupt}}},
		{id: "PD-7.2-14", name: "LEN is not NLEN", messages: []message{{wire: "000500fafe48656c6c6f00", err: ErrCorrupt}}},
		{id: "PD-7.2-14", name: "length symbol 286", messages: []message{{wire: "1a0300", err: ErrCorrupt}}},
		{id: "PD-7.2-14", name: "distance symbol 30", messages: []message{{wire: "4b04f900", err: ErrCorrupt}}},
		{id: "PD-7.2-14", name: "length symbol 286, more to come", messages: []message{{wire: "1a03" + strings.Repeat("00", 40), err: ErrCorrupt}}},
		{id: "PD-7.2-14", name: "distance symbol 30, more to come", messages: []message{{wire: "4b04f9" + strings.Repeat("00", 40), err: ErrCorrupt}}},
		{id: "PD-7.2-15", name: "cut short", messages: []message{{wire: "f248cd", err: ErrCorrupt}}},
		{id: "PD-7.2-15", name: "cut short in a stored block", messages: []message{{wire: "000a00f5ff48656c6c6f", err: ErrCorrupt}}},
		{id: "PD-7.2-15", name: "no empty block at the end", messages: []message{{wire: "000500faff48656c6c6f", err: ErrCorrupt}}},
		{id: "PD-7.2-16", name: "before the first byte", messages: []message{{wire: "f200110000", err: ErrCorrupt}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachRole(t, test.id, func(t *testing.T) {
				d := Decoder{Takeover: !test.alone}
				for i, m := range test.messages {
					text, err := decodeParts(&d, m.wire)
					if string(text) != m.text || !errors.Is(err, m.err) {
						t.Errorf("message %d: %q, %v; want %q, %v", i, text, err, m.text, m.err)
					}
				}
			})
		})
	}
}

// decodeParts passes all parts of a message to d.Append.
func decodeParts(d *Decoder, wire string) (text []byte, err error) {
	parts := strings.Split(wire, "|")
	for i, p := range parts {
		part := More
		if i == len(parts)-1 {
			part = Last
		}
		if text, err = d.Append(text, unhex(p), part); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// TestDecoderWindow refers to the end of each window and to one byte beyond it.
func TestDecoderWindow(t *testing.T) {
	eachRole(t, "PD-7.2-16", testDecoderWindow)
}

func testDecoderWindow(t *testing.T) {
	for bits := uint8(MinWindowBits); bits <= MaxWindowBits; bits++ {
		t.Run(fmt.Sprintf("%d bits", bits), func(t *testing.T) {
			for _, extra := range []int{-1, 0, 1} {
				distance := 1<<bits + extra
				if distance > 1<<MaxWindowBits {
					continue
				}
				// The text and a match of three bytes at that distance, in one message and in two.
				text := noise(7, distance)
				wire := matchMessage(text, distance)
				want, wantErr := append(bytes.Clone(text), text[:3]...), error(nil)
				if extra > 0 {
					want, wantErr = nil, ErrCorrupt
				}
				d := Decoder{WindowBits: bits, Takeover: true}
				got, err := d.Append(nil, wire, Last)
				if !bytes.Equal(got, want) || err != wantErr {
					t.Errorf("window %d, distance %d, in one message: %d bytes, %v, want an error only beyond the window", 1<<bits, distance, len(got), err)
				}
				d.Reset()
				cut := len(wire) - len(matchMessage(nil, distance))
				got, err = d.Append(nil, wire[:cut], More)
				if err != nil || len(got) != distance {
					t.Fatalf("first part: %d bytes, %v", len(got), err)
				}
				got, err = d.Append(got, wire[cut:], Last)
				if wantErr != nil {
					want = text
				}
				if !bytes.Equal(got, want) || err != wantErr {
					t.Errorf("window %d, distance %d, in two parts: %d bytes, %v, want an error only beyond the window", 1<<bits, distance, len(got), err)
				}
			}
		})
	}
}

// matchMessage returns a message of text, stored, and a match of three bytes.
func matchMessage(text []byte, distance int) []byte {
	var w bitWriter
	writeStored(&w, text)
	w.put(typeFixed<<1, 3)
	w.putCode(fixedCodes.litLen[firstLength])
	symbol := distSymbol(uint16(distance))
	w.putCode(fixedCodes.dist[symbol])
	w.put(uint64(distance-int(distBase[symbol])), uint(distExtra[symbol]))
	w.putCode(fixedCodes.litLen[endOfBlock])
	w.put(typeStored<<1, 3)
	w.align()
	return w.out
}

// TestDecoderFirstByte checks that a distance can reach the first byte of all, in this call or
// before it, and not the one before that.
func TestDecoderFirstByte(t *testing.T) {
	eachRole(t, "PD-7.2-16", func(t *testing.T) {
		for _, before := range []int{0, 1, 2, 5, 255, 256, 257, 1000} {
			for _, now := range []int{0, 1, 7, 300} {
				for _, part := range []Part{More, Last} {
					checkFirstByte(t, noise(8, before), noise(9, now), part)
				}
			}
		}
	})
}

// checkFirstByte passes a decoder one text, which ends a message or does not, and then another with
// a match that goes back to the first byte of both, or one byte further.
func checkFirstByte(t *testing.T, before, now []byte, part Part) {
	t.Helper()
	all := append(bytes.Clone(before), now...)
	for distance := max(1, len(all)); distance <= len(all)+1; distance++ {
		for _, more := range []int{0, 20} { // 20 bytes let the fast loop see the match
			d := Decoder{Takeover: part == Last}
			if _, err := d.Append(nil, storedMessage(before, part), part); err != nil {
				t.Fatal(err)
			}
			wire := append(matchMessage(now, distance), tail[:]...)
			wire = append(wire, storedMessage(make([]byte, more), Last)...)
			got, err := d.Append(nil, wire, Last)
			if distance > len(all) {
				if err != ErrCorrupt {
					t.Errorf("%d and %d bytes, distance %d: %v, want ErrCorrupt", len(before), len(now), distance, err)
				}
				continue
			}
			want := append(bytes.Clone(now), all[0], all[1%len(all)], all[2%len(all)])
			if want = append(want, make([]byte, more)...); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d and %d bytes, distance %d: %x, %v, want %x", len(before), len(now), distance, got, err, want)
			}
		}
	}
}

// storedMessage returns a message of text, or a part of one, stored.
func storedMessage(text []byte, part Part) []byte {
	var w bitWriter
	writeStored(&w, text)
	if part == Last {
		w.put(typeStored<<1, 3)
		w.align()
	}
	return w.out
}

// TestDecoderDefaultWindow checks that the window is 32 KiB if nothing was negotiated.
func TestDecoderDefaultWindow(t *testing.T) {
	eachRole(t, "PD-7.1.2-20", func(t *testing.T) {
		text := noise(7, 1<<15)
		var d Decoder
		got, err := d.Append(nil, matchMessage(text, 1<<15), Last)
		if err != nil || !bytes.Equal(got, append(text, text[:3]...)) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestDecoderLimit checks that a message of exactly the limit is accepted and one more byte is not,
// wherever the parts end and whatever the bytes come from.
func TestDecoderLimit(t *testing.T) {
	eachRole(t, "PD-8-18", func(t *testing.T) {
		for name, text := range samples() {
			var e Encoder
			wire := e.Append(nil, text, Last)
			for _, size := range []int{1, 100, len(wire)} {
				if size == 1 && len(wire) > 10000 {
					continue
				}
				d := Decoder{Limit: int64(len(text))}
				for range 2 { // it is a limit for each message
					if got, err := appendPieces(&d, wire, size); len(text) > 0 && (err != nil || !bytes.Equal(got, text)) {
						t.Fatalf("%s: at the limit: %d bytes, %v, want all and no error", name, len(got), err)
					}
				}
				d = Decoder{Limit: int64(len(text)) - 1}
				if len(text) < 2 {
					continue
				}
				got, err := appendPieces(&d, wire, size)
				if err != ErrTooBig || int64(len(got)) > d.Limit {
					t.Fatalf("%s: above the limit: %d bytes, %v, want none and ErrTooBig", name, len(got), err)
				}
				if _, err := d.Append(nil, []byte{0}, Last); err != ErrTooBig {
					t.Fatalf("%s: the next call: %v, want the same error", name, err)
				}
				d = Decoder{Limit: int64(len(text)) - 1}
				if got, err := readPieces(&d, wire, size, 700); err != ErrTooBig || int64(len(got)) > d.Limit {
					t.Fatalf("%s: Read above the limit: %d bytes, %v, want ErrTooBig", name, len(got), err)
				}
			}
		}
	})
}

// TestDecoderRoom checks that the limit is the same whatever room the caller has, also if that is
// one byte less than the limit.
func TestDecoderRoom(t *testing.T) {
	eachRole(t, "PD-8-18", func(t *testing.T) {
		text := jsonText(11, 60)
		wire := (&Encoder{}).Append(nil, text, Last)
		for room := 1; room < len(text)+20; room++ {
			for limit, want := range map[int]error{len(text): nil, len(text) - 1: ErrTooBig} {
				a, r := Decoder{Limit: int64(limit)}, Decoder{Limit: int64(limit)}
				got, err := a.Append(make([]byte, 0, room), wire, Last)
				if err != want || err == nil && !bytes.Equal(got, text) {
					t.Errorf("Append, limit %d, room %d: %q, %v", limit, room, got, err)
				}
				got, err = readPieces(&r, wire, len(wire), room)
				if err != want || err == nil && !bytes.Equal(got, text) {
					t.Errorf("Read, limit %d, room %d: %q, %v", limit, room, got, err)
				}
			}
		}
	})
}

// TestDecoderLimitLowered checks that a limit below what a message has inflated to already ends the
// message with its next byte. A decoder that has failed holds no window.
func TestDecoderLimitLowered(t *testing.T) {
	text := jsonText(12, 3000)
	wire := (&Encoder{}).Append(nil, text, Last)
	for _, read := range []bool{false, true} {
		d := Decoder{Limit: 3000, Takeover: true}
		got, err := d.Append(nil, wire[:len(wire)/2], More)
		if err != nil || len(got) < 100 || d.history.buf == nil {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		d.Limit = 50
		if read {
			_, _, err = d.Read(make([]byte, 10), wire[len(wire)/2:], Last)
		} else {
			_, err = d.Append(got, wire[len(wire)/2:], Last)
		}
		if err != ErrTooBig || d.history.buf != nil {
			t.Errorf("%v, window of %d bytes, want ErrTooBig and none", err, len(d.history.buf))
		}
	}
}

// TestDecoderBomb checks that ten kilobytes that inflate to ten megabytes take no more memory than
// the limit, and the window if they come in parts.
func TestDecoderBomb(t *testing.T) {
	eachRole(t, "PD-8-18", func(t *testing.T) {
		const limit = 1 << 20
		var e Encoder
		bomb := e.Append(nil, make([]byte, 10<<20), Last)
		if len(bomb) > 20<<10 {
			t.Fatalf("the bomb has %d bytes, want fewer", len(bomb))
		}
		for _, size := range []int{len(bomb), 512} {
			d := Decoder{Limit: limit, Takeover: true}
			var got []byte
			var err error
			for rest := bomb; err == nil && len(rest) > 0; {
				n := min(size, len(rest))
				got, err = d.Append(got, rest[:n], More)
				rest = rest[n:]
			}
			if err != ErrTooBig || cap(got) > limit+limit/4 || cap(d.history.buf) > 1<<15 {
				t.Errorf("pieces of %d: %v, capacity %d", size, err, cap(got))
			}
		}
	})
}

// appendPieces passes d a message in pieces of n bytes. On an error it returns the text of the
// pieces before.
func appendPieces(d *Decoder, wire []byte, n int) (text []byte, err error) {
	for len(wire) > n && err == nil {
		text, err = d.Append(text, wire[:n], More)
		wire = wire[n:]
	}
	if err != nil {
		return text, err
	}
	return d.Append(text, wire, Last)
}

// readPieces does the same with Read and room for r bytes.
func readPieces(d *Decoder, wire []byte, n, r int) (text []byte, err error) {
	p := make([]byte, r)
	for {
		piece, part := wire[:min(n, len(wire))], More
		if len(piece) == len(wire) {
			part = Last
		}
		got, used, err := d.Read(p, piece, part)
		text = append(text, p[:got]...)
		wire = wire[used:]
		switch {
		case err == io.EOF:
			return text, nil
		case err != nil:
			return text, err
		case got == 0 && used == 0 && len(p) > 0 && len(piece) > 0:
			return text, fmt.Errorf("no progress with %d bytes left", len(wire))
		}
	}
}

// TestDecoderPieces checks that the text does not depend on how payload and room are divided.
func TestDecoderPieces(t *testing.T) {
	for name, text := range samples() {
		text = text[:min(len(text), 20000)]
		for _, wire := range [][]byte{(&Encoder{}).Append(nil, text, Last), flateMessage(text, 6), flateMessage(text, -2), flateMessage(text, 0)} {
			for _, n := range []int{1, 2, 3, 7, 16, 17, 1000} {
				var a, r Decoder
				if got, err := appendPieces(&a, wire, n); err != nil || !bytes.Equal(got, text) {
					t.Fatalf("%s: Append of %d bytes at a time: %d bytes, %v", name, n, len(got), err)
				}
				for _, room := range []int{1, 2, 3, 4, 5, 19, 300, 70000} {
					if got, err := readPieces(&r, wire, n, room); err != nil || !bytes.Equal(got, text) {
						t.Fatalf("%s: Read of %d bytes at a time into %d: %d bytes, %v", name, n, room, len(got), err)
					}
				}
			}
		}
	}
}

// TestDecoderMemory checks that a decoder holds only the window between messages, no larger than
// the text was, and without takeover nothing at all.
func TestDecoderMemory(t *testing.T) {
	wire := flateMessage(jsonText(1, 300), 6)
	for _, takeover := range []bool{true, false} {
		d := Decoder{WindowBits: 12, Takeover: takeover}
		if _, err := appendPieces(&d, wire, 50); err != nil {
			t.Fatal(err)
		}
		if d.space != nil || d.codes != nil {
			t.Error("the decoder holds tables after a message, want none")
		}
		if n := cap(d.history.buf); takeover && (n < 300 || n > 512) || !takeover && n > 0 {
			t.Errorf("takeover %t: the decoder holds %d bytes after 300, want no more than it needs", takeover, n)
		}
		for range 20 {
			if _, err := d.Append(nil, wire, Last); err != nil {
				t.Fatal(err)
			}
		}
		if n := cap(d.history.buf); takeover && n != 4096 || !takeover && n > 0 {
			t.Errorf("takeover %t: the decoder holds %d bytes, want at most its window of 4096", takeover, n)
		}
	}
}

// TestDecoderPrefix checks that no distance reaches what dst holds before the text.
func TestDecoderPrefix(t *testing.T) {
	eachRole(t, "PD-7.2-16", func(t *testing.T) {
		prefix := []byte("secret of another message")
		wire := append(matchMessage(nil, 20), tail[:]...)
		wire = append(wire, matchMessage(noise(1, 100), 1)...) // for the fast loop
		dst := append(make([]byte, 0, 1000), prefix...)
		d := Decoder{Takeover: true}
		if got, err := d.Append(dst, wire, Last); err != ErrCorrupt || !bytes.Equal(got, prefix) {
			t.Errorf("without history: %q, %v, want ErrCorrupt", got, err)
		}
		d.Reset()
		if _, err := d.Append(nil, flateMessage([]byte("abcdefghijklmnopqrstuvwxyz"), 1), Last); err != nil {
			t.Fatal(err)
		}
		got, err := d.Append(dst, matchMessage(nil, 20), Last)
		if want := string(prefix) + "ghi"; err != nil || string(got) != want {
			t.Errorf("with history: %q, %v; want %q", got, err, want)
		}
	})
}

// TestDecoderTail checks that the bytes that were cut off may turn out to be something else than an
// empty block, however little room there is for them.
func TestDecoderTail(t *testing.T) {
	wire, want := unhex("000900f6ff48656c6c6f"), "Hello\x00\x00\xff\xff"
	for _, room := range []int{1, 2, 6, 7, 100} {
		var d Decoder
		if got, err := readPieces(&d, wire, 3, room); err != nil || string(got) != want {
			t.Errorf("room of %d: %q, %v", room, got, err)
		}
	}
	// The end of this block takes fifteen of the tail's sixteen one bits. One is left, which is not
	// a block.
	short := map[uint8]uint{15: 5, 18: 5}
	var runs []lengthRun
	for length := range uint8(15) {
		short[length] = 4
		runs = append(runs, lengthRun{length + 1, 0})
	}
	runs = append(runs, lengthRun{18, 138 - 11}, lengthRun{18, 103 - 11}, lengthRun{15, 0}, lengthRun{0, 0})
	var w bitWriter
	putDynamic(&w, 257, 1, short, runs)
	w.align()
	var d Decoder
	if got, err := d.Append(nil, w.out, Last); err != ErrCorrupt {
		t.Errorf("a bit left: %q, %v, want ErrCorrupt", got, err)
	}
}

// TestDecoderReset checks that after an error only Reset makes a decoder usable.
func TestDecoderReset(t *testing.T) {
	d := Decoder{Takeover: true, WindowBits: 9, Limit: 100}
	if _, err := d.Append(nil, []byte{0xff}, More); err != ErrCorrupt {
		t.Fatal(err)
	}
	dst, err := d.Append([]byte("kept"), []byte{0}, Last)
	if err != ErrCorrupt || string(dst) != "kept" {
		t.Fatalf("%q, %v", dst, err)
	}
	if _, _, err := d.Read(make([]byte, 10), []byte{0}, Last); err != ErrCorrupt {
		t.Fatal(err)
	}
	d.Reset()
	if !d.Takeover || d.WindowBits != 9 || d.Limit != 100 {
		t.Fatal("Reset changed the parameters, want them as before")
	}
	if got, err := d.Append(nil, unhex("f248cdc9c90700"), Last); err != nil || string(got) != "Hello" {
		t.Fatalf("%q, %v", got, err)
	}
}
