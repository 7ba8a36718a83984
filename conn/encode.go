package conn

import "github.com/rfc6455/ws/frame"

// opcode is the opcode of t's frames.
func opcode(t MessageType) frame.Opcode { return frame.Opcode(t &^ Uncompressed) }

// appendHeader appends one frame's header; a client's gets its masking key.
// The calls keep to the order of frames, which the encoder checks: it can't
// refuse. Call with c.mu held.
func (c *Conn) appendHeader(dst []byte, h frame.Header) []byte {
	dst, err := c.wr.enc.AppendHeader(c.room(dst, frame.MaxHeaderSize), h)
	c.mustEncode(err)
	return dst
}

// appendFrame appends one frame with its payload. Call with c.mu held.
func (c *Conn) appendFrame(dst []byte, h frame.Header, p []byte) []byte {
	if c.role == frame.Client {
		h.Key = maskingKey()
	}
	dst, err := c.wr.enc.AppendFrame(c.room(dst, frame.MaxHeaderSize+len(p)), h, p)
	c.mustEncode(err)
	return dst
}

// appendControl appends a control frame. Call with c.mu held.
func (c *Conn) appendControl(dst []byte, op frame.Opcode, p []byte) []byte {
	return c.appendFrame(dst, frame.Header{Opcode: op, Fin: true}, p)
}

// appendMessage appends a message of one frame: p or what was prepared. Call
// with c.mu held.
func (c *Conn) appendMessage(dst []byte, t MessageType, p []byte, prepared *Prepared) []byte {
	if prepared != nil {
		t, p = prepared.t, prepared.p
		if c.role == frame.Server && !c.compresses(t, p) {
			return append(c.room(dst, len(prepared.frame)), prepared.frame...)
		}
	}
	return c.appendFrame(dst, frame.Header{Opcode: opcode(t), Fin: true}, p)
}

// room returns dst with space for n bytes more, from the pool.
func (c *Conn) room(dst []byte, n int) []byte {
	if dst == nil {
		return getBuffer(n)
	}
	return grow(dst, n)
}

// mustEncode records a frame out of order as the end of the write side, so
// that a fault of ours is an error and no illegal frame.
func (c *Conn) mustEncode(err error) {
	if err != nil && c.wr.err == nil {
		c.wr.err = &CloseError{Code: CloseAbnormal, Err: err}
	}
}
