package loop

import (
	"math/bits"
	"sync"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
)

// Wheel holds timers for many connections: a hierarchical timing wheel. To set or stop a timer
// costs a few pointers and no allocation, and one timer of the runtime's drives all of them. It is
// for timeouts, which may come late by tick, and never come early. The zero value is ready.
//
// Level 0 has a slot for each of the next 64 ticks. A slot of each further level stands for 64
// times as many ticks as one of the level below it. When the time of such a slot comes, its timers
// move to where they then belong.
type Wheel struct {
	mu      sync.Mutex
	at      int64 // all slots up to this tick are done; 0: no timer was ever set
	slots   [levels + 1][slots]*Timer
	full    [levels]uint64 // which slots have timers
	count   int
	driver  *time.Timer
	wakesAt int64 // the tick for which driver is set; 0: it is not
}

const (
	tickBits = 24 // a tick is 2^24 ns, 16.8 ms
	slotBits = 6
	slots    = 1 << slotBits
	levels   = 4 // 2^24 ticks are 78 hours; a timer of more goes round again

	tick = time.Duration(1) << tickBits

	due = levels // the level of the timers whose time has come, in slot 0
)

// Timer is one timer of a Wheel. Reset and Stop may be called concurrently.
type Timer struct {
	wheel       *Wheel
	fn          func()
	next, prev  *Timer
	at          int64 // the tick at which fn is called
	level, slot uint8
	set         bool
}

// AfterFunc returns a timer that calls f after d. f must not block: other timers wait for it.
func (w *Wheel) AfterFunc(d time.Duration, f func()) *Timer {
	t := &Timer{wheel: w, fn: f}
	t.Reset(d)
	return t
}

// Reset makes t call its function after d, and not when it would have before. It reports whether t
// was set.
func (t *Timer) Reset(d time.Duration) bool {
	w := t.wheel
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.unlink(t)
	now := clock.Now()
	if w.count == 0 {
		w.at = now >> tickBits
	}
	t.at = now>>tickBits + 1
	if d > 0 {
		t.at = (now + min(int64(d), 1<<60) + int64(tick) - 1) >> tickBits
	}
	w.link(t)
	w.drive()
	return was
}

// Stop ends t, and reports whether it was set. Its function may be running.
func (t *Timer) Stop() bool {
	w := t.wheel
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.unlink(t)
	if w.count == 0 && w.wakesAt != 0 {
		w.driver.Stop()
		w.wakesAt = 0
	}
	return was
}

// link puts t where its time says.
func (w *Wheel) link(t *Timer) {
	t.at = max(t.at, w.at+1)
	at := min(t.at, w.at+1<<(levels*slotBits)-1)
	level := 0
	for at-w.at >= 1<<((level+1)*slotBits) {
		level++
	}
	w.put(t, level, int(at>>(level*slotBits)%slots))
	w.full[level] |= 1 << t.slot
}

// put makes t the first timer of a slot.
func (w *Wheel) put(t *Timer, level, slot int) {
	t.level, t.slot, t.set = uint8(level), uint8(slot), true
	head := &w.slots[level][slot]
	t.prev, t.next = nil, *head
	if t.next != nil {
		t.next.prev = t
	}
	*head = t
	w.count++
}

// unlink takes t out of its slot, and reports whether it was in one.
func (w *Wheel) unlink(t *Timer) bool {
	if !t.set {
		return false
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.level][t.slot] = t.next
		if t.next == nil && t.level != due {
			w.full[t.level] &^= 1 << t.slot
		}
	}
	t.next, t.prev, t.set = nil, nil, false
	w.count--
	return true
}

// soonest returns the next tick at which there is something to do: to call a function, or to move
// the timers of a slot. It is 0 if there are no timers.
func (w *Wheel) soonest() (at int64) {
	for level, full := range w.full {
		if full == 0 {
			continue
		}
		here := w.at >> (level * slotBits)
		ahead := bits.TrailingZeros64(bits.RotateLeft64(full, -int((here+1)%slots))) + 1
		if next := (here + int64(ahead)) << (level * slotBits); at == 0 || next < at {
			at = next
		}
	}
	return at
}

// drive sets the runtime's timer for what is to be done next.
func (w *Wheel) drive() {
	at := w.soonest()
	if at == 0 || w.wakesAt != 0 && w.wakesAt <= at {
		return
	}
	w.wakesAt = at
	d := time.Duration(at<<tickBits - clock.Now())
	if w.driver == nil {
		w.driver = time.AfterFunc(d, w.run)
	} else {
		w.driver.Reset(d)
	}
}

// run is the function of the runtime's timer.
func (w *Wheel) run() {
	w.mu.Lock()
	w.wakesAt = 0
	w.advance(clock.Now() >> tickBits)
	w.drive() // first, so that a function which blocks holds nobody up for good
	w.mu.Unlock()
	calling := false
	defer func() {
		if calling { // the function has called runtime.Goexit
			go w.run()
		}
	}()
	for {
		w.mu.Lock()
		t := w.slots[due][0]
		if t == nil {
			w.mu.Unlock()
			return
		}
		w.unlink(t)
		w.mu.Unlock()
		calling = true
		t.fn()
		calling = false
	}
}

// advance moves on to the tick now, and makes the timers due whose time has come.
func (w *Wheel) advance(now int64) {
	for {
		at := w.soonest()
		if at == 0 || at > now {
			w.at = max(w.at, now)
			return
		}
		w.at = at
		for level := levels - 1; level >= 0; level-- {
			if at%(1<<(level*slotBits)) == 0 {
				w.empty(level, int(at>>(level*slotBits)%slots))
			}
		}
	}
}

// empty moves the timers of a slot whose time has come.
func (w *Wheel) empty(level, slot int) {
	for t := w.slots[level][slot]; t != nil; t = w.slots[level][slot] {
		w.unlink(t)
		if t.at <= w.at {
			w.put(t, due, 0)
		} else {
			w.link(t)
		}
	}
}
