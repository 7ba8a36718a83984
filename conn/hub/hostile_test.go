package hub

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// TestChurn: a client that subscribes and unsubscribes without end leaves nothing behind.
func TestChurn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	bubble(t, func(t *testing.T) {
		var h Hub
		cl := connect(t)
		round := func(n int) {
			for i := range n {
				topic := fmt.Sprint("topic ", i)
				subscribe(t, &h, cl, topic, Position{})
				h.Unsubscribe(cl.server, topic)
				synctest.Wait() // else so many topics end at once that the runtime keeps goroutines
			}
		}
		round(5000)
		before := heap()
		round(5000)
		if after := heap(); after > before+100<<10 {
			t.Errorf("5000 rounds have left %d bytes, want none", after-before)
		}
		if len(h.topics) != 0 || len(h.local.logs) != 0 {
			t.Errorf("%d topics and %d logs are left", len(h.topics), len(h.local.logs))
		}
	})
}

// TestInventedPositions: whatever position a client names, it makes its node read the history three
// times at most, and other subscribers miss nothing.
func TestInventedPositions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &counted{Memory: history(5)}
		h := Hub{Broker: b}
		bob := connect(t)
		first := subscribe(t, &h, bob, "room", Position{})
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprint(i))
			publish(t, &h, "room", want[i])
		}
		for _, since := range []Position{
			{first.Epoch, 0}, {first.Epoch, 1 << 62}, {first.Epoch, 1<<64 - 1}, {"other", 3}, {"", 7}, {first.Epoch + "x", 1 << 63},
		} {
			before := b.reads.Load()
			_, err := h.Subscribe(bg, connect(t).server, "room", since)
			if err != nil && !errors.Is(err, ErrHistoryLost) {
				t.Errorf("Subscribe from %v: %v, want ErrHistoryLost", since, err)
			}
			if n := b.reads.Load() - before; n > 3 {
				t.Errorf("Subscribe from %v read the history %d times, want at most 3", since, n)
			}
		}
		publish(t, &h, "room", "more")
		bob.want(t, "another subscriber", append(want, "more")...)
	})
}
