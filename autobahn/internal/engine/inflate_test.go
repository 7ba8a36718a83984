package engine

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// samples are payloads of different kinds.
func samples() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	m := map[string][]byte{
		"empty":  {},
		"one":    []byte("a"),
		"run":    bytes.Repeat([]byte("ab"), 40_000),
		"random": random,
	}
	var text []byte
	for len(text) < 50_000 {
		text = fmt.Appendf(text, "{\"id\": %d, \"name\": \"%s\"}, ", r.Uint32(), []string{"Größe", "東京", "Москва", "of"}[r.IntN(4)])
	}
	m["text"] = text
	mixed := bytes.Clone(text[:40_000]) // compressed already, for the most part
	for i := range mixed {
		if i%1000 > 200 {
			mixed[i] = byte(r.Uint32())
		}
	}
	m["mixed"] = mixed
	return m
}

// TestInflateOracle holds the inflater against the standard library's compressor.
func TestInflateOracle(t *testing.T) {
	for name, payload := range samples() {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 6, 9} {
			var b bytes.Buffer
			w, err := flate.NewWriter(&b, level)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(payload)
			w.Flush()
			got, err := inflate(nil, b.Bytes(), 1<<15, 1<<20)
			if err != nil || !bytes.Equal(got, payload) {
				t.Errorf("%s, level %d: %d bytes, %v; want %d", name, level, len(got), err, len(payload))
			}
		}
	}
}

// TestPackerOracle holds the small compressor against both inflaters, with each
// window, over several messages that share it.
func TestPackerOracle(t *testing.T) {
	for name, payload := range samples() {
		for bits := 8; bits <= 15; bits++ {
			p := &Packer{Window: 1 << bits}
			var history, stream []byte
			for part := range 3 {
				piece := payload[len(payload)*part/3 : len(payload)*(part+1)/3]
				packed := append(p.Compress(piece), tail...)
				stream = append(stream, packed...)
				all, err := inflate(bytes.Clone(history), packed, 1<<bits, 1<<20)
				if err != nil || !bytes.Equal(all[len(history):], piece) {
					t.Fatalf("%s, %d bits, part %d: %v", name, bits, part, err)
				}
				history = all
			}
			// The stream does not end with a final block.
			got, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(stream, 1, 0, 0, 0xff, 0xff))))
			if err != nil || !bytes.Equal(got, payload) {
				t.Errorf("%s, %d bits: the standard library gets %d bytes, %v; want %d", name, bits, len(got), err, len(payload))
			}
		}
	}
}

// TestInflateWindow sends a distance that the window allows, and the next one.
func TestInflateWindow(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		window := 1 << bits
		wide := &Packer{Window: 1 << 16}
		// A mark, a run of zeros, and the mark again, window or window+1 bytes after
		// the first.
		for _, over := range []int{0, 1} {
			if window+over > 1<<15 {
				continue // no code can say that
			}
			payload := "XYZ" + strings.Repeat("\x00", window-3+over) + "XYZ"
			wide.Reset()
			packed := append(wide.Compress([]byte(payload)), tail...)
			_, err := inflate(nil, packed, window, 1<<20)
			if over == 0 && err != nil {
				t.Errorf("%d bits: a distance of %d: %v", bits, window, err)
			}
			if over == 1 && (err == nil || !strings.Contains(err.Error(), "in a window of")) {
				t.Errorf("%d bits: a distance of %d: %v, want an error", bits, window+1, err)
			}
		}
	}
}

func TestInflateRefuses(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       error
	}{
		{"reserved block type", "06", errBlockType},
		{"stored block, bad check", "00050000000000", errStored},
		{"stored block, truncated", "000500faff61", errTruncated},
		{"fixed block, truncated", "4b", errTruncated},
		{"fixed block, length symbol 286", "1b03", errCode},
		{"dynamic block without codes", "04000000000000", errCode},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := hex.DecodeString(test.data)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := inflate(nil, b, 1<<15, 1<<20); err != test.want {
				t.Errorf("got %x, %v; want the error %v", got, err, test.want)
			}
		})
	}
	packed := append((&Packer{Window: 1 << 15}).Compress(make([]byte, 5000)), tail...)
	if got, err := inflate(nil, packed, 1<<15, 4999); err != errLarge {
		t.Errorf("over the limit: %d bytes, %v", len(got), err)
	}
	if _, err := inflate(nil, packed, 1<<15, 5000); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// FuzzInflate compares with the standard library, which knows one window alone.
func FuzzInflate(f *testing.F) {
	for _, payload := range samples() {
		f.Add((&Packer{Window: 1 << 15}).Compress(payload[:min(len(payload), 3000)]))
		f.Add(new(zipperForTest).pack(payload[:min(len(payload), 3000)]))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		const limit = 1 << 20
		got, err := inflate(nil, append(packed, tail...), 1<<15, limit)
		if err == errLarge {
			return
		}
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(append(packed, tail+"\x01\x00\x00\xff\xff"...))), limit+1))
		if err == nil && (wantErr != nil || !bytes.Equal(got, want)) {
			t.Errorf("got %d bytes; the standard library gets %d, %v", len(got), len(want), wantErr)
		}
	})
}

// zipperForTest is compress/flate for a single message.
type zipperForTest struct{ zipper }

func (z *zipperForTest) pack(p []byte) []byte {
	z.w, _ = flate.NewWriter(&z.buf, flate.DefaultCompression)
	return z.Compress(p)
}

// TestZeros inflates the bomb.
func TestZeros(t *testing.T) {
	for _, n := range []int{1, 2, 258, 259, 260, 1000, MaxEcho} {
		got, err := inflate(nil, append(Zeros(n), tail...), 1<<8, n)
		if err != nil || len(got) != n || bytes.Count(got, []byte{0}) != n {
			t.Errorf("%d zeros: %d octets, %v", n, len(got), err)
		}
	}
}
