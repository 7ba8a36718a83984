package websocket

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
)

// jsonBuffers are what values are encoded into.
var jsonBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxJSONBuffer is the largest buffer that is kept for the next value.
const maxJSONBuffer = 64 << 10

// WriteJSON sends the JSON encoding of v, with a newline behind it, as a text message. If v can't
// be encoded, nothing is sent. Other errors are those of [Conn.WriteMessage]. It may be called
// concurrently.
func (c *Conn) WriteJSON(v any) error {
	b := jsonBuffers.Get().(*bytes.Buffer)
	defer func() {
		if b.Cap() <= maxJSONBuffer {
			jsonBuffers.Put(b)
		}
	}()
	b.Reset()
	if err := json.NewEncoder(b).Encode(v); err != nil {
		return err
	}
	return c.WriteMessage(TextMessage, b.Bytes())
}

// ReadJSON reads the next message and stores the JSON value in it where v points. What follows the
// value is dropped. The error is io.ErrUnexpectedEOF if there is no value, that of encoding/json if
// it does not fit, or one of [Conn.NextReader]. Only the last is for good.
func (c *Conn) ReadJSON(v any) error {
	_, r, err := c.NextReader()
	if err != nil {
		return err
	}
	err = json.NewDecoder(r).Decode(v)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// WriteJSON is [Conn.WriteJSON].
//
// Deprecated: use c.WriteJSON.
func WriteJSON(c *Conn, v any) error { return c.WriteJSON(v) }

// ReadJSON is [Conn.ReadJSON].
//
// Deprecated: use c.ReadJSON.
func ReadJSON(c *Conn, v any) error { return c.ReadJSON(v) }
