package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// The end of a context interrupts the current call by a deadline in the past. The registration with
// a context is kept from one call to the next, since registering and unregistering for every
// message would cost more than the message. If the context ends while no call is armed, the
// registration does nothing.

// registration is the registration of one direction with a context. The lock of its owner guards
// it.
type registration struct {
	done  <-chan struct{} // of the context; nil: of none
	stop  func() bool
	armed bool // a call is under way under that context
	gone  bool // the connection has ended: nothing is registered any more
}

// arm makes the end of ctx call ends with ctx's Done channel. It returns false if the connection
// has ended.
func (r *registration) arm(ctx context.Context, t *Transport, ends func(t *Transport, done <-chan struct{})) bool {
	if r.gone { // the call finds the transport closed
		return false
	}
	if done := ctx.Done(); r.done != done {
		r.forget()
		r.done = done
		r.stop = context.AfterFunc(ctx, func() { ends(t, done) })
	}
	r.armed = true
	return true
}

// counts reports whether the end of the context with this Done channel ends the current call.
func (r *registration) counts(done <-chan struct{}) bool { return r.armed && r.done == done }

// forget ends the registration.
func (r *registration) forget() {
	if r.stop != nil {
		r.stop()
	}
	r.stop, r.done = nil, nil
}

// side is state that every transport needs which is no socket. A socket needs it only if contexts
// can end or the user sets deadlines.
type side struct {
	in   registration
	user time.Time   // the user's own read deadline
	out  *writeWatch // nil: none yet

	// Of a transport that is no socket.
	first   [FirstBytes]byte           // what is read before a buffer is taken
	limiter WriteLimiter               // nil: there is no limit
	timer   atomic.Pointer[writeTimer] // nil: a write is under way, or the last one was long ago
}

// FirstBytes is how much [Transport.Read] reads of a stream before it takes a buffer, at most. It is
// enough for a small message's frame header.
const FirstBytes = 16

// goneSide is the side of every socket that has none when its connection ends.
var goneSide = side{in: registration{gone: true}}

// makeSide returns t.side. If there is none, it makes one.
func (t *Transport) makeSide() *side {
	if t.side.Load() == nil {
		t.side.CompareAndSwap(nil, new(side)) // the other direction may have been quicker
	}
	return t.side.Load()
}

// Arm makes the end of ctx interrupt the reads that follow, with the reason Context, until Disarm.
// If ctx has ended already, it does nothing and returns false. A context that can't end costs
// nothing.
func (t *Transport) Arm(ctx context.Context) bool {
	if ctx.Done() == nil {
		return true
	}
	x := t.makeSide()
	t.read.mu.Lock()
	armed := x.in.arm(ctx, t, (*Transport).readEnds)
	t.read.mu.Unlock()
	// Only now, since a context that ended before arm found nothing armed.
	if armed && ctx.Err() != nil {
		t.Disarm(ctx)
		return false
	}
	return true
}

// readEnds interrupts the read if the context that has ended is the read's.
func (t *Transport) readEnds(done <-chan struct{}) {
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	if t.side.Load().in.counts(done) {
		_ = t.deadlineLocked(contextEnds, time.Time{})
	}
}

// Disarm ends what Arm began and lifts the interruption.
func (t *Transport) Disarm(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	if x := t.side.Load(); x != nil && !x.in.gone {
		x.in.armed = false
	}
	if t.Why() == Context {
		_ = t.deadlineLocked(readerKnows, time.Time{})
	}
}

// writeWatch is the one owner of a socket's write deadline while a context may end the write.
type writeWatch struct {
	mu    sync.Mutex
	reg   registration
	fired bool // the context has ended the write
}

// armWrite makes the end of ctx interrupt the write that follows, until disarm. It returns a nil
// watch if nothing can interrupt the write, and false if ctx has ended already.
func (t *Transport) armWrite(ctx context.Context) (*writeWatch, bool) {
	if ctx.Done() == nil {
		return nil, true
	}
	w := t.makeWriteWatch()
	if w == nil {
		return nil, true
	}
	w.mu.Lock()
	armed := w.reg.arm(ctx, t, (*Transport).writeEnds)
	w.mu.Unlock()
	if armed && ctx.Err() != nil {
		w.disarm(t)
		return nil, false
	}
	return w, true
}

// makeWriteWatch returns the watch. If there is none, it makes one, unless the connection has
// ended. Then it returns nil.
func (t *Transport) makeWriteWatch() *writeWatch {
	x := t.makeSide()
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	if x.out == nil && !x.in.gone {
		x.out = new(writeWatch)
	}
	return x.out
}

// writeEnds interrupts the write if the context that has ended is the write's.
func (t *Transport) writeEnds(done <-chan struct{}) {
	w := t.makeWriteWatch()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reg.counts(done) {
		w.fired = true
		t.setWriteDeadline(LongAgo)
	}
}

// postpone sets the write deadline, unless the context has ended. w may be nil.
func (w *writeWatch) postpone(t *Transport, at time.Time) {
	if w == nil {
		t.setWriteDeadline(at)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.fired {
		t.setWriteDeadline(at)
	}
}

// disarm ends what armWrite began, lifts the interruption, and reports whether there was one. w may
// be nil.
func (w *writeWatch) disarm(t *Transport) (interrupted bool) {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	interrupted = w.fired
	w.reg.armed, w.fired = false, false
	if interrupted {
		t.setWriteDeadline(time.Time{})
	}
	return interrupted
}

func (t *Transport) setWriteDeadline(at time.Time) {
	if s, ok := t.stream.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = s.SetWriteDeadline(at)
	}
}

// Release forgets contexts and stops timers. It is called at the end of the connection.
func (t *Transport) Release() {
	if t.side.CompareAndSwap(nil, &goneSide) {
		return
	}
	x := t.side.Load()
	t.read.mu.Lock()
	out := x.out
	if !x.in.gone {
		x.in.forget()
		x.in.gone = true
	}
	t.read.mu.Unlock()
	if out != nil {
		out.mu.Lock()
		out.reg.forget()
		out.reg.gone = true
		out.mu.Unlock()
	}
	if t := x.timer.Swap(nil); t != nil {
		t.timer.Stop()
	}
}
