package frame_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/frame"
)

var bothRoles = []frame.Role{frame.Server, frame.Client}

func TestDecoderEvents(t *testing.T) {
	d := frame.Decoder{Role: frame.Client, AllowRSV1: true}
	const start, chunk = frame.Start, frame.Chunk
	in := unhex("41 05 68 65 6c 6c 6f 89 01 78 80 06 20 77")
	for i, want := range []struct {
		ev       frame.Event
		n        int
		left     int64
		sum      int64 // of the payload announced
		message  bool
		boundary bool
	}{
		{frame.Event{Kind: start, Opcode: 1, Compressed: true, Length: 5, Data: []byte("hello")}, 7, 0, 5, true, true},
		{frame.Event{Kind: frame.Control, Opcode: frame.Ping, Length: 1, Data: []byte("x")}, 3, 0, 5, true, true},
		{frame.Event{Kind: start, Compressed: true, Length: 6, Data: []byte(" w")}, 4, 4, 11, true, false},
		{frame.Event{}, 0, 4, 11, true, false},
		{frame.Event{Kind: chunk, Opcode: 1, Compressed: true, Length: 6, Data: []byte("orl")}, 3, 1, 11, true, false},
		{frame.Event{Kind: chunk, Opcode: 1, Fin: true, Compressed: true, Length: 6, Data: []byte("d")}, 1, 0, 11, false, true},
		{frame.Event{Kind: start, Opcode: 2, Fin: true, Length: 1, Data: []byte("z")}, 3, 0, 1, false, true},
	} {
		if i == 4 {
			in = []byte("orl")
		} else if i == 5 {
			in = []byte("d\x82\x01z")
		}
		ev, n, err := d.Step(in)
		if err != nil || n != want.n || fmt.Sprint(ev) != fmt.Sprint(want.ev) {
			t.Fatalf("%d: %+v, %d, %v, want %+v", i, ev, n, err, want)
		}
		if d.Remaining() != want.left || d.Announced() != want.sum || d.InMessage() != want.message || d.Between() != want.boundary {
			t.Fatalf("%d: remaining %d, announced %d, in message %t, between %t, want %d, %d, %t, %t", i, d.Remaining(), d.Announced(), d.InMessage(), d.Between(), want.left, want.sum, want.message, want.boundary)
		}
		in = in[n:]
	}
}

// A header is reported at once, without payload. Payload is reported where it stands in the input,
// unmasked.
func TestDecoderAliasesInput(t *testing.T) {
	var d frame.Decoder
	if ev, n, err := d.Step(unhex("81 82 01 02 03 04")); ev.Kind != frame.Start || len(ev.Data) != 0 || n != 6 || err != nil {
		t.Fatalf("Step of a header = %+v, %d, %v, want a Start without payload, 6 and no error", ev, n, err)
	}
	in := unhex("60 60")
	ev, _, err := d.Step(in)
	if err != nil || &ev.Data[0] != &in[0] || string(in) != "ab" {
		t.Fatalf("Step = %+v, %v, with the input now %q, want payload that is the input, %q", ev, err, in, "ab")
	}
}

// Header returns the header of the frame that was reported last, also between the fragments of a
// message and after the message.
func TestDecoderHeader(t *testing.T) {
	for _, role := range bothRoles {
		t.Run(role.String(), func(t *testing.T) { wantHeaders(t, role) })
	}
}

func wantHeaders(t *testing.T, role frame.Role) {
	d := frame.Decoder{Role: role, AllowRSV1: true}
	key := uint32(0)
	if role == frame.Server {
		key = 0x01020304
	}
	for i, h := range []frame.Header{
		{Opcode: frame.Text, RSV: frame.RSV1, Length: 3},
		{Opcode: frame.Ping, Fin: true, Length: 1},
		{Opcode: frame.Continuation, Length: 70000},
		{Opcode: frame.Continuation, Fin: true},
		{Opcode: frame.Pong, Fin: true},
		{Opcode: frame.Binary, Fin: true, Length: 200},
		{Opcode: frame.Text, Length: 2},
		{Opcode: frame.Close, Fin: true},
	} {
		h.Masked, h.Key = role == frame.Server, key
		in := append(frame.Append(nil, h), make([]byte, h.Length)...)
		ev, n, err := d.Step(in)
		h.Key = 0
		if got := d.Header(); err != nil || n != len(in) || got != h || ev.Kind == frame.Chunk {
			t.Errorf("frame %d: Header() = %+v, want %+v; Step: %d bytes, %v", i, got, h, n, err)
		}
	}
}

func TestDecoderTake(t *testing.T) {
	d := frame.Decoder{Role: frame.Client}
	if _, _, err := d.Step(unhex("81 04 61")); err != nil {
		t.Fatal(err)
	}
	if err := d.Take([]byte("bcde")); err == nil || d.Remaining() != 3 {
		t.Fatalf("Take of more than Remaining: %v, remaining %d, want an error and 3", err, d.Remaining())
	}
	if err := d.Take(nil); err != nil || d.Remaining() != 3 {
		t.Fatalf("Take(nil): %v, remaining %d, want no error and 3", err, d.Remaining())
	}
	if err := d.Take([]byte("bcd")); err != nil || d.InMessage() || !d.Between() {
		t.Fatalf("Take of the rest: %v, in message %t, between %t, want nil, false, true", err, d.InMessage(), d.Between())
	}
	if err := d.Take([]byte("x")); err == nil {
		t.Fatal("Take between frames: no error, want one")
	}
	if _, _, err := d.Step(unhex("81 02 ce")); err != nil {
		t.Fatal(err)
	}
	err := d.Take([]byte("a"))
	if err != frame.ErrInvalidUTF8 {
		t.Fatalf("Take of invalid text: %v, want %v", err, frame.ErrInvalidUTF8)
	}
	checkDead(t, &d, frame.Event{}, 0, err)
}

// Take can't have the payload of a control frame that arrives in pieces.
func TestDecoderRemainingInControl(t *testing.T) {
	d := frame.Decoder{Role: frame.Client}
	ev, n, err := d.Step(unhex("89 02 61"))
	if ev.Kind != frame.NeedData || n != 3 || err != nil || d.Remaining() != 0 || d.Between() {
		t.Fatalf("Step of half a ping = %+v, %d, %v, remaining %d, want NeedData, 3, no error, 0", ev, n, err, d.Remaining())
	}
	if err := d.Take([]byte("b")); err == nil {
		t.Fatal("Take inside a control frame: no error, want one")
	}
	if err := d.Take(nil); err != nil {
		t.Fatalf("Take of nothing inside a control frame: %v, want no error", err)
	}
	if ev, _, err = d.Step([]byte("b")); string(ev.Data) != "ab" || err != nil {
		t.Fatalf("Step of the rest = %+v, %v, want payload %q", ev, err, "ab")
	}
	// The memory that held the pieces is released: the next control frame is read where it stands.
	in := unhex("89 01 63")
	if ev, _, err = d.Step(in); err != nil || &ev.Data[0] != &in[2] {
		t.Fatalf("Step = %+v, %v, want payload that is the input", ev, err)
	}
}

// Limits that change count from the next header on.
func TestDecoderLimitsChange(t *testing.T) {
	for _, c := range []struct {
		before, after frame.Decoder
		want          error
	}{
		{frame.Decoder{MaxMessage: 2}, frame.Decoder{MaxMessage: 4}, nil},
		{frame.Decoder{MaxMessage: 2}, frame.Decoder{}, nil},
		{frame.Decoder{MaxMessage: 2}, frame.Decoder{MaxMessage: -1}, nil},
		{frame.Decoder{}, frame.Decoder{MaxMessage: 3}, frame.ErrMessageTooBig},
		{frame.Decoder{}, frame.Decoder{MaxMessage: 1}, frame.ErrMessageTooBig},
		{frame.Decoder{MaxFragments: 1}, frame.Decoder{MaxFragments: 2}, nil},
		{frame.Decoder{MaxFragments: 1}, frame.Decoder{MaxFragments: 1}, frame.ErrTooManyFragments},
		{frame.Decoder{MaxFragments: 2}, frame.Decoder{MaxFragments: -1}, nil},
	} {
		d := c.before
		d.Role = frame.Client
		if tr := feed(t, &d, unhex("02 02 61 61"), whole); tr.err != nil {
			t.Fatal(tr.err)
		}
		d.MaxMessage, d.MaxFragments = c.after.MaxMessage, c.after.MaxFragments
		if tr := feed(t, &d, unhex("80 02 62 62"), whole); tr.err != c.want {
			t.Errorf("%+v: error %v, want %v", c, tr.err, c.want)
		}
	}
}

// Every length that overflows somewhere, on every kind of frame, leads to an error or to a wait for
// payload. No memory is taken for it.
func TestAnnouncedLength(t *testing.T) {
	t.Run("RX-5.2-10", func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), func(t *testing.T) { announce(t, role) })
		}
	})
}

func announce(t *testing.T, role frame.Role) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, length := range []uint64{1 << 16, 1 << 30, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		for _, first := range []string{"82", "01 01 k 61|80", "89", "88"} {
			d := frame.Decoder{Role: role, MaxMessage: 1 << 62}
			in := wire(role, fmt.Sprintf("%s 7f %016x k", first, length))
			tr := feed(t, &d, in, whole)
			var want error
			switch {
			case first[0] == '8' && first != "82":
				want = frame.ErrControlTooLong
			case length >= 1<<63:
				want = frame.ErrLengthOverflow
			case length > 1<<62 || length == 1<<62 && first != "82":
				want = frame.ErrMessageTooBig
			}
			if tr.err != want {
				t.Errorf("%s of %d bytes: %v, want %v", first, length, tr.err, want)
			}
			if want == nil && d.Remaining() != int64(length) {
				t.Errorf("%s of %d bytes: remaining %d, want all", first, length, d.Remaining())
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes were allocated for frames that announced payload and sent none, want at most %d", grown, 1<<20)
	}
}

// A message of four mebibytes arrives in fragments of 64 bytes.
func TestManyFragments(t *testing.T) {
	t.Run("RX-5.4-06", func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), func(t *testing.T) {
				const fragments, size = 65536, 64
				piece := bytes.Repeat([]byte("x"), size)
				e := frame.Encoder{Role: role.Peer()}
				d := frame.Decoder{Role: role, MaxMessage: fragments * size, MaxFragments: fragments}
				got, buf := 0, []byte(nil)
				for i := range fragments {
					h := frame.Header{Opcode: frame.Continuation, Fin: i == fragments-1, Key: uint32(i)}
					if i == 0 {
						h.Opcode = frame.Text
					}
					buf, _ = e.AppendFrame(buf[:0], h, piece)
					ev, n, err := d.Step(buf)
					if err != nil || n != len(buf) || ev.Fin != h.Fin || !bytes.Equal(ev.Data, piece) {
						t.Fatalf("fragment %d: %+v, %d, %v, want all of it", i, ev, n, err)
					}
					got += len(ev.Data)
				}
				if got != fragments*size || d.InMessage() {
					t.Fatalf("%d bytes, in message %t, want %d, false", got, d.InMessage(), fragments*size)
				}
			})
		}
	})
}

func TestDecoderClosed(t *testing.T) {
	t.Run("bytes of CL-5.5-10", func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), func(t *testing.T) {
				d := frame.Decoder{Role: role}
				if feed(t, &d, wire(role, "88 00 k"), singleBytes); !d.Between() {
					t.Fatal("Between after a Close frame = false, want true")
				}
				if err := d.Take(nil); err != nil {
					t.Fatalf("Take of nothing after a Close frame: %v, want no error", err)
				}
				if err := d.Take([]byte("x")); err == nil {
					t.Fatal("Take of a byte after a Close frame: no error, want one")
				}
				ev, n, err := d.Step(unhex("ff ff ff"))
				if ev.Kind != frame.NeedData || n != 3 || err != nil || !d.Between() {
					t.Fatalf("Step after a Close frame = %+v, %d, %v, want NeedData, 3 and no error", ev, n, err)
				}
			})
		}
	})
}

// After an error nothing is delivered, whatever arrives (RFC 6455 section 7.1.7).
func TestDecoderDead(t *testing.T) {
	t.Run("bytes of CL-7.1-20", func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), func(t *testing.T) {
				d := frame.Decoder{Role: role}
				tr := feed(t, &d, wire(role, "81 01 k 61|83 00 k"), whole)
				after := feed(t, &d, wire(role, "81 01 k 62|88 00 k"), singleBytes)
				if tr.err != frame.ErrReservedOpcode || after.err != frame.ErrReservedOpcode || len(after.events) != 0 ||
					!slices.Equal(tr.events, []string{text("a")}) {
					t.Fatalf("%v, %q, then %v, %q, want %v, one message, and then only the same error", tr.err, tr.events, after.err, after.events, frame.ErrReservedOpcode)
				}
			})
		}
	})
}

func TestDecoderSize(t *testing.T) {
	if n := unsafe.Sizeof(frame.Decoder{}); n > 96 {
		t.Errorf("a Decoder takes %d bytes, want at most 96", n)
	}
	if n := unsafe.Sizeof(frame.Header{}); n > 16 {
		t.Errorf("a Header takes %d bytes, want at most 16", n)
	}
}
