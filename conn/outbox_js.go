package conn

import (
	"fmt"
	"slices"
	"time"
)

// How messages leave.
//
// A message goes to the socket at once if nothing is ahead of it and the browser holds less than
// browserRoom bytes. If not, it waits in the outbox, and a goroutine ([Conn.pump]) hands over what
// waits. The goroutine lives as long as something waits.

// browserRoom is how many bytes the browser may hold before messages wait in the outbox. A timer of
// a page in the background may run once a second only, and that much leaves then.
const browserRoom = 1 << 20

// entryCost is what Config.Queue counts for each message that waits, beside its bytes.
const entryCost = 128

// entryKind says what an entry of the outbox is.
type entryKind uint8

const (
	waiting    entryKind = iota // a message whose sender waits
	queued                      // a message of Append or Send, for which nobody waits
	unfinished                  // a message that a MessageWriter has not closed
	flush                       // a Flush: nothing is sent
	closeFrame                  // the Close frame
)

// entry is something that waits in the outbox.
type entry struct {
	kind entryKind
	t    MessageType
	code CloseCode  // of a Close frame
	p    []byte     // of a Close frame: the reason
	done chan error // of those for which somebody waits: gets the result; has room for it
	at   int        // of a Flush whose turn has come: it is done when so many bytes have left
}

func newEntry(kind entryKind, t MessageType, p []byte) *entry {
	return &entry{kind: kind, t: t, p: p, done: make(chan error, 1)}
}

// tell ends the wait for e.
func (e *entry) tell(err error) {
	if e.done != nil {
		e.done <- err
	}
}

// outbox holds what has not been handed to the socket. Conn.mu guards it.
type outbox struct {
	entries []*entry
	bytes   int // of the messages
	dropped uint64

	handed  int           // bytes that the socket got
	flushes []*entry      // whose turn has come
	drained []drain       // that wait
	pumping bool          // a goroutine hands over what waits
	wake    chan struct{} // to that goroutine
}

// drain is the channel of a Drained, and its number of bytes.
type drain struct {
	most int
	done chan struct{}
}

// remove takes e out and reports whether it was in.
func (o *outbox) remove(e *entry) bool {
	i := slices.Index(o.entries, e)
	if i < 0 {
		i := slices.Index(o.flushes, e)
		if i >= 0 {
			o.flushes = slices.Delete(o.flushes, i, i+1)
		}
		return i >= 0
	}
	o.entries = slices.Delete(o.entries, i, i+1)
	o.count(e, -1)
	return true
}

// count counts the bytes of e, n times.
func (o *outbox) count(e *entry, n int) {
	if e.kind <= queued {
		o.bytes += n * len(e.p)
	}
}

// removeOpen takes out what MessageWriters have not closed.
func (o *outbox) removeOpen(err error) {
	for _, e := range slices.Clone(o.entries) {
		if e.kind == unfinished {
			o.remove(e)
			e.tell(err)
		}
	}
}

// drop takes everything out.
func (o *outbox) drop(err error) {
	for _, e := range slices.Concat(o.entries, o.flushes) {
		e.tell(err)
	}
	o.entries, o.flushes, o.bytes = nil, nil, 0
}

// end is drop at the end of the connection.
func (o *outbox) end(err error) {
	o.drop(err)
	for _, d := range o.drained {
		close(d.done)
	}
	o.drained = nil
}

// pushLocked puts e into the outbox, and sees to it that it leaves.
func (c *Conn) pushLocked(e *entry) {
	c.out.entries = append(c.out.entries, e)
	c.out.count(e, 1)
	c.kickLocked()
}

// kickLocked hands over what the browser takes, and leaves the rest to a goroutine.
func (c *Conn) kickLocked() {
	again := c.moveLocked()
	switch {
	case c.out.pumping:
		select {
		case c.out.wake <- struct{}{}:
		default:
		}
	case again:
		c.out.pumping = true
		go c.pump()
	}
}

// moveLocked hands over what the browser takes, and tells those who have waited for that. It
// reports whether the outbox has to be looked at again without a kick.
func (c *Conn) moveLocked() (again bool) {
	o := &c.out
	for len(o.entries) > 0 && c.mayMoveLocked(o.entries[0]) {
		e := o.entries[0]
		o.entries[0] = nil
		o.entries = o.entries[1:]
		o.count(e, -1)
		switch e.kind {
		case flush:
			e.at = o.handed
			o.flushes = append(o.flushes, e)
		case closeFrame:
			c.socket.Close(int(e.code), string(e.p))
			if t := c.cfg.Trace; t != nil && t.CloseSent != nil {
				t.CloseSent(c, c.sent, string(e.p))
			}
		default:
			e.tell(c.handOverLocked(e.t, e.p))
		}
	}
	c.settleLocked()
	blocked := len(o.entries) > 0 && o.entries[0].kind != unfinished
	return blocked || len(o.flushes)+len(o.drained) > 0
}

// mayMoveLocked reports whether e, which is the first, may leave now. A WebSocketStream would close
// at once, so that the Close frame waits for what is before it.
func (c *Conn) mayMoveLocked(e *entry) bool {
	switch e.kind {
	case unfinished:
		return false
	case flush:
		return true
	case closeFrame:
		return c.socket.Changed() == nil || c.socket.Buffered() == 0
	}
	return c.socket.Buffered() < browserRoom
}

// handOverLocked gives a message to the socket.
func (c *Conn) handOverLocked(t MessageType, p []byte) error {
	t &^= Uncompressed
	if err := c.socket.Send(t == Text, p); err != nil {
		return fmt.Errorf("websocket: the browser did not take the message: %w", err)
	}
	c.out.handed += len(p)
	c.idle.message()
	if tr := c.cfg.Trace; tr != nil && tr.MessageSent != nil {
		tr.MessageSent(c, MessageInfo{Type: t, Size: int64(len(p)), Wire: int64(len(p))})
	}
	return nil
}

// settleLocked tells those who have waited until what they sent has left.
func (c *Conn) settleLocked() {
	left := c.out.handed - c.socket.Buffered()
	c.out.flushes = slices.DeleteFunc(c.out.flushes, func(e *entry) bool {
		if e.at > left {
			return false
		}
		e.tell(nil)
		return true
	})
	waits := c.bufferedLocked()
	c.out.drained = slices.DeleteFunc(c.out.drained, func(d drain) bool {
		if waits > d.most {
			return false
		}
		close(d.done)
		return true
	})
}

// The times after which the goroutine looks again, if JavaScript does not tell of a change.
const (
	pollFirst = time.Millisecond
	pollLast  = 64 * time.Millisecond
)

// pump hands over what waits, until nothing does. If nothing leaves for Config.WriteTimeout, it
// ends the connection.
func (c *Conn) pump() {
	timeout := setting(c.cfg.WriteTimeout, defaultWriteTimeout, 0)
	poll, left, since := pollFirst, -1, time.Now()
	for {
		c.mu.Lock()
		buffered := c.socket.Buffered()
		now := c.out.handed - buffered
		again := c.state != StateClosed && c.moveLocked()
		c.out.pumping = again
		c.mu.Unlock()
		if !again {
			return
		}
		if now != left || buffered == 0 { // else the browser holds what nobody takes
			poll, left, since = pollFirst, now, time.Now()
		}
		wait := time.Hour
		if timeout > 0 {
			wait = timeout - time.Since(since)
		}
		if wait <= 0 {
			c.abort(ErrWriteTimeout)
			continue // to note that nobody pumps any more
		}
		if c.socket.Changed() == nil {
			wait, poll = min(wait, poll), min(2*poll, pollLast)
		}
		c.sleep(wait)
	}
}

// sleep waits for a change.
func (c *Conn) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.socket.Changed():
	case <-c.out.wake:
	case <-c.done:
	case <-timer.C:
	}
}

// bufferedLocked is how many bytes wait, here and in the browser.
func (c *Conn) bufferedLocked() int {
	if c.state == StateClosed || c.unread != nil {
		return 0
	}
	return c.out.bytes + c.socket.Buffered()
}

// boundLocked is Config.Queue. elastic says that a message of any length is taken if there is room
// for its first byte.
func (c *Conn) boundLocked() (bound int, elastic bool) {
	if c.cfg.Queue != 0 {
		return setting(c.cfg.Queue, 0, maxInt), false
	}
	return int(max(defaultQueue, 2*min(c.limit, int64(maxInt/2)))), c.limit <= 0
}

// makeRoomLocked applies Config.QueuePolicy to a message of n bytes. It reports whether the message
// is to be queued.
func (c *Conn) makeRoomLocked(t MessageType, n int) (bool, error) {
	bound, elastic := c.boundLocked()
	need := n + entryCost
	if elastic {
		need = entryCost
	}
	if need > bound {
		return false, &sizedError{ErrQueueTooSmall, fmt.Sprintf(
			"websocket: a message of %d bytes is longer than the queue of %d bytes: "+
				"use Write, which does not queue, or raise Config.Queue", n, bound)}
	}
	if c.heldLocked()+need <= bound {
		return true, nil
	}
	switch c.cfg.QueuePolicy {
	case QueueRefuse:
		return false, ErrQueueFull
	case QueueDropNewest:
		c.dropLocked(t, n)
		return false, nil
	case QueueDropOldest:
		for _, e := range slices.Clone(c.out.entries) {
			if e.kind == queued && c.heldLocked()+need > bound {
				c.out.remove(e)
				c.dropLocked(e.t, len(e.p))
			}
		}
		if c.heldLocked()+need <= bound {
			return true, nil
		}
		c.dropLocked(t, n)
		return false, nil
	}
	c.failLocked(CloseTryAgainLater, ErrQueueFull)
	c.in.signal()
	return false, c.err
}

// heldLocked is how much of Config.Queue is in use.
func (c *Conn) heldLocked() int { return c.out.bytes + entryCost*len(c.out.entries) }

// dropLocked counts a message that is dropped.
func (c *Conn) dropLocked(t MessageType, n int) {
	c.out.dropped++
	if tr := c.cfg.Trace; tr != nil && tr.Dropped != nil {
		tr.Dropped(c, MessageInfo{Type: t &^ Uncompressed, Size: int64(n)})
	}
}
