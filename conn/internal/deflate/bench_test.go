package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"testing"
)

// benchSizes are the message sizes of every benchmark here.
var benchSizes = []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20}

func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

// flateMessage compresses as a sender of permessage-deflate that is made of
// compress/flate does.
func flateMessage(text []byte, level int) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		panic(err)
	}
	w.Write(text)
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), tail[:])
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range benchSizes {
		text := jsonText(1, n)
		wire := flateMessage(text, 1)
		b.Run(sizeName(n)+"/ours", func(b *testing.B) {
			var d Decoder
			dst := make([]byte, 0, n+64)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Append(dst, wire, Last); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(sizeName(n)+"/flate", func(b *testing.B) {
			whole := append(bytes.Clone(wire), 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff)
			src := bytes.NewReader(whole)
			r := flate.NewReader(src)
			dst := make([]byte, n+64)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				src.Reset(whole)
				r.(flate.Resetter).Reset(src, nil)
				if got, err := io.ReadFull(r, dst); got != n || err != io.ErrUnexpectedEOF {
					b.Fatal(got, err)
				}
			}
		})
	}
}
