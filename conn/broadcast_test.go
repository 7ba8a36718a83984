package conn

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestBroadcastWithSlowPeers: of 1,000 connections 10 never read. Without any
// time passing the other 990 get every message, in order; the 10 hold no more
// than the bound, and lose their connections after WriteTimeout, or at once
// where the policy says so.
func TestBroadcastWithSlowPeers(t *testing.T) {
	const (
		conns, slow    = 1000, 10
		messages, size = 60, 2000
		queue          = 32 << 10
	)
	if !raceEnabled { // under which no memory is measured
		onOneProcessor(t)
	}
	for policy, name := range []string{"close", "refuse", "drop newest", "drop oldest"} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, role frame.Role) {
				var g Group
				var got [conns]int
				cfg := &Config{Group: &g, Queue: queue, QueuePolicy: QueuePolicy(policy)}
				behind := make([]*Conn, 0, slow)
				for i := range conns {
					a, b := wstest.Pipe(4 << 10)
					c := newConn(a, role, Negotiated{}, cfg)
					if i < slow {
						behind = append(behind, c)
						continue
					}
					go c.Serve(bg, &Events{})
					go New(b, role.Peer(), Negotiated{}, Config{}).Serve(bg, &Events{
						Message: func(_ *Conn, _ MessageType, p []byte) {
							if n := int(binary.BigEndian.Uint64(p)); n == got[i] {
								got[i]++
							}
						},
					})
				}
				synctest.Wait()
				_, err := g.Broadcast(Binary, pattern(size)) // whoever is idle has its buffers now
				check(err)
				synctest.Wait()
				start, heap := time.Now(), heapNow()
				message := pattern(size)
				for i := range messages {
					binary.BigEndian.PutUint64(message, uint64(i))
					_, err := g.Broadcast(Binary, message)
					check(err)
					synctest.Wait() // every peer that reads has read
					for _, c := range behind {
						if b := c.Buffered(); b > queue {
							t.Fatalf("%d bytes wait, beyond the bound of %d", b, queue)
						}
					}
				}
				for i, n := range got[slow:] {
					if n != messages {
						t.Fatalf("connection %d got %d messages in order, of %d", i, n, messages)
					}
				}
				if d := time.Since(start); d != 0 {
					t.Errorf("somebody waited for %v", d)
				}
				if grown := heapNow() - heap; !raceEnabled && grown > slow*2*queue+100*conns {
					t.Errorf("the slow peers hold %d bytes", grown)
				}
				wantSlowEnds(t, behind, start)
				if g.Len() != conns-slow {
					t.Errorf("%d connections are left, want %d", g.Len(), conns-slow)
				}
				check(g.Shutdown(bg))
			})
		})
	}
}

// wantSlowEnds waits for the end of connections whose peer never reads.
func wantSlowEnds(t *testing.T, behind []*Conn, since time.Time) {
	t.Helper()
	within, cause, dropped := defaultWriteTimeout, ErrWriteTimeout, uint64(0)
	switch behind[0].cfg.QueuePolicy {
	case QueueClose:
		within, cause = defaultCloseTimeout, ErrQueueFull
	case QueueDropNewest, QueueDropOldest:
		dropped = 40
	}
	for _, c := range behind {
		<-c.Done()
		wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: cause})
		if c.Dropped() < dropped || c.Dropped() > 0 != (dropped > 0) {
			t.Errorf("dropped %d, want at least %d", c.Dropped(), dropped)
		}
	}
	if d := time.Since(since); d > within {
		t.Errorf("they ended after %v, want %v", d, within)
	}
}

// TestQueueDropOldestOverTCP: a socket that takes no more.
func TestQueueDropOldestOverTCP(t *testing.T) {
	inBothRoles(t, "drop oldest", func(t *testing.T, role frame.Role) {
		const last = 5000
		c, peer := tcpPeer(t, role, Config{Queue: 20000, QueuePolicy: QueueDropOldest})
		for i := range last + 1 {
			check(c.Send(Binary, messageNo(i, 1000)))
			if b := c.Buffered(); b > 20000 {
				t.Fatalf("%d bytes wait", b)
			}
		}
		before, came := -1, 0
		for before != last {
			_, p := peer.WantFrame()
			n := number(t, string(p))
			if n <= before {
				t.Fatalf("%d after %d", n, before)
			}
			before = n
			came++
		}
		if dropped := int(c.Dropped()); dropped < last/2 || dropped+came != last+1 {
			t.Errorf("%d came, %d were dropped", came, dropped)
		}
	})
}
