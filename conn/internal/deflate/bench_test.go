package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"testing"
)

// The benchmarks take their messages in turn from a set of different ones, because a processor
// learns the branches of a single small message by heart.
const benchMessages = 16

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

// benchmark runs f on each of the messages in turn. f returns the bytes of payload, for the ratio.
func benchmark(b *testing.B, texts [][]byte, f func(i int) int) {
	b.SetBytes(int64(len(texts[0])))
	b.ReportAllocs()
	wire, n := 0, 0
	for b.Loop() {
		wire += f(n % len(texts))
		n++
	}
	b.ReportMetric(float64(wire)/float64(n*len(texts[0])), "wire/text")
}

// BenchmarkEncode compresses whole messages without takeover, and does the same with compress/flate
// of level 1, which is reset for each.
func BenchmarkEncode(b *testing.B) {
	for _, n := range benchSizes {
		var texts [][]byte
		for seed := range uint64(benchMessages) {
			texts = append(texts, jsonText(seed, n))
		}
		for _, level := range []uint8{1, 2, 6, 9} {
			b.Run(fmt.Sprintf("%s/level%d", sizeName(n), level), func(b *testing.B) {
				e := Encoder{Level: level}
				dst := make([]byte, 0, 2*n)
				benchmark(b, texts, func(i int) int { return len(e.Append(dst, texts[i], Last)) })
			})
		}
		b.Run(sizeName(n)+"/flate", func(b *testing.B) {
			var out bytes.Buffer
			w, _ := flate.NewWriter(&out, 1)
			benchmark(b, texts, func(i int) int {
				out.Reset()
				w.Reset(&out)
				w.Write(texts[i])
				w.Flush()
				return out.Len() - len(tail)
			})
		})
	}
}

// BenchmarkTakeover compresses the messages of a connection with context takeover, and does the
// same with one compress/flate writer of level 1 for all of them.
func BenchmarkTakeover(b *testing.B) {
	for _, n := range []int{64, 256, 1 << 10, 4 << 10} {
		text := jsonText(1, 1<<18)
		var texts [][]byte
		for i := 0; i+n <= len(text); i += n {
			texts = append(texts, text[i:i+n])
		}
		for _, bits := range []uint8{9, 12, 15} {
			b.Run(fmt.Sprintf("%s/window%d", sizeName(n), bits), func(b *testing.B) {
				e := Encoder{WindowBits: bits, Takeover: true}
				dst := make([]byte, 0, 2*n)
				benchmark(b, texts, func(i int) int { return len(e.Append(dst, texts[i], Last)) })
			})
		}
		b.Run(sizeName(n)+"/flate", func(b *testing.B) {
			var out bytes.Buffer
			w, _ := flate.NewWriter(&out, 1)
			benchmark(b, texts, func(i int) int {
				out.Reset()
				w.Write(texts[i])
				w.Flush()
				return out.Len() - len(tail)
			})
		})
	}
}

// BenchmarkDecode inflates what compress/flate has made.
func BenchmarkDecode(b *testing.B) {
	for _, n := range benchSizes {
		var texts, wires [][]byte
		for seed := range uint64(benchMessages) {
			texts = append(texts, jsonText(seed, n))
			wires = append(wires, flateMessage(texts[seed], 6))
		}
		b.Run(sizeName(n)+"/ours", func(b *testing.B) {
			var d Decoder
			dst := make([]byte, 0, n)
			benchmark(b, texts, func(i int) int {
				if _, err := d.Append(dst, wires[i], Last); err != nil {
					b.Fatal(err)
				}
				return len(wires[i])
			})
		})
		b.Run(sizeName(n)+"/flate", func(b *testing.B) {
			src := bytes.NewReader(nil)
			r := flate.NewReader(src)
			dst := make([]byte, n)
			benchmark(b, texts, func(i int) int {
				src.Reset(wires[i])
				r.(flate.Resetter).Reset(src, nil)
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
				return len(wires[i])
			})
		})
	}
}

// BenchmarkRuns inflates the longest runs that there are. The peer sends them whole, or in pieces
// too short for the fast loop.
func BenchmarkRuns(b *testing.B) {
	text := make([]byte, 1<<20)
	wire := (&Encoder{}).Append(nil, text, Last)
	for _, size := range []int{1, 15, len(wire)} {
		name := fmt.Sprintf("pieces of %d", size)
		if size == len(wire) {
			name = "whole"
		}
		b.Run(name, func(b *testing.B) {
			d := Decoder{Takeover: true}
			dst := make([]byte, 0, 2*len(text))
			benchmark(b, [][]byte{text}, func(int) int {
				got := dst
				var err error
				for rest := wire; len(rest) > 0 && err == nil; rest = rest[min(size, len(rest)):] {
					part := More
					if len(rest) <= size {
						part = Last
					}
					got, err = d.Append(got, rest[:min(size, len(rest))], part)
				}
				if err != nil || len(got) != len(text) {
					b.Fatal(len(got), err)
				}
				return len(wire)
			})
		})
	}
}

// BenchmarkFold folds the two windows of a connection that falls idle, and unfolds them.
func BenchmarkFold(b *testing.B) {
	for _, size := range []int{4096, 32768} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var w window
			w.push(jsonText(1, size), size)
			held := 0
			for b.Loop() {
				w.fold()
				held = cap(w.buf)
				w.unfold()
			}
			b.ReportMetric(float64(held), "B/window")
		})
	}
}
