//go:build !js

package conn

import (
	"context"
	"time"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// errClosing is the error of calls that write after this side's Close, until the connection has
// ended.
var errClosing error = &closingError{
	"websocket: Close was called; no message may follow a Close frame (RFC 6455 section 5.5.1)",
}

// Write sends one message (RFC 6455 section 6.1) and returns when the transport has taken all of
// it. A message that is longer than Config.FragmentSize may leave in several frames (section 5.4).
// p belongs to the caller again when Write returns.
//
// Any number of goroutines may call Write. Their messages leave in the order of the calls, and
// share writes to the transport.
//
// If ctx ends, Write returns ctx's error. If no byte of the message is out yet, the message is
// withdrawn. If a part of it is out, the connection keeps the rest, within Config.Queue, and
// finishes it. In both cases the connection is unharmed. If the rest is larger than Config.Queue
// allows, the connection ends.
//
// Text must be valid UTF-8 (section 5.6). If it is not, Write returns [frame.ErrInvalidUTF8] and
// sends nothing. After the end of the connection Write returns its [*CloseError]. After
// [Conn.Close] it returns an error in which errors.Is finds net.ErrClosed. A type that is neither
// Text nor Binary is [ErrMessageType].
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	if err := checkWrite(ctx, t, p); err != nil {
		return err
	}
	if len(p) > c.cfg.fragmentSize() {
		return failedWrite{c}.outcome(ctx, sender{c}.writeLong(ctx, t, p))
	}
	return c.writeFrame(ctx, outbox.Type(t), p, nil)
}

// checkWrite returns an error if t and p do not form a message that may be sent, or if ctx has
// ended.
func checkWrite(ctx context.Context, t MessageType, p []byte) error {
	if err := checkMessage(t, p); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return nil
}

// checkMessage returns an error if t and p do not form a message that may be sent.
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

// writeFrame sends a message of one frame. Its payload is p, or that of prepared, if there is one.
func (c *Conn) writeFrame(
	ctx context.Context, t outbox.Type, p []byte, prepared *outbox.Prepared,
) error {
	c.mu.Lock()
	if err := c.mayWriteLocked(); err != nil {
		c.mu.Unlock()
		return failedWrite{c}.outcome(ctx, err)
	}
	c.keep.message()
	if !c.box.Clear() || c.passive(ctx) {
		e, act := c.box.Add(t, p, prepared, c.passive(ctx))
		c.mu.Unlock()
		return waiter{c}.doAndAwait(ctx, e, act)
	}
	// The fast path: nobody is ahead, so this goroutine writes the message.
	c.box.Reserve(len(p))
	c.box.Begin(t, p, prepared)
	c.mu.Unlock()
	var n int
	var err error
	frames := c.box.Batch().Frames()
	switch {
	case frames == nil:
		return owner{c}.writeRest(ctx, 0, nil)
	case c.transport.Socket():
		n, err = c.transport.TryWrite(frames) // here, with little on the stack
	default:
		n, err = c.transport.WriteStream(frames) // all of it, since ctx can't end
	}
	if err != nil || n < len(frames) {
		return owner{c}.writeRest(ctx, n, err)
	}
	c.finishWrite(n)
	return nil
}

// waiter is a [Conn] with the methods of a goroutine that waits for its entry in the outbox.
type waiter struct{ *Conn }

// doAndAwait does act, which the outbox asked for when e was put into its line. Then it waits for e
// and returns the error of the call.
func (c waiter) doAndAwait(ctx context.Context, e *outbox.Entry, act outbox.Action) error {
	c.do(act)
	return failedWrite(c).outcome(ctx, c.await(ctx, e))
}

// owner is a [Conn] with the methods of the goroutine that owns the wire, and with it the outbox's
// batch.
type owner struct{ *Conn }

// writeRest finishes the batch after a try that wrote n bytes of it, or that failed with err.
func (c owner) writeRest(ctx context.Context, n int, err error) error {
	if err != nil {
		err = failedWrite(c).writeLost(err)
	} else {
		err = c.writeBatch(ctx, n)
	}
	return failedWrite(c).outcome(ctx, err)
}

// writeBatch writes the rest of the batch, of which n bytes are out. The caller does not own the
// wire afterwards.
func (c owner) writeBatch(ctx context.Context, n int) error {
	_, err := c.writeOwn(ctx, n)
	return err
}

// writeOwn is writeBatch for a caller that has to know what became of its own frame. left is false
// if ctx has ended and the frame was withdrawn. Else the frame is out or on its way, or the
// transport is lost.
func (c owner) writeOwn(ctx context.Context, n int) (left bool, err error) {
	if n > 0 {
		c.mu.Lock()
		c.box.Advance(n)
		c.mu.Unlock()
	}
	n, interrupted, err := c.transmit(ctx)
	switch {
	case err != nil:
		return true, failedWrite(c).writeLost(err)
	case !interrupted:
		c.finishWrite(n)
		return true, nil
	}
	c.mu.Lock()
	left, act := c.box.Leave(n)
	c.loseLocked(act, ErrQueueFull)
	c.mu.Unlock()
	c.do(act)
	return left, contextError(ctx)
}

// finishWrite records that the last n bytes of the batch are out, and hands the wire on.
func (c *Conn) finishWrite(n int) {
	c.mu.Lock()
	act := c.box.FinishWrite(n)
	c.mu.Unlock()
	if act != outbox.None {
		c.do(act)
	}
}

// do does what the outbox asked for, and does not wait. For outbox.Write it writes as much as a
// socket takes at once. Config.Loop writes the rest, or else a goroutine. For outbox.Cut it ends
// the connection.
func (c *Conn) do(act outbox.Action) {
	if act == outbox.Write {
		act = owner{c}.try()
	}
	switch act {
	case outbox.Write:
		if !writeInLoop(c) {
			go owner{c}.flusher()
		}
	case outbox.Cut:
		c.abort(errOutOfOrder)
	}
}

// try writes as much of the batch as the socket takes at once. It returns what to do next.
func (c owner) try() outbox.Action {
	frames, payload := c.box.Batch().Bytes()
	if payload != nil {
		return outbox.Write
	}
	n, err := c.transport.TryWrite(frames)
	return c.finishTry(n, err)
}

// offer writes as much of a long message as the socket takes at once, from where it lies. A copy of
// the rest is written later.
func (c owner) offer() {
	n, err := c.transport.TryWriteBoth(c.box.Batch().Bytes())
	if err != nil {
		_ = failedWrite(c).writeLost(err)
		return
	}
	c.mu.Lock()
	act := c.box.Keep(n)
	c.mu.Unlock()
	c.do(act)
}

// finishTry records that n bytes of the batch were written, or that the write failed with err. It
// returns what to do next.
func (c owner) finishTry(n int, err error) outbox.Action {
	if err != nil {
		_ = failedWrite(c).writeLost(err)
		return outbox.None
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.box.FinishWrite(n)
}

// flusher is the goroutine that writes for callers that do not wait. It owns the wire, and ends
// when nothing is left that it has to write.
func (c owner) flusher() {
	act := outbox.Write
	for act == outbox.Write {
		n, _, err := c.transmit(context.Background())
		act = c.finishTry(n, err)
	}
	if act == outbox.Cut {
		c.abort(errOutOfOrder)
	}
}

// transmit writes what is left of the batch, and returns how many bytes of that are out. If ctx
// ends first, it reports that it was interrupted. An error is final.
func (c owner) transmit(ctx context.Context) (n int, interrupted bool, err error) {
	frames, payload := c.box.Batch().Bytes()
	return c.transport.Write(ctx, c.writeLimit(), frames, payload)
}

// writeLimit returns the bound of one write, Config.WriteTimeout, for the transport.
func (c owner) writeLimit() transport.WriteLimit {
	return transport.WriteLimit{Timeout: c.cfg.writeTimeout(), Err: ErrWriteTimeout}
}

// WriteTimeout and WriteTimedOut make an owner a [transport.WriteLimiter].

func (c owner) WriteTimeout() time.Duration { return c.cfg.writeTimeout() }

func (c owner) WriteTimedOut() error {
	c.abort(ErrWriteTimeout)
	return ErrWriteTimeout
}

// passive reports whether a goroutine that writes under ctx leaves the writing to another one. It
// does if ctx can end and the transport is no socket. Such a transport can't go on after a write
// that was interrupted: crypto/tls keeps a write's timeout for good. So the end of ctx ends only
// the caller's wait.
func (c *Conn) passive(ctx context.Context) bool {
	return !c.transport.Socket() && ctx.Done() != nil
}

// mayWriteLocked returns an error if a message comes too late to be sent.
func (c *Conn) mayWriteLocked() error {
	switch {
	case c.err != nil:
		return c.err
	case c.box.Wire() == outbox.Broken && c.rare != nil && c.rare.writeErr != nil:
		return c.rare.writeErr
	case c.lifecycle() != frame.Open:
		return errClosing
	}
	return nil
}

// await waits until e is done, and returns its error. If e's goroutine becomes the owner of the
// wire, await writes the batch. If ctx ends first, await withdraws e.
func (c waiter) await(ctx context.Context, e *outbox.Entry) error {
	select {
	case <-e.Wake():
	case <-ctx.Done():
		return c.withdraw(ctx, e)
	}
	if c.owns(e) {
		err := owner(c).writeBatch(ctx, 0)
		_ = c.finishWait(e) // the error is writeBatch's
		return err
	}
	return c.finishWait(e)
}

// owns reports whether the goroutine of e owns the wire. That goroutine has been woken.
func (c waiter) owns(e *outbox.Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.State() == outbox.Owner
}

// finishWait gives e, whose wait is over, back to the outbox. It returns e's error.
func (c waiter) finishWait(e *outbox.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := e.Err()
	c.box.Recycle(e)
	return err
}

// withdraw takes e out of the outbox, since ctx has ended. An entry that is done or on its way
// stays. If e is done, withdraw returns its error, and else ctx's error.
func (c waiter) withdraw(ctx context.Context, e *outbox.Entry) error {
	c.mu.Lock()
	done, left, act := c.box.Withdraw(e)
	err := contextError(ctx)
	if done {
		err = e.Err()
	}
	if done || !left {
		c.box.Recycle(e)
	}
	c.loseLocked(act, ErrQueueFull)
	c.mu.Unlock()
	c.do(act)
	return err
}

// Flush returns when everything is out that was queued before the call. If ctx ends first, Flush
// returns ctx's error, and what is queued still leaves. If the connection ends first, the error is
// that of [Conn.Write].
//
// Flush may be called concurrently. A goroutine that has a [MessageWriter] open must not call it:
// like every message, Flush waits until that writer is closed.
func (c *Conn) Flush(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	c.mu.Lock()
	if c.err != nil || c.box.Wire() == outbox.Broken {
		err := c.mayWriteLocked()
		c.mu.Unlock()
		return failedWrite{c}.outcome(ctx, err)
	}
	if c.box.Quiet() {
		c.mu.Unlock()
		return nil
	}
	e, act := c.box.Flush(c.passive(ctx))
	c.mu.Unlock()
	return waiter{c}.doAndAwait(ctx, e, act)
}

// sender is a [Conn] with the methods of a goroutine that sends a message of several frames.
type sender struct{ *Conn }

// takeTurn waits until m has the turn: no other message may leave until m has ended.
func (c sender) takeTurn(ctx context.Context, m *outbox.Message) error {
	c.mu.Lock()
	if err := c.mayWriteLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	c.keep.message()
	e, act := c.box.TakeTurn(m)
	c.mu.Unlock()
	c.do(act)
	if e == nil {
		return nil
	}
	select {
	case <-e.Wake():
		return waiter(c).finishWait(e)
	case <-ctx.Done():
	}
	c.mu.Lock()
	done, _, act := c.box.Withdraw(e)
	err := contextError(ctx)
	switch {
	case done && e.Err() != nil:
		err = e.Err()
	case done:
		act = c.box.Abandon(m)
	}
	c.mu.Unlock()
	c.do(act)
	return err
}

// sendPiece sends p as the next frame of m, which has the turn. fin says that the frame is the
// last. If there is an error, left reports whether the frame is on its way nevertheless.
func (c sender) sendPiece(
	ctx context.Context, m *outbox.Message, p []byte, fin bool,
) (left bool, err error) {
	if ctx.Err() != nil {
		return false, contextError(ctx)
	}
	c.mu.Lock()
	if err := c.lossLocked(m); err != nil {
		c.mu.Unlock()
		return false, err
	}
	e, act := c.box.Piece(m, p, fin, c.passive(ctx))
	c.mu.Unlock()
	if e == nil {
		return owner(c).writeOwn(ctx, 0)
	}
	c.do(act)
	select {
	case <-e.Wake():
	case <-ctx.Done():
		return c.withdrawPiece(ctx, e)
	}
	if waiter(c).owns(e) {
		return owner(c).writeOwn(ctx, 0)
	}
	err = waiter(c).finishWait(e)
	return err == nil, err
}

// lossLocked returns why m can't be finished any more. If it can, lossLocked returns nil.
func (c sender) lossLocked(m *outbox.Message) error {
	switch {
	case m.Lost() != nil:
		return m.Lost()
	case c.box.Wire() == outbox.Broken:
		return c.mayWriteLocked()
	}
	return nil
}

// withdrawPiece is withdraw for a piece of a message. left reports whether the piece is out or on
// its way.
func (c sender) withdrawPiece(ctx context.Context, e *outbox.Entry) (left bool, err error) {
	c.mu.Lock()
	done, left, act := c.box.Withdraw(e)
	err = contextError(ctx)
	if done {
		left, err = e.Err() == nil, e.Err()
	}
	c.loseLocked(act, ErrQueueFull)
	c.mu.Unlock()
	c.do(act)
	return left, err
}

// writeLong sends a message that is longer than Config.FragmentSize. It sends the frames straight
// from p, unless it has to compress them.
func (c sender) writeLong(ctx context.Context, t MessageType, p []byte) error {
	m := &outbox.Message{Type: outbox.Type(t), Whole: true, Size: int64(len(p))}
	if err := c.takeTurn(ctx, m); err != nil {
		return err
	}
	size := c.cfg.fragmentSize()
	if m.Zipped = c.box.Compresses(m.Type, len(p)); m.Zipped {
		p = c.box.Compress(pool.Get(len(p)), p, deflate.Last)
		defer pool.Put(p)
		if !c.cfg.Compression.Fragment {
			size = maxInt
		}
	}
	for {
		n := min(size, len(p))
		fin := n == len(p)
		left, err := c.sendPiece(ctx, m, p[:n], fin)
		if err == nil || left {
			p = p[n:]
		}
		if err == nil && !fin {
			continue
		}
		if err != nil {
			c.leaveRest(m, p, size)
		}
		return err
	}
}

// leaveRest ends a writeLong that failed. p is the rest of m. If a part of m is out, and only the
// context has ended, the connection keeps p and sends it in frames of at most size bytes.
func (c sender) leaveRest(m *outbox.Message, p []byte, size int) {
	c.mu.Lock()
	act := c.box.Rest(m, p, size)
	c.loseLocked(act, ErrQueueFull)
	c.mu.Unlock()
	c.do(act)
}
