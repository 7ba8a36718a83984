package conn

import (
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/frame"
)

// keepalive is Config.KeepAlive and Config.IdleTimeout: one timer and no
// goroutine. Nothing is recorded while both are off.
//
// Both clocks run only while someone waits for the peer's bytes: what the peer
// has sent meanwhile may lie unread in the socket, and it is not the peer's
// fault.
type keepalive struct {
	timer *time.Timer

	lastByte    atomic.Int64 // when the peer's last byte came; all times are of now()
	lastMessage atomic.Int64 // when a message last passed, either way, or the program came to read
	waitSince   atomic.Int64 // since when someone waits for bytes; 0: nobody does

	pinged int64 // when the last keepalive ping left; the timer's alone
}

// startKeepalive sets c.keep, unless both are off.
func (c *Conn) startKeepalive() {
	if c.cfg.keepAlive() == 0 && c.cfg.idleTimeout() == 0 {
		return
	}
	k, t := new(keepalive), now()
	k.lastByte.Store(t)
	k.lastMessage.Store(t)
	c.keep = k
	// The timer's function needs k.timer, which it can't see before it is set.
	c.mu.Lock()
	defer c.mu.Unlock()
	k.timer = time.AfterFunc(c.firstCheck(), c.checkAlive)
}

// firstCheck is when the first of the two can be due.
func (c *Conn) firstCheck() time.Duration {
	a, b := c.cfg.keepAlive(), c.cfg.idleTimeout()
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// stop ends the checks.
func (k *keepalive) stop() {
	if k != nil {
		k.timer.Stop()
	}
}

// alive records that a byte of the peer has come.
func (k *keepalive) alive() {
	if k != nil {
		k.lastByte.Store(now())
	}
}

// message records that a message passed, or that the program comes to read:
// the time that it spent elsewhere is not the peer's.
func (k *keepalive) message() {
	if k != nil {
		k.lastMessage.Store(now())
	}
}

// wait and waited enclose a reader's wait for bytes.
func (k *keepalive) wait() {
	if k != nil {
		k.waitSince.Store(now())
	}
}

func (k *keepalive) waited() {
	if k != nil {
		k.waitSince.Store(0)
	}
}

// checkAlive is the timer's function: it does what is due and sets the timer
// for what is due next.
func (c *Conn) checkAlive() {
	if c.lifecycle() != frame.Open {
		return // the closing handshake has a timer of its own
	}
	t := now()
	next := time.Duration(1<<63 - 1)
	if d := c.cfg.idleTimeout(); d > 0 {
		left := c.idleLeft(t, d)
		if left <= 0 {
			_ = c.Close(CloseGoingAway, "idle")
			return
		}
		next = min(next, left)
	}
	if d := c.cfg.keepAlive(); d > 0 {
		left := c.keepLeft(t, d)
		if left <= 0 {
			c.abort(ErrPongTimeout)
			return
		}
		next = min(next, left)
	}
	c.mu.Lock()
	c.keep.timer.Reset(next)
	c.mu.Unlock()
}

// idleLeft is how long the connection may stay idle still.
func (c *Conn) idleLeft(t int64, d time.Duration) time.Duration {
	if c.keep.waitSince.Load() == 0 {
		return d
	}
	return d - time.Duration(t-c.keep.lastMessage.Load())
}

// keepLeft pings a peer that has been silent for d, and returns when to look
// again; 0 or less where the peer has not answered.
func (c *Conn) keepLeft(t int64, d time.Duration) time.Duration {
	k := c.keep
	last := k.lastByte.Load()
	if k.pinged <= last { // nothing is asked
		if left := d - time.Duration(t-last); left > 0 {
			return left
		}
		k.pinged = t
		c.sendKeepAlive()
		if c.cfg.pongTimeout() == 0 {
			return d
		}
		return c.cfg.pongTimeout()
	}
	timeout := c.cfg.pongTimeout()
	waiting := k.waitSince.Load()
	switch {
	case timeout == 0: // ping again, for ever
		k.pinged = t
		c.sendKeepAlive()
		return d
	case waiting == 0:
		return timeout
	}
	return timeout - time.Duration(t-max(k.pinged, waiting))
}

// sendKeepAlive sends an empty Ping: any byte from the peer is its answer.
func (c *Conn) sendKeepAlive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.canAnswer() {
		c.wr.out = c.appendControl(c.wr.out, frame.Ping, nil)
		c.flushSoon()
	}
}
