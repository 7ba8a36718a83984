package conn

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

func wantLen(t *testing.T, g *Group, want int) {
	t.Helper()
	n := 0
	for c := range g.All() {
		if c == nil {
			t.Error("All yields nil")
		}
		n++
	}
	if g.Len() != want || n != want {
		t.Errorf("Len %d, All yields %d, want %d", g.Len(), n, want)
	}
}

// TestGroupTracks: a connection is in its Group until it has ended.
func TestGroupTracks(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var g Group
		wantLen(t, &g, 0)
		conns := map[*Conn]*wstest.Peer{}
		for range 200 {
			c, peer := pipePeer(t, role, 1000, Config{Group: &g})
			conns[c] = peer
		}
		wantLen(t, &g, 200)
		for c := range g.All() {
			if conns[c] == nil {
				t.Error("All yields a connection that is not of the Group")
			}
			_ = c.CloseNow() // no lock is held
			delete(conns, c)
			if len(conns) == 100 {
				break
			}
		}
		wantLen(t, &g, 100)
		for c, peer := range conns {
			go peer.Close(CloseNormal, "")
			_, _, err := c.Read(bg)
			wantEnd(t, err, CloseError{Code: CloseNormal, Remote: true})
			_ = peer.NetConn().Close()
		}
		synctest.Wait()
		wantLen(t, &g, 0)
		check(g.Shutdown(bg))
	})
}

// TestGroupEndedByOpened: a connection that Trace.Opened has ended is not in the
// Group, and leaves no timer behind.
func TestGroupEndedByOpened(t *testing.T) {
	var g Group
	cfg := Config{Group: &g, KeepAlive: time.Hour, Trace: &Trace{
		Opened: func(c *Conn, _ *handshake.Request) { check(c.CloseNow()) },
	}}
	for range 3 {
		c, _ := pipePeer(t, frame.Server, 1000, cfg)
		<-c.Done()
		if c.keep.timer.Stop() {
			t.Error("the timer of KeepAlive goes on")
		}
	}
	wantLen(t, &g, 0)
	if n := g.held.Load(); n != 0 {
		t.Errorf("Shutdown would wait for %d", n)
	}
}

// TestGroupShutdown: whatever a connection is about, it gets its 1001, and
// Shutdown waits for the closing handshake and for the callbacks.
func TestGroupShutdown(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var g Group
		var peers []*wstest.Peer
		start := func(run func(c *Conn)) {
			c, peer := pipePeer(t, role, 1000, Config{Group: &g})
			peers = append(peers, peer)
			run(c)
		}
		closed, read := false, make(chan error, 1)
		start(func(*Conn) {}) // nobody reads
		start(func(c *Conn) { go func() { _, _, err := c.Read(bg); read <- err }() })
		start(func(c *Conn) {
			go c.Serve(bg, &Events{Close: func(_ *Conn, err *CloseError) {
				wait(time.Second)
				closed = err.Clean() && err.Code == CloseGoingAway && !err.Remote
			}})
		})
		start(func(c *Conn) { // a message is being written
			w, err := c.NextWriter(bg, Text)
			check(err)
			_, err = w.Write([]byte("never ended"))
			check(err)
		})
		start(func(c *Conn) { check(c.Append(Text, []byte("before"))) })
		synctest.Wait()
		ended := make(chan error)
		go func() { ended <- g.Shutdown(bg) }()
		peers[4].WantText("before")
		for _, peer := range peers {
			if reason := peer.WantClose(CloseGoingAway); reason == "" {
				t.Error("no reason")
			}
			wait(100 * time.Millisecond)
			select {
			case err := <-ended:
				t.Fatal("Shutdown did not wait: ", err)
			default:
			}
			peer.Close(CloseGoingAway, "")
			_ = peer.NetConn().Close()
		}
		check(<-ended)
		if !closed {
			t.Error("Shutdown did not wait for the Close event")
		}
		wantEnd(t, <-read, CloseError{Code: CloseGoingAway})
		wantLen(t, &g, 0)
	})
}

// TestGroupShutdownContext: when the context ends, so does all the rest.
func TestGroupShutdownContext(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var g Group
		cfg := Config{Group: &g, CloseTimeout: -1}
		silent, _ := pipePeer(t, role, 1000, cfg)
		go silent.Serve(bg, &Events{})
		unread, _ := pipePeer(t, role, 1, cfg)
		stuck, peer := pipePeer(t, role, 1000, cfg)
		proceed := make(chan bool)
		go stuck.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { <-proceed }})
		peer.Text("work")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(bg, 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := g.Shutdown(ctx); err != context.DeadlineExceeded || time.Since(start) != 3*time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(start))
		}
		for _, c := range []*Conn{silent, unread} {
			<-c.Done()
			wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: errClosedNow})
		}
		if stuck.State() != StateClosed {
			t.Error("the connection whose callback runs is open: ", stuck.State())
		}
		again := make(chan error)
		go func() { again <- g.Shutdown(bg) }()
		synctest.Wait()
		close(proceed) // the callback returns, and Serve with it
		check(<-again)
	})
}

// TestGroupShutdownTimeout: without a context's end, CloseTimeout is the bound.
func TestGroupShutdownTimeout(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var g Group
		c, _ := pipePeer(t, role, 1000, Config{Group: &g, CloseTimeout: time.Second})
		check(g.Shutdown(bg))
		wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: ErrCloseTimeout})
	})
}

// TestGroupRefuses: a Group that was shut down takes nobody in.
func TestGroupRefuses(t *testing.T) {
	for door, serve := range map[string]func(*Upgrader) (string, func()){"Handler": serveHandler, "UpgradeNet": serveNet} {
		t.Run(door, func(t *testing.T) {
			var g Group
			var s transcript
			u := &Upgrader{Config: Config{Group: &g, Trace: s.trace()}}
			check(g.Shutdown(bg))
			addr, stop := serve(u)
			nc := dialTCP(t, addr)
			send(t, nc, chatRequest())
			resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
			check(err)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = nc.Close()
			stop()
			if resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("status %d, want 503", resp.StatusCode)
			}
			if got := s.take(); len(got) != 1 {
				t.Errorf("traced %q", got)
			}
		})
	}
	t.Run("Dial", func(t *testing.T) {
		var g Group
		check(g.Shutdown(bg))
		d := Dialer{Config: Config{Group: &g}, NetDial: func(context.Context, string, string) (net.Conn, error) {
			t.Error("dialed")
			return nil, io.EOF
		}}
		if _, _, err := d.Dial(bg, "ws://localhost"); !errors.Is(err, ErrGroupClosed) {
			t.Error(err)
		}
	})
	bubbles(t, func(t *testing.T, role frame.Role) {
		var g Group
		check(g.Shutdown(bg))
		_, peer := pipePeer(t, role, 1000, Config{Group: &g}) // New
		peer.WantClose(CloseGoingAway)
		peer.Close(CloseGoingAway, "")
		_ = peer.NetConn().Close()
		check(g.Shutdown(bg))
	})
}

// TestGroupShutdownDuringHandshake: one that was let in just before gets its
// 1001, and Shutdown waits for it.
func TestGroupShutdownDuringHandshake(t *testing.T) {
	for door, serve := range map[string]func(*Upgrader) (string, func()){"Handler": serveHandler, "UpgradeNet": serveNet} {
		t.Run(door, func(t *testing.T) {
			var g Group
			checking, proceed := make(chan bool), make(chan bool)
			u := &Upgrader{Config: Config{Group: &g}, Check: func(*handshake.Request) error {
				close(checking)
				<-proceed
				return nil
			}}
			addr, stop := serve(u)
			go func() {
				<-checking
				ended := make(chan error)
				go func() { ended <- g.Shutdown(bg) }()
				for !g.closing.Load() {
					runtime.Gosched()
				}
				close(proceed)
				check(<-ended)
				stop()
			}()
			c, err := Dial(bg, "ws://"+addr)
			check(err)
			_, _, err = c.Read(bg)
			wantEnd(t, err, CloseError{Code: CloseGoingAway, Reason: "the server is shutting down", Remote: true})
			<-c.Done()
		})
	}
}

// TestGroupShutdownAmidChurn: connections come and go on all sides while the
// Group is shut down, and none stays.
func TestGroupShutdownAmidChurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var made atomic.Int64
		var churn sync.WaitGroup
		for i := range 8 {
			churn.Go(func() {
				for j := 0; !g.refuses() || j == 0; j++ {
					a, b := wstest.Pipe(1000)
					role := frame.Role(i % 2)
					c, other := New(a, role, Negotiated{}, Config{Group: &g}), New(b, role.Peer(), Negotiated{}, Config{})
					made.Add(1)
					churn.Go(func() { _ = c.Serve(bg, &Events{}) })
					churn.Go(func() { _ = other.Serve(bg, &Events{}) })
					if j%2 == 0 {
						_ = c.Close(CloseNormal, "")
					}
				}
			})
		}
		for made.Load() < 500 {
			runtime.Gosched()
		}
		check(g.Shutdown(bg))
		churn.Wait()
		wantLen(t, &g, 0)
		check(g.Shutdown(bg))
	})
}

// TestGroupBroadcast reaches everybody who has room.
func TestGroupBroadcast(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var g Group
		var peers []*wstest.Peer
		for range 10 {
			_, peer := pipePeer(t, role, 1000, Config{Group: &g})
			peers = append(peers, peer)
		}
		_, _ = pipePeer(t, role, 1000, Config{Group: &g, Queue: 10})
		n, err := g.Broadcast(Text, []byte("to all"))
		if n != 10 || err != nil {
			t.Errorf("reached %d, %v, want 10", n, err)
		}
		for _, peer := range peers {
			peer.WantText("to all")
		}
		if n, err := g.Broadcast(Text, []byte("\xff")); n != 0 || err != frame.ErrInvalidUTF8 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// TestHeapPerTrackedConn bounds what being in a Group costs.
func TestHeapPerTrackedConn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	onOneProcessor(t)
	const n = 10000
	conns := make([]*Conn, n)
	measure := func(cfg *Config) int {
		before := heapNow()
		for i := range conns {
			conns[i] = newConn(&loopStream{}, frame.Server, Negotiated{}, cfg)
		}
		size := (heapNow() - before) / n
		for _, c := range conns {
			check(c.CloseNow())
		}
		clear(conns)
		return size
	}
	var g Group
	var without, with int
	for range 3 { // what an earlier test's goroutines do late counts too, once
		without, with = measure(new(Config)), measure(&Config{Group: &g})
		if with-without <= 48 {
			break
		}
	}
	if with-without > 48 {
		t.Errorf("%d bytes for a connection in a Group, want at most 48", with-without)
	}
	t.Logf("%d bytes for a connection in a Group, beside %d", with-without, without)
	wantLen(t, &g, 0)
}
