package websocket

import (
	"compress/flate"
	"io"
	"net/http"
	"sync"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// codec is the state of permessage-deflate (RFC 7692) without context takeover. Between messages it
// holds no window.
type codec struct {
	bits uint8 // of the window for what this side sends

	// The read half's.
	dec  deflate.Decoder
	text frame.UTF8 // how far the text of the message at work is valid
	full bool       // the reader's slice was filled: more text may come of the bytes at hand
	size int        // of the last message: room for the next
}

// newCodec returns the codec for role's side of what was agreed. It is nil if agreed is nil.
func newCodec(agreed *handshake.Deflate, role frame.Role) *codec {
	switch {
	case agreed == nil:
		return nil
	case role == frame.Server:
		z := &codec{bits: uint8(agreed.ServerMaxWindowBits)}
		z.dec.WindowBits = uint8(agreed.ClientMaxWindowBits)
		return z
	}
	z := &codec{bits: uint8(agreed.ClientMaxWindowBits)}
	z.dec.WindowBits = uint8(agreed.ServerMaxWindowBits)
	return z
}

// demand is what a server wants of permessage-deflate: no takeover in either direction.
var demand = &handshake.DeflatePolicy{
	ServerNoContextTakeover: true,
	ClientNoContextTakeover: true,
	WindowPolicy:            handshake.WindowDemand,
}

// offerText is the header by which a client offers permessage-deflate.
const offerText = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// accept decides on the extensions that a client offers. A header that can't be parsed counts as
// none.
func accept(h http.Header, enabled bool) (handshake.Accepted, error) {
	if !enabled {
		return handshake.Accepted{}, nil
	}
	extensions, _ := handshake.ParseExtensions(h["Sec-Websocket-Extensions"])
	r := &handshake.Request{Extensions: extensions}
	return handshake.Respond(r, &handshake.Policy{Deflate: demand})
}

// EnableWriteCompression switches the compression of messages off and on, from the next message on.
// It has no effect if compression was not agreed on. It may be called concurrently.
func (c *Conn) EnableWriteCompression(enable bool) { c.wr.plain.Store(!enable) }

// SetCompressionLevel sets how hard messages are compressed, from the next message on. The levels
// are those of compress/flate, -2 to 9, and the default is 1. With level 0 messages are sent plain.
// It has no effect if compression was not agreed on. It may be called concurrently.
func (c *Conn) SetCompressionLevel(level int) error {
	if level < flate.HuffmanOnly || level > flate.BestCompression {
		return errLevel
	}
	c.wr.level.Store(int32(level))
	return nil
}

// compresses reports whether messages are sent compressed.
func (c *Conn) compresses() bool {
	return c.z != nil && !c.wr.plain.Load() && c.wr.level.Load() != flate.NoCompression
}

// level returns the encoder's level for one of compress/flate.
func level(of int32) uint8 {
	switch of {
	case flate.DefaultCompression:
		return 6
	case flate.HuffmanOnly:
		return 1
	}
	return uint8(of)
}

var encoders = sync.Pool{New: func() any { return new(deflate.Encoder) }}

// getEncoder lends an encoder for one message. Give it back with putEncoder.
func getEncoder(bits, level uint8) *deflate.Encoder {
	e := encoders.Get().(*deflate.Encoder)
	e.WindowBits, e.Level = bits, level
	return e
}

func putEncoder(e *deflate.Encoder) {
	e.Reset()
	encoders.Put(e)
}

// encoder lends an encoder for the next message of c.
func (c *Conn) encoder() *deflate.Encoder { return getEncoder(c.z.bits, level(c.wr.level.Load())) }

// compress returns the payload of a compressed message, in a pooled buffer.
func (c *Conn) compress(text []byte) []byte {
	e := c.encoder()
	defer putEncoder(e)
	return e.Append(pool.Get(len(text)), text, deflate.Last)
}

// wireLimit bounds the frames of a message. If text can't be compressed, they are longer than it.
func (c *Conn) wireLimit() int64 {
	const most = 1<<63 - 1
	limit := c.limit.Load()
	if c.z == nil || limit <= 0 || limit > most/2 {
		return limit
	}
	return limit + limit/8 + limit/64 + 1024
}

// begin makes z ready for the next message of the peer.
func (z *codec) begin(limit int64) {
	z.dec.Reset() // the program may have left the message before unread
	z.dec.Limit = limit
	z.text.Reset()
	z.full = false
}

// part says whether the piece at hand is the last of its message.
func (r *readHalf) part() deflate.Part {
	if r.fin {
		return deflate.Last
	}
	return deflate.More
}

// inflate appends the text of the piece at hand to msg.
func (c *Conn) inflate(msg []byte) ([]byte, error) {
	r, z := &c.rd, c.z
	room := 4 * len(r.rest)
	if r.fin && len(msg) == 0 {
		room = max(room, min(z.size, pool.MaxSize))
	}
	had := len(msg)
	msg, err := z.dec.Append(pool.Grow(msg, room), r.rest, r.part())
	if err == nil && !c.validText(msg[had:], r.fin) {
		err = frame.ErrInvalidUTF8
	}
	if err != nil {
		return msg[:had], c.violated(inflateError(err))
	}
	z.size = len(msg)
	return msg, nil
}

// inflatePiece copies text of the piece at hand to p. It returns io.EOF at the message's end.
func (c *Conn) inflatePiece(p []byte) (int, error) {
	r, z := &c.rd, c.z
	n, used, err := z.dec.Read(p, r.rest, r.part())
	r.rest, z.full = r.rest[used:], n == len(p)
	switch {
	case err != nil && err != io.EOF:
		return 0, c.violated(inflateError(err))
	case !c.validText(p[:n], err == io.EOF):
		return 0, c.violated(frame.ErrInvalidUTF8)
	}
	return n, err
}

// validText checks the next bytes of an inflated message. fin says that the message ends with them.
func (c *Conn) validText(p []byte, fin bool) bool {
	z := c.z
	return c.rd.typ != frame.Text || z.text.Write(p) && (!fin || z.text.Done())
}

// inflateError returns the rule that was broken, given the codec's error.
func inflateError(err error) error {
	switch err {
	case deflate.ErrTooBig:
		return frame.ErrMessageTooBig
	case deflate.ErrCorrupt:
		return frame.ErrInvalidDeflate
	}
	return err
}
