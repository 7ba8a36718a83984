package deflate

import (
	"io"
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// TestAllocations checks that in steady state no message allocates, in either direction and in any
// form.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	text := jsonText(1, 2000)
	long := jsonText(2, 100000)
	dst := make([]byte, 0, 1<<18)
	for _, takeover := range []bool{false, true} {
		name := map[bool]string{false: "without takeover", true: "with takeover"}[takeover]
		for _, level := range []uint8{1, 6} {
			e := Encoder{WindowBits: 12, Level: level, Takeover: takeover}
			allocates(t, "Encoder.Append "+name, func() { dst = e.Append(dst[:0], text, Last) })
			allocates(t, "Encoder.Append in parts "+name, func() {
				dst = e.Append(dst[:0], text, More)
				dst = e.Flush(dst)
				dst = e.Append(dst, long, More)
				dst = e.Append(dst, text, Last)
			})
			allocates(t, "Encoder.Feed "+name, func() { e.Feed(text) })
		}
		wire := (&Encoder{WindowBits: 12}).Append(nil, long, Last)
		d := Decoder{WindowBits: 12, Takeover: takeover}
		allocates(t, "Decoder.Append "+name, func() {
			if got, err := d.Append(dst[:0], wire, Last); err != nil || len(got) != len(long) {
				t.Fatal(len(got), err)
			}
		})
		allocates(t, "Decoder.Append in parts "+name, func() {
			got, err := d.Append(dst[:0], wire[:100], More)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = d.Append(got, wire[100:], Last); err != nil || len(got) != len(long) {
				t.Fatal(len(got), err)
			}
		})
		allocates(t, "Decoder.Read "+name, func() {
			for rest := wire; ; {
				_, used, err := d.Read(dst[:512], rest, Last)
				if rest = rest[used:]; err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func allocates(t *testing.T, what string, f func()) {
	t.Helper()
	if n := wstest.Allocs(50, 0, f); n != 0 {
		t.Errorf("%s: %v allocations per message, want none", what, n)
	}
}

// TestSize bounds what a connection holds in each direction besides the window.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(Encoder{}); n > 64 {
		t.Errorf("an Encoder has %d bytes, want at most 64", n)
	}
	if n := unsafe.Sizeof(Decoder{}); n > 128 {
		t.Errorf("a Decoder has %d bytes, want at most 128", n)
	}
}
