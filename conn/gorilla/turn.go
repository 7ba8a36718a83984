package websocket

import (
	"sync"
	"time"
)

// turn is the right to write to the transport. Those who wait for it get it in the order of asking.
// The zero turn is free.
type turn struct {
	mu       sync.Mutex
	held     bool
	err      error     // of all writes from now on
	deadline time.Time // of messages: see Conn.SetWriteDeadline
	line     *waiter   // the first of those who wait
}

// waiter is a goroutine that waits for the turn.
type waiter struct {
	wake chan struct{} // closed to wake it
	next *waiter
}

// setDeadline sets the deadline of messages.
func (t *turn) setDeadline(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadline = at
}

// acquireForMessage is acquire until the deadline of messages, which it returns.
func (t *turn) acquireForMessage() (deadline time.Time, err error) {
	t.mu.Lock()
	deadline = t.deadline
	w, err := t.askLocked()
	t.mu.Unlock()
	if w != nil {
		err = t.await(w, deadline)
	}
	return deadline, err
}

// acquire takes the turn. If that takes until the deadline, it returns errWriteTimeout. The zero
// deadline means none.
func (t *turn) acquire(deadline time.Time) error {
	t.mu.Lock()
	w, err := t.askLocked()
	t.mu.Unlock()
	if w != nil {
		err = t.await(w, deadline)
	}
	return err
}

// askLocked takes the turn and returns nil, or puts a waiter into the line.
func (t *turn) askLocked() (*waiter, error) {
	switch {
	case t.err != nil:
		return nil, t.err
	case !t.held:
		t.held = true
		return nil, nil
	}
	w := &waiter{wake: make(chan struct{})}
	last := &t.line
	for *last != nil {
		last = &(*last).next
	}
	*last = w
	return w, nil
}

// await waits for the turn.
func (t *turn) await(w *waiter, deadline time.Time) error {
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-w.wake:
	case <-late:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.err != nil:
		return t.err
	case t.withdrawLocked(w):
		return errWriteTimeout
	}
	return nil // it has the turn, even if the deadline has passed at the same time
}

// withdrawLocked takes w out of the line. It reports whether w was there.
func (t *turn) withdrawLocked(w *waiter) bool {
	for place := &t.line; *place != nil; place = &(*place).next {
		if *place == w {
			*place = w.next
			return true
		}
	}
	return false
}

// release gives the turn on. If err is not nil, nobody gets it any more: err is the error of all
// writes.
func (t *turn) release(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = false
	if err != nil || t.err != nil {
		t.failLocked(err)
		return
	}
	if w := t.line; w != nil {
		t.line, t.held = w.next, true
		close(w.wake)
	}
}

// fail makes err the error of all writes. The turn may be somebody else's.
func (t *turn) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failLocked(err)
}

// failLocked is fail. The first error counts.
func (t *turn) failLocked(err error) {
	if t.err == nil {
		t.err = err
	}
	for ; t.line != nil; t.line = t.line.next {
		close(t.line.wake)
	}
}

// failed returns the error of all writes, or nil.
func (t *turn) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
