package zlibtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rfc6455/ws/conn/internal/deflate"
)

// text returns n bytes that can be compressed, more or less.
func text(r *rand.Rand, n int) []byte {
	words := []string{"order", "price", `{"id":`, `,"type":"`, "update", "\",", "account", "1", "2", "37", "\x00\x00\x00", "é"}
	var t []byte
	noisy := r.IntN(4) == 0
	for len(t) < n {
		if noisy {
			t = append(t, byte(r.Uint32()))
		} else if r.IntN(40) == 0 {
			t = fmt.Append(t, r.Uint32())
		} else {
			t = append(t, words[r.IntN(len(words))]...)
		}
	}
	return t[:n]
}

// size returns the size of a message. Most are small, some are larger than blocks and windows.
func size(r *rand.Rand) int {
	return r.IntN([]int{2, 50, 300, 2000, 70000}[r.IntN(5)])
}

// toZlib has zlib read what a conversation sends.
func toZlib(t *testing.T, seed uint64, bits, level uint8, messages int) {
	r := rand.New(rand.NewPCG(seed, 1))
	in, err := newInflater(int(bits))
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	e := deflate.Encoder{WindowBits: bits, Level: level, Takeover: true}
	for i := range messages {
		message := text(r, size(r))
		var wire []byte
		switch r.IntN(3) {
		case 0:
			wire = e.Append(nil, message, deflate.Last)
		case 1:
			alone := deflate.Encoder{WindowBits: bits, Level: level}
			wire = alone.Append(nil, message, deflate.Last)
			e.Feed(message)
		case 2:
			cut := r.IntN(len(message) + 1)
			wire = e.Flush(e.Append(nil, message[:cut], deflate.More))
			wire = e.Append(wire, message[cut:], deflate.Last)
		}
		if got, err := in.message(wire, len(message)); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bits, level %d, message %d: %d of %d bytes, %v", bits, level, i, len(got), len(message), err)
		}
	}
}

// fromZlib reads what zlib sends.
func fromZlib(t *testing.T, seed uint64, bits uint8, level, memory, strategy, messages int) {
	r := rand.New(rand.NewPCG(seed, 2))
	out, err := newDeflater(level, int(bits), memory, strategy)
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	d := deflate.Decoder{WindowBits: bits, Takeover: true, Limit: 1 << 20}
	for i := range messages {
		message := text(r, size(r))
		wire, err := out.message(message)
		if err != nil {
			t.Fatal(err)
		}
		cut := r.IntN(len(wire) + 1)
		got, err := d.Append(nil, wire[:cut], deflate.More)
		if err == nil {
			got, err = d.Append(got, wire[cut:], deflate.Last)
		}
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bits, level %d, strategy %d, message %d: %d of %d bytes, %v", bits, level, strategy, i, len(got), len(message), err)
		}
	}
}

func TestToZlib(t *testing.T) {
	for bits := uint8(8); bits <= 15; bits++ {
		for level := range uint8(10) {
			toZlib(t, uint64(bits)<<8|uint64(level), bits, level, 30)
		}
	}
}

// TestFromZlib begins at nine bits, since zlib does not compress with eight.
func TestFromZlib(t *testing.T) {
	for bits := uint8(9); bits <= 15; bits++ {
		for level := range 10 {
			fromZlib(t, uint64(bits), bits, level, 1+level%9, level%5, 30)
		}
	}
}

func FuzzToZlib(f *testing.F) {
	f.Add(uint64(1), uint8(9), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, bits, level uint8) {
		toZlib(t, seed, 8+bits%8, level%10, 10)
	})
}

func FuzzFromZlib(f *testing.F) {
	f.Add(uint64(1), uint8(9), uint8(6), uint8(8), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, bits, level, memory, strategy uint8) {
		fromZlib(t, seed, 9+bits%7, int(level%10), 1+int(memory%9), int(strategy%5), 10)
	})
}
