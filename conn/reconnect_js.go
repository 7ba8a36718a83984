package conn

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/rfc6455/ws/conn/internal/browser"
	"github.com/rfc6455/ws/conn/internal/clock"
	"github.com/rfc6455/ws/conn/internal/redial"
)

// Retry says how [Dialer.Reconnect] goes about it.
type Retry struct {
	First     time.Duration
	Max       time.Duration
	Healthy   time.Duration
	Permanent func(err error, usual bool) bool
	Attempt   func(ctx context.Context, n int) (url string, header map[string][]string, err error)
}

const (
	defaultFirstWait = 5 * time.Second
	defaultMaxWait   = time.Minute
	defaultHealthy   = 10 * time.Second
)

// Reconnect dials again and again: it yields a connection, and when that has ended it waits and
// yields the next one. A page is told neither a status nor Retry-After, so that a server which
// refuses is dialed again. If ctx ends, the Close frame has no code, since a browser sends no 1001.
func (d *Dialer) Reconnect(ctx context.Context, url string) iter.Seq2[*Conn, error] {
	return func(yield func(*Conn, error) bool) {
		first := setting(d.Retry.First, defaultFirstWait, 0)
		longest := max(first, setting(d.Retry.Max, defaultMaxWait, 0))
		loop := redial.Loop[*Conn]{
			Backoff:   clock.Backoff{First: first, Max: longest},
			Healthy:   setting(d.Retry.Healthy, defaultHealthy, 0),
			Permanent: d.Retry.Permanent,
			Dial: func(ctx context.Context, n int) redial.Attempt[*Conn] {
				return d.attempt(ctx, url, n)
			},
			Await: awaitEnd,
		}
		loop.Run(ctx, yield)
	}
}

// attempt is attempt number n of Reconnect.
func (d *Dialer) attempt(ctx context.Context, url string, n int) redial.Attempt[*Conn] {
	own := *d
	if d.Retry.Attempt != nil {
		var err error
		if url, own.Header, err = d.Retry.Attempt(ctx, n); err != nil {
			return redial.Attempt[*Conn]{Err: err, Final: isPermanent(err)}
		}
	}
	_, err := checkURL(url)
	if err == nil {
		err = own.Validate()
	}
	if err != nil {
		return redial.Attempt[*Conn]{Err: err, Final: true} // as it would be the next time
	}
	c, _, err := own.Dial(ctx, url)
	return redial.Attempt[*Conn]{Conn: c, Err: err, Final: isPermanent(err)}
}

// awaitEnd waits for the end of c, or closes it if ctx ends.
func awaitEnd(ctx context.Context, c *Conn) (redial.End, bool) {
	select {
	case <-c.done:
	case <-ctx.Done():
		c.closeSoon(CloseGoingAway, "")
		<-c.done
		return redial.End{}, false
	}
	code := c.err.decisive() // c.err is set for good
	return redial.End{Err: c.err, Final: isLast(code), Normal: code == CloseNormal}, true
}

// isPermanent reports whether dialing again would fail with err again.
func isPermanent(err error) bool {
	for _, permanent := range []error{
		ErrGroupClosed, errors.ErrUnsupported, browser.ErrSyntax, browser.ErrInsecure,
	} {
		if errors.Is(err, permanent) {
			return true
		}
	}
	return false
}
