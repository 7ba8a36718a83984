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

// other returns the role of the peer.
func other(r frame.Role) frame.Role { return frame.Client - r }

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
			t.Fatalf("%d: remaining %d, announced %d, in message %v, between %v", i, d.Remaining(), d.Announced(), d.InMessage(), d.Between())
		}
		in = in[n:]
	}
}

// A header without payload is told of at once; so is the place of the payload in the input, where it is unmasked.
func TestDecoderAliasesInput(t *testing.T) {
	var d frame.Decoder
	if ev, n, err := d.Step(unhex("81 82 01 02 03 04")); ev.Kind != frame.Start || len(ev.Data) != 0 || n != 6 || err != nil {
		t.Fatalf("%+v, %d, %v", ev, n, err)
	}
	in := unhex("60 60")
	ev, _, err := d.Step(in)
	if err != nil || &ev.Data[0] != &in[0] || string(in) != "ab" {
		t.Fatalf("%+v, %v, input %q", ev, err, in)
	}
}

// Header tells the header of the frame that was told of, also between the fragments of a message and after it.
func TestDecoderHeader(t *testing.T) {
	for _, role := range bothRoles {
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
				t.Errorf("%v, frame %d: %+v, %v, want %+v", role, i, got, err, h)
			}
		}
	}
}

func TestDecoderTake(t *testing.T) {
	d := frame.Decoder{Role: frame.Client}
	if _, _, err := d.Step(unhex("81 04 61")); err != nil {
		t.Fatal(err)
	}
	if err := d.Take([]byte("bcde")); err == nil || d.Remaining() != 3 {
		t.Fatalf("Take of more than Remaining: %v, remaining %d", err, d.Remaining())
	}
	if err := d.Take(nil); err != nil || d.Remaining() != 3 {
		t.Fatalf("Take(nil): %v, remaining %d", err, d.Remaining())
	}
	if err := d.Take([]byte("bcd")); err != nil || d.InMessage() || !d.Between() {
		t.Fatalf("Take of the rest: %v", err)
	}
	if err := d.Take([]byte("x")); err == nil {
		t.Fatal("Take between frames: no error")
	}
	if _, _, err := d.Step(unhex("81 02 ce")); err != nil {
		t.Fatal(err)
	}
	err := d.Take([]byte("a"))
	if err != frame.ErrInvalidUTF8 {
		t.Fatalf("Take of invalid text: %v", err)
	}
	checkDead(t, &d, frame.Event{}, 0, err)
}

// A control frame in pieces is not payload that Take may have.
func TestDecoderRemainingInControl(t *testing.T) {
	d := frame.Decoder{Role: frame.Client}
	ev, n, err := d.Step(unhex("89 02 61"))
	if ev.Kind != frame.NeedData || n != 3 || err != nil || d.Remaining() != 0 || d.Between() {
		t.Fatalf("%+v, %d, %v, remaining %d", ev, n, err, d.Remaining())
	}
	if err := d.Take([]byte("b")); err == nil {
		t.Fatal("Take inside a control frame: no error")
	}
	if err := d.Take(nil); err != nil {
		t.Fatalf("Take of nothing inside a control frame: %v", err)
	}
	if ev, _, err = d.Step([]byte("b")); string(ev.Data) != "ab" || err != nil {
		t.Fatalf("%+v, %v", ev, err)
	}
	// The memory that held the pieces is let go: the next control frame is read where it stands.
	in := unhex("89 01 63")
	if ev, _, err = d.Step(in); err != nil || &ev.Data[0] != &in[2] {
		t.Fatalf("%+v, %v: not in the input", ev, err)
	}
}

// Limits count from the next header on.
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

// Every length that overflows somewhere, on every kind of frame: an error or a wait for payload, and no memory for it.
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
				t.Errorf("%s of %d bytes: remaining %d", first, length, d.Remaining())
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes were allocated for frames that announced payload and sent none", grown)
	}
}

// Four mebibytes in fragments of 64 bytes.
func TestManyFragments(t *testing.T) {
	t.Run("RX-5.4-06", func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), func(t *testing.T) {
				const fragments, size = 65536, 64
				piece := bytes.Repeat([]byte("x"), size)
				e := frame.Encoder{Role: other(role)}
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
						t.Fatalf("fragment %d: %+v, %d, %v", i, ev, n, err)
					}
					got += len(ev.Data)
				}
				if got != fragments*size || d.InMessage() {
					t.Fatalf("%d bytes, in message %v", got, d.InMessage())
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
				if feed(t, &d, wire(role, "88 00 k"), singleBytes); !d.Closed() || !d.Between() {
					t.Fatal("not closed after a Close frame")
				}
				if err := d.Take(nil); err != nil || !d.Closed() {
					t.Fatalf("Take of nothing after Close: %v, closed %v", err, d.Closed())
				}
				ev, n, err := d.Step(unhex("ff ff ff"))
				if ev.Kind != frame.NeedData || n != 3 || err != nil || d.Take([]byte("x")) == nil {
					t.Fatalf("after Close: %+v, %d, %v", ev, n, err)
				}
			})
		}
	})
}

// After an error nothing is delivered, whatever comes (RFC 6455 section 7.1.7).
func TestDecoderDead(t *testing.T) {
	t.Run("bytes of CL-7.1-20", func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), func(t *testing.T) {
				d := frame.Decoder{Role: role}
				tr := feed(t, &d, wire(role, "81 01 k 61|83 00 k"), whole)
				after := feed(t, &d, wire(role, "81 01 k 62|88 00 k"), singleBytes)
				if tr.err != frame.ErrReservedOpcode || after.err != frame.ErrReservedOpcode || len(after.events) != 0 ||
					!slices.Equal(tr.events, []string{text("a")}) {
					t.Fatalf("%v %q, then %v %q", tr.err, tr.events, after.err, after.events)
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
