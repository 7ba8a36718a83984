package main

import (
	"sync"
	"time"
)

// limiter lets one thing pass each interval, and after a pause up to burst at once. Its methods may
// be called concurrently.
type limiter struct {
	interval time.Duration
	burst    int

	mu   sync.Mutex
	full time.Time // when what has passed is paid for
}

// reserve lets one thing pass, and returns how long it has to wait for that.
func (l *limiter) reserve(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full.Before(now) {
		l.full = now
	}
	l.full = l.full.Add(l.interval)
	return max(0, l.full.Sub(now)-time.Duration(l.burst)*l.interval)
}
