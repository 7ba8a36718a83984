package tunnel

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// frame returns a frame of HTTP/3.
func frame(kind uint64, payload string) []byte {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	return append(b, payload...)
}

// TestFrames reads the payload of DATA frames, however the stream is cut into pieces.
func TestFrames(t *testing.T) {
	long := string(bytes.Repeat([]byte("long"), 5000))
	var in []byte
	for _, f := range [][]byte{
		frame(0, "one"), frame(0, ""), frame(0x21, "grease"), frame(0, long), frame(0x1f*7+0x21, ""),
		frame(1<<40, "unknown"),
		{0x40, 0, 0xc0, 0, 0, 0, 0, 0, 0, 3},
		[]byte("two"), // numbers that are longer than need be
	} {
		in = append(in, f...)
	}
	want := "one" + long + "two"
	for _, size := range []int{1, 2, 3, 7, 100, len(in)} {
		var f Frames
		var got []byte
		for rest := bytes.Clone(in); len(rest) > 0; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			n, err := f.Data(piece)
			if err != nil {
				t.Fatalf("pieces of %d: Data = %v, want nil", size, err)
			}
			got = append(got, piece[:n]...)
		}
		if string(got) != want || !f.AtStart() {
			t.Errorf("pieces of %d: got %.20q of length %d, at the start of a frame: %t; want %.20q of %d, true",
				size, got, len(got), f.AtStart(), want, len(want))
		}
	}
}

// TestFramesUnexpected has the frames that no tunnel may carry.
func TestFramesUnexpected(t *testing.T) {
	for _, kind := range []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 0xd, 0xf0700, 0xf0701} {
		var f Frames
		b := append(frame(0, "data"), frame(kind, "x")...)
		n, err := f.Data(b)
		var e *http3.Error
		if string(b[:n]) != "data" || !errors.As(err, &e) || e.ErrorCode != http3.ErrCodeFrameUnexpected || e.Remote {
			t.Errorf("type %#x: Data = %q, %v; want the data before it and H3_FRAME_UNEXPECTED", kind, b[:n], err)
		}
	}
}

// TestFramesCut: a stream that ends within a frame does not end well.
func TestFramesCut(t *testing.T) {
	in := frame(0, "data")
	for n := 1; n < len(in); n++ {
		var f Frames
		if _, err := f.Data(bytes.Clone(in[:n])); err != nil || f.AtStart() {
			t.Errorf("after %d of %d octets: %v, at the start of a frame: %t; want nil, false", n, len(in), err, f.AtStart())
		}
	}
}

// FuzzFrames: the result does not depend on how the stream is cut into pieces.
func FuzzFrames(f *testing.F) {
	f.Add(append(frame(0, "one"), frame(0x21, "grease")...), uint64(1))
	f.Add(append(frame(0, "one"), frame(1, "headers")...), uint64(2))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint64(3))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		var whole Frames
		want := bytes.Clone(in)
		n, wantErr := whole.Data(want)
		want = want[:n]

		var parts Frames
		var got []byte
		var gotErr error
		r := rand.New(rand.NewPCG(seed, 0))
		for rest := bytes.Clone(in); len(rest) > 0 && gotErr == nil; {
			piece := rest[:1+r.IntN(len(rest))]
			rest = rest[len(piece):]
			n, gotErr = parts.Data(piece)
			got = append(got, piece[:n]...)
		}
		if !bytes.Equal(got, want) || (gotErr == nil) != (wantErr == nil) || gotErr == nil && parts.AtStart() != whole.AtStart() {
			t.Errorf("in pieces: %q, %v; at once: %q, %v", got, gotErr, want, wantErr)
		}
	})
}
