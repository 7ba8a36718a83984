package opening

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// bounds has the two ways to bound a handshake, which returns a number here.
var bounds = map[string]func(context.Context, net.Conn, time.Duration, func() (int, error), func(int)) (int, error){
	"ByDeadline": ByDeadline[int],
	"ByClose":    ByClose[int],
}

// TestBounds: a handshake that waits for its peer ends with its context or its timeout, whichever
// is first. The error says which.
func TestBounds(t *testing.T) {
	for name, within := range bounds {
		for end, want := range map[string]error{"timeout": os.ErrDeadlineExceeded, "context": context.Canceled} {
			t.Run(name+"/"+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := wstest.Pipe(10)
					defer b.Close()
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					timeout := 2 * time.Second
					if end == "context" {
						time.AfterFunc(time.Second, cancel)
					}
					read := func() (int, error) { return a.Read(make([]byte, 1)) }
					_, err := within(ctx, a, timeout, read, func(int) { t.Error("undo was called for a handshake that failed") })
					if !errors.Is(err, want) {
						t.Errorf("error %v, want %v", err, want)
					}
				})
			})
		}
	}
}

// TestBoundsUndo: if a handshake returns a value after the end of its context, undo gets the value
// once.
func TestBoundsUndo(t *testing.T) {
	for name, within := range bounds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := wstest.Pipe(10)
				defer b.Close()
				ctx, cancel := context.WithCancel(context.Background())
				undone := make(chan int, 2)
				late := func() (int, error) {
					cancel()
					<-time.After(time.Second)
					return 7, nil
				}
				if _, err := within(ctx, a, 0, late, func(n int) { undone <- n }); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v, want the context's", err)
				}
				<-time.After(time.Minute)
				if len(undone) != 1 || <-undone != 7 {
					t.Error("undo was not called once, with what the handshake returned")
				}
			})
		})
	}
}

// TestBoundsInTime: a value that a handshake returns in time is the caller's. If its context or its
// timeout ends later, nothing happens to the transport.
func TestBoundsInTime(t *testing.T) {
	for name, within := range bounds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := wstest.Pipe(10)
				defer b.Close()
				ctx, cancel := context.WithCancel(context.Background())
				n, err := within(ctx, a, time.Minute, func() (int, error) { return 7, nil }, func(int) { t.Error("undo was called") })
				if n != 7 || err != nil {
					t.Fatalf("%d, %v, want 7 and no error", n, err)
				}
				cancel()
				synctest.Wait()
				if _, err := a.Write([]byte("x")); err != nil {
					t.Errorf("writing after the end of the context: %v", err)
				}
			})
		})
	}
}

// TestBoundsError: the error of a handshake that failed in time is returned as it is.
func TestBoundsError(t *testing.T) {
	failed := errors.New("failed")
	for name, within := range bounds {
		a, _ := wstest.Pipe(10)
		if _, err := within(context.Background(), a, time.Minute, func() (int, error) { return 0, failed }, nil); err != failed {
			t.Errorf("%s: error %v, want %v", name, err, failed)
		}
	}
}
