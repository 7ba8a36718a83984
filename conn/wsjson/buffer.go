package wsjson

import (
	"bytes"
	"encoding/json"
	"sync"
)

// buffer is memory for a document, with an encoder that writes into it.
type buffer struct {
	bytes.Buffer
	encoder *json.Encoder
}

// keepSize is the capacity in bytes above which a buffer is not kept for the next document.
const keepSize = 64 << 10

var buffers = sync.Pool{New: func() any {
	b := new(buffer)
	b.encoder = json.NewEncoder(&b.Buffer)
	b.encoder.SetEscapeHTML(false)
	return b
}}

func getBuffer() *buffer { return buffers.Get().(*buffer) }

func (b *buffer) put() {
	if b.Cap() > keepSize {
		return
	}
	b.Reset()
	buffers.Put(b)
}
