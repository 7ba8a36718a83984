package relay

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// appendFrame appends a frame to dst.
func appendFrame(dst []byte, op frame.Opcode, masked, fin bool, payload []byte) []byte {
	h := frame.Header{Opcode: op, Fin: fin, Masked: masked, Length: int64(len(payload))}
	if masked {
		h.Key = 0x01020304
	}
	dst = frame.Append(dst, h)
	at := len(dst)
	dst = append(dst, payload...)
	if masked {
		var key [4]byte
		binary.LittleEndian.PutUint32(key[:], h.Key)
		for i := range dst[at:] {
			dst[at+i] ^= key[i%4]
		}
	}
	return dst
}

// closePayload returns the payload of a Close frame.
func closePayload(t testing.TB, code frame.CloseCode, reason string) []byte {
	t.Helper()
	p, err := frame.AppendClose(nil, code, reason)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// someFrames returns frames of all sizes of header, and the offsets at which they end.
func someFrames(t testing.TB, masked bool) (wire []byte, ends []int) {
	for _, f := range []struct {
		op   frame.Opcode
		fin  bool
		size int
	}{
		{frame.Text, true, 5},
		{frame.Binary, false, 125},
		{frame.Ping, true, 0},
		{frame.Continuation, true, 126},
		{frame.Binary, true, 70000},
		{frame.Text, true, 0},
	} {
		wire = appendFrame(wire, f.op, masked, f.fin, bytes.Repeat([]byte{0x88}, f.size))
		ends = append(ends, len(wire))
	}
	wire = appendFrame(wire, frame.Close, masked, true, closePayload(t, 4001, "bye"))
	return wire, append(ends, len(wire))
}

// TestWalkSplit finds the ends of frames and the Close frame, however the bytes are split.
func TestWalkSplit(t *testing.T) {
	for _, masked := range []bool{false, true} {
		wire, ends := someFrames(t, masked)
		isEnd := map[int]bool{0: true}
		for _, e := range ends {
			isEnd[e] = true
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			var w walker
			for at := 0; at < len(wire); {
				n := min(len(wire)-at, 1+r.IntN(1<<r.IntN(17)))
				got, want := w.walk(wire[at:at+n]), nowhere
				for e := at; e <= at+n; e++ {
					if isEnd[e] {
						want = e - at
					}
				}
				if got != want {
					t.Fatalf("walk of the bytes %d to %d: the last frame ends at %d, want %d", at, at+n, got, want)
				}
				at += n
				if w.between() != isEnd[at] {
					t.Fatalf("between() = %t at %d, want %t", w.between(), at, isEnd[at])
				}
			}
			if code, reason := w.last(); code != 4001 || reason != "bye" {
				t.Fatalf("last() = %d %q, want 4001 bye", code, reason)
			}
		}
	}
}

// TestWalkLast tells how a direction has ended.
func TestWalkLast(t *testing.T) {
	for _, test := range []struct {
		name string
		wire []byte
		code frame.CloseCode
	}{
		{"no frame", nil, frame.Abnormal},
		{"no Close frame", appendFrame(nil, frame.Text, true, true, []byte("x")), frame.Abnormal},
		{"without a code", appendFrame(nil, frame.Close, true, true, nil), frame.NoStatus},
		{"half a code", appendFrame(nil, frame.Close, true, true, []byte{3}), frame.Abnormal},
		{"a code that may not be sent", appendFrame(nil, frame.Close, true, true, []byte{3, 0xee}), frame.Abnormal},
		{"a part of one", appendFrame(nil, frame.Close, true, true, closePayload(t, 1000, "bye"))[:9], frame.Abnormal},
		{"two of them", appendFrame(appendFrame(nil, frame.Close, false, true, closePayload(t, 1000, "")),
			frame.Close, false, true, closePayload(t, 1001, "")), frame.NormalClosure},
	} {
		var w walker
		w.walk(test.wire)
		if code, _ := w.last(); code != test.code {
			t.Errorf("%s: code %d, want %d", test.name, code, test.code)
		}
	}
}

// TestWalkAstray gives up on bytes that are no frames.
func TestWalkAstray(t *testing.T) {
	for name, wire := range map[string][]byte{
		"a length of 2^63":           {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"a length that is too long":  {0x82, 126, 0, 1},
		"a Close frame of 126 bytes": {0x88, 126, 0, 126},
	} {
		for _, size := range []int{1, len(wire)} {
			var w walker
			at := 0
			for ; at+size <= len(wire); at += size {
				w.walk(wire[at : at+size])
			}
			if got := w.walk([]byte("\x81\x00\x81\x00")); got != nowhere || w.between() {
				t.Errorf("%s: a boundary at %d, want none any more", name, got)
			}
		}
	}
}

// FuzzWalk compares the walk of bytes in two pieces with the walk in one.
func FuzzWalk(f *testing.F) {
	wire, _ := someFrames(f, true)
	f.Add(wire[:300], 7)
	f.Add([]byte{0x88, 0x82, 1, 2, 3, 4, 5, 6}, 3)
	f.Add([]byte{0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 4)
	f.Fuzz(func(t *testing.T, wire []byte, cut int) {
		cut = min(max(cut, 0), len(wire))
		var whole, split walker
		want := whole.walk(wire)
		first, second := split.walk(wire[:cut]), split.walk(wire[cut:])
		got := first
		if second != nowhere {
			got = cut + second
		}
		if got != want || whole.between() != split.between() || whole.closed() != split.closed() {
			t.Errorf("cut at %d: boundary %d, want %d; between %t and %t; closed %t and %t", cut, got, want,
				split.between(), whole.between(), split.closed(), whole.closed())
		}
		c1, r1 := whole.last()
		if c2, r2 := split.last(); c1 != c2 || r1 != r2 {
			t.Errorf("cut at %d: ended with %d %q, want %d %q", cut, c2, r2, c1, r1)
		}
		if whole.left < 0 || want > len(wire) {
			t.Errorf("left %d, boundary %d of %d bytes", whole.left, want, len(wire))
		}
	})
}
