package pool

import (
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
)

// TurnTime is the length of a turn. Giving way costs about two microseconds.
const TurnTime = time.Millisecond

// WakeTime is how often writes wake the scheduler's monitor, which then runs for a while. Every 10
// ms cost a ping-pong a tenth of its processor time.
const WakeTime = 100 * TurnTime

// turnLook is how much is read between two looks at the clock: so many reads, each with the KiB
// that it brought.
const turnLook = 16

// Turn is the time since a goroutine last waited for its peer. The zero value begins one. When it
// is over, the goroutine gives way to others.
type Turn struct {
	began int64 // by the clock, seen at the first look; 0: none yet
	spent int   // since the last look
}

// Count counts a read of n bytes.
func (t *Turn) Count(n int) { t.spent += 1 + n>>10 }

// Over reports whether the turn has lasted for limit.
func (t *Turn) Over(limit time.Duration) bool {
	if t.spent < turnLook {
		return false
	}
	t.spent = 0
	at := clock.Now()
	if t.began == 0 {
		t.began = at
	}
	return at-t.began >= int64(limit)
}
