// Package redial is the loop of a client that connects again when its connection has ended.
package redial

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
)

// Loop dials again and again. It is for one Run.
type Loop[C any] struct {
	Backoff clock.Backoff
	Healthy time.Duration // how long a connection has to last for the backoff to begin anew

	// Dial makes attempt number n, counted from 0.
	Dial func(ctx context.Context, n int) Attempt[C]

	// Await waits for the end of a connection. If ctx ends first, it ends the connection and
	// returns false.
	Await func(ctx context.Context, c C) (End, bool)

	// Permanent decides whether the loop ends with err. usual is what happens without it, if it is
	// nil.
	Permanent func(err error, usual bool) bool
}

// Attempt is what came of an attempt: a connection or an error.
type Attempt[C any] struct {
	Conn  C
	Err   error
	Final bool          // the next attempt would fail in the same way
	Asked time.Duration // how long the server has asked to wait
}

// End is how a connection has ended.
type End struct {
	Err    error
	Final  bool // the next connection would end in the same way, or is not wanted
	Normal bool // there is nothing to report
}

// Run yields each connection, or the error of an attempt that failed. It waits for the end of the
// connection, and before each attempt but the first. It returns if ctx ends, if yield returns
// false, or after an end that is permanent, whose error it yields.
func (l *Loop[C]) Run(ctx context.Context, yield func(C, error) bool) {
	var none C
	var asked time.Duration
	for n := 0; n == 0 || l.wait(ctx, asked); n++ {
		a := l.Dial(ctx, n)
		began := time.Now()
		asked = a.Asked
		if a.Err != nil {
			if ctx.Err() != nil {
				return
			}
			last := l.ends(a.Err, a.Final)
			if !yield(none, a.Err) || last {
				return
			}
			continue
		}
		if !yield(a.Conn, nil) {
			return
		}
		end, ok := l.Await(ctx, a.Conn)
		switch {
		case !ok:
			return
		case l.ends(end.Err, end.Final):
			if !end.Normal {
				yield(none, end.Err)
			}
			return
		case time.Since(began) >= l.Healthy:
			l.Backoff.Reset()
		}
	}
}

// wait reports false if ctx has ended.
func (l *Loop[C]) wait(ctx context.Context, asked time.Duration) bool {
	random := func(n int64) int64 { return rand.Int64N(n + 1) }
	timer := time.NewTimer(l.Backoff.Next(random, asked))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// ends reports whether err ends the loop.
func (l *Loop[C]) ends(err error, usual bool) bool {
	if l.Permanent == nil {
		return usual
	}
	return l.Permanent(err, usual)
}
