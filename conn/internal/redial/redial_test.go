package redial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/clock"
)

var (
	errDial = errors.New("no connection")
	errEnd  = errors.New("cut")
)

// script is what the attempts come to. A connection is how long it lasts.
type script []any

// run runs a loop over the script, and returns what it yields, with the time of each.
func run(ctx context.Context, s script, end End, permanent func(error, bool) bool) (got []string) {
	l := &Loop[time.Duration]{
		Backoff: clock.Backoff{First: 0, Max: 0}, Healthy: 10 * time.Second, Permanent: permanent,
		Dial: func(_ context.Context, n int) Attempt[time.Duration] {
			switch a := s[n].(type) {
			case time.Duration:
				return Attempt[time.Duration]{Conn: a}
			case Attempt[time.Duration]:
				return a
			default:
				return Attempt[time.Duration]{Err: errDial}
			}
		},
		Await: func(ctx context.Context, c time.Duration) (End, bool) {
			select {
			case <-time.After(c):
				return end, true
			case <-ctx.Done():
				return End{}, false
			}
		},
	}
	begin := time.Now()
	l.Run(ctx, func(c time.Duration, err error) bool {
		got = append(got, fmt.Sprint(time.Since(begin), " ", c, " ", err))
		return len(got) < len(s)
	})
	return got
}

// TestRun has what the loop yields, and when it ends.
func TestRun(t *testing.T) {
	const s = time.Second
	asked := Attempt[time.Duration]{Err: errDial, Asked: 5 * s}
	final := Attempt[time.Duration]{Err: errDial, Final: true}
	never := func(error, bool) bool { return false }
	for name, test := range map[string]struct {
		script    script
		end       End
		permanent func(error, bool) bool
		want      []string
	}{
		"goes on":   {script{s, nil, 2 * s, s}, End{Err: errEnd}, nil, []string{"0s 1s <nil>", "1s 0s no connection", "1s 2s <nil>", "3s 1s <nil>"}},
		"asked for": {script{asked, s}, End{Err: errEnd}, nil, []string{"0s 0s no connection", "5s 1s <nil>"}},
		"final":     {script{nil, final, s}, End{Err: errEnd}, nil, []string{"0s 0s no connection", "0s 0s no connection"}},
		"last":      {script{s, s, s}, End{Err: errEnd, Final: true}, nil, []string{"0s 1s <nil>", "1s 0s cut"}},
		"normal":    {script{s, s, s}, End{Err: errEnd, Final: true, Normal: true}, nil, []string{"0s 1s <nil>"}},
		"never":     {script{final, s, s}, End{Err: errEnd, Final: true}, never, []string{"0s 0s no connection", "0s 1s <nil>", "1s 1s <nil>"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := run(t.Context(), test.script, test.end, test.permanent); !slices.Equal(got, test.want) {
					t.Errorf("yielded %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestRunEnds: the end of the context ends the loop, whatever it does.
func TestRunEnds(t *testing.T) {
	for name, test := range map[string]struct {
		script script
		want   int
	}{
		"connected": {script{time.Hour, time.Hour}, 1},
		"waiting":   {script{Attempt[time.Duration]{Err: errDial, Asked: time.Hour}, time.Hour}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if got := run(ctx, test.script, End{}, nil); len(got) != test.want {
					t.Errorf("yielded %q, want %d", got, test.want)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := run(ctx, script{nil, nil}, End{}, nil); len(got) != 0 {
		t.Errorf("yielded %q after the end of the context, want nothing", got)
	}
}
