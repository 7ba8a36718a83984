package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/frame"
)

// TestGrantMeetsCancel cancels calls at the moment at which they get what they
// wait for: whichever comes first, nothing is lost, nothing hangs, and a call
// that returned nil was heard.
func TestGrantMeetsCancel(t *testing.T) {
	calls := map[string]func(context.Context, *Conn) error{
		"Write": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, []byte("B")) },
		"Flush": func(ctx context.Context, c *Conn) error { return c.Flush(ctx) },
		"NextWriter": func(ctx context.Context, c *Conn) error {
			m, err := c.NextWriter(ctx, Text)
			if err != nil {
				return err
			}
			_, _ = m.Write([]byte("B"))
			return m.Close()
		},
		"long Write": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, []byte("BBBBBBBBBBBBBBBBBBBBBBB")) },
	}
	for name, call := range calls {
		for i := range 40 {
			synctest.Test(t, func(t *testing.T) {
				c, peer := pipePeer(t, frame.Server, 8, Config{FragmentSize: 20})
				first := make(chan error, 1)
				go func() { first <- c.Write(bg, Text, []byte("AAAAAAAAAAAA")) }()
				synctest.Wait()
				ctx, cancel := context.WithCancel(bg)
				second := make(chan error, 1)
				go func() { second <- call(ctx, c) }()
				synctest.Wait()
				third := make(chan error, 1)
				go func() { third <- c.Write(bg, Text, []byte("C")) }()
				synctest.Wait()
				if i%2 == 0 {
					cancel()
				}
				heard, heardB := "", false
				for heard != "C" {
					h, p := peer.WantFrame()
					if i%2 == 1 && string(p) == "AAAAAAAAAAAA" {
						cancel()
					}
					for !h.Fin {
						var more []byte
						h, more = peer.WantFrame()
						p = append(p, more...)
					}
					heard = string(p)
					heardB = heardB || p[0] == 'B'
				}
				cancel()
				if a, c := <-first, <-third; a != nil || c != nil {
					t.Fatal(name, a, c)
				}
				returned := <-second
				if returned == nil && !heardB && name != "Flush" {
					t.Fatalf("%s returned nil and was not heard", name)
				}
				if returned != nil && returned != context.Canceled {
					t.Fatalf("%s: %v", name, returned)
				}
				if err := c.Write(bg, Text, []byte("D")); err != nil {
					t.Fatal(err)
				}
				peer.WantText("D")
			})
		}
	}
}

// TestEndWhileWaiting: the end of the connection reaches everybody who waits
// for the wire, the turn or a batch.
func TestEndWhileWaiting(t *testing.T) {
	ends := map[string]func(*Conn){
		"CloseNow":  func(c *Conn) { _ = c.CloseNow() },
		"failure":   func(c *Conn) { c.failWith(CloseInternalError, errors.New("a failure")); _ = c.CloseNow() },
		"transport": func(c *Conn) { c.transport.Close() },
	}
	for name, end := range ends {
		for _, cancellable := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				ctx := bg
				if cancellable {
					var cancel context.CancelFunc
					ctx, cancel = context.WithCancel(bg)
					defer cancel()
				}
				c, _ := pipePeer(t, frame.Client, 8, Config{FragmentSize: 20})
				results := make(chan error, 5)
				go func() { results <- c.Write(ctx, Binary, pattern(100)) }()
				synctest.Wait()
				go func() { results <- c.Write(ctx, Text, []byte("waits")) }()
				go func() { results <- c.Flush(ctx) }()
				go func() {
					_, err := c.NextWriter(ctx, Text)
					results <- err
				}()
				go func() { results <- c.Write(ctx, Binary, pattern(100)) }()
				synctest.Wait()
				_ = c.Send(Text, []byte("queued"))
				end(c)
				for range 5 {
					if err := <-results; !errors.Is(err, net.ErrClosed) {
						t.Errorf("%s: %v", name, err)
					}
				}
				_ = c.CloseNow()
				synctest.Wait() // for the flusher, which counts
				if n := c.box.Buffered(); n != 0 {
					t.Errorf("%s: %d bytes are still counted as queued", name, n)
				}
			})
		}
	}
}

// TestStrings: what a person reads in logs.
func TestStrings(t *testing.T) {
	for got, want := range map[string]string{
		Text.String():                    "text",
		(Binary | Uncompressed).String(): "binary",
		StateConnecting.String():         "connecting",
		StateOpen.String():               "open",
		StateClosing.String():            "closing",
		StateClosed.String():             "closed",
		(&CloseError{Code: CloseGoingAway, Remote: true, Reason: "bye"}).Error(): "websocket: connection closed by the peer: 1001 going away: bye",
		(&CloseError{Code: CloseNormal}).Error():                                 "websocket: connection closed by this side, the peer answered: 1000 normal closure",
		(&CloseError{Code: CloseAbnormal, Err: frame.ErrMaskRequired}).Error():   "websocket: connection ended: " + frame.ErrMaskRequired.Error()[len("websocket: "):],
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var timeout net.Error
	if !errors.As(ErrWriteTimeout, &timeout) || !timeout.Timeout() {
		t.Error("ErrWriteTimeout is no timeout")
	}
	if fmt.Sprint(errClosing) == "" {
		t.Error("errClosing says nothing")
	}
}

// TestNextReaderMeetsClose: the type that NextReader returns is its message's,
// although Close reads on from the moment at which NextReader is done. It is the
// race detector that would notice.
func TestNextReaderMeetsClose(t *testing.T) {
	for range 200 {
		c, peer := pipePeer(t, frame.Server, 1<<10, Config{CloseTimeout: time.Millisecond})
		peer.Text("text")
		peer.Binary([]byte("binary"))
		peer.Close(CloseNormal, "")
		closed := make(chan error)
		go func() { closed <- c.Close(CloseNormal, "") }()
		if typ, _, err := c.NextReader(bg); err == nil && typ != Text {
			t.Fatal(typ)
		}
		<-closed
	}
}
