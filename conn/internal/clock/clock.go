// Package clock is the clock for timeouts that have no timer of their own and are checked now and
// then. It also computes how long a client waits before it dials again.
package clock

import "time"

// Now returns the time in nanoseconds since some moment in the past. It is monotonic: setting the
// machine's clock changes nothing. It is always positive, even in a testing/synctest bubble, whose
// time begins long before epoch.
func Now() int64 { return 1<<61 + int64(time.Since(epoch)) }

var epoch = time.Now()
