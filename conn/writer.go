package conn

import (
	"context"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// MessageWriter sends one message in pieces (RFC 6455 section 5.4). It is for
// one goroutine; other goroutines' messages wait for its Close, while control
// frames pass between its fragments.
type MessageWriter struct {
	c    *Conn
	ctx  context.Context
	t    MessageType
	buf  []byte     // payload not sent yet; pooled
	text frame.UTF8 // how far the text is valid

	size   int64 // of what was written, and
	wire   int64 // of the frames with it that are encoded: for Config.Trace
	zipped bool  // the message is compressed, by the connection's encoder, which has the turn with it
	whole  bool  // the message is a Write's, which will finish it
	begun  bool  // a frame of the message is on its way
	closed bool  // Close was called
	err    error // the first error that a retry can't mend
	lost   error // guarded by c.mu: why the turn was taken away
}

// NextWriter begins a message that is written in pieces, and waits for its
// turn. The caller must Close the writer, which sends the rest. ctx bounds
// this wait and those of the writer's calls. Its errors are Write's.
func (c *Conn) NextWriter(ctx context.Context, t MessageType) (*MessageWriter, error) {
	if op := opcode(t); op != frame.Text && op != frame.Binary {
		return nil, ErrMessageType
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	m := &MessageWriter{c: c, ctx: ctx, t: t, zipped: c.compresses(t, maxInt-1)}
	if err := c.takeTurn(m); err != nil {
		return nil, err
	}
	return m, nil
}

// takeTurn waits until m may send its frames.
func (c *Conn) takeTurn(m *MessageWriter) error {
	c.mu.Lock()
	if err := c.mayWrite(); err != nil {
		c.mu.Unlock()
		return err
	}
	c.keep.message()
	if !c.wr.ahead() {
		c.wr.makeQueue().turn = m
		c.mu.Unlock()
		return nil
	}
	e := c.wr.newWaiter(entryTurn)
	e.writer = m
	c.wr.push(e)
	c.dispatch()
	c.mu.Unlock()
	select {
	case <-e.wake:
		return c.told(e)
	case <-m.ctx.Done():
		return c.withdraw(m.ctx, e)
	}
}

// told is the end of the wait for e.
func (c *Conn) told(e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := e.err
	c.wr.free(e)
	return err
}

// Write adds p to the message. It keeps up to Config.FragmentSize bytes and
// sends a fragment when there are more. Text that can't become valid UTF-8 is
// refused with frame.ErrInvalidUTF8: nothing of p is taken, and the writer goes
// on. Any other error is final: Close then abandons the message.
func (m *MessageWriter) Write(p []byte) (int, error) {
	switch {
	case m.closed:
		return 0, ErrWriterClosed
	case m.err != nil:
		return 0, m.err
	case m.t&^Uncompressed == Text:
		text := m.text
		if !text.Write(p) {
			return 0, frame.ErrInvalidUTF8
		}
		m.text = text
	}
	size := min(m.c.cfg.fragmentSize(), defaultFragmentSize)
	if m.zipped {
		n, err := m.writeCompressed(p, size)
		m.size += int64(n)
		return n, err
	}
	n, err := m.writePlain(p, size)
	m.size += int64(n)
	return n, err
}

// writePlain is Write without compression.
func (m *MessageWriter) writePlain(p []byte, size int) (int, error) {
	n := 0
	for n < len(p) {
		// A fragment leaves only when a byte follows it, so that the last one
		// carries FIN. What is as long as a fragment need not be gathered.
		piece := m.buf
		if len(m.buf) == 0 && len(p)-n > size {
			piece = p[n : n+size]
			n += size
		} else if len(m.buf) < size {
			k := min(size-len(m.buf), len(p)-n)
			m.buf = append(m.c.room(m.buf, k), p[n:n+k]...)
			n += k
			continue
		}
		if _, err := m.emit(piece, frame.Header{}); err != nil {
			m.err = err
			return n, err
		}
		m.buf = m.buf[:0]
	}
	return len(p), nil
}

// writeCompressed is Write through the encoder, a fragment's worth of text at a
// time, so that what is held stays bounded.
func (m *MessageWriter) writeCompressed(p []byte, size int) (n int, err error) {
	for n < len(p) {
		k := min(size, len(p)-n)
		m.buf = m.c.z.enc.Append(m.buf, p[n:n+k], deflate.More)
		n += k
		if err := m.emitFull(size); err != nil {
			m.err = err
			return n, err
		}
	}
	return n, nil
}

// emitFull sends fragments until no more than one is left.
func (m *MessageWriter) emitFull(size int) error {
	for len(m.buf) > size {
		if _, err := m.emit(m.buf[:size], frame.Header{}); err != nil {
			return err
		}
		m.buf = m.buf[:copy(m.buf, m.buf[size:])]
	}
	return nil
}

// Close sends the rest and ends the message. If a Write has failed, or text
// ends inside a character (frame.ErrInvalidUTF8), the message is abandoned
// instead: silently if nothing of it has left; else the peer could not tell it
// from a whole one, and the connection is closed with 1011.
func (m *MessageWriter) Close() error {
	if m.closed {
		return ErrWriterClosed
	}
	m.closed = true
	defer m.free()
	if m.err == nil && m.t&^Uncompressed == Text && !m.text.Done() {
		m.err = frame.ErrInvalidUTF8
	}
	if m.err == nil {
		if m.err = m.emitLast(); m.err == nil {
			return nil
		}
	}
	m.abandon()
	return m.err
}

// emitLast sends what is left, and the end of the message.
func (m *MessageWriter) emitLast() error {
	if m.zipped {
		m.buf = m.c.z.enc.Append(m.buf, nil, deflate.Last)
		if err := m.emitFull(min(m.c.cfg.fragmentSize(), defaultFragmentSize)); err != nil {
			return err
		}
	}
	_, err := m.emit(m.buf, frame.Header{Fin: true})
	return err
}

func (m *MessageWriter) free() {
	if m.buf != nil {
		putBuffer(m.buf)
		m.buf = nil
	}
}

// abandon gives the turn back without the end of the message.
func (m *MessageWriter) abandon() {
	c := m.c
	c.mu.Lock()
	mine := c.wr.turn == m
	if mine && !m.begun {
		m.forget()
		c.wr.turn = nil
		c.dispatch()
	}
	c.mu.Unlock()
	if mine && m.begun {
		c.failWith(CloseInternalError, errAbandoned)
	}
}

// forget has the encoder forget a message that was compressed and not sent,
// with all before it: what follows then refers only to what the peer has. Call
// with c.mu held.
func (m *MessageWriter) forget() {
	if m.zipped {
		m.c.z.enc.Reset()
	}
}

// emit sends p as the message's next frame; h says whether it is the last. It
// reports whether the frame is on its way, also where it returns an error.
func (m *MessageWriter) emit(p []byte, h frame.Header) (taken bool, err error) {
	c := m.c
	w := &c.wr
	c.mu.Lock()
	beside, err := m.takeWire()
	if err != nil {
		c.mu.Unlock()
		return false, err
	}
	c.gatherOut()
	own := m.addFrame(p, h)
	if h.Fin {
		w.turn = nil
		if !w.batch.vectored() {
			c.gatherQueue()
		}
	}
	m.begun = true
	if beside != nil {
		w.take(beside)
		go c.flusher()
		c.mu.Unlock()
		return true, m.waitBeside(beside)
	}
	c.mu.Unlock()
	n, err := c.transmit(m.ctx)
	taken, err = c.finishOwn(m.ctx, &own, n, err)
	m.begun = taken || own.before.InMessage()
	return taken, err
}

// takeWire waits until the wire is this message's. Where a flusher has to do
// the writing it returns the entry to wait with. Call with c.mu held; it is
// released and taken again.
func (m *MessageWriter) takeWire() (beside *entry, err error) {
	c := m.c
	w := &c.wr
	if m.ctx.Err() != nil {
		return nil, contextError(m.ctx)
	}
	switch {
	case m.lost != nil:
		return nil, m.lost
	case w.err != nil:
		return nil, w.err
	case !w.owned && !c.detached(m.ctx):
		w.owned = true
		return nil, nil
	}
	e := c.wr.newWaiter(entryMessage)
	w.turnWait = e
	c.dispatch()
	c.mu.Unlock()
	select {
	case <-e.wake:
		c.mu.Lock()
	case <-m.ctx.Done():
		err := c.withdraw(m.ctx, e)
		c.mu.Lock()
		return nil, err
	}
	if e.state == entryDone {
		err := e.err
		c.wr.free(e)
		return nil, err
	}
	if m.lost != nil { // a Close frame went out between the grant and now
		c.wr.free(e)
		c.release()
		return nil, m.lost
	}
	if c.detached(m.ctx) {
		return e, nil
	}
	c.wr.free(e)
	return nil, nil
}

// waitBeside waits for the flusher that writes this message's frame.
func (m *MessageWriter) waitBeside(e *entry) error {
	select {
	case <-e.wake:
		return m.c.told(e)
	case <-m.ctx.Done():
		return m.c.withdraw(m.ctx, e)
	}
}

// addFrame adds the message's next frame to the owner's batch. Call with c.mu
// held.
func (m *MessageWriter) addFrame(p []byte, h frame.Header) span {
	c := m.c
	b := made(&c.wr.batch)
	own := span{start: len(b.buf), before: c.wr.enc}
	if !own.before.InMessage() {
		h.Opcode = opcode(m.t)
		if m.zipped {
			h.RSV = frame.RSV1
		}
	}
	// Once the turn is given on, other messages refer to this one's text.
	own.fixed = h.Fin && m.zipped && c.z.enc.Takeover
	if c.raw != nil && c.role() == frame.Server && len(p) >= vecMin {
		h.Length = int64(len(p))
		b.buf = c.appendHeader(b.buf, h)
		b.vec = p
	} else {
		b.buf = c.appendFrame(b.buf, h, p)
	}
	own.end = b.rest()
	m.wire += int64(len(p))
	if t := c.cfg.Trace; t != nil && h.Fin {
		t.sentMessage(c, m.info())
	}
	return own
}

// info describes the message when its last frame is encoded.
func (m *MessageWriter) info() MessageInfo {
	return MessageInfo{Type: m.t, Compressed: m.zipped, Size: m.size, Wire: m.wire}
}

// writeLong sends a message that is longer than a fragment from where it is.
func (c *Conn) writeLong(ctx context.Context, t MessageType, p []byte) error {
	m := &MessageWriter{c: c, ctx: ctx, t: t, whole: true, size: int64(len(p))}
	if err := c.takeTurn(m); err != nil {
		return err
	}
	size := c.cfg.fragmentSize()
	if m.zipped = c.compresses(t, len(p)); m.zipped {
		p = c.z.enc.Append(getBuffer(len(p)), p, deflate.Last)
		defer putBuffer(p)
		if !c.cfg.Compression.Fragment {
			size = maxInt
		}
	}
	for {
		piece, h := p, frame.Header{Fin: true}
		if len(p) > size {
			piece, h = p[:size], frame.Header{}
		}
		taken, err := m.emit(piece, h)
		if taken {
			p = p[len(piece):]
		}
		switch {
		case err != nil && !h.Fin || !taken:
			return m.leaveRest(p, err)
		case err != nil || h.Fin:
			return err
		}
	}
}

// leaveRest is the end of a long Write that failed with err before its last
// frame: where only the context ended and a part is out, the connection keeps
// the rest, p, and finishes it.
func (m *MessageWriter) leaveRest(p []byte, err error) error {
	c := m.c
	w := &c.wr
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.turn != m {
		return err // the connection ended, or the one frame was taken back: the encoder is another's
	}
	w.turn = nil
	switch {
	case !m.begun:
		m.forget()
	case w.buffered()+len(p) > c.cfg.queue():
		go c.abort(ErrQueueFull)
	default:
		m.wire += int64(len(p))
		b := made(&w.out)
		for size := c.cfg.fragmentSize(); len(p) > size; p = p[size:] {
			b.buf = c.appendFrame(b.buf, frame.Header{}, p[:size])
		}
		b.buf = c.appendFrame(b.buf, frame.Header{Fin: true}, p)
		w.urgent = true
		if t := c.cfg.Trace; t != nil {
			t.sentMessage(c, m.info())
		}
	}
	c.dispatch()
	return err
}
