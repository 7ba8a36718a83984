package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rfc6455/ws/frame"
)

// Who closes.
//
// The closing handshake (RFC 6455 section 7) is frame.Lifecycle, moved on under
// c.mu. The end of the transport is in three steps, each done once: the Close
// frame leaves; the server ends its direction of TCP and both sides read the
// rest away, so that no reset overtakes the Close frame (section 7.1.1); the
// descriptor is closed. Whoever owns the read half does all three (linger); a
// timer cuts them short after Config.CloseTimeout (abort).
//
// net's Close waits for every RawConn function to return, so that while Serve
// runs inside one, others only shut the socket down, and Serve closes it when
// it has left.
type closing struct {
	err    *CloseError // how the connection ends, set once
	ended  bool        // the transport is closed, or Serve will close it
	inRaw  bool        // Serve is inside a RawConn function
	orphan bool        // Close was called by someone who does not wait, and left the reading to the reader
	failed bool        // this side failed the connection: it ends TCP first, whatever its role
}

// doneLocked is Done's channel. Call with c.mu held.
func (c *Conn) doneLocked() chan struct{} {
	r := c.makeRare()
	if r.done == nil {
		r.done = make(chan struct{})
	}
	return r.done
}

// Close closes the connection with the closing handshake of RFC 6455 section 7:
// it sends what is queued and a Close frame with code and reason, waits for the
// peer's Close frame and for the end of the transport, and returns nil when the
// connection ended cleanly, else its *CloseError. Config.CloseTimeout bounds
// all of it. Code 0 sends a Close frame without a code. A message of NextWriter
// that is not finished is cut off; what waited for its end is dropped where a
// part of it has been sent or compressed.
//
// It works with a concurrent reader, which then gets the *CloseError, and
// without one: then Close reads. Messages of the peer that arrive after Close
// was called are dropped, as a browser does. While a callback of Serve runs,
// Close does not wait, since only the callback's goroutine could read the
// peer's answer: it returns nil at once, and Done tells the end. Of several
// calls the first counts, the others wait.
//
// A code that may not be sent, or a reason that is not UTF-8 or longer than
// 123 bytes (frame.TruncateReason helps), is an error and changes nothing.
func (c *Conn) Close(code CloseCode, reason string) error {
	payload, err := frame.AppendClose(nil, code, reason)
	if code == CloseNoStatus {
		err = frame.ErrCloseCode // 0 asks for an empty frame; 1005 is for reports alone (section 7.4.1)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.signal(frame.SendClose) == frame.SendCloseFrame {
		c.queueClose(payload)
	}
	calling := c.rd.calling.Load()
	done := c.doneLocked()
	if c.rare.freed == nil {
		c.rare.freed = make(chan struct{}, 1)
	}
	freed := c.rare.freed
	c.cl.orphan = c.cl.orphan || calling
	c.mu.Unlock()
	if calling {
		return nil
	}
	for {
		if c.rd.take(readClosing) {
			c.readToEnd()
		}
		select {
		case <-done:
			return c.cleanly()
		case <-freed:
		}
	}
}

// closeSoon is Close for those who do not wait: a reader brings the end about,
// or a goroutine where nobody reads.
func (c *Conn) closeSoon(code CloseCode, reason string) {
	payload, _ := frame.AppendClose(nil, code, reason) // this package's own, and right
	c.mu.Lock()
	if c.signal(frame.SendClose) == frame.SendCloseFrame {
		c.queueClose(payload)
	}
	c.cl.orphan = true
	c.mu.Unlock()
	if c.rd.take(readClosing) {
		go c.readToEnd()
	}
}

// cleanly is Close's result after the end.
func (c *Conn) cleanly() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cl.err.Clean() {
		return nil
	}
	return c.cl.err
}

// queueClose sends this side's first Close frame after what was queued before
// it. Call with c.mu held.
func (c *Conn) queueClose(payload []byte) {
	w := &c.wr
	c.startCloseTimer()
	if w.err != nil {
		go c.abort(errors.Unwrap(w.err))
		return
	}
	c.endWriters()
	if w.ahead() {
		w.queued += len(payload)
		w.waiting++
		w.push(&entry{kind: entryClose, p: payload})
		c.dispatch()
		return
	}
	c.putControl(frame.Close, payload)
	c.flushSoon()
}

// endWriters takes the turn from MessageWriters, now or to come, whose messages
// can't be finished any more; one that a Write is sending is. What waited behind
// one of which a part has been sent or compressed can't be sent either. Call with
// c.mu held.
func (c *Conn) endWriters() {
	q := c.wr.queue
	if q == nil {
		return
	}
	if m := q.turn; m != nil && !m.whole {
		if m.zipped || c.wr.enc.InMessage() {
			c.discard(errClosing)
			return
		}
		m.lost, q.turn = errClosing, nil
	}
	var prev *entry
	for e := q.head; e != nil; {
		next := e.next
		if e.kind == entryTurn && !e.writer.whole {
			q.unlink(prev, e)
			e.tell(entryDone, errClosing)
		} else {
			prev = e
		}
		e = next
	}
}

// CloseNow ends the connection without a closing handshake: the peer sees it
// cut (1006). It does not block. After it, and after a connection that has
// ended already, every call returns an error that is net.ErrClosed. It may be
// called from any goroutine, also within callbacks.
func (c *Conn) CloseNow() error {
	c.abort(errClosedNow)
	return nil
}

// startCloseTimer bounds the way from here to the end. Call with c.mu held.
func (c *Conn) startCloseTimer() {
	if d := c.cfg.closeTimeout(); d > 0 && c.makeRare().timer == nil {
		c.rare.timer = time.AfterFunc(d, func() { c.abort(ErrCloseTimeout) })
	}
}

// setErr records how the connection ends, unless that is known. Call with c.mu
// held.
func (c *Conn) setErr(e CloseError) {
	if c.cl.err == nil {
		c.cl.err = &e
	}
}

// peerClosed takes the peer's Close frame (section 5.5.1): it answers, unless
// this side closed first.
func (c *Conn) peerClosed(payload []byte) {
	c.cfg.Trace.closeReceived(c, payload)
	code, reason, _ := frame.ParseClose(payload) // the decoder has checked it
	c.mu.Lock()
	defer c.mu.Unlock()
	action := c.signal(frame.ReceiveClose)
	c.setErr(CloseError{Code: code, Reason: string(reason), Remote: action == frame.ReplyClose})
	c.startCloseTimer()
	if action != frame.ReplyClose {
		return
	}
	// The answer repeats the code, not the reason, which may be anything.
	if len(payload) > 2 {
		payload = payload[:2]
	}
	c.discard(c.cl.err)
	c.putControl(frame.Close, payload)
	c.flushSoon()
}

// failWith fails the connection (section 7.1.7): one Close frame with the code,
// if none was sent, and the end. It is for this side's own reasons; a reader
// that notices the end does the rest.
func (c *Conn) failWith(code CloseCode, cause error) {
	c.mu.Lock()
	action := c.signal(frame.Fail)
	if action == frame.None {
		c.mu.Unlock()
		return
	}
	c.cl.failed = true
	c.setErr(CloseError{Code: CloseAbnormal, Err: cause})
	c.startCloseTimer()
	c.discard(c.cl.err)
	if action == frame.SendAndShutdown && c.wr.err == nil {
		payload, _ := frame.AppendClose(nil, code, reasonFor(cause))
		c.putControl(frame.Close, payload)
		c.flushSoon()
	}
	c.mu.Unlock()
	if action == frame.Drop {
		c.abort(cause)
	} else if c.rd.take(readClosing) {
		go c.linger()
	}
}

// reasonFor is what the peer gets to know of why a connection failed, as the
// reason of its Close frame, for the logs and the developers at the other end:
// the rule that it broke. What went wrong on this side is not for it to know.
func reasonFor(cause error) string {
	if cause == ErrQueueFull {
		return "you read too slowly: the queue of messages for you is full"
	}
	var rule *frame.Error
	if !errors.As(cause, &rule) {
		return ""
	}
	return frame.TruncateReason(strings.TrimPrefix(rule.Error(), "websocket: "))
}

// lastWord waits until this side's Close frame has left, the answer to the
// peer's or one that names a broken rule, where err is the connection's end: a
// caller that reads it may cut the connection at once, as a deferred CloseNow
// does, and the peer has to get that frame all the same. On a socket it has left
// already, over TLS and HTTP/2 it is another goroutine's. ctx and
// Config.CloseTimeout bound the wait. Its caller owns the read half.
func (c *Conn) lastWord(ctx context.Context, err error) {
	if !c.over(err) {
		return
	}
	c.mu.Lock()
	leaving := c.wr.owned || c.wr.out != nil
	c.mu.Unlock()
	if leaving {
		_ = c.flushAll(ctx) // where it fails, so does the frame
	}
}

// lost is the end of a connection whose transport ended without a Close frame.
func (c *Conn) lost(cause error) {
	if cause == io.EOF {
		cause = io.ErrUnexpectedEOF
	}
	c.abort(cause)
}

// abort closes the transport at once. The first cause is how the connection
// ended, unless the closing handshake was complete. Serve's RawConn function
// is not waited for.
func (c *Conn) abort(cause error) {
	c.mu.Lock()
	c.setErr(CloseError{Code: CloseAbnormal, Err: cause})
	c.signal(frame.Lost)
	c.mu.Unlock()
	c.end(closeHard)
}

// linger ends an orderly closing. Its caller owns the read half, for good.
func (c *Conn) linger() {
	_ = c.flushAll(context.Background())
	c.mu.Lock()
	c.signal(frame.CloseWritten)
	failed := c.cl.failed
	c.mu.Unlock()
	first := failed || c.role() == frame.Server
	// Where there is no half close, the whole one resets nothing after a
	// closing handshake: the peer's Close frame was its last.
	if !first || closeWrite(c.stream) || failed {
		c.drain()
	}
	c.end(closeSoft)
}

// flushAll writes everything that is queued, or returns the error that ended
// the writing.
func (c *Conn) flushAll(ctx context.Context) error {
	c.mu.Lock()
	if c.wr.err != nil || c.cl.ended {
		c.mu.Unlock()
		return net.ErrClosed
	}
	e := c.wr.newWaiter(entryFlush)
	c.wr.push(e)
	c.dispatch()
	c.mu.Unlock()
	return c.await(ctx, e)
}

// readToEnd reads until the closing handshake is over, dropping messages, and
// ends the connection. Its caller owns the read half, for good.
func (c *Conn) readToEnd() {
	for {
		_, err := c.advance() // messages are dropped by now
		if err == nil {
			err = c.fill(context.Background())
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.over(err):
			// Set through NetConn. From here on CloseTimeout alone counts.
			_ = c.stream.SetReadDeadline(time.Time{})
		default:
			c.finish()
			return
		}
	}
}

// finish ends the connection after advance or fill returned a final error. Its
// caller owns the read half, for good.
func (c *Conn) finish() {
	c.mu.Lock()
	ended := c.cl.ended
	c.mu.Unlock()
	if !ended {
		c.linger()
	}
	c.rd.release()
}

// drain reads the rest away until the peer ends its direction (section 7.1.1),
// or the timer cuts it short.
func (c *Conn) drain() {
	c.rd.drop()
	_ = c.stream.SetReadDeadline(time.Time{}) // as in readToEnd
	buf := getReadBuffer()
	defer putReadBuffer(buf)
	for {
		if _, err := c.stream.Read(buf.room[:]); err != nil {
			return
		}
	}
}

// closeSoft closes a transport whose peer has ended its direction too.
func closeSoft(s stream) { _ = s.Close() }

// end closes the transport, once, and lets everybody know.
func (c *Conn) end(closeStream func(stream)) {
	c.mu.Lock()
	if c.cl.ended {
		c.mu.Unlock()
		return
	}
	c.cl.ended = true
	c.failWaiters(c.cl.err)
	inRaw := c.cl.inRaw
	c.mu.Unlock()
	if inRaw {
		shutdown(c.stream)
		return
	}
	closeStream(c.stream)
	if b, ok := c.stream.(interface{ WhenIdle(f func()) }); ok {
		b.WhenIdle(c.ended)
		return
	}
	c.ended()
}

// ended is the very end: timers stop, contexts are forgotten, Done is told.
func (c *Conn) ended() {
	c.keep.stop()
	c.watch.release()
	c.mu.Lock()
	c.signal(frame.TransportClosed)
	r := c.makeRare()
	if r.timer != nil {
		r.timer.Stop()
	}
	if c.plainStream != nil && c.timer != nil {
		c.timer.timer.Stop()
	}
	for p := r.pings; p != nil; p = p.next {
		close(p.pong)
	}
	r.pings = nil
	c.tellDrained()
	held := c.cfg.Group.leave(c) // whoever waits for Done does not meet it there
	close(c.doneLocked())
	c.mu.Unlock()
	if c.rd.take(readClosing) { // else whoever has it does that, when he meets the end
		c.rd.release()
	}
	c.cfg.Trace.closed(c, c.cl.err)
	if held {
		c.cfg.Group.release()
	}
}
