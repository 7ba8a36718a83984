package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/frame"
)

// wait lets time pass in a synctest bubble.
func wait(d time.Duration) { <-time.After(d) }

// TestKeepAlive pings a silent peer, takes any byte for life, and ends the
// connection of one that is dead.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1000, Config{KeepAlive: 30 * time.Second, PongTimeout: 5 * time.Second})
		go c.Serve(bg, &Events{})
		start := time.Now()
		at := func(want time.Duration) {
			t.Helper()
			if d := time.Since(start); d != want {
				t.Fatalf("after %v, want %v", d, want)
			}
		}
		peer.Timeout = time.Hour
		peer.WantPing("")
		at(30 * time.Second)
		wait(4 * time.Second)
		peer.SendHex("81") // the first byte of a frame: it lives
		peer.WantPing("")
		at(64 * time.Second)
		peer.SendHex("80 00000000")
		wait(20 * time.Second)
		peer.Text("alive")
		peer.WantPing("")
		at((64 + 20 + 30) * time.Second)
		<-c.Done()
		at((64 + 20 + 30 + 5) * time.Second)
		wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: ErrPongTimeout})
	})
}

// TestKeepAliveShort: a PongTimeout that is longer than KeepAlive delays no
// ping after one that was answered, and ends a dead peer all the same.
func TestKeepAliveShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1000, Config{KeepAlive: time.Second, PongTimeout: 10 * time.Second})
		go c.Serve(bg, &Events{})
		start := time.Now()
		peer.Timeout = time.Hour
		for i := range 5 {
			peer.WantPing("")
			if d, want := time.Since(start), time.Duration(i+1)*time.Second; d != want {
				t.Fatalf("ping %d after %v, want %v", i+1, d, want)
			}
			peer.Pong("")
		}
		peer.WantPing("")
		wait(3500 * time.Millisecond)
		peer.Pong("") // it took a while
		peer.WantPing("")
		if d, want := time.Since(start), 10500*time.Millisecond; d != want {
			t.Fatalf("the ping after a late answer came after %v, want %v", d, want)
		}
		<-c.Done()
		if d, want := time.Since(start), 20500*time.Millisecond; d != want {
			t.Fatalf("ended after %v, want %v", d, want)
		}
		wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: ErrPongTimeout})
	})
}

// TestKeepAliveSparesTheLiving: while nobody reads, the peer's answer may lie
// unread, so that it is not ended.
func TestKeepAliveSparesTheLiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1000, Config{KeepAlive: 10 * time.Second, PongTimeout: time.Second, IdleTimeout: 30 * time.Second})
		peer.Timeout = time.Hour
		served := make(chan error, 1)
		go func() {
			served <- c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { wait(time.Minute) }})
		}()
		peer.Text("work")
		peer.WantPing("")
		peer.Pong("")
		wait(49 * time.Second)
		if c.State() != StateOpen {
			t.Fatal(c.Err())
		}
		// Now it waits again, and the clocks run.
		peer.WantPing("")
		wantEnd(t, <-served, CloseError{Code: CloseAbnormal, Err: ErrPongTimeout})
	})
}

// TestKeepAliveWithoutPongTimeout goes on pinging.
func TestKeepAliveWithoutPongTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Client, 1000, Config{KeepAlive: time.Second, PongTimeout: -1})
		go c.Serve(bg, &Events{})
		for range 5 {
			peer.WantPing("")
		}
		if c.State() != StateOpen {
			t.Fatal(c.Err())
		}
		_ = c.CloseNow()
	})
}

// TestIdleTimeout closes a connection without messages, with 1001; pings are
// no messages.
func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1000, Config{IdleTimeout: time.Minute})
		peer.Timeout = time.Hour
		ctx, cancel := context.WithTimeout(bg, 90*time.Second)
		defer cancel()
		go func() {
			wait(50 * time.Second)
			peer.Ping("p")
		}()
		go func() {
			wait(40 * time.Second)
			_ = c.Write(bg, Text, []byte("message"))
		}()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		peer.WantText("message")
		peer.WantPong("p")
		wait(time.Hour) // nobody reads
		if c.State() != StateOpen {
			t.Fatal(c.Err())
		}
		start := time.Now()
		go c.Read(bg)
		if reason := peer.WantClose(CloseGoingAway); reason != "idle" {
			t.Fatal(reason)
		}
		// 50 s of the first read had passed without a message.
		if d := time.Since(start); d < 10*time.Second || d > time.Minute+10*time.Second {
			t.Fatal(d)
		}
	})
}

// TestKeepAliveEnds with the connection: no timer goes on.
func TestKeepAliveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1000, Config{KeepAlive: time.Second})
		go c.Serve(bg, &Events{})
		peer.WantPing("")
		go c.Close(CloseNormal, "")
		peer.WantClose(CloseNormal)
		wait(10 * time.Second)
		peer.WantEOF()
	})
}

// TestTimeoutsBetweenReads: a timeout is looked at soon again if nobody happens to read when it would
// be due. A check that takes the end of a wait for such a pause is a case of that.
func TestTimeoutsBetweenReads(t *testing.T) {
	for _, cfg := range []Config{
		{KeepAlive: 10 * time.Second, PongTimeout: 5 * time.Second, CloseTimeout: time.Second},
		{IdleTimeout: 15 * time.Second, CloseTimeout: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, frame.Server, 1000, cfg)
			start := time.Now()
			ctx, cancel := context.WithTimeout(bg, 14900*time.Millisecond)
			defer cancel()
			_, _, err := c.Read(ctx)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("the first Read = %v, want the end of its context", err)
			}
			wait(200 * time.Millisecond) // nobody reads, and the check comes
			ctx, cancel = context.WithTimeout(bg, time.Minute)
			defer cancel()
			_, _, err = c.Read(ctx)
			if d := time.Since(start); c.State() == StateOpen || d > 18*time.Second {
				t.Errorf("after %v: %v, want the end within 18 s", d, err)
			}
			peer.NetConn().Close()
			<-c.Done()
		})
	}
}

// TestKeepAliveOverShortReads: a dead peer is noticed however short the reads'
// contexts are, and so is an idle one.
func TestKeepAliveOverShortReads(t *testing.T) {
	for _, cfg := range []Config{
		{KeepAlive: 10 * time.Second, PongTimeout: 5 * time.Second},
		{IdleTimeout: 15 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, frame.Server, 1000, cfg)
			start := time.Now()
			var err error
			for c.State() == StateOpen && time.Since(start) < time.Minute {
				ctx, cancel := context.WithTimeout(bg, time.Second)
				_, _, err = c.Read(ctx)
				cancel()
			}
			if d := time.Since(start); d < 15*time.Second || d > 21*time.Second {
				t.Fatalf("%+v: after %v: %v", cfg, d, err)
			}
			peer.NetConn().Close()
			<-c.Done()
		})
	}
}
