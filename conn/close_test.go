package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// TestCloseWithoutReader: Close reads the peer's answer itself.
func TestCloseWithoutReader(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, role, 1<<20, Config{})
			done := make(chan error, 1)
			go func() { done <- c.Close(CloseNormal, "enough") }()
			if reason := peer.WantClose(CloseNormal); reason != "enough" {
				t.Fatal(reason)
			}
			if c.State() != StateClosing {
				t.Fatal(c.State())
			}
			peer.Text("dropped")
			peer.Close(4001, "ok")
			if role == frame.Server {
				peer.WantEOF() // the server ends TCP first
			} else {
				synctest.Wait()
				select {
				case <-c.Done():
					t.Fatal("the client did not wait for the server's end of TCP")
				default:
				}
			}
			peer.NetConn().Close()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			wantEnd(t, c.Err(), CloseError{Code: 4001, Reason: "ok"})
			if c.State() != StateClosed {
				t.Fatal(c.State())
			}
			if _, _, err := c.Read(bg); err != c.Err() {
				t.Fatal(err)
			}
			if err := c.Write(bg, Text, nil); err != c.Err() {
				t.Fatal(err)
			}
		})
	}
}

// TestCloseWithReader: a Read that is under way gets the end.
func TestCloseWithReader(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		read := make(chan error, 2)
		for _, end := range []*Conn{s, c} {
			go func() {
				_, _, err := end.Read(bg)
				read <- err
			}()
		}
		if err := c.Close(CloseGoingAway, "bye"); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		<-read
		<-read
		wantEnd(t, s.Err(), CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
		wantEnd(t, c.Err(), CloseError{Code: CloseGoingAway})
	})
}

// TestCloseTakesOver: a reader that leaves after Close was called, and one that
// comes, leave the reading to Close.
func TestCloseTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		ctx, cancel := context.WithCancel(bg)
		read := make(chan error, 2)
		go func() {
			_, _, err := c.Read(ctx)
			read <- err
		}()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- c.Close(CloseNormal, "") }()
		peer.WantClose(CloseNormal)
		cancel()
		if err := <-read; err != context.Canceled {
			t.Fatal(err)
		}
		go func() {
			_, _, err := c.Read(bg)
			read <- err
		}()
		synctest.Wait()
		peer.Close(CloseNormal, "")
		peer.NetConn().Close()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		wantEnd(t, <-read, CloseError{Code: CloseNormal})
	})
}

// TestCloseTimeout bounds a peer that never answers, and one that answers but
// keeps TCP open.
func TestCloseTimeout(t *testing.T) {
	for _, answers := range []string{"", "03e8"} {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			synctest.Test(t, func(t *testing.T) {
				c, peer := pipePeer(t, role, 1<<20, Config{CloseTimeout: 3 * time.Second})
				if answers != "" {
					peer.Close(CloseNormal, "")
				}
				start := time.Now()
				err := c.Close(CloseNormal, "")
				if d := time.Since(start); d != 3*time.Second {
					t.Fatalf("after %v", d)
				}
				if answers == "" {
					wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: ErrCloseTimeout})
				} else if err != nil {
					t.Fatal(err) // the handshake was complete
				}
			})
		}
	}
}

// TestCloseSendsWhatIsQueued before the Close frame.
func TestCloseSendsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 16, Config{})
		go c.Write(bg, Text, []byte("a long one that fills the pipe"))
		synctest.Wait()
		_ = c.Send(Text, []byte("sent"))
		_ = c.Append(Text, []byte("appended"))
		go c.Close(CloseNormal, "")
		synctest.Wait()
		if err := c.Send(Text, nil); !errors.Is(err, net.ErrClosed) || !errors.Is(err, errClosing) {
			t.Fatal(err)
		}
		peer.WantText("a long one that fills the pipe")
		peer.WantText("sent")
		peer.WantText("appended")
		peer.WantClose(CloseNormal)
	})
}

// TestCloseWaitsForLongWrite but not for a MessageWriter that nobody closes.
func TestCloseWaitsForLongWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 16, Config{FragmentSize: 100})
		wrote := make(chan error, 1)
		go func() { wrote <- c.Write(bg, Binary, pattern(1000)) }()
		synctest.Wait()
		go c.Close(CloseNormal, "")
		synctest.Wait()
		peer.WantMessage(frame.Binary, string(pattern(1000)))
		peer.WantClose(CloseNormal)
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{FragmentSize: 2})
		m, _ := c.NextWriter(bg, Text)
		_, _ = m.Write([]byte("abc"))
		waiting := make(chan error, 1)
		go func() { waiting <- c.Write(bg, Text, []byte("behind")) }()
		synctest.Wait()
		go c.Close(CloseNormal, "")
		peer.WantHex("01 02 6162")
		peer.WantClose(CloseNormal)
		if err := <-waiting; !errors.Is(err, errClosing) {
			t.Fatal(err)
		}
		if err := m.Close(); !errors.Is(err, errClosing) {
			t.Fatal(err)
		}
	})
}

// TestCloseEndsWriters: Close sends what is queued behind a MessageWriter of which
// nothing has been sent, and a NextWriter that waits for its turn does not get it:
// the Close frame would wait for its message.
func TestCloseEndsWriters(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 10, Config{FragmentSize: 60})
		long := make(chan error, 1)
		go func() { long <- c.Write(bg, Text, pattern(100)) }() // has the turn
		synctest.Wait()
		begun := make(chan error, 1)
		next := func() { _, err := c.NextWriter(bg, Text); begun <- err }
		go next()
		synctest.Wait()
		check(c.Send(Text, []byte("queued")))
		go c.Close(CloseNormal, "")
		if err := <-begun; !errors.Is(err, net.ErrClosed) {
			t.Errorf("NextWriter returned %v", err)
		}
		peer.WantMessage(frame.Text, string(pattern(100)))
		peer.WantText("queued")
		peer.WantClose(CloseNormal)
		check(<-long)

		c, peer = pipePeer(t, role, 10, Config{})
		m, err := c.NextWriter(bg, Text)
		check(err)
		_, err = m.Write([]byte("unfinished"))
		check(err)
		go next()
		synctest.Wait()
		check(c.Send(Text, []byte("queued")))
		go c.Close(CloseNormal, "")
		peer.WantText("queued")
		peer.WantClose(CloseNormal)
		for _, err := range []error{<-begun, m.Close()} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("the writer's error is %v", err)
			}
		}
	})
}

// TestCloseWithinCallback returns ErrClosing at once, since only its own goroutine
// could read the peer's answer.
func TestCloseWithinCallback(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		var events []string
		served := make(chan error, 1)
		go func() {
			served <- s.Serve(bg, &Events{
				Open: func(_ *Conn, r *handshake.Request) {
					if r != nil {
						t.Error("a request without a handshake")
					}
					events = append(events, "open")
				},
				Message: func(c *Conn, mt MessageType, p []byte) {
					events = append(events, "message "+mt.String()+" "+string(p))
					if err := c.Close(4000, "done"); err != ErrClosing {
						t.Errorf("Close = %v, want ErrClosing", err)
					}
				},
				Error: func(_ *Conn, err error) { events = append(events, "error "+err.Error()) },
				Close: func(c *Conn, err *CloseError) {
					events = append(events, "close")
					if c.State() != StateClosed {
						t.Error(c.State())
					}
					if err := c.Close(CloseNormal, ""); err != nil {
						t.Errorf("Close after the end = %v, want nil: it was clean", err)
					}
				},
			})
		}()
		_ = c.Write(bg, Text, []byte("hi"))
		_ = c.Write(bg, Text, []byte("dropped"))
		_, _, err := c.Read(within(t))
		wantEnd(t, err, CloseError{Code: 4000, Reason: "done", Remote: true})
		wantEnd(t, <-served, CloseError{Code: 4000})
		if len(events) != 3 || events[1] != "message text hi" || events[2] != "close" {
			t.Fatal(events)
		}
	})
}

// TestCloseNowDuringServe from another goroutine and from within.
func TestCloseNowDuringServe(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		opened := make(chan bool)
		served := make(chan error, 2)
		go func() {
			served <- s.Serve(bg, &Events{Open: func(*Conn, *handshake.Request) { close(opened) }})
		}()
		go func() {
			served <- c.Serve(bg, &Events{Message: func(c *Conn, _ MessageType, _ []byte) { _ = c.CloseNow() }})
		}()
		<-opened
		_ = s.Write(bg, Text, nil)
		<-c.Done()
		_ = s.CloseNow()
		_ = s.CloseNow()
		<-s.Done()
		<-served
		<-served
		wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: errClosedNow})
	})
}

// TestCloseNowWhileCallbackRuns does not wait for it, over TCP neither.
func TestCloseNowWhileCallbackRuns(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		entered, leave := make(chan bool), make(chan bool)
		served := make(chan error, 1)
		go func() {
			served <- s.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) {
				close(entered)
				<-leave
			}})
		}()
		_ = c.Write(bg, Text, nil)
		<-entered
		_ = s.CloseNow() // would deadlock if it waited
		if err := s.Write(bg, Text, nil); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		close(leave)
		<-s.Done()
		wantEnd(t, <-served, CloseError{Code: CloseAbnormal, Err: errClosedNow})
	})
}

// TestConcurrentCloses: one Close frame, and all return.
func TestConcurrentCloses(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		var wg sync.WaitGroup
		for _, end := range []*Conn{s, c, s, c, s, c} {
			wg.Go(func() {
				if err := end.Close(CloseNormal, ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestBadClose is an error that changes nothing.
func TestBadClose(t *testing.T) {
	c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
	for _, tt := range []struct {
		code   CloseCode
		reason string
	}{{1005, "x"}, {1006, ""}, {1015, ""}, {999, ""}, {5000, ""}, {1000, "\xff"}, {1000, string(pattern(124))}, {0, "reason"}} {
		if err := c.Close(tt.code, tt.reason); err == nil {
			t.Errorf("Close(%d, %q) did not fail", tt.code, tt.reason)
		}
	}
	if c.State() != StateOpen {
		t.Fatal(c.State())
	}
	if err := c.Write(bg, Text, []byte("open")); err != nil {
		t.Fatal(err)
	}
	peer.WantText("open")
}

// TestCut: the transport ends without a Close frame.
func TestCut(t *testing.T) {
	reset := errors.New("reset")
	for name, tt := range map[string]struct {
		cut  func(*wstest.Peer)
		want error
	}{
		"EOF":      {func(p *wstest.Peer) { p.NetConn().Close() }, io.ErrUnexpectedEOF},
		"midframe": {func(p *wstest.Peer) { p.SendHex("81 85 00"); p.NetConn().Close() }, io.ErrUnexpectedEOF},
		"reset":    {func(p *wstest.Peer) { p.NetConn().(*wstest.PipeConn).Cut(reset) }, reset},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
			tt.cut(peer)
			_, _, err := c.Read(bg)
			wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: tt.want})
			<-c.Done()
			if _, err := c.Ping(bg); err != c.Err() {
				t.Fatal(err)
			}
		})
	}
}

// TestEndReleasesBuffers: a connection that has ended without a closing
// handshake, in whatever way, holds no buffers, though the program keeps it.
func TestEndReleasesBuffers(t *testing.T) {
	for name, end := range map[string]func(c *Conn, cut func()){
		"CloseNow":               func(c *Conn, _ func()) { check(c.CloseNow()) },
		"CloseNow while reading": func(c *Conn, _ func()) { go c.CloseNow(); _, _, _ = c.ReadInto(bg, nil) },
		"CloseNow in a message": func(c *Conn, _ func()) {
			_, m, err := c.NextReader(bg)
			check(err)
			check(c.CloseNow())
			if n, err := m.Read(make([]byte, 1)); n > 0 || !errors.Is(err, net.ErrClosed) {
				t.Error(n, err)
			}
		},
		"cut while reading": func(c *Conn, cut func()) { go cut(); _, _, _ = c.Read(bg) },
		"cut while served":  func(c *Conn, cut func()) { go cut(); _ = c.Serve(bg, nil) },
	} {
		for _, size := range []int{30, 30000} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
					two := frames(frame.Server, 2, frame.Header{Opcode: frame.Binary, Fin: true}, string(pattern(size)))
					peer.SendBytes(two[:len(two)-5])
					_, _, err := c.Read(bg)
					check(err)
					end(c, func() { _ = peer.NetConn().Close() })
					<-c.Done()
					synctest.Wait()
					if n := Held(c); n > 0 {
						t.Errorf("%d bytes are held", n)
					}
				})
			})
		}
	}
}

// TestServeWithoutEvents: a nil Events has no callbacks.
func TestServeWithoutEvents(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		served := make(chan error, 1)
		go func() { served <- s.Serve(bg, nil) }()
		check(c.Write(bg, Text, []byte("for nobody")))
		check(c.Close(CloseNormal, ""))
		wantEnd(t, <-served, CloseError{Code: CloseNormal, Remote: true})
	})
}

// TestPlainStream: a stream without deadlines has contexts and a closing
// handshake too.
func TestPlainStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(1 << 10)
		c := New(wstest.Plain(a), frame.Server, Negotiated{}, Config{})
		peer := wstest.NewPeer(t, b, frame.Client)
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		peer.Text("hello")
		if _, p, err := c.Read(bg); err != nil || string(p) != "hello" {
			t.Fatal(p, err)
		}
		if c.LocalAddr() != nil || c.RemoteAddr() != nil || c.NetConn() != nil {
			t.Fatal("addresses of nothing")
		}
		go c.Close(CloseNormal, "")
		peer.WantClose(CloseNormal)
		peer.Close(CloseNormal, "")
		peer.NetConn().Close()
		<-c.Done()
		if _, err := c.transport.Unwrap().Read(make([]byte, 1)); err == nil {
			t.Fatal("read after the end")
		}
	})
}
