//go:build !js

package conn

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/frame"
)

// keepalive is the state of Config.KeepAlive and Config.IdleTimeout. It has one timer and no
// goroutine. It is nil if both are off.
//
// PongTimeout and IdleTimeout are measured by the waiting clock. That clock runs only while someone
// waits for the peer's bytes, in one long read or in many short ones. At other times what the peer
// has sent may lie unread in the socket, which is not the peer's fault.
type keepalive struct {
	c     *Conn
	timer timer

	lastByte  atomic.Int64 // when the peer's last byte came, by clock.Now()
	waitTotal atomic.Int64 // how long the waits were in all that have ended
	waitSince atomic.Int64 // when the current wait began, by clock.Now(); 0: nobody waits
	asked     atomic.Int64 // when the Ping left that no Pong has answered, by clock.Now(); 0: none
	idleSince atomic.Int64 // when a message last passed, either way, by the waiting clock

	// These are used by check alone.
	pinged        int64 // when the last keepalive Ping left, by clock.Now()
	pingedWaiting int64 // the same, by the waiting clock
}

// waiting returns the waiting clock at t.
func (k *keepalive) waiting(t int64) int64 {
	total := k.waitTotal.Load()
	if since := k.waitSince.Load(); since != 0 {
		total += t - since
	}
	return total
}

// newKeepalive returns the keepalive of c. It is nil if KeepAlive and IdleTimeout are off.
func newKeepalive(c *Conn) *keepalive {
	if c.cfg.keepAlive() == 0 && c.cfg.idleTimeout() == 0 {
		return nil
	}
	k := &keepalive{c: c}
	k.lastByte.Store(clock.Now())
	return k
}

// start sets the timer. c.keep is set by then.
func (k *keepalive) start() {
	if k == nil {
		return
	}
	// check needs k.timer, so it has to wait until that is set.
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.timer = after(k.c, k.first(), k.check)
}

// first returns how long nothing can be due.
func (k *keepalive) first() time.Duration {
	a, b := k.c.cfg.keepAlive(), k.c.cfg.idleTimeout()
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// idle reports whether no message has passed for KeepAlive. The waiting clock may be a little behind
// when the answer to a Ping comes, so an eighth may be missing.
func (k *keepalive) idle() bool {
	if k == nil {
		return false
	}
	d := int64(k.c.cfg.keepAlive())
	return d > 0 && k.waiting(clock.Now())-k.idleSince.Load() >= d-d/8
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
		k.lastByte.Store(clock.Now())
	}
}

// message records that a message has passed, in either direction.
func (k *keepalive) message() {
	if k != nil {
		k.restartIdle()
	}
}

// restartIdle is a function of its own so that message is inlined.
func (k *keepalive) restartIdle() { k.idleSince.Store(k.waiting(clock.Now())) }

// wait records that a reader begins to wait for bytes.
func (k *keepalive) wait() {
	if k != nil {
		k.waitSince.Store(clock.Now())
	}
}

// endWait records that the reader does not wait any more.
func (k *keepalive) endWait() {
	if k != nil {
		if since := k.waitSince.Swap(0); since != 0 {
			k.waitTotal.Add(clock.Now() - since)
		}
	}
}

// check is the timer's function. It does what is due, and sets the timer for what is due next.
func (k *keepalive) check() {
	c := k.c
	if c.lifecycle() != frame.Open {
		return // the closing handshake has a timer of its own
	}
	t := clock.Now()
	next := time.Duration(1<<63 - 1)
	if d := c.cfg.idleTimeout(); d > 0 {
		left := k.left(t, d, k.idleSince.Load())
		if left <= 0 {
			c.closeSoon(CloseGoingAway, "idle")
			return
		}
		next = min(next, left)
	}
	if d := c.cfg.keepAlive(); d > 0 {
		left := k.pingDue(t, d)
		if left <= 0 {
			c.abort(ErrPongTimeout)
			return
		}
		next = min(next, left)
	}
	c.mu.Lock()
	k.timer.Reset(next)
	c.mu.Unlock()
}

// left returns when to look again at the time d, which began at start by the waiting clock. It
// returns 0 or less if d is over at t. While nobody waits, the waiting clock stands, and what is left
// may be next to nothing for long. Then an eighth of d passes before the next look. A wait that ends
// just now may seem to be such a pause, and to be shorter than it was.
func (k *keepalive) left(t int64, d time.Duration, start int64) time.Duration {
	left := d - time.Duration(k.waiting(t)-start)
	if left > 0 && k.waitSince.Load() == 0 {
		return max(left, d/8)
	}
	return left
}

// pingDue pings a peer that has been silent for d, and returns when to look again. It returns 0 or
// less if the peer has not answered in time.
func (k *keepalive) pingDue(t int64, d time.Duration) time.Duration {
	last := k.lastByte.Load()
	timeout := k.c.cfg.pongTimeout()
	if k.pinged > last && timeout > 0 {
		return min(k.left(t, timeout, k.pingedWaiting), d) // d begins anew with an answer
	}
	if left := d - time.Duration(t-last); k.pinged <= last && left > 0 {
		return left // it is too early to ask
	}
	k.pinged, k.pingedWaiting = t, k.waiting(t)
	k.ping()
	if timeout > 0 {
		return min(timeout, d)
	}
	return d // without a timeout, one Ping after another
}

// ping sends an empty Ping. Any byte from the peer is its answer.
func (k *keepalive) ping() {
	c := k.c
	c.mu.Lock()
	act := outbox.None
	if c.box.Ping(nil) {
		k.asked.Store(clock.Now())
		act = c.box.Kick()
	}
	c.mu.Unlock()
	c.do(act)
}

// Ping sends a Ping frame and returns how long the peer took to answer it (RFC 6455 section 5.5.2).
// Somebody must be reading meanwhile, by [Conn.Read], [Conn.NextReader] or [Conn.Serve], since the
// reader finds the Pong. If ctx ends first, Ping returns ctx's error. If nobody was reading, the
// error says so. It may be called concurrently.
func (c *Conn) Ping(ctx context.Context) (rtt time.Duration, err error) {
	if ctx.Err() != nil {
		return 0, contextError(ctx)
	}
	p := &pingWait{pong: make(chan struct{}, 1)}
	_, _ = rand.Read(p.payload[:]) // random, so that a peer can't guess it and answer early
	c.mu.Lock()
	if err := c.mayWriteLocked(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	*c.pingPlaceLocked(nil) = p
	p.sent = time.Now()
	c.box.Ping(p.payload[:])
	act := c.box.Kick()
	c.mu.Unlock()
	c.do(act)
	select {
	case _, ok := <-p.pong:
		if !ok {
			return 0, c.endError()
		}
		return time.Since(p.sent), nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	if place := c.pingPlaceLocked(p); *place != nil {
		*place = p.next
	}
	c.mu.Unlock()
	if c.reading.Phase() == ending.Free {
		return 0, fmt.Errorf("websocket: no pong came because no goroutine was reading the connection: %w",
			contextError(ctx))
	}
	return 0, contextError(ctx)
}

// pingPlaceLocked returns the place of p in the list of pings. It is the end of the list if p is
// not there.
func (c *Conn) pingPlaceLocked(p *pingWait) **pingWait {
	place := &c.makeRareLocked().pings
	for *place != nil && *place != p {
		place = &(*place).next
	}
	return place
}
