package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// messageNo is message i, of size bytes.
func messageNo(i, size int) []byte {
	return append(fmt.Appendf(nil, "%06d", i), pattern(size-6)...)
}

func number(t *testing.T, p string) (i int) {
	t.Helper()
	if _, err := fmt.Sscanf(p, "%06d", &i); err != nil {
		t.Fatalf("%q: %v", p, err)
	}
	return i
}

// sendNumbered sends n messages of size bytes that nobody reads yet.
func sendNumbered(t *testing.T, c *Conn, n, size int) {
	t.Helper()
	for i := range n {
		if err := c.Send(Binary, messageNo(i, size)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b := c.Buffered(); b > c.queueSize() {
			t.Fatalf("%d bytes wait, beyond the bound of %d", b, c.queueSize())
		}
	}
}

// TestQueueDropNewest: those that came first arrive, in order, and the others
// are counted.
func TestQueueDropNewest(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		traced := 0
		c, peer := pipePeer(t, role, 500, Config{Queue: 10000, QueuePolicy: QueueDropNewest, Trace: &Trace{
			Dropped: func(_ *Conn, m MessageInfo) {
				traced++
				if m != (MessageInfo{Type: Binary, Size: 100}) {
					t.Errorf("traced %+v", m)
				}
			},
		}})
		sendNumbered(t, c, 500, 100)
		dropped := int(c.Dropped())
		if dropped < 350 || dropped > 450 || traced != dropped {
			t.Fatalf("dropped %d, traced %d", dropped, traced)
		}
		for i := range 500 - dropped {
			if _, p := peer.WantFrame(); number(t, string(p)) != i {
				t.Fatalf("%q, want message %d", p, i)
			}
		}
		check(c.Send(Binary, []byte("there is room again")))
		peer.WantBinary([]byte("there is room again"))
	})
}

// TestQueueDropOldest: what was on its way arrives, then the latest, in order;
// control frames and messages that a Write waits for are among them.
func TestQueueDropOldest(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 500, Config{Queue: 10000, QueuePolicy: QueueDropOldest})
		go c.Read(bg)
		sendNumbered(t, c, 50, 100)
		written := make(chan error)
		go func() { written <- c.Write(bg, Text, []byte("waited for")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if err := c.Write(ctx, Text, []byte("withdrawn")); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		for i := range 450 {
			check(c.Send(Binary, messageNo(50+i, 100)))
		}
		peer.Ping("p")
		synctest.Wait()
		var got []int
		ponged, texts := false, 0
		for len(got) == 0 || got[len(got)-1] != 499 || !ponged {
			switch h, p := peer.WantFrame(); h.Opcode {
			case frame.Pong:
				ponged = true
			case frame.Text:
				texts++
				if string(p) != "waited for" {
					t.Errorf("%q", p)
				}
			default:
				got = append(got, number(t, string(p)))
			}
		}
		check(<-written)
		jumps := 0
		for i, n := range got {
			if i > 0 && n != got[i-1]+1 {
				jumps++
			}
			if i > 0 && n <= got[i-1] {
				t.Fatalf("out of order: %v", got)
			}
		}
		if got[0] != 0 || jumps != 1 || texts != 1 {
			t.Errorf("%d jumps, %d texts: %v", jumps, texts, got)
		}
		if int(c.Dropped()) != 500-len(got) || len(got) < 30 {
			t.Errorf("dropped %d, %d came", c.Dropped(), len(got))
		}
		go c.Close(CloseNormal, "")
		peer.WantClose(CloseNormal)
	})
}

// TestQueueDropOldestAppended: what was appended and is not yet on its way.
func TestQueueDropOldestAppended(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 500, Config{Queue: 10000, QueuePolicy: QueueDropOldest})
		for i := range 500 {
			check(c.Append(Binary, messageNo(i, 100)))
		}
		go c.Flush(bg)
		last := -1
		for last != 499 {
			_, p := peer.WantFrame()
			n := number(t, string(p))
			if n <= last {
				t.Fatalf("%d after %d", n, last)
			}
			last = n
		}
	})
}

// TestQueueDropOldestUnderTakeover: what is dropped was never part of the
// window, whatever is sent in whichever way.
func TestQueueDropOldestUnderTakeover(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, other := deflatePair(t, role, Config{Queue: 4000, QueuePolicy: QueueDropOldest}, Config{})
		var sent []string
		random := rand.New(rand.NewPCG(1, 2))
		for round := range 30 {
			for i := range 100 {
				p := fmt.Sprintf("%d/%d %s", round, i, pattern(random.IntN(1500)))
				sent = append(sent, p)
				m, err := Prepare(Text, []byte(p))
				check(err)
				switch i % 4 {
				case 0:
					check(c.SendPrepared(m))
				case 1:
					check(c.Append(Text, []byte(p)))
				default:
					check(c.Send(Text, []byte(p)))
				}
			}
			check(c.Send(Text, []byte("end of round")))
			sent = append(sent, "end of round")
			for i := 0; ; i++ {
				_, p, err := other.Read(bg)
				check(err)
				for len(sent) > 0 && sent[0] != string(p) { // dropped
					sent = sent[1:]
				}
				if len(sent) == 0 {
					t.Fatalf("%.80q was never sent, or is out of order", p)
				}
				if string(p) == "end of round" {
					break
				}
			}
			sent = nil
		}
		if c.Dropped() < 100 {
			t.Errorf("only %d were dropped", c.Dropped())
		}
	})
}

// TestQueueDropOldestKeepsAll where dropping all would not make room: the new
// message goes.
func TestQueueDropOldestKeepsAll(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 10, Config{Queue: 1000, QueuePolicy: QueueDropOldest})
		check(c.Send(Binary, messageNo(0, 600))) // on its way
		check(c.Send(Binary, messageNo(1, 100)))
		check(c.Send(Binary, messageNo(2, 700)))
		if c.Dropped() != 1 {
			t.Errorf("dropped %d", c.Dropped())
		}
		for i := range 2 {
			if _, p := peer.WantFrame(); number(t, string(p)) != i {
				t.Errorf("%q, want message %d", p, i)
			}
		}
	})
}

// TestQueueClose: by default the connection ends with 1013, and says why.
func TestQueueClose(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 500, Config{Queue: 10000})
		go c.Serve(bg, &Events{})
		var err error
		sent := 0
		for ; err == nil; sent++ {
			err = c.Send(Binary, messageNo(sent, 100))
		}
		wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: ErrQueueFull})
		if !errors.Is(err, ErrQueueFull) || sent < 80 || c.State() != StateClosing {
			t.Errorf("%v after %d messages, %v", err, sent, c.State())
		}
		wantEnd(t, c.Send(Binary, nil), CloseError{Code: CloseAbnormal, Err: ErrQueueFull})
		for i := range sent - 1 { // a peer that reads on gets all that was taken, and the code
			if _, p := peer.WantFrame(); number(t, string(p)) != i {
				t.Fatalf("%q, want message %d", p, i)
			}
		}
		if reason := peer.WantClose(CloseTryAgainLater); !strings.Contains(reason, "too slowly") {
			t.Errorf("reason %q", reason)
		}
		peer.WantEOF()

		c, _ = pipePeer(t, role, 500, Config{Queue: 10000})
		for c.Send(Binary, pattern(100)) == nil {
		}
		start := time.Now()
		<-c.Done() // though the peer does nothing
		if d := time.Since(start); d != defaultCloseTimeout {
			t.Error("ended after ", d)
		}
	})
}

// TestQueueTooLong: a message that would never fit is the caller's mistake, and
// the error says so, and no word of the peer.
func TestQueueTooLong(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		for policy := range QueueDropOldest + 1 {
			c, _ := pipePeer(t, role, 10000, Config{Queue: 1000, QueuePolicy: policy})
			prepared, err := Prepare(Binary, pattern(1000))
			check(err)
			for _, err := range []error{c.Send(Binary, pattern(1000)), c.Append(Binary, pattern(1000)), c.SendPrepared(prepared)} {
				if !errors.Is(err, ErrQueueTooSmall) || c.Dropped() != 0 || c.State() != StateOpen {
					t.Fatalf("policy %d: %v, %d dropped, %v", policy, err, c.Dropped(), c.State())
				}
				if text := err.Error(); !strings.Contains(text, "of 1000 bytes") || !strings.Contains(text, "Queue") || strings.Contains(text, "slow") {
					t.Errorf("policy %d: %v", policy, err)
				}
			}
		}
	})
}

// TestEchoOfTheLargest: a connection with the default Queue can answer whatever
// it may receive with the same, behind a message that waits already.
func TestEchoOfTheLargest(t *testing.T) {
	for _, tt := range []struct {
		configured, set int64
		size            int
	}{{size: 1 << 20}, {1000, 0, 1000}, {3 << 20, 0, 3 << 20}, {17 << 20, 0, 17 << 20}, {-1, 0, 9 << 20}, {0, 5 << 20, 5 << 20}, {0, -1, 5 << 20}} {
		for _, policy := range []QueuePolicy{QueueRefuse, QueueClose, QueueDropNewest, QueueDropOldest} {
			for name, echo := range map[string]func(*Conn, MessageType, []byte) error{"Append": (*Conn).Append, "Send": (*Conn).Send} {
				t.Run(fmt.Sprintf("%d,%d/%d/%s", tt.configured, tt.set, policy, name), func(t *testing.T) {
					echoLargest(t, Config{MaxMessageSize: tt.configured, QueuePolicy: policy}, tt.set, tt.size, echo)
				})
			}
		}
	}
}

func echoLargest(t *testing.T, cfg Config, set int64, size int, echo func(*Conn, MessageType, []byte) error) {
	a, b := wstest.Pipe(1 << 10)
	s, c := New(a, frame.Server, Negotiated{}, cfg), New(b, frame.Client, Negotiated{}, Config{MaxMessageSize: -1})
	t.Cleanup(func() { _, _ = s.CloseNow(), c.CloseNow() })
	if set != 0 {
		s.SetMaxMessageSize(set)
	}
	go s.Serve(bg, &Events{Message: func(s *Conn, typ MessageType, p []byte) {
		if err := echo(s, typ, p); err != nil || s.Dropped() > 0 {
			t.Errorf("a message of %d bytes: %v, %d dropped", len(p), err, s.Dropped())
			_ = s.CloseNow()
		}
	}})
	sent := make(chan error, 1)
	go func() {
		sent <- errors.Join(c.Write(bg, Text, []byte("small")), c.Write(bg, Binary, make([]byte, size)))
	}()
	for _, n := range []int{len("small"), size} {
		if _, p, err := c.Read(within(t)); err != nil || len(p) != n {
			t.Fatalf("%d bytes, %v; want %d", len(p), err, n)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestDefaultQueue: the queue is bounded by default, whatever may be received.
func TestDefaultQueue(t *testing.T) {
	for limit, most := range map[int64]int{0: 2 << 20, 1000: 2 << 20, 4 << 20: 8 << 20, -1: 3 << 20, 1<<63 - 1: maxInt} {
		c, _ := pipePeer(t, frame.Server, 10, Config{MaxMessageSize: limit, QueuePolicy: QueueRefuse})
		var err error
		for range 12 {
			if err = c.Send(Binary, make([]byte, 1<<20)); err != nil {
				break
			}
		}
		if full := most < 12<<20; full != (err == ErrQueueFull) || c.Buffered() > most {
			t.Errorf("limit %d: %d bytes are buffered, %v", limit, c.Buffered(), err)
		}
		_ = c.CloseNow()
	}
}

// TestQueueCountsEntries: messages of one byte that wait are bounded by what
// they cost.
func TestQueueCountsEntries(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, _ := pipePeer(t, role, 1000, Config{Queue: 128 << 10})
		_, err := c.NextWriter(bg, Text)
		check(err)
		n := 0
		for ; c.Send(Text, []byte("x")) == nil; n++ {
		}
		if n < 900 || n > 1024 {
			t.Errorf("%d messages wait, at 128 bytes each in 128 KiB", n)
		}
	})
}

// TestDrained: the channel tells when the queue is down to the mark, and at the
// end.
func TestDrained(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 100, Config{Queue: 10000, QueuePolicy: QueueDropOldest})
		is := func(ch <-chan struct{}, want bool) {
			t.Helper()
			synctest.Wait()
			select {
			case <-ch:
				if !want {
					t.Fatalf("told with %d bytes left", c.Buffered())
				}
			default:
				if want {
					t.Fatalf("not told with %d bytes left", c.Buffered())
				}
			}
		}
		is(c.Drained(0), true)
		check(c.Append(Text, []byte("appended")))
		ch := c.Drained(-1)
		peer.WantText("appended") // it has left
		is(ch, true)
		for i := range 50 {
			check(c.Send(Binary, messageNo(i, 100)))
		}
		low, half, again := c.Drained(0), c.Drained(3000), c.Drained(3000)
		is(low, false)
		is(half, false)
		if half != again {
			t.Error("a channel for each call with the same mark")
		}
		for c.Buffered() > 3000 {
			peer.WantFrame()
			synctest.Wait()
		}
		is(half, true)
		is(low, false)
		for c.Buffered() > 0 {
			peer.WantFrame()
			synctest.Wait()
		}
		is(low, true)
		for range 50 {
			check(c.Send(Binary, pattern(100)))
		}
		low = c.Drained(0)
		is(low, false)
		check(c.CloseNow())
		is(low, true)
		is(c.Drained(0), true)
	})
}

// TestDrainedLetsLaterLeave: what is appended while somebody waits in Drained leaves, too. Nobody
// else may ever let it leave: the reader waits for the peer already.
func TestDrainedLetsLaterLeave(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 100, Config{})
		go c.Serve(bg, nil)
		synctest.Wait()
		check(c.Send(Binary, pattern(1000)))
		drained := c.Drained(0)
		check(c.Append(Text, []byte("appended")))
		synctest.Wait()
		peer.WantFrame()
		peer.WantText("appended")
		synctest.Wait()
		if !isClosed(drained) {
			t.Errorf("Drained(0) has not told with %d bytes left, and the peer has read all", c.Buffered())
		}
	})
}

// TestTraceQueued: the depth of the queue, when a message has to wait.
func TestTraceQueued(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var depths []int
		c, _ := pipePeer(t, role, 1<<20, Config{Trace: &Trace{Queued: func(_ *Conn, n int) { depths = append(depths, n) }}})
		check(c.Append(Text, []byte("no reason to wait")))
		check(c.Flush(bg))
		if len(depths) != 0 {
			t.Errorf("%v", depths)
		}
		c, _ = pipePeer(t, role, 10, *c.cfg)
		header := 2
		if role == frame.Client {
			header = 6
		}
		for range 3 {
			check(c.Send(Text, []byte(strings.Repeat("x", 94))))
			synctest.Wait()
		}
		n := 94 + header
		if fmt.Sprint(depths) != fmt.Sprint([]int{2*n - 10, 3*n - 10}) && fmt.Sprint(depths) != fmt.Sprint([]int{2 * n, 3 * n}) {
			t.Errorf("%v, want multiples of %d for all but the first, which began to leave at once", depths, n)
		}
	})
}

// TestLongMessageIsNotCopied: what the socket takes at once of a long message that nobody waits for
// leaves from where it lies.
func TestLongMessageIsNotCopied(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	onOneProcessor(t)
	const size = 200 << 10
	s, c := tcpPair(t, Config{})
	p, buf := pattern(size), make([]byte, size)
	for name, send := range map[string]func() error{
		"Append": func() error { return s.Append(Binary, p) },
		"Send":   func() error { return s.Send(Binary, p) },
	} {
		least := uint64(size)
		for range 5 { // others may allocate in between
			runtime.GC()
			runtime.GC() // the second one empties the pools
			before := allocated()
			check(send())
			least = min(least, allocated()-before)
			if _, q, err := c.ReadInto(within(t), buf[:0]); err != nil || !bytes.Equal(q, p) {
				t.Fatalf("%s: %d bytes came, error %v", name, len(q), err)
			}
		}
		if least > size/4 {
			t.Errorf("%s of %d bytes took %d bytes of memory", name, size, least)
		}
	}
}

// TestLongMessagesToSlowPeer: long messages that nobody waits for arrive as they were, also if the
// socket takes a part of them, and their caller uses the memory again at once.
func TestLongMessagesToSlowPeer(t *testing.T) {
	const size, n = 1 << 20, 6
	a, b := tcpNets(t)
	check(a.SetWriteBuffer(64 << 10))
	check(b.SetReadBuffer(64 << 10))
	s := New(a, frame.Server, Negotiated{}, Config{Queue: 2 * n * size})
	c := New(b, frame.Client, Negotiated{}, Config{MaxMessageSize: size})
	defer s.CloseNow()
	defer c.CloseNow()
	p := make([]byte, size)
	waited := false
	for i := range n {
		copy(p, messageNo(i, size))
		send := s.Append
		if i%2 == 1 {
			send = s.Send
		}
		check(send(Binary, p))
		clear(p)
		waited = waited || s.Buffered() > 0
	}
	if !waited {
		t.Error("nothing had to wait, so that the test shows nothing")
	}
	for i := range n {
		if _, q, err := c.Read(within(t)); err != nil || !bytes.Equal(q, messageNo(i, size)) {
			t.Fatalf("message %d: %d bytes came, error %v", i, len(q), err)
		}
	}
}

// TestLongMessageToLostPeer: a connection that only appends long messages learns that its peer is
// gone.
func TestLongMessageToLostPeer(t *testing.T) {
	a, b := tcpNets(t)
	s := New(a, frame.Server, Negotiated{}, Config{Queue: 1 << 20})
	defer s.CloseNow()
	check(b.SetLinger(0))
	check(b.Close())
	p := pattern(256 << 10)
	for {
		if err := s.Append(Binary, p); err != nil {
			if _, ok := errors.AsType[*CloseError](err); !ok {
				t.Errorf("Append = %v, want a *CloseError", err)
			}
			break
		}
	}
	select {
	case <-s.Done():
	case <-within(t).Done():
		t.Fatal("the connection has not ended")
	}
	if n := s.Buffered(); n != 0 {
		t.Errorf("%d bytes wait at the end", n)
	}
}

// TestLongMessagesOfMany: the messages of goroutines that send in all ways at once arrive whole, and
// those of each in its order, though the goroutine uses the memory again after each call. A Write
// whose context has ended may have been withdrawn.
func TestLongMessagesOfMany(t *testing.T) {
	for _, loop := range []*Loop{nil, new(Loop)} {
		a, b := tcpNets(t)
		s := New(a, frame.Server, Negotiated{}, Config{Queue: 64 << 20, Loop: loop})
		c := New(b, frame.Client, Negotiated{}, Config{})
		check(s.Handle(&Events{}))
		const senders, each = 4, 12
		var wg sync.WaitGroup
		var sure [senders][each]bool // that a message arrives
		for g := range senders {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 1))
				p := make([]byte, 250<<10)
				for i := range each {
					m := p[:copy(p, messageNo(g*each+i, 6+r.IntN(len(p)-6)))]
					sure[g][i] = sendSomehow(t, s, g+i, m)
					clear(m)
				}
			})
		}
		go func() {
			wg.Wait()
			check(s.Write(bg, Text, []byte("end")))
		}()
		var last [senders]int
		var came [senders][each]bool
		for {
			_, p, err := c.Read(within(t))
			if err != nil {
				t.Fatal(err)
			}
			if string(p) == "end" {
				break
			}
			n := number(t, string(p))
			g, i := n/each, n%each
			if !bytes.Equal(p, messageNo(n, len(p))) || i < last[g] || came[g][i] {
				t.Fatalf("message %d of %d, of %d bytes, is not as it was sent, or comes after message %d", i, g, len(p), last[g])
			}
			last[g], came[g][i] = i, true
		}
		for g := range senders {
			for i := range each {
				if sure[g][i] && !came[g][i] {
					t.Errorf("message %d of %d has not come", i, g)
				}
			}
		}
		check(s.CloseNow())
		_ = c.CloseNow()
	}
}

// sendSomehow sends m in one of four ways, and reports whether it is sure to arrive.
func sendSomehow(t *testing.T, c *Conn, way int, m []byte) (sure bool) {
	var err error
	switch way % 4 {
	case 0:
		err = c.Append(Binary, m)
	case 1:
		err = c.Send(Binary, m)
	case 2:
		err = c.Write(bg, Binary, m)
	case 3:
		ctx, cancel := context.WithTimeout(bg, time.Millisecond)
		defer cancel()
		if err = c.Write(ctx, Binary, m); errors.Is(err, context.DeadlineExceeded) {
			return false
		}
	}
	if err != nil {
		t.Errorf("way %d: %v", way%4, err)
	}
	return err == nil
}
