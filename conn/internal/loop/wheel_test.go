package loop

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// TestWheel: timers of every length are called once, in time, whatever else is set, moved and
// stopped meanwhile.
func TestWheel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		rnd := rand.New(rand.NewPCG(1, 2))
		length := func() time.Duration {
			return time.Duration(rnd.Int64N(int64(time.Millisecond) << rnd.IntN(30)))
		}
		type entry struct {
			timer  *Timer
			due    time.Time
			set    bool
			called int
		}
		all := make([]*entry, 2000)
		var mu sync.Mutex // guards the entries
		check := func(e *entry) {
			mu.Lock()
			defer mu.Unlock()
			e.called++
			late := time.Since(e.due)
			if !e.set || late < 0 || late > 2*tick {
				t.Errorf("a timer that is set: %v was called %v late, want less than %v", e.set, late, 2*tick)
			}
			e.set = false
		}
		for i := range all {
			e := new(entry)
			d := length()
			mu.Lock()
			e.due, e.set = time.Now().Add(d), true
			e.timer = w.AfterFunc(d, func() { check(e) })
			mu.Unlock()
			all[i] = e
			if i%8 == 0 {
				time.Sleep(length() / 1000)
			}
		}
		synctest.Wait() // for the calls of the last timers that were due
		for range 20000 {
			e := all[rnd.IntN(len(all))]
			mu.Lock()
			if rnd.IntN(3) == 0 {
				if was := e.timer.Stop(); was != e.set {
					t.Fatalf("Stop = %v, want %v", was, e.set)
				}
				e.set = false
			} else {
				d := length()
				e.due = time.Now().Add(d)
				if was := e.timer.Reset(d); was != e.set {
					t.Fatalf("Reset = %v, want %v", was, e.set)
				}
				e.set = true
			}
			mu.Unlock()
			if rnd.IntN(4) == 0 {
				time.Sleep(length() / 1000)
				synctest.Wait()
			}
		}
		time.Sleep(400 * time.Hour)
		synctest.Wait()
		called := 0
		for _, e := range all {
			if e.set {
				t.Errorf("a timer is set still, which was due %v ago", time.Since(e.due))
			}
			called += e.called
		}
		if called < len(all) {
			t.Errorf("%d timers were called, want more than %d", called, len(all))
		}
		if w.count != 0 || w.wakesAt != 0 || w.full != [levels]uint64{} {
			t.Errorf("the empty wheel counts %d timers and wakes at %d", w.count, w.wakesAt)
		}
	})
}

// TestWheelLongTimer: a timer that is longer than the wheel goes round again.
func TestWheelLongTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		start := time.Now()
		const d = 1000 * time.Hour
		called := make(chan time.Duration, 1)
		w.AfterFunc(d, func() { called <- time.Since(start) })
		if got := <-called; got < d || got > d+tick {
			t.Errorf("called after %v, want %v", got, d)
		}
	})
}

// TestWheelBlocks: a function that blocks, although it must not, holds up those of its own tick
// alone.
func TestWheelBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		release, called := make(chan struct{}), make(chan struct{})
		w.AfterFunc(time.Second, func() { <-release })
		w.AfterFunc(2*time.Second, func() { close(called) })
		<-called
		close(release)
	})
}

// TestWheelIdle: without timers the wheel has none of the runtime's.
func TestWheelIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		timer := w.AfterFunc(time.Hour, func() { t.Error("a stopped timer was called") })
		if !timer.Stop() || timer.Stop() {
			t.Error("Stop says that the timer was not set, or is set still")
		}
		if w.wakesAt != 0 {
			t.Error("the empty wheel is set to wake")
		}
		time.Sleep(2 * time.Hour)
	})
}

// TestAllocsWheel: to set and stop a timer allocates nothing.
func TestAllocsWheel(t *testing.T) {
	var w Wheel
	timer := w.AfterFunc(time.Hour, func() {})
	other := w.AfterFunc(time.Hour, func() {})
	defer other.Stop()
	if n := wstest.Allocs(1000, 0, func() { timer.Reset(time.Minute); timer.Stop() }); n != 0 {
		t.Errorf("Reset and Stop allocate %v times, want 0", n)
	}
}

// TestWheelGoexit: a function that ends its goroutine holds up no other timer.
func TestWheelGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		called := 0
		for range 3 {
			w.AfterFunc(time.Second, func() { called++; runtime.Goexit() })
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if called != 3 {
			t.Errorf("%d of 3 timers were called", called)
		}
	})
}
