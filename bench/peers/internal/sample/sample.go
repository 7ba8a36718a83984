// Package sample makes the payloads that the benchmarks send. They are the same in every run, so
// that runs can be compared.
package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// words are the words that the text is made of. Two of them are not ASCII, as in real text.
var words = strings.Fields(`status account invoice region cluster replica shard pending shipped
	declined Zürich São-Paulo sensor humidity pressure voltage battery firmware gateway channel
	subscribe publish deliver retry upstream latency budget estimate`)

// JSON returns n bytes that look like the messages of an application. They are records with the
// same keys, and with values that vary as in real data. The last record may be cut off. The text is
// valid UTF-8. Different seeds give different texts.
func JSON(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 6455))
	word := func() string { return words[r.IntN(len(words))] }
	text := []byte(`{"records":[`)
	for len(text) < n {
		text = fmt.Appendf(text,
			`{"id":"%08x","at":"2026-%02d-%02dT%02d:%02d:%02dZ","kind":"%s.%s","value":%d.%02d,`,
			r.Uint32(), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60),
			word(), word(), r.IntN(1000), r.IntN(100))
		text = fmt.Appendf(text,
			`"source":{"host":"%s-%d.example.org","port":%d,"up":%t},"note":"%s %s %s %s"},`,
			word(), r.IntN(64), 1024+r.IntN(60000), r.IntN(2) == 0,
			word(), word(), word(), word())
	}
	return cut(text, n)
}

// scripts are words whose characters have two, three or four bytes.
var scripts = strings.Fields(`сообщение получатель отправлено очередь μήνυμα παράδοση メッセージ 配信済み 受信者
	待ち行列 메시지 수신자 信息 已发送 接收者 😀😀 🚀`)

// Multibyte returns n bytes of text, of which few are ASCII. The text is valid UTF-8. Different
// seeds give different texts.
func Multibyte(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3629))
	var text []byte
	for len(text) < n {
		text = append(append(text, scripts[r.IntN(len(scripts))]...), ' ')
	}
	return cut(text, n)
}

// cut shortens text to n bytes. If the last character is not ASCII, dots replace it and those like
// it before it, since a part of it may be missing.
func cut(text []byte, n int) []byte {
	text = text[:n]
	for i := n - 1; i >= 0 && text[i] >= 0x80; i-- {
		text[i] = '.'
	}
	return text
}

// Bytes returns n bytes without any pattern. Different seeds give different bytes.
func Bytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}
