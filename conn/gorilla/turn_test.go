package websocket

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurnIsFIFO: those who wait get the turn in the order of asking. Who gives up is left out.
func TestTurnIsFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x turn
		if err := x.acquire(time.Time{}); err != nil {
			t.Fatal(err)
		}
		got := make(chan int, 10)
		for i := range 5 {
			var deadline time.Time
			if i == 2 {
				deadline = time.Now().Add(time.Second)
			}
			go func() {
				if err := x.acquire(deadline); err == errWriteTimeout {
					got <- -i
				} else if err == nil {
					got <- i
					x.release(nil)
				}
			}()
			synctest.Wait()
		}
		<-time.After(2 * time.Second)
		x.release(nil)
		synctest.Wait()
		for _, want := range []int{-2, 0, 1, 3, 4} {
			if i := <-got; i != want {
				t.Errorf("the turn went to %d, want %d", i, want)
			}
		}
		if x.held || x.line != nil {
			t.Error("somebody has the turn, or waits for it")
		}
	})
}

// TestTurnFails: an error is everybody's, and the first one counts.
func TestTurnFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := errors.New("first"), errors.New("second")
		for name, end := range map[string]func(x *turn){
			"by its holder": func(x *turn) { x.release(first); x.fail(second) },
			"meanwhile":     func(x *turn) { x.fail(first); x.release(nil) },
			"twice":         func(x *turn) { x.fail(first); x.release(second) },
		} {
			var x turn
			_ = x.acquire(time.Time{})
			got := make(chan error, 3)
			for range 3 {
				go func() { got <- x.acquire(time.Now().Add(time.Hour)) }()
			}
			synctest.Wait()
			end(&x)
			for range 3 {
				if err := <-got; err != first {
					t.Errorf("%s: %v, want the first error", name, err)
				}
			}
			if _, err := x.acquireForMessage(); err != first || x.failed() != first {
				t.Errorf("%s: later %v, want the first error", name, err)
			}
		}
	})
}
