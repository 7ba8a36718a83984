package outbox

import (
	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// Type is the type of a message: the opcode of its first frame, with [Uncompressed] ORed if it must
// not be compressed.
type Type uint8

// Uncompressed marks a message that is sent without compression.
const Uncompressed Type = 0x80

// Opcode returns the opcode of the message's first frame.
func (t Type) Opcode() frame.Opcode { return frame.Opcode(t &^ Uncompressed) }

// Content is a message of one frame: a payload, or what was prepared.
type Content struct {
	Type     Type
	Payload  []byte
	Prepared *Prepared // if not nil, its type and payload count
}

// Size is the length of the message's payload.
func (c *Content) Size() int { return len(c.Payload) + c.Prepared.Size() }

// Zip is the sending half of permessage-deflate (RFC 7692).
type Zip struct {
	Encoder   deflate.Encoder
	Threshold int // shorter messages are sent plain
}

// Compresses reports whether a message of type t and n bytes is sent compressed. It may be called
// without the lock.
func (o *Outbox) Compresses(t Type, n int) bool {
	z := o.zip()
	return z != nil && t&Uncompressed == 0 && n >= z.Threshold
}

func (o *Outbox) zip() *Zip {
	if o.extras == nil {
		return nil
	}
	return o.extras.Zip
}

// Fold lets the window of the compression take less memory until it is used again. It does nothing
// if somebody may be using it now: a Message that has lost the turn can still be compressing.
func (o *Outbox) Fold() {
	if z := o.zip(); z != nil && o.Quiet() && o.Lifecycle() == frame.Open {
		z.Encoder.Fold()
	}
}

// hooks returns what observes the sending, or nil.
func (o *Outbox) hooks() *Hooks {
	if o.extras == nil {
		return nil
	}
	return o.extras.Hooks
}

// encodeOwn adds the message of the owner's goroutine to the batch.
func (o *Outbox) encodeOwn(c *Content) {
	b := batchAt(&o.batch)
	start, before := len(b.buf), o.enc
	switch {
	case o.staysInPlace(c):
		o.appendHeader(b, frame.Header{Opcode: c.Type.Opcode(), Fin: true, Length: int64(len(c.Payload))})
		b.vec = c.Payload
		o.reportMessage(Info{Type: c.Type, Size: int64(len(c.Payload)), Wire: int64(len(c.Payload))})
	default:
		o.appendContent(b, c)
	}
	b.own = span{start: start, end: b.rest(), before: before, fixed: o.entersWindow(c)}
}

// staysInPlace reports whether the owner's payload is written from where it lies.
func (o *Outbox) staysInPlace(c *Content) bool {
	return o.vectors && c.Prepared == nil && len(c.Payload) >= vectorMin &&
		!o.Compresses(c.Type, len(c.Payload))
}

// entersWindow reports whether the message, once it is encoded, is text that later messages may
// refer to.
func (o *Outbox) entersWindow(c *Content) bool {
	t := c.Type
	if c.Prepared != nil {
		t = c.Prepared.Type
	}
	return o.Compresses(t, c.Size()) && o.zip().Encoder.Takeover
}

// encodeOwner adds what the entry stands for to the batch. The entry's goroutine will write it. A
// flush has no frame.
func (o *Outbox) encodeOwner(e *Entry) {
	switch e.kind {
	case message:
		o.encodeOwn(&e.content)
	case piece:
		o.encodePiece(e.msg, e.content.Payload, e.fin, true)
	}
}

// encode adds what the entry stands for to the batch, which another goroutine writes.
func (o *Outbox) encode(e *Entry) {
	b := batchAt(&o.batch)
	switch e.kind {
	case message:
		o.appendContent(b, &e.content)
	case piece:
		o.encodePiece(e.msg, e.content.Payload, e.fin, false)
	case closeWord:
		o.appendControl(b, frame.Close, e.content.Payload)
	}
	if e.wake != nil {
		b.take(e)
	} else {
		pool.Put(e.content.Payload)
	}
}

// appendContent appends a message of one frame.
func (o *Outbox) appendContent(b *Batch, c *Content) {
	switch {
	case c.Prepared != nil:
		o.appendPrepared(b, c.Prepared)
	case o.extras == nil:
		b.buf = pool.Grow(b.buf, frame.MaxHeaderSize+len(c.Payload))
		buf, err := o.enc.AppendMessage(b.buf, c.Type.Opcode(), o.maskingKey(), c.Payload)
		b.buf = buf
		o.check(err)
	case o.Compresses(c.Type, len(c.Payload)):
		wire := o.zip().Encoder.Append(pool.Get(len(c.Payload)), c.Payload, deflate.Last)
		o.appendFrame(b, frame.Header{Opcode: c.Type.Opcode(), Fin: true, RSV: frame.RSV1}, wire)
		o.reportMessage(Info{
			Type: c.Type, Compressed: true, Size: int64(len(c.Payload)), Wire: int64(len(wire)),
		})
		pool.Put(wire)
	default:
		o.appendFrame(b, frame.Header{Opcode: c.Type.Opcode(), Fin: true}, c.Payload)
		o.reportMessage(Info{Type: c.Type, Size: int64(len(c.Payload)), Wire: int64(len(c.Payload))})
	}
}

// maskingKey returns the key of the next frame: a fresh one for a client, which alone masks.
func (o *Outbox) maskingKey() uint32 {
	if o.enc.Role == frame.Client {
		return pool.MaskingKey()
	}
	return 0
}

// appendPrepared appends a prepared message in the form that the connection needs.
func (o *Outbox) appendPrepared(b *Batch, m *Prepared) {
	f := &m.plain
	if o.Compresses(m.Type, m.Size()) {
		// It is compressed without reference to other messages, which is legal in every state. The
		// peer's window has the text from now on, and so has this side's.
		f = m.compressed(&o.zip().Encoder)
		o.zip().Encoder.Feed(m.Payload)
	}
	if o.enc.Role == frame.Client {
		o.appendFrame(b, f.header, f.payload)
	} else {
		b.buf = append(pool.Grow(b.buf, len(f.frame)), f.frame...)
		o.reportFrame(f.header)
	}
	o.reportMessage(Info{
		Type: m.Type, Compressed: f.header.RSV != 0, Size: int64(m.Size()), Wire: int64(len(f.payload)),
	})
}

// appendHeader appends the header of a frame whose payload lies elsewhere.
func (o *Outbox) appendHeader(b *Batch, h frame.Header) {
	buf, err := o.enc.AppendHeader(pool.Grow(b.buf, frame.MaxHeaderSize), h)
	b.buf = buf
	o.check(err)
	o.reportFrame(h)
}

// appendFrame appends a frame with its payload. A client's gets its masking key.
func (o *Outbox) appendFrame(b *Batch, h frame.Header, p []byte) {
	h.Key = o.maskingKey()
	buf, err := o.enc.AppendFrame(pool.Grow(b.buf, frame.MaxHeaderSize+len(p)), h, p)
	b.buf = buf
	o.check(err)
	h.Length = int64(len(p))
	o.reportFrame(h)
}

// appendControl appends a control frame.
func (o *Outbox) appendControl(b *Batch, op frame.Opcode, p []byte) {
	if h := o.hooks(); h != nil && op == frame.Close {
		h.Close(p)
	}
	o.appendFrame(b, frame.Header{Opcode: op, Fin: true}, p)
}

// check breaks the wire if the encoder has refused a frame: a fault of this package's, which must
// not become an illegal frame.
func (o *Outbox) check(err error) {
	if err != nil {
		o.wire = Broken
	}
}

func (o *Outbox) reportFrame(h frame.Header) {
	if hooks := o.hooks(); hooks != nil {
		h.Key, h.Masked = 0, o.enc.Role == frame.Client
		hooks.Frame(h)
	}
}

func (o *Outbox) reportMessage(m Info) {
	if hooks := o.hooks(); hooks != nil {
		m.Type &^= Uncompressed
		hooks.Message(m)
	}
}
