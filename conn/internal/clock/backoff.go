package clock

import "time"

// Backoff computes how long a client waits before it dials again (RFC 6455 section 7.2.3): a random
// time at first, and then truncated exponential backoff with jitter. It is pure: the caller brings
// the randomness and does the waiting.
type Backoff struct {
	First time.Duration // the longest first wait
	Max   time.Duration // the longest wait; not less than First

	failures int // waits since the last Reset
}

// Next returns the next wait. random returns a number from 0 to its argument. asked is what the
// server has asked for, or 0. Since many clients may have been asked the same, a random time up to
// First is added to it.
//
// The first wait is from 0 to First. The longest one doubles with each wait after that, up to Max,
// and the shortest one is half of it.
func (b *Backoff) Next(random func(int64) int64, asked time.Duration) time.Duration {
	longest, shortest := b.First, time.Duration(0)
	for range b.failures {
		longest = min(2*longest, b.Max)
		shortest = longest / 2
		if longest == b.Max {
			break
		}
	}
	b.failures++
	wait := shortest + time.Duration(random(int64(longest-shortest)))
	if asked > 0 {
		wait = max(wait, asked+time.Duration(random(int64(b.First))))
	}
	return wait
}

// Reset makes the next wait the first one.
func (b *Backoff) Reset() { b.failures = 0 }
