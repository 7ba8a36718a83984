package opening

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
)

// aLongTimeAgo interrupts what is blocked.
var aLongTimeAgo = time.Unix(1, 0)

// ByDeadline returns what f returns, which does a server's handshake over nc. The end of ctx ends
// the handshake, and so does the timeout, unless that is 0. Both do it by deadlines of nc, which
// have to work. A deadline in the past may strike nc at any moment after the end of ctx. So if f
// returns without an error then, undo gets f's value, and ByDeadline returns an error.
func ByDeadline[T any](ctx context.Context, nc net.Conn, timeout time.Duration, f func() (T, error), undo func(T)) (T, error) {
	if timeout > 0 {
		_ = nc.SetReadDeadline(time.Now().Add(timeout))
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { _ = nc.SetDeadline(aLongTimeAgo) })
	}
	v, err := unlessStopped(ctx, stop, f, undo)
	return v, endError(ctx, err)
}

// ByClose is ByDeadline for a transport whose deadlines may not work. The end of ctx or of the
// timeout closes nc. It ends the handshake even if the transport goes on.
func ByClose[T any](ctx context.Context, nc net.Conn, timeout time.Duration, f func() (T, error), undo func(T)) (T, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	v, err := await(ctx, func() (T, error) { return unlessStopped(ctx, closeOn(ctx, nc), f, undo) }, undo)
	return v, endError(ctx, err)
}

// unlessStopped returns what f returns. If ctx ended meanwhile and f returned no error, undo gets
// f's value.
func unlessStopped[T any](ctx context.Context, stop func() bool, f func() (T, error), undo func(T)) (T, error) {
	v, err := f()
	if !stop() && err == nil {
		undo(v)
		err = ctx.Err()
	}
	return v, err
}

// endError returns err. If ctx ended the handshake, it returns the error of ctx.
func endError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("websocket: handshake: %w", contextError(ctx))
	}
	return err
}

// await returns what f returns, or ctx's error if ctx ends first. If f returns after that without
// an error, late gets f's value, unless late is nil.
func await[T any](ctx context.Context, f func() (T, error), late func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	got := make(chan result)
	go func() {
		v, err := f()
		select {
		case got <- result{v, err}:
		case <-ctx.Done():
			if err == nil && late != nil {
				late(v)
			}
		}
	}()
	select {
	case r := <-got:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// closeOn makes the end of ctx close nc, until stop is called. stop reports whether it was called
// before that end. Deadlines would not do, since not every transport has them.
func closeOn(ctx context.Context, nc net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { transport.CloseHard(nc) })
}

// contextError returns ctx's error in the form in which a handshake returns it.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == context.DeadlineExceeded {
		return deadlineError{}
	}
	return err
}

// deadlineError is a timeout: a net.Error, in which errors.Is finds os.ErrDeadlineExceeded and
// context.DeadlineExceeded.
type deadlineError struct{}

func (deadlineError) Error() string {
	return "the handshake took longer than its context, or HandshakeTimeout, lets it"
}

func (deadlineError) Timeout() bool   { return true }
func (deadlineError) Temporary() bool { return true }

func (deadlineError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}
