package frame_test

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{
		"81 05", "81 85 01 02 03 04", "81 fe 01 00 01 02 03 04", "82 ff 00 00 00 00 00 01 00 00 01 02 03 04",
	} {
		in := unhex(s)
		b.Run(fmt.Sprintf("%dB", len(in)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, n, _ := frame.Parse(in); n != len(in) {
					b.Fatal(n)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, frame.MaxHeaderSize)
	for _, n := range []int64{5, 256, 65536} {
		h := frame.Header{Opcode: frame.Text, Fin: true, Masked: true, Key: 0x3d21fa37, Length: n}
		b.Run(fmt.Sprintf("%dB", h.Size()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if len(frame.Append(buf, h)) != h.Size() {
					b.Fatal()
				}
			}
		})
	}
}

// BenchmarkStep receives masked messages from a buffer of many. Step unmasks in place, so the
// buffer is restored whenever it is used up. The time of that copy is part of the result.
func BenchmarkStep(b *testing.B) {
	for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
		for _, n := range []int{16, 128, 1 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%v/%dB", op, n), func(b *testing.B) {
				e := frame.Encoder{Role: frame.Client}
				payload := bytes.Repeat([]byte("x"), n)
				var f []byte
				for len(f) < 16<<10 {
					f, _ = e.AppendFrame(f, frame.Header{Opcode: op, Fin: true, Key: 0x3d21fa37}, payload)
				}
				buf, in := make([]byte, len(f)), []byte(nil)
				var d frame.Decoder
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if len(in) == 0 {
						copy(buf, f)
						in = buf
					}
					ev, n, err := d.Step(in)
					if !ev.Fin || err != nil {
						b.Fatal(ev, err)
					}
					in = in[n:]
				}
			})
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	for _, role := range bothRoles {
		for _, n := range []int{16, 128, 1 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%v/%dB", role, n), func(b *testing.B) {
				e := frame.Encoder{Role: role}
				payload := bytes.Repeat([]byte("x"), n)
				buf := make([]byte, 0, n+frame.MaxHeaderSize)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := e.AppendFrame(buf, frame.Header{Opcode: frame.Text, Fin: true, Key: 7}, payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkUTF8 validates text in one piece at each level, and with unicode/utf8 in the same run.
func BenchmarkUTF8(b *testing.B) {
	texts := map[string]string{"ascii": "0123456789abcdef", "latin": "Größe in Äther ", "cjk": "日本語の文字列"}
	for name, s := range texts {
		for _, n := range []int{16, 80, 128, 1 << 10, 16 << 10} {
			text := bytes.Repeat([]byte(s), n/len(s)+1)[:n]
			for !utf8.Valid(text) {
				text = text[:len(text)-1]
			}
			frame.EachLevel(func(level string) {
				b.Run(fmt.Sprintf("%s/%dB/%s", name, n, level), func(b *testing.B) {
					var u frame.UTF8
					b.SetBytes(int64(n))
					for b.Loop() {
						if !u.Write(text) {
							b.Fatal()
						}
					}
				})
			})
			b.Run(fmt.Sprintf("%s/%dB/std", name, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					if !utf8.Valid(text) {
						b.Fatal()
					}
				}
			})
		}
	}
}
