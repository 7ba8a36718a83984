package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestWritersAreOneFIFO has many goroutines write in all ways at once: each
// message arrives whole, once, and in the order of its writer's calls.
func TestWritersAreOneFIFO(t *testing.T) {
	const writers, each = 12, 150
	overBoth(t, Config{FragmentSize: 3000, Queue: 64 << 20}, func(t *testing.T, s, c *Conn) {
		ctx := within(t)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := writeSomehow(ctx, s, w, i); err != nil {
						t.Errorf("writer %d, message %d: %v", w, i, err)
						return
					}
				}
			})
		}
		go func() { wg.Wait(); _ = s.Flush(ctx) }()
		var next [writers]uint32
		var buf []byte
		for range writers * each {
			_, p, err := c.ReadInto(ctx, buf[:0])
			if err != nil {
				t.Fatal(err)
			}
			w, i := p[0], binary.BigEndian.Uint32(p[1:])
			if i != next[w] {
				t.Fatalf("writer %d: message %d came, want %d", w, i, next[w])
			}
			if want := numbered(int(w), int(i)); !bytes.Equal(p, want) {
				t.Fatalf("writer %d, message %d: %d bytes differ from the %d sent", w, i, len(p), len(want))
			}
			next[w]++
			buf = p
		}
		wg.Wait() // a message may arrive before the call that wrote it returns
	})
}

// numbered is message i of writer w, in one of several sizes.
func numbered(w, i int) []byte {
	size := []int{5, 100, 2999, 3000, 3001, 9001, 20000}[(w+i)%7]
	p := append([]byte{byte(w)}, binary.BigEndian.AppendUint32(nil, uint32(i))...)
	return append(p, pattern(size)...)
}

func writeSomehow(ctx context.Context, c *Conn, w, i int) error {
	p := numbered(w, i)
	switch (w + 3*i) % 6 {
	case 0:
		return c.Append(Binary, p)
	case 1:
		return c.Send(Binary, p)
	case 2:
		prepared, err := Prepare(Binary, p)
		if err != nil {
			return err
		}
		return c.WritePrepared(bg, prepared)
	case 3:
		m, err := c.NextWriter(ctx, Binary)
		if err != nil {
			return err
		}
		for len(p) > 0 {
			n := min(len(p), 1777)
			if _, err := m.Write(p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
		return m.Close()
	case 4:
		return c.Write(bg, Binary, p)
	}
	return c.Write(ctx, Binary, p)
}

// TestWriteIsWithdrawn: a Write whose context ends while it waits leaves no
// trace, and those behind it go on.
func TestWriteIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 10, Config{})
		results := make(chan error, 3)
		go func() { results <- c.Write(bg, Text, []byte("the first message fills the pipe")) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(bg)
		go func() { results <- c.Write(ctx, Text, []byte("withdrawn")) }()
		synctest.Wait()
		go func() { results <- c.Write(bg, Text, []byte("third")) }()
		synctest.Wait()
		cancel()
		if err := <-results; err != context.Canceled {
			t.Fatalf("the cancelled Write returned %v", err)
		}
		peer.WantText("the first message fills the pipe")
		peer.WantText("third")
		if a, b := <-results, <-results; a != nil || b != nil {
			t.Fatal(a, b)
		}
		if n := c.Buffered(); n != 0 {
			t.Fatalf("%d bytes still buffered", n)
		}
	})
}

// TestWriteGivesUpWaiting: over a transport whose writes can't be interrupted,
// the caller stops waiting and the message still goes out whole.
func TestWriteGivesUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Client, 10, Config{})
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		err := c.Write(ctx, Text, []byte("longer than the pipe"))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		peer.WantText("longer than the pipe")
		if err := c.Write(bg, Text, []byte("next")); err != nil {
			t.Fatal(err)
		}
		peer.WantText("next")
	})
}

// TestWriteInterruptedOnSocket: the same on a socket, where the write itself
// is interrupted and a goroutine finishes it.
func TestWriteInterruptedOnSocket(t *testing.T) {
	for _, size := range []int{1000, 100 << 10, 400 << 10} {
		c, peer := tcpPeer(t, frame.Server, Config{Queue: 4 << 20})
		sent, kept := 0, 0
		for kept == 0 {
			ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
			err := c.Write(ctx, Binary, pattern(size))
			cancel()
			switch {
			case err == nil:
				sent++
			case !errors.Is(err, os.ErrDeadlineExceeded):
				t.Fatalf("%d bytes: %v", size, err)
			default:
				kept++
			}
		}
		done := make(chan error, 1)
		go func() { done <- c.Write(within(t), Text, []byte("after")) }()
		for range sent {
			peer.WantMessage(frame.Binary, string(pattern(size)))
		}
		// What was interrupted arrives whole or not at all.
		h, p := peer.WantFrame()
		if h.Opcode == frame.Binary {
			for !h.Fin {
				var more []byte
				h, more = peer.WantFrame()
				p = append(p, more...)
			}
			if !bytes.Equal(p, pattern(size)) {
				t.Fatalf("%d bytes: %d arrived of the interrupted message", size, len(p))
			}
			peer.WantText("after")
		} else if string(p) != "after" {
			t.Fatalf("got %v %q", h, p)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// TestCancelledWriteBeyondQueue: what a cancelled write leaves behind is
// bounded by Config.Queue, or else the connection fails.
func TestCancelledWriteBeyondQueue(t *testing.T) {
	c, peer := tcpPeer(t, frame.Server, Config{Queue: 1000})
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	go func() { // once a part of it is out: before that it would be withdrawn
		_, _ = peer.NetConn().Read(make([]byte, 1))
		cancel()
	}()
	if err := c.Write(ctx, Binary, make([]byte, 16<<20)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-c.Done()
	if !errors.Is(c.Err(), ErrQueueFull) {
		t.Fatal(c.Err())
	}
}

// TestWriteTimeout: a peer that never reads loses its connection.
func TestWriteTimeout(t *testing.T) {
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := pipePeer(t, frame.Server, 10, Config{})
			start := time.Now()
			if err := c.Write(bg, Binary, make([]byte, 100)); !errors.Is(err, ErrWriteTimeout) {
				t.Fatal(err)
			}
			if d := time.Since(start); d != defaultWriteTimeout {
				t.Fatalf("after %v", d)
			}
			<-c.Done()
			if !errors.Is(c.Err(), ErrWriteTimeout) || !errors.Is(c.Err(), os.ErrDeadlineExceeded) || !errors.Is(c.Err(), net.ErrClosed) {
				t.Fatal(c.Err())
			}
		})
	})
	t.Run("tcp", func(t *testing.T) {
		c, _ := tcpPeer(t, frame.Server, Config{WriteTimeout: 20 * time.Millisecond})
		if err := c.Write(bg, Binary, make([]byte, 32<<20)); !errors.Is(err, ErrWriteTimeout) {
			t.Fatal(err)
		}
		<-c.Done()
	})
}

// TestQueueBound: Append and Send take no more than Config.Queue, and lose
// nothing that they took.
func TestQueueBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 10, Config{Queue: 1000, QueuePolicy: QueueRefuse})
		if err := c.Send(Binary, make([]byte, 1000)); !errors.Is(err, ErrQueueTooSmall) {
			t.Fatalf("a message larger than the queue: %v", err)
		}
		n := 0
		for c.Send(Text, []byte("0123456789")) == nil {
			n++
		}
		if err := c.Append(Text, []byte("0123456789")); err != ErrQueueFull {
			t.Fatal(err)
		}
		if n == 0 || c.Buffered() > 1000 {
			t.Fatalf("%d messages, %d bytes buffered", n, c.Buffered())
		}
		for range n {
			peer.WantText("0123456789")
		}
		synctest.Wait()
		if b := c.Buffered(); b != 0 {
			t.Fatalf("%d bytes buffered", b)
		}
	})
}

// TestAppendLeaves: with Flush, with the next Write, and when a reader waits.
func TestAppendLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		appendAll := func(messages ...string) {
			for _, m := range messages {
				if err := c.Append(Text, []byte(m)); err != nil {
					t.Fatal(err)
				}
			}
			peer.WantNothing()
		}
		writes := func() int { return c.transport.Unwrap().(interface{ Writes() int }).Writes() }
		appendAll("a", "b")
		if err := c.Flush(bg); err != nil {
			t.Fatal(err)
		}
		peer.WantText("a")
		peer.WantText("b")
		appendAll("c")
		if err := c.Write(bg, Text, []byte("d")); err != nil {
			t.Fatal(err)
		}
		peer.WantText("c")
		peer.WantText("d")
		appendAll("e")
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		peer.WantText("e")
		if n := writes(); n != 3 {
			t.Fatalf("%d writes for three batches", n)
		}
	})
}

// TestAppendLeavesBetweenReads: a peer that reads gets all the answers, however
// many requests it sends without a pause, so that Serve never waits for one.
func TestAppendLeavesBetweenReads(t *testing.T) {
	const requests = 1000
	near, far := tcpNets(t)
	c := New(near, frame.Server, Negotiated{}, Config{Queue: 8 << 10})
	_, err := far.Write(frames(frame.Server, requests, frame.Header{Opcode: frame.Binary, Fin: true}, string(pattern(100))))
	check(err)
	answers := make(chan error, requests)
	go c.Serve(bg, &Events{Message: func(c *Conn, mt MessageType, p []byte) { answers <- c.Append(mt, p) }})
	peer := wstest.NewPeer(t, far, frame.Client)
	for i := range requests {
		if err := <-answers; err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		peer.WantBinary(pattern(100))
	}
	check(c.CloseNow())
	<-c.Done()
}

// TestControlPassesBetweenFragments: a ping is answered while a message is
// being written; other messages wait for its end.
func TestControlPassesBetweenFragments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{FragmentSize: 4})
		go c.Serve(bg, &Events{})
		m, err := c.NextWriter(bg, Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Write([]byte("12345")); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Write(bg, Text, []byte("wait")) }()
		if err := c.Send(Text, []byte("sent")); err != nil {
			t.Fatal(err)
		}
		peer.Ping("now")
		synctest.Wait()
		if _, err := m.Write([]byte("6789")); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		peer.WantHex("01 04 31323334") // Text, not the last
		peer.WantPong("now")
		peer.WantHex("00 04 35363738 80 01 39")
		got := map[string]bool{}
		for range 2 {
			_, p := peer.WantFrame()
			got[string(p)] = true
		}
		if !got["wait"] || !got["sent"] {
			t.Fatal(got)
		}
	})
}

// TestLongWriteIsSplit: a message given whole is split by FragmentSize, in
// both roles, or not at all.
func TestLongWriteIsSplit(t *testing.T) {
	for _, tt := range []struct{ size, frames int }{{4, 3}, {5, 2}, {10, 1}, {-1, 1}} {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			c, peer := pipePeer(t, role, 1<<20, Config{FragmentSize: tt.size})
			if err := c.Write(bg, Text, []byte("0123456789")); err != nil {
				t.Fatal(err)
			}
			if n := peer.WantMessage(frame.Text, "0123456789"); n != tt.frames {
				t.Errorf("FragmentSize %d: %d frames, want %d", tt.size, n, tt.frames)
			}
		}
	}
}

// TestBadMessages are refused and change nothing.
func TestBadMessages(t *testing.T) {
	c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
	calls := map[string]func(MessageType, []byte) error{
		"Write":  func(mt MessageType, p []byte) error { return c.Write(bg, mt, p) },
		"Append": c.Append,
		"Send":   c.Send,
		"Prepare": func(mt MessageType, p []byte) error {
			_, err := Prepare(mt, p)
			return err
		},
	}
	for name, call := range calls {
		if err := call(Text, []byte("\xff")); err != frame.ErrInvalidUTF8 {
			t.Errorf("%s of bad text: %v", name, err)
		}
		for _, mt := range []MessageType{0, 3, 8, 9, 10, 0x81 + 8} {
			if err := call(mt, nil); err != ErrMessageType {
				t.Errorf("%s of type %d: %v", name, mt, err)
			}
		}
	}
	if _, err := c.NextWriter(bg, 9); err != ErrMessageType {
		t.Error(err)
	}
	if err := c.Write(bg, Text|Uncompressed, []byte("good")); err != nil {
		t.Fatal(err)
	}
	peer.WantText("good")
}

// TestMessageWriterText: what can't become UTF-8 is refused piece by piece; a
// message that ends inside a character is abandoned.
func TestMessageWriterText(t *testing.T) {
	c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
	m, err := c.NextWriter(bg, Text)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p    string
		want error
	}{{"a\xce", nil}, {"\xff", frame.ErrInvalidUTF8}, {"\xba", nil}} {
		if _, err := m.Write([]byte(tt.p)); err != tt.want {
			t.Fatalf("Write(%q): %v", tt.p, err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	peer.WantText("a\u03ba")
	if _, err := m.Write([]byte("x")); err != ErrWriterClosed {
		t.Fatal(err)
	}
	if err := m.Close(); err != ErrWriterClosed {
		t.Fatal(err)
	}

	m, _ = c.NextWriter(bg, Text)
	_, _ = m.Write([]byte("\xce"))
	if err := m.Close(); err != frame.ErrInvalidUTF8 {
		t.Fatal(err)
	}
	if err := c.Write(bg, Text, []byte("as if nothing was")); err != nil {
		t.Fatal(err)
	}
	peer.WantText("as if nothing was")
}

// TestAbandonedMessage: where a part of the message is out, the peer must not
// take it for a whole one.
func TestAbandonedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{FragmentSize: 2})
		m, _ := c.NextWriter(bg, Text)
		_, _ = m.Write([]byte("abc\xce"))
		if err := m.Close(); err != frame.ErrInvalidUTF8 {
			t.Fatal(err)
		}
		peer.WantHex("01 02 6162")
		peer.WantClose(frame.InternalError)
		peer.WantEOF()
		if err := c.Write(bg, Text, nil); !errors.Is(err, errAbandoned) {
			t.Fatal(err)
		}
	})
}

// TestNextWriterContext bounds the wait for the turn and that of each write.
func TestNextWriterContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Client, 100, Config{FragmentSize: 60})
		first, err := c.NextWriter(bg, Binary)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if _, err := c.NextWriter(ctx, Binary); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		peer.WantBinary(nil)

		ctx, cancel = context.WithTimeout(bg, time.Second)
		defer cancel()
		m, err := c.NextWriter(ctx, Binary)
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Write(pattern(300))
		if !errors.Is(err, context.DeadlineExceeded) || n >= 300 {
			t.Fatal(n, err)
		}
		if err := m.Close(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		for {
			if h, _ := peer.WantFrame(); h.Opcode == frame.Close {
				break
			}
		}
	})
}

// TestPrepared goes to both roles and any number of connections.
func TestPrepared(t *testing.T) {
	p := pattern(70000)
	m, err := Prepare(Binary, p)
	if err != nil {
		t.Fatal(err)
	}
	p[0] = 'X' // Prepare keeps a copy
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		c, peer := pipePeer(t, role, 1<<20, Config{})
		if err := c.WritePrepared(bg, m); err != nil {
			t.Fatal(err)
		}
		if err := c.SendPrepared(m); err != nil {
			t.Fatal(err)
		}
		peer.WantBinary(pattern(70000))
		peer.WantBinary(pattern(70000))
	}
}

// TestNotPrepared: what Prepare has not made is an error that says so. Nothing
// is sent, and the connection is as it was.
func TestNotPrepared(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		c, peer := pipePeer(t, role, 1000, Config{})
		for _, m := range []*Prepared{nil, {}} {
			for _, err := range []error{c.WritePrepared(bg, m), c.SendPrepared(m)} {
				if err == nil || !strings.Contains(err.Error(), "make it with Prepare") {
					t.Errorf("%v: %v", role, err)
				}
			}
		}
		check(c.Write(bg, Text, []byte("sound")))
		peer.WantText("sound")
	}
}

// TestPongsAreBounded: a flood of pings from a peer that does not read costs
// no memory: those are answered in order that fit, then the latest alone.
func TestPongsAreBounded(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, role, 64, Config{})
			go c.Serve(bg, &Events{})
			for i := range 3000 {
				peer.Ping(string(binary.BigEndian.AppendUint32(make([]byte, 100), uint32(i))))
			}
			synctest.Wait()
			if n := c.Buffered(); n > 3*4<<10 {
				t.Fatalf("%d bytes buffered", n)
			}
			last, pongs := -1, 0
			for last != 2999 {
				h, p := peer.WantFrame()
				i := int(binary.BigEndian.Uint32(p[100:]))
				if h.Opcode != frame.Pong || i != last+1 && i != 2999 {
					t.Fatalf("got %v %d after %d", h.Opcode, i, last)
				}
				last = i
				pongs++
			}
			if pongs < 20 {
				t.Fatalf("only %d pongs, though 4 KiB may be queued", pongs)
			}
		})
	}
}

// TestPongsOfABurst: all pings are answered where the transport takes the
// pongs, also those that came at once.
func TestPongsOfABurst(t *testing.T) {
	const pings = 1000
	near, far := tcpNets(t)
	c := New(near, frame.Server, Negotiated{}, Config{})
	var burst []byte
	for i := range pings {
		burst = append(burst, frames(frame.Server, 1, frame.Header{Opcode: frame.Ping, Fin: true}, strconv.Itoa(i))...)
	}
	_, err := far.Write(burst)
	check(err)
	go c.Serve(bg, &Events{})
	peer := wstest.NewPeer(t, far, frame.Client)
	for i := range pings {
		peer.WantPong(strconv.Itoa(i))
	}
	check(c.CloseNow())
	<-c.Done()
}

// TestCallerKeepsItsBytes: no write changes or keeps the slice given to it.
func TestCallerKeepsItsBytes(t *testing.T) {
	overBoth(t, Config{Queue: 64 << 20}, func(t *testing.T, s, c *Conn) {
		ctx := within(t)
		for _, n := range []int{0, 7, 1000, 20000, 300000} {
			for _, send := range []func([]byte) error{
				func(p []byte) error { return c.Write(ctx, Binary, p) },
				func(p []byte) error { return c.Send(Binary, p) },
			} {
				p := pattern(n)
				sent := make(chan error, 1)
				go func() { sent <- send(p) }()
				if n > 100000 { // it may need a reader
					_, q, err := s.Read(ctx)
					if err != nil || !bytes.Equal(q, pattern(n)) {
						t.Fatal(len(q), err)
					}
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(p, pattern(n)) {
					t.Fatalf("%d bytes were changed", n)
				}
				clear(p)
				if n <= 100000 {
					_, q, err := s.Read(ctx)
					if err != nil || !bytes.Equal(q, pattern(n)) {
						t.Fatal(len(q), err)
					}
				}
			}
		}
	})
}

// TestWriteTimeoutLater: a write that hangs after others is cut too, in a
// quarter more than the timeout at most; many quick ones are not.
func TestWriteTimeoutLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 100, Config{WriteTimeout: 8 * time.Second})
		for range 50 {
			if err := c.Write(bg, Text, []byte("quick")); err != nil {
				t.Fatal(err)
			}
			peer.WantText("quick")
			<-time.After(time.Second)
		}
		start := time.Now()
		if err := c.Write(bg, Binary, make([]byte, 200)); !errors.Is(err, ErrWriteTimeout) {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 8*time.Second || d > 10*time.Second {
			t.Fatalf("after %v", d)
		}
	})
}

// TestWriteTimeoutOfSlowPeer: a peer that reads, but slowly, keeps its
// connection, however much has been queued for it.
func TestWriteTimeoutOfSlowPeer(t *testing.T) {
	const size, messages, step = 1000, 1800, 64 << 10
	talk := func(c *Conn, nc net.Conn, pause time.Duration) error {
		for range messages {
			check(c.Send(Binary, pattern(size)))
		}
		for left := messages * (size + 4); left > 0; left -= step {
			<-time.After(pause)
			if _, err := io.CopyN(io.Discard, nc, int64(min(step, left))); err != nil {
				return fmt.Errorf("%w with %d bytes to come: %v", err, left, c.Err())
			}
		}
		return nil
	}
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, frame.Server, 1000, Config{WriteTimeout: 10 * time.Second})
			if err := talk(c, peer.NetConn(), time.Second); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("tcp", func(t *testing.T) {
		var err error
		for range 3 { // the machine may stand still for as long as the timeout is
			a, b := tcpNets(t)
			_ = a.SetWriteBuffer(32 << 10)
			c := New(a, frame.Server, Negotiated{}, Config{WriteTimeout: 3 * time.Second})
			err = talk(c, b, 150*time.Millisecond)
			check(c.CloseNow())
			if err == nil {
				return
			}
		}
		t.Error(err)
	})
}

// shortWriter breaks the contract of io.Writer: it takes a part, and says nothing.
type shortWriter struct{ *feed }

func (s shortWriter) Write(p []byte) (int, error) { return s.feed.Write(p[:len(p)/2]) }

// TestShortWrite: a transport that takes a part of a frame without an error ends
// the writing: what follows would not be read as frames.
func TestShortWrite(t *testing.T) {
	c := New(shortWriter{newFeed(nil, nil)}, frame.Server, Negotiated{}, Config{})
	for range 2 {
		if err := c.Write(bg, Text, []byte("hello")); !errors.Is(err, io.ErrShortWrite) {
			t.Error(err)
		}
	}
	check(c.CloseNow())
}
