package conn

import (
	"context"
	"net"

	"github.com/rfc6455/ws/frame"
)

// errClosing is what writes get between this side's Close and the end of the
// connection.
var errClosing error = closingError{}

type closingError struct{}

func (closingError) Error() string {
	return "websocket: Close was called; no message may follow a Close frame (RFC 6455 section 5.5.1)"
}
func (closingError) Is(target error) bool { return target == net.ErrClosed }

// Write sends one message and returns when the transport has taken it, in the
// order of the calls. It may be called from any number of goroutines, which
// share writes to the transport; p is the caller's again when it returns.
//
// If ctx ends before the message's first byte is out, the message is
// withdrawn. After that the connection keeps what is left, within
// Config.Queue, and finishes it; in both cases Write returns ctx's error and
// the connection is unharmed. A message cut off beyond Config.Queue ends the
// connection.
//
// Text must be valid UTF-8: else frame.ErrInvalidUTF8, and nothing is sent
// (RFC 6455 section 5.6). After the end of the connection Write returns its
// *CloseError, and after Close an error that is net.ErrClosed.
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	if err := checkWrite(ctx, t, p); err != nil {
		return err
	}
	if len(p) > c.cfg.fragmentSize() {
		return c.writeLong(ctx, t, p)
	}
	return c.writeFrame(ctx, t, p, nil)
}

// checkWrite refuses what is no message, and a context that has ended.
func checkWrite(ctx context.Context, t MessageType, p []byte) error {
	if err := checkMessage(t, p); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return nil
}

// checkMessage refuses what is no message.
func checkMessage(t MessageType, p []byte) error {
	switch t &^ Uncompressed {
	case Binary:
		return nil
	case Text:
		if !frame.ValidUTF8(p) {
			return frame.ErrInvalidUTF8
		}
		return nil
	}
	return ErrMessageType
}

// writeFrame sends a message of one frame: p or what was prepared.
func (c *Conn) writeFrame(ctx context.Context, t MessageType, p []byte, prepared *Prepared) error {
	w := &c.wr
	c.mu.Lock()
	if err := c.mayWrite(); err != nil {
		c.mu.Unlock()
		return err
	}
	c.keep.message()
	if w.busy() || c.detached(ctx) {
		return c.await(ctx, c.queueUp(t, p, prepared))
	}
	// The fast path: nobody is ahead, so the message leaves from here.
	w.owned = true
	c.gatherOut()
	if b := made(&w.batch); prepared == nil && len(p) < vecMin {
		b.buf = c.room(b.buf, frame.MaxHeaderSize+len(p)) // here, where there is stack for it
	}
	own := c.addOwn(t, p, prepared)
	c.mu.Unlock()
	if c.raw == nil || w.batch.vectored() {
		return c.writeBatch(ctx, &own, 0)
	}
	// As in transmit, without a frame of its own on the stack.
	n, err := rawTry(c.raw, w.batch.buf)
	switch {
	case err != nil:
		return c.writeFailed(err)
	case n < own.end:
		return c.writeBatch(ctx, &own, n)
	}
	c.sent()
	return nil
}

// writeBatch writes the batch of a caller that owns the wire, of which n bytes
// are out.
func (c *Conn) writeBatch(ctx context.Context, own *span, n int) error {
	if n > 0 {
		c.mu.Lock()
		c.wr.batch.off = n
		c.mu.Unlock()
	}
	n, err := c.transmit(ctx)
	_, err = c.finishOwn(ctx, own, n, err)
	return err
}

// queueUp queues a message that somebody waits for. Call with c.mu held, which it
// releases.
func (c *Conn) queueUp(t MessageType, p []byte, prepared *Prepared) *entry {
	e := c.wr.newWaiter(entryMessage)
	e.t, e.p, e.prepared = t, p, prepared
	c.wr.push(e)
	c.dispatch()
	c.mu.Unlock()
	return e
}

// sent ends the batch of an owner that has written all of it, and gives the wire
// on.
func (c *Conn) sent() {
	c.mu.Lock()
	c.settle()
	c.release()
	c.mu.Unlock()
}

// detached reports whether a write under ctx must be done by another
// goroutine: where the transport's writes can't be interrupted without
// breaking it (crypto/tls keeps a write's timeout for good), the caller alone
// stops waiting.
func (c *Conn) detached(ctx context.Context) bool {
	return c.raw == nil && ctx.Done() != nil
}

// mayWrite returns the error of a message that comes too late. Call with c.mu
// held.
func (c *Conn) mayWrite() error {
	switch {
	case c.cl.err != nil:
		return c.cl.err
	case c.wr.err != nil:
		return c.wr.err
	case c.lifecycle() != frame.Open:
		return errClosing
	}
	return nil
}

// span is where the owner's own frame lies in its batch, until it is out, and
// what its encoder was before, for taking it back.
type span struct {
	start, end int
	before     frame.Encoder
	fixed      bool // what follows refers to it: it can't be taken back
}

// addOwn adds the message of the owner's caller to the batch. Call with c.mu
// held.
func (c *Conn) addOwn(t MessageType, p []byte, prepared *Prepared) span {
	b := made(&c.wr.batch)
	s := span{start: len(b.buf), before: c.wr.enc}
	if len(p) < vecMin && prepared == nil && c.plain() {
		b.buf = c.room(b.buf, frame.MaxHeaderSize+len(p))
		b.buf = c.appendPlain(b.buf, t, p)
		s.end = len(b.buf)
		return s
	}
	if prepared != nil {
		s.fixed = c.remembers(prepared.t, len(prepared.p))
	} else {
		s.fixed = c.remembers(t, len(p))
	}
	if c.raw != nil && c.role() == frame.Server && prepared == nil && len(p) >= vecMin && !c.compresses(t, len(p)) {
		b.buf = c.appendHeader(b.buf, frame.Header{Opcode: opcode(t), Fin: true, Length: int64(len(p))})
		b.vec = p
		if tr := c.cfg.Trace; tr != nil {
			tr.sentMessage(c, MessageInfo{Type: t, Size: int64(len(p)), Wire: int64(len(p))})
		}
	} else {
		b.buf = c.appendMessage(b.buf, t, p, prepared)
	}
	s.end = b.rest()
	return s
}

// finishOwn ends the batch of a caller that owns the wire, of which transmit
// has written n bytes, and gives the wire on. It reports whether the caller's
// frame is on its way: also where ctx ended and a flusher finishes it.
func (c *Conn) finishOwn(ctx context.Context, own *span, n int, err error) (taken bool, _ error) {
	if err != nil && err != errInterrupted {
		return true, c.writeFailed(err)
	}
	if err == nil {
		c.sent()
		return true, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wr.batch.off += n
	return c.leave(own), contextError(ctx)
}

// leave is the end of a write whose context has ended: a frame of which
// nothing is out is taken back, the rest of the batch is left to a flusher. It
// reports whether the frame stays. Call with c.mu held.
func (c *Conn) leave(own *span) (stays bool) {
	b := c.wr.batch
	switch {
	case b.off <= own.start && !own.before.InMessage() && c.mayWrite() == nil && !own.fixed:
		if b.vec != nil {
			b.vec, own.end = nil, len(b.buf)
		}
		b.buf = append(b.buf[:own.start], b.buf[own.end:]...)
		c.wr.enc = own.before
	case b.vec != nil: // the caller takes its bytes back
		left := b.rest()
		b.buf = append(b.buf[min(b.off, len(b.buf)):], b.vec[max(0, len(b.vec)-left):]...)
		b.vec, b.off, stays = nil, 0, true
	default:
		stays = true
	}
	if b.rest() > c.cfg.queue() {
		go c.abort(ErrQueueFull)
	}
	go c.flusher() // which fails where the connection was cut
	return stays
}

// writeError is the error of the write side, nil while it works. Unlike
// mayWrite it lets through what may still be sent after a Close frame's
// sending was decided: nothing new, but what is queued. Call with c.mu held.
func (c *Conn) writeError() error {
	switch {
	case c.wr.err != nil:
		return c.wr.err
	case c.cl.err != nil:
		return c.cl.err
	}
	return nil
}

// await waits until e, which is in the queue, has left, or until ctx ends.
func (c *Conn) await(ctx context.Context, e *entry) error {
	for {
		select {
		case <-e.wake:
		case <-ctx.Done():
			return c.withdraw(ctx, e)
		}
		c.mu.Lock()
		switch {
		case e.state == entryDone:
			err := e.err
			c.wr.free(e)
			c.mu.Unlock()
			return err
		case e.err != nil: // the connection ended between the grant and now
			err := e.err
			c.release()
			c.mu.Unlock()
			return err
		}
		// The wire is ours, and e is at the head of the queue.
		if c.detached(ctx) {
			e.state = entryWaiting // for the flusher now
			go c.flusher()
			c.mu.Unlock()
			continue
		}
		own := c.gatherOwn(e)
		c.mu.Unlock()
		n, err := c.transmit(ctx)
		_, err = c.finishOwn(ctx, &own, n, err)
		return err
	}
}

// withdraw takes e back, whose ctx has ended, unless it is on its way or done.
func (c *Conn) withdraw(ctx context.Context, e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.state {
	case entryWaiting:
		c.wr.remove(e)
		c.wr.free(e)
		c.dispatch()
	case entryGranted:
		<-e.wake
		c.giveBack(e)
		c.wr.free(e)
	case entryTaken:
		// The batch that holds it tells it later, to nobody.
	case entryDone:
		<-e.wake
		err := e.err
		c.wr.free(e)
		return err
	}
	return contextError(ctx)
}

// giveBack returns what was granted to e and is not wanted any more. Call with
// c.mu held.
func (c *Conn) giveBack(e *entry) {
	switch {
	case e.kind != entryTurn:
		c.wr.remove(e)
		c.release()
	case c.wr.turn == e.writer:
		c.wr.turn = nil
		c.dispatch()
	}
}

// Append queues a copy of one message and returns: it leaves with the next
// Write, Send or Flush, when a reader of this connection is about to wait for
// the peer, or when 128 KiB or half of Config.Queue have come together. A
// handler that appends its answers and reads on sends all the answers to one
// packet in one packet.
//
// Where more than Config.Queue bytes would wait, Config.QueuePolicy decides: by
// default Append returns ErrQueueFull and takes nothing. Otherwise its errors
// are Write's. It never blocks and may be called from any goroutine.
func (c *Conn) Append(t MessageType, p []byte) error {
	return c.enqueue(t, p, nil, later)
}

// Send queues a copy of one message that leaves at once, without waiting for
// it: now as far as the transport takes it, the rest by a goroutine of the
// connection's. Its errors are Append's. It never blocks and may be called
// from any goroutine.
func (c *Conn) Send(t MessageType, p []byte) error {
	return c.enqueue(t, p, nil, atOnce)
}

// flushSoon lets what is queued leave without waiting for it: it tries once
// where the transport can say that it is full, and leaves the rest to a
// flusher. Call with c.mu held; it is released and taken again.
func (c *Conn) flushSoon() {
	p := c.claim()
	if p == nil {
		return
	}
	c.mu.Unlock()
	n, err := rawTry(c.raw, p)
	c.tried(n, err)
	c.mu.Lock()
}

// claim makes the caller the owner of the wire and returns its batch, for one
// try on a socket, which tried must follow. Where that can't be, it sees to it
// that what is queued leaves, and returns nil. Call with c.mu held.
func (c *Conn) claim() []byte {
	w := &c.wr
	if w.owned || w.err != nil {
		w.urgent = w.out != nil // the owner looks again before it goes
		return nil
	}
	if c.raw == nil || w.ahead() {
		w.urgent = w.out != nil
		c.dispatch()
		return nil
	}
	if w.out == nil {
		return nil
	}
	w.owned = true
	c.gather()
	return w.batch.buf
}

// tried is the end of a try that wrote n bytes of what claim returned.
func (c *Conn) tried(n int, err error) {
	if err != nil {
		c.writeFailed(err)
		return
	}
	c.mu.Lock()
	w := &c.wr
	w.batch.off += n
	if w.batch.rest() > 0 {
		go c.flusher()
	} else {
		c.settle()
		c.release()
	}
	c.mu.Unlock()
}

// Flush returns when everything that was queued before it is out. If ctx ends
// first it returns ctx's error, and what is queued goes on leaving. It may be
// called from any goroutine but one that has a MessageWriter open, for whose
// Close it waits as all messages do.
func (c *Conn) Flush(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	c.mu.Lock()
	if err := c.writeError(); err != nil {
		c.mu.Unlock()
		return err
	}
	if !c.wr.busy() && c.wr.out == nil {
		c.mu.Unlock()
		return nil
	}
	c.wr.urgent = true
	e := c.wr.newWaiter(entryFlush)
	c.wr.push(e)
	c.dispatch()
	c.mu.Unlock()
	return c.await(ctx, e)
}
