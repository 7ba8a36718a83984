package conn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// watch turns the end of a context into an interruption of a blocked call on
// the transport. The registration with a context is kept from one call to the
// next, since registering and unregistering for every message would cost more
// than the message; a registration that fires while no call is armed does
// nothing.
type watch struct {
	mu    sync.Mutex
	done  <-chan struct{} // of the context registered
	stop  func() bool
	reg   uint64 // the registration that counts
	armed bool   // a call is under way under that registration
	fired atomic.Bool
}

// watchRef is a watch of each direction, both made when a context first needs one.
type watchRef struct{ p atomic.Pointer[[2]watch] }

// direction is a direction of the transport.
type direction uint8

const (
	inbound direction = iota
	outbound
)

func (r *watchRef) arm(ctx context.Context, d deadline) error {
	if ctx.Done() == nil {
		return nil
	}
	if r.p.Load() == nil {
		r.p.CompareAndSwap(nil, new([2]watch)) // the other direction may have been quicker
	}
	return r.p.Load()[d.of()].arm(ctx, d)
}

func (r *watchRef) disarm(d deadline) {
	if w := r.p.Load(); w != nil {
		w[d.of()].disarm(d)
	}
}

func (r *watchRef) interrupted(d direction) bool {
	w := r.p.Load()
	return w != nil && w[d].fired.Load()
}

func (r *watchRef) postpone(d deadline, t time.Time) {
	if w := r.p.Load(); w != nil {
		w[d.of()].postpone(d, t)
	} else {
		d.set(t)
	}
}

func (r *watchRef) release() {
	if w := r.p.Load(); w != nil {
		w[inbound].release()
		w[outbound].release()
	}
}

// A deadline is one of the transport's two. Its types hold one pointer, so
// that passing one costs no allocation.
type deadline interface {
	of() direction
	set(t time.Time)
}

type (
	readDeadline  struct{ c *Conn }
	writeDeadline struct{ c *Conn }
)

func (readDeadline) of() direction  { return inbound }
func (writeDeadline) of() direction { return outbound }

// A closed transport refuses, but there nothing is blocked either.

func (d readDeadline) set(t time.Time) { _ = d.c.stream.SetReadDeadline(t) }

func (d writeDeadline) set(t time.Time) {
	if s, ok := d.c.stream.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = s.SetWriteDeadline(t)
	}
}

// arm makes the end of ctx interrupt the call that follows, by a deadline in
// the past. It returns ctx's error if that has ended already. A context that
// cannot end costs nothing.
func (w *watch) arm(ctx context.Context, d deadline) error {
	done := ctx.Done()
	if done == nil {
		return nil
	}
	w.mu.Lock()
	if w.done != done {
		w.register(ctx, done, d)
	}
	w.armed = true
	w.mu.Unlock()
	// Only now: a context that ended before found nothing armed.
	if ctx.Err() != nil {
		w.disarm(d)
		return contextError(ctx)
	}
	return nil
}

// register takes the place of the former registration. Call with w.mu held.
func (w *watch) register(ctx context.Context, done <-chan struct{}, d deadline) {
	if w.stop != nil {
		w.stop()
	}
	w.reg++
	reg := w.reg
	w.done = done
	w.stop = context.AfterFunc(ctx, func() { w.fire(reg, d) })
}

func (w *watch) fire(reg uint64, d deadline) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.armed && w.reg == reg {
		w.fired.Store(true)
		d.set(aLongTimeAgo)
	}
}

// disarm ends what arm began and lifts the interruption.
func (w *watch) disarm(d deadline) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if w.fired.Load() {
		w.fired.Store(false)
		d.set(time.Time{})
	}
}

// postpone sets the deadline of an armed call, unless its context has ended.
func (w *watch) postpone(d deadline, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.fired.Load() {
		d.set(t)
	}
}

// release forgets the registration, at the end of the connection.
func (w *watch) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil {
		w.stop()
	}
	w.stop, w.done = nil, nil
	w.reg++
}
