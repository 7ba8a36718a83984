package conn

import (
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/frame"
)

// keepalive is Config.KeepAlive and Config.IdleTimeout: one timer and no
// goroutine. Nothing is recorded while both are off.
//
// PongTimeout and IdleTimeout are measured by a clock that runs only while
// someone waits for the peer's bytes, in one long read or in many short ones:
// what the peer has sent meanwhile may lie unread in the socket, and that is not
// the peer's fault.
type keepalive struct {
	timer *time.Timer

	lastByte  atomic.Int64 // when the peer's last byte came, by now()
	waitTotal atomic.Int64 // how long someone has waited for bytes, until the last wait ended
	waitSince atomic.Int64 // since when someone waits, by now(); 0: nobody does
	asked     atomic.Int64 // when the last keepalive ping left that no pong has answered, by now(); 0: none
	idleSince atomic.Int64 // when a message last passed, either way, by the clock of waiting

	// The timer's alone.
	pinged      int64 // when the last keepalive ping left, by now()
	pingedClock int64 // and by the clock of waiting
}

// clock is the clock of waiting at t.
func (k *keepalive) clock(t int64) int64 {
	total := k.waitTotal.Load()
	if since := k.waitSince.Load(); since != 0 {
		total += t - since
	}
	return total
}

// startKeepalive sets c.keep, unless both are off.
func (c *Conn) startKeepalive() {
	if c.cfg.keepAlive() == 0 && c.cfg.idleTimeout() == 0 {
		return
	}
	k := new(keepalive)
	k.lastByte.Store(now())
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

// message records that a message passed.
func (k *keepalive) message() {
	if k != nil {
		k.idleSince.Store(k.clock(now()))
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
		if since := k.waitSince.Swap(0); since != 0 {
			k.waitTotal.Add(now() - since)
		}
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
			c.closeSoon(CloseGoingAway, "idle")
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
	return c.keep.left(t, d, c.keep.idleSince.Load())
}

// left is what is left of d, which began at start by the clock of waiting; 0 or
// less where it is over. While nobody waits the clock stands, and it is time
// enough to look again after d.
func (k *keepalive) left(t int64, d time.Duration, start int64) time.Duration {
	left := d - time.Duration(k.clock(t)-start)
	if left > 0 && k.waitSince.Load() == 0 {
		return d
	}
	return left
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
		return c.keepPing(t, d)
	}
	if timeout := c.cfg.pongTimeout(); timeout > 0 {
		return k.left(t, timeout, k.pingedClock)
	}
	return c.keepPing(t, d) // and again, for ever
}

// keepPing sends a keepalive ping and returns when to look again.
func (c *Conn) keepPing(t int64, d time.Duration) time.Duration {
	k := c.keep
	k.pinged, k.pingedClock = t, k.clock(t)
	c.sendKeepAlive()
	if timeout := c.cfg.pongTimeout(); timeout > 0 {
		return timeout
	}
	return d
}

// sendKeepAlive sends an empty Ping: any byte from the peer is its answer.
func (c *Conn) sendKeepAlive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.canAnswer() {
		c.keep.asked.Store(now())
		c.putControl(frame.Ping, nil)
		c.flushSoon()
	}
}
