package loop

import (
	"sync/atomic"
	"syscall"
	"time"
)

// Keeping the scheduler's monitor awake.
//
// The monitor takes a processor from a goroutine that has had it for long. It sleeps for up to a
// minute if all processors were idle. It wakes up for a system call that the scheduler knows of, or
// for a timer that was set before it fell asleep. A connection's system calls are none that the
// scheduler knows of, since each would cost more than it does now: the monitor looks every 20 µs
// after it was woken. So a callback that computes for long could keep all others from the only
// processor.
//
// A timer that is set while bytes come, and for a second after that, keeps the monitor from
// sleeping for long. The monitor looks seldom after it was woken by a timer. But while a timer is
// set, each thread that waits for the network sets a timer of the kernel's, too. So who runs no
// callbacks, as a relay of frames, does without.

// WakeMonitor wakes the monitor, by a system call that the scheduler knows of. The monitor then takes
// the processor from a goroutine that has had it for 10 ms.
func WakeMonitor() { _, _, _ = syscall.Syscall(syscall.SYS_GETPID, 0, 0, 0) }

// beatTime is how long the monitor sleeps at most.
const beatTime = 10 * time.Millisecond

// beats is how many beats follow the last call of KeepMonitorAwake.
const beats = 100

// left is how many beats are to come. If it is 0, the timer is not set.
var left atomic.Int32

// KeepMonitorAwake is called when there is something that a callback may compute about for long. It
// takes as good as no time, and little stack. It may be called concurrently.
func KeepMonitorAwake() {
	if left.Load() != beats {
		renewBeats()
	}
}

// renewBeats begins the beats, or prolongs them. The timer is set by a goroutine of its own, which
// has the stack for that. The monitor is awake by then, and sees to it that the goroutine runs.
//
//go:noinline
func renewBeats() {
	if left.Swap(beats) == 0 {
		WakeMonitor()
		go beatLater()
	}
}

// beatLater sets the timer for the next beat. Each beat has a timer of its own: a program's tests
// may have connections in several bubbles of testing/synctest, which must not share one.
func beatLater() { time.AfterFunc(beatTime, beat) }

// beat is the timer's function.
func beat() {
	if left.Add(-1) > 0 {
		beatLater()
	}
}
