//go:build !js

package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/frame"
)

// How a connection ends.
//
// Two machines rule the end. [frame.Lifecycle], in the outbox, knows what Close frames mean.
// [ending.Phase] knows who reads, and so who brings the end about. That is the ender: the reader
// that meets the end, or a goroutine if nobody reads.
//
// The ender reads up to the peer's Close frame. It waits until this side's Close frame has left. If
// this side has to end its direction of TCP first, the ender does so and reads the rest away, so
// that no reset overtakes the Close frame (RFC 6455 section 7.1.1). Then it closes the descriptor.
// After Config.CloseTimeout a timer cuts all of this short ([Conn.abort]).

// Close closes the connection with the closing handshake of RFC 6455 section 7. It sends what is
// queued, and then a Close frame with code and reason. It waits for the peer's Close frame and for
// the end of the transport. It returns nil if the connection ended cleanly, and else its
// [*CloseError]. Config.CloseTimeout bounds all of this.
//
// Code 0 sends a Close frame without a code. If code may not be sent, Close returns an error and
// does nothing: the connection stays open. So it does for a reason without a code, and for a reason
// that is not UTF-8 or is longer than 123 bytes. [frame.TruncateReason] shortens one that may be
// longer, such as the text of an error.
//
// Close may be called concurrently. The first call counts, and the others wait for the same end. If
// a goroutine reads, it gets the *CloseError. If none reads, the connection reads by itself.
// Messages of the peer that arrive after Close was called are dropped, as a browser drops them. If
// a message of [Conn.NextWriter] is not finished, it is cut off. If a part of it has been sent or
// compressed, the messages that wait for its end are dropped.
//
// Within a callback of [Conn.Serve] Close can't wait, since only the callback's goroutine could
// read the peer's answer. There Close sends what is queued and the Close frame, and returns
// [ErrClosing] at once. The end comes after the callback has returned; [Conn.Done] and Events.Close
// report it. So it is, too, if a callback closes another connection while a callback of that one
// runs. Events.Error and Events.Close run after the end, so that Close returns there how the
// connection ended. A callback should not wait for a goroutine that calls Close: that goroutine
// waits for the callback, for up to CloseTimeout.
func (c *Conn) Close(code CloseCode, reason string) error {
	payload, err := frame.AppendClose(nil, code, reason)
	if code == CloseNoStatus {
		err = frame.ErrCloseCode // 0 asks for an empty frame; 1005 is for reports alone (section 7.4.1)
	}
	if code == 0 && reason != "" {
		err = errReasonAlone
	}
	if err != nil {
		return err
	}
	done := c.sayClose(payload)
	select {
	case <-done:
	default:
		if c.inCallback() {
			return ErrClosing
		}
		<-done
	}
	return c.cleanly()
}

// closeSoon begins the closing handshake and does not wait for its end.
func (c *Conn) closeSoon(code CloseCode, reason string) {
	payload, _ := frame.AppendClose(nil, code, reason) // this package's own, so it is valid
	c.sayClose(payload)
}

// sayClose begins the closing handshake, unless it has begun, and sees to it that the end comes. It
// returns the channel of [Conn.Done].
func (c *Conn) sayClose(payload []byte) (done <-chan struct{}) {
	c.mu.Lock()
	done = c.doneLocked()
	first, act := c.box.Close(payload, errClosing)
	if first {
		c.makeRareLocked().sent, _, _ = frame.ParseClose(payload)
		c.startCloseTimerLocked()
	}
	c.mu.Unlock()
	c.do(act)
	c.seekEnd()
	return done
}

// cleanly returns the result of Close after the end.
func (c *Conn) cleanly() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err.Clean() {
		return nil
	}
	return c.err
}

// CloseNow ends the connection without a closing handshake: the peer sees it cut (1006). It does
// not block, and always returns nil. If the connection has ended already, CloseNow does nothing,
// and [Conn.Err] still returns how it ended. After CloseNow every other call returns an error in
// which errors.Is finds net.ErrClosed. CloseNow may be called concurrently, and within callbacks.
func (c *Conn) CloseNow() error {
	c.abort(errClosedNow)
	return nil
}

// startCloseTimerLocked bounds the way from here to the end.
func (c *Conn) startCloseTimerLocked() {
	if d := c.cfg.closeTimeout(); d > 0 && c.makeRareLocked().timer == nil {
		c.rare.timer = after(c, d, func() { c.abort(ErrCloseTimeout) })
	}
}

// setErrLocked records how the connection ends, unless that is known.
func (c *Conn) setErrLocked(e CloseError) {
	switch {
	case c.err != nil:
	case e.Code == CloseAbnormal && c.rare != nil && c.rare.writeErr != nil:
		c.err = c.rare.writeErr // which calls have returned: there is one error for all
	default:
		e.Sent = c.sentLocked()
		c.err = &e
	}
}

// sentLocked returns the code of this side's Close frame. It is 0 if none was sent.
func (c *Conn) sentLocked() CloseCode {
	if c.rare == nil {
		return 0
	}
	return c.rare.sent
}

// endError returns how the connection ends.
func (c *Conn) endError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return errClosing
	}
	return c.err
}

// peerClosed acts on the peer's Close frame (section 5.5.1). It answers, unless this side closed
// first.
func (c *Conn) peerClosed(payload []byte) {
	c.cfg.Trace.closeReceived(c, payload)
	code, reason, _ := frame.ParseClose(payload) // the decoder has checked it
	c.mu.Lock()
	if c.lifecycle() == frame.Open && c.box.Wire() != outbox.Broken {
		c.makeRareLocked().sent = code
	}
	c.setErrLocked(CloseError{Code: code, Reason: string(reason), Remote: c.lifecycle() == frame.Open})
	c.startCloseTimerLocked()
	// The answer repeats the code. It does not repeat the reason, which may be anything.
	_, act := c.box.PeerClosed(payload[:min(len(payload), 2)], c.err)
	c.mu.Unlock()
	c.do(act)
}

// failWith fails the connection (section 7.1.7). It sends a Close frame with the code, if none was
// sent, and sees to it that the end comes.
func (c *Conn) failWith(code CloseCode, cause error) {
	c.mu.Lock()
	act := c.failLocked(code, cause)
	c.mu.Unlock()
	c.do(act)
	c.seekEnd()
}

// failLocked is the part of failWith that needs the lock.
func (c *Conn) failLocked(code CloseCode, cause error) outbox.Action {
	if c.lifecycle() >= frame.CloseReceived {
		return outbox.None
	}
	if c.lifecycle() == frame.Open && c.box.Wire() != outbox.Broken {
		c.makeRareLocked().sent = code
	}
	c.setErrLocked(CloseError{Code: CloseAbnormal, Err: cause})
	c.startCloseTimerLocked()
	payload, _ := frame.AppendClose(nil, code, reasonFor(cause))
	done, act := c.box.Fail(payload, c.err)
	if done == frame.Drop { // this side's Close frame has left, and a second one may not follow
		c.box.Lose(c.err)
		act = outbox.Cut
	}
	return act
}

// reasonFor returns the reason of the Close frame that fails a connection. It names the rule that
// the peer broke, for the developers at the other end. It does not say what went wrong on this
// side.
func reasonFor(cause error) string {
	if cause == ErrQueueFull {
		return "you read too slowly: the queue of messages for you is full"
	}
	rule, ok := errors.AsType[*frame.Error](cause)
	if !ok {
		return ""
	}
	return frame.TruncateReason(strings.TrimPrefix(rule.Error(), "websocket: "))
}

// lastWord waits until this side's Close frame has left, if err is the connection's end. That frame
// answers the peer's, or names a broken rule. A program that gets err may cut the connection at
// once, as a deferred CloseNow does, and the peer must get the frame all the same. On a socket the
// frame has left already. Over TLS and HTTP/2 another goroutine sends it. ctx and
// Config.CloseTimeout bound the wait. The caller has the reading half.
func (c *Conn) lastWord(ctx context.Context, err error) {
	if isEnd(err) {
		ender{c}.flushAll(ctx)
	}
}

// peerEnded records that the peer has ended its direction of the transport without a Close frame.
// The peer may still read, as one does that sends a request together with its FIN. So what was
// queued leaves before the transport is closed, within Config.CloseTimeout.
func (c *Conn) peerEnded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setErrLocked(CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF})
	c.startCloseTimerLocked()
	c.box.LastCall(c.err)
}

// abort closes the transport at once. cause is how the connection ended, unless that is known
// already.
func (c *Conn) abort(cause error) {
	c.mu.Lock()
	if c.saidAllLocked() {
		c.transport.Conclude() // before the ender can see that the wire is lost, and cut on its own
	}
	c.loseLocked(outbox.Cut, cause)
	c.mu.Unlock()
	c.step(ending.Cut)
}

// saidAllLocked reports whether this side's last frame has been written: a Close frame that answers
// the peer's, or one that names a broken rule.
func (c *Conn) saidAllLocked() bool {
	life := c.lifecycle()
	answer := life == frame.CloseReceived || life == frame.Closing || life == frame.Failed
	return answer && c.sentLocked() != 0 && c.box.Wire() == outbox.Idle && c.box.Quiet()
}

// loseLocked ends the sending if the outbox asked for a Cut. It needs the lock under which the
// outbox asked, so that nothing is sent in between.
func (c *Conn) loseLocked(act outbox.Action, cause error) {
	if act == outbox.Cut {
		c.setErrLocked(CloseError{Code: CloseAbnormal, Err: cause})
		c.box.Lose(c.err)
	}
}

// failedWrite is a connection whose transport takes no more bytes.
type failedWrite struct{ *Conn }

// findTimeout bounds the search for the peer's Close frame after a write has failed. If the
// transport is lost, the search takes no time at all.
const findTimeout = time.Second

// writeLost follows a write that failed with cause. A Close frame of the peer may lie unread. If
// so, the connection ends with that. If not, it ends with the error that writeLost returns. A
// reader finds the Close frame. If nobody has ever read, a goroutine reads at once. If somebody
// has, that one may be about to read the last messages, so that the goroutine waits for
// findTimeout.
func (c failedWrite) writeLost(cause error) error {
	late := errors.Is(cause, os.ErrDeadlineExceeded) // the transport is whole: no end to find
	c.mu.Lock()
	r := c.makeRareLocked()
	if r.writeErr == nil {
		r.writeErr = c.err
		if r.writeErr == nil {
			r.writeErr = &CloseError{Code: CloseAbnormal, Sent: r.sent, Err: addressed(c.Conn, cause)}
		}
	}
	err := r.writeErr
	c.box.Break(err)
	c.box.FinishWrite(0) // lets go of the batch
	if !late && r.timer == nil {
		d := findTimeout
		if limit := c.cfg.closeTimeout(); limit > 0 {
			d = min(d, limit)
		}
		r.timer = after(c.Conn, d, func() { c.giveUpFinding(d) })
	}
	c.mu.Unlock()
	switch {
	case late:
		c.abort(cause)
	case !c.began.Load():
		c.step(ending.End)
	}
	return err
}

// giveUpFinding is the timer's function: nobody has found the end of a connection that can't write.
func (c failedWrite) giveUpFinding(d time.Duration) {
	if c.reading.Phase() == ending.Free {
		after(c.Conn, d, func() { c.abort(ErrCloseTimeout) })
		c.step(ending.End)
		return
	}
	c.abort(ErrCloseTimeout)
}

// outcome turns err, the result of a write, into what the caller gets. If err is that of a failed
// write and somebody is reading, outcome waits until that reader has found out how the connection
// ended, or until ctx ends. It does not wait within a callback, and not if nobody reads, since the
// caller itself may be the one that reads next.
func (c failedWrite) outcome(ctx context.Context, err error) error {
	if err == nil || !c.isWriteError(err) {
		return err
	}
	if c.Err() == nil && c.reading.Phase() != ending.Free && !c.rd.calling.Load() {
		select {
		case <-c.Done():
		case <-ctx.Done():
		}
	}
	if end := c.Err(); end != nil {
		return end
	}
	return err
}

// isWriteError reports whether err is the error of the first write that failed.
func (c failedWrite) isWriteError(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rare != nil && c.rare.writeErr != nil && err == error(c.rare.writeErr)
}

// step applies e to the phase and carries out the action, which it returns. [ending.Refuse] and
// [ending.Proceed] are the caller's to act on.
func (c *Conn) step(e ending.Event) ending.Action {
	act := c.reading.Step(e)
	if act > ending.Proceed {
		c.act(act)
	}
	return act
}

// act carries out an action of the phase.
func (c *Conn) act(act ending.Action) {
	switch act {
	case ending.Spawn:
		go ender{c}.readToEnd()
	case ending.Shut:
		c.transport.Shut()
		if c.rd.calling.Load() { // the callback may take long to return
			c.ended()
		}
	case ending.CloseNow, ending.CloseAll:
		c.transport.Abort()
	case ending.CloseInOrder:
		c.transport.Close()
	}
	switch act {
	case ending.CloseAll, ending.CloseInOrder, ending.Release:
		c.rd.release()
	}
	switch act {
	case ending.CloseNow, ending.CloseAll, ending.CloseInOrder:
		c.transport.WhenIdle(c.ended)
	}
}

// seekEnd sees to it that somebody brings the end about, if the connection is to end. That is the
// reader, or a goroutine if nobody reads.
func (c *Conn) seekEnd() {
	if c.lifecycle() != frame.Open {
		c.step(ending.End)
	}
}

// ended is the very end. The transport is closed. Timers stop, contexts are forgotten, and the
// channel of [Conn.Done] is closed.
func (c *Conn) ended() {
	c.mu.Lock()
	again := c.lifecycle() == frame.Closed // if a callback ran when the socket was shut down
	c.setErrLocked(CloseError{Code: CloseAbnormal, Err: net.ErrClosed})
	c.box.Lose(c.err)
	c.box.Signal(frame.TransportClosed)
	c.mu.Unlock()
	if again {
		return
	}
	c.keep.stop()
	c.transport.Release() // without the lock, for which the function of a context may be waiting
	c.mu.Lock()
	r := c.makeRareLocked()
	if r.timer != nil {
		r.timer.Stop()
	}
	for p := r.pings; p != nil; p = p.next {
		close(p.pong)
	}
	r.pings = nil
	held := c.cfg.Group.leave(c) // before Done: see there
	close(c.doneLocked())
	after := r.after
	r.after = nil
	c.mu.Unlock()
	c.cfg.Trace.closed(c, c.err)
	if after != nil {
		after(c)
	}
	if held {
		c.cfg.Group.release()
	}
}
