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
	if t := c.cfg.Trace; t != nil {
		t.sent(c, h)
	}
	return dst
}

// appendFrame appends one frame with its payload. Call with c.mu held.
func (c *Conn) appendFrame(dst []byte, h frame.Header, p []byte) []byte {
	if c.role() == frame.Client {
		h.Key = maskingKey()
	}
	dst, err := c.wr.enc.AppendFrame(c.room(dst, frame.MaxHeaderSize+len(p)), h, p)
	c.mustEncode(err)
	if t := c.cfg.Trace; t != nil {
		h.Length = int64(len(p))
		t.sent(c, h)
	}
	return dst
}

// appendControl appends a control frame. Call with c.mu held.
func (c *Conn) appendControl(dst []byte, op frame.Opcode, p []byte) []byte {
	if t := c.cfg.Trace; t != nil && op == frame.Close {
		t.closeSent(c, p)
	}
	return c.appendFrame(dst, frame.Header{Opcode: op, Fin: true}, p)
}

// putControl adds a control frame to what leaves next. Call with c.mu held.
func (c *Conn) putControl(op frame.Opcode, p []byte) *batch {
	b := made(&c.wr.out)
	b.buf = c.appendControl(b.buf, op, p)
	return b
}

// appendMessage appends a message of one frame: p or what was prepared. Call
// with c.mu held.
func (c *Conn) appendMessage(dst []byte, t MessageType, p []byte, prepared *Prepared) []byte {
	if prepared != nil || !c.plain() {
		return c.appendOther(dst, t, p, prepared)
	}
	return c.appendPlain(c.room(dst, frame.MaxHeaderSize+len(p)), t, p)
}

// plain reports whether a message that was not prepared is one plain frame,
// whose sending nobody observes.
func (c *Conn) plain() bool { return c.z == nil && c.cfg.Trace == nil }

// appendPlain appends a message where plain says so. dst has room for it: who
// calls this sees to that first, since what takes a buffer of the pool needs
// stack of its own. Call with c.mu held.
func (c *Conn) appendPlain(dst []byte, t MessageType, p []byte) []byte {
	key := uint32(0)
	if c.role() == frame.Client {
		key = maskingKey()
	}
	dst, err := c.wr.enc.AppendMessage(dst, opcode(t), key, p)
	c.mustEncode(err)
	return dst
}

// appendOther is appendMessage where there is more to it than a plain frame.
func (c *Conn) appendOther(dst []byte, t MessageType, p []byte, prepared *Prepared) []byte {
	switch {
	case prepared != nil:
		return c.appendPrepared(dst, prepared)
	case c.compresses(t, len(p)):
		return c.appendCompressed(dst, t, p)
	}
	dst = c.appendFrame(dst, frame.Header{Opcode: opcode(t), Fin: true}, p)
	if tr := c.cfg.Trace; tr != nil {
		tr.sentMessage(c, MessageInfo{Type: t, Size: int64(len(p)), Wire: int64(len(p))})
	}
	return dst
}

// appendPrepared appends a prepared message in the form that the connection
// needs. Call with c.mu held.
func (c *Conn) appendPrepared(dst []byte, m *Prepared) []byte {
	f := &m.plain
	if c.compresses(m.t, len(m.p)) {
		// Compressed without reference to any window, which is legal in every
		// state; but the peer's window has the text from now on.
		f = m.compressed(&c.z.enc)
		c.z.enc.Feed(m.p)
	}
	if c.role() == frame.Client {
		dst = c.appendFrame(dst, f.header, f.payload)
	} else {
		dst = append(c.room(dst, len(f.frame)), f.frame...)
	}
	if t := c.cfg.Trace; t != nil {
		t.sentPrepared(c, m, f)
	}
	return dst
}

// room returns dst with space for n bytes more, from the pool.
func (c *Conn) room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
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
