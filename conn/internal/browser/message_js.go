package browser

import "syscall/js"

// Message is a message of the peer. Its bytes are JavaScript's until they are copied.
type Message struct {
	Text  bool
	bytes js.Value // a Uint8Array
	size  int
}

// Len returns the number of bytes.
func (m *Message) Len() int { return m.size }

// Copy copies the bytes from offset on into p, and returns how many these are.
func (m *Message) Copy(p []byte, offset int) int {
	if offset == 0 {
		return js.CopyBytesToGo(p, m.bytes)
	}
	return js.CopyBytesToGo(p, m.bytes.Call("subarray", offset))
}

var (
	uint8Array = js.Global().Get("Uint8Array")
	encoder    = js.Global().Get("TextEncoder").New()

	// The decoder of syscall/js would drop a byte order mark at the beginning of a text.
	decoder = js.Global().Get("TextDecoder").New("utf-8", map[string]any{"ignoreBOM": true})
)

// received makes a Message of a string, an ArrayBuffer or a Uint8Array.
func received(data js.Value) Message {
	m := Message{Text: data.Type() == js.TypeString}
	switch {
	case m.Text:
		m.bytes = encoder.Call("encode", data)
	case data.InstanceOf(uint8Array):
		m.bytes = data
	default:
		m.bytes = uint8Array.New(data)
	}
	m.size = m.bytes.Get("byteLength").Int()
	return m
}

// toSend returns p as a string or as a Uint8Array. A text has to be valid UTF-8.
func toSend(text bool, p []byte) js.Value {
	b := uint8Array.New(len(p))
	js.CopyBytesToJS(b, p)
	if text {
		return decoder.Call("decode", b)
	}
	return b
}
