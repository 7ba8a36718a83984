package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestStreamIsNetConn runs the conformance tests of golang.org/x/net for a
// net.Conn over both ways to the transport.
func TestStreamIsNetConn(t *testing.T) {
	for name, pair := range map[string]func(testing.TB) (s, c *Conn){
		"pipe": func(t testing.TB) (s, c *Conn) { return pipePair(t, 64<<10, Config{}) },
		"tcp":  func(t testing.TB) (s, c *Conn) { return tcpPair(t, Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				s, c := pair(t)
				stop = func() { _ = s.CloseNow(); _ = c.CloseNow() }
				return Stream(bg, s, Binary), Stream(bg, c, Binary), stop, nil
			})
		})
	}
}

// TestStreamMessages: a short Write is one message, while Read sees bytes alone.
func TestStreamMessages(t *testing.T) {
	c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
	s := Stream(bg, c, Text)
	for _, p := range []string{"one", "two"} {
		if n, err := s.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		peer.WantText(p)
	}
	peer.Text("")
	peer.Fragments(frame.Text, "ab", "", "cd")
	peer.Text("")
	peer.Text("ef")
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "abcdef" {
		t.Fatalf("%q, %v", got, err)
	}
	if s.LocalAddr() != c.LocalAddr() || s.RemoteAddr() != c.RemoteAddr() {
		t.Fatal(s.LocalAddr(), s.RemoteAddr())
	}
}

// TestStreamEnd: io.EOF is for a peer that went in peace, and for Read.
func TestStreamEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*wstest.Peer)
		want error // nil: the *CloseError
	}{
		"1000": {func(p *wstest.Peer) { p.Close(CloseNormal, ""); p.NetConn().Close() }, io.EOF},
		"1001": {func(p *wstest.Peer) { p.Close(CloseGoingAway, ""); p.NetConn().Close() }, io.EOF},
		"1011": {func(p *wstest.Peer) { p.Close(CloseInternalError, ""); p.NetConn().Close() }, nil},
		"none": {func(p *wstest.Peer) { p.Close(0, ""); p.NetConn().Close() }, nil},
		"cut":  {func(p *wstest.Peer) { p.NetConn().Close() }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pipePeer(t, frame.Client, 1<<20, Config{})
			s := Stream(bg, c, Binary)
			peer.Binary([]byte("last"))
			tt.end(peer)
			got := make([]byte, 4)
			if _, err := io.ReadFull(s, got); err != nil || string(got) != "last" {
				t.Fatalf("%q, %v", got, err)
			}
			n, err := s.Read(got)
			var end *CloseError
			if n != 0 || !errors.Is(err, tt.want) && tt.want != nil || tt.want == nil && !errors.As(err, &end) {
				t.Fatal(n, err)
			}
			if _, err := s.Write(got); err == io.EOF || !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Write: %v, want net.ErrClosed", err)
			}
		})
	}
}

// TestStreamClose is a closing handshake with 1000, which wakes a Read. After
// it everything is net.ErrClosed, and the parent context is free of the stream.
func TestStreamClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		parent := &countingContext{Context: bg, done: make(chan struct{})}
		s := Stream(parent, c, Binary)
		_ = s.SetReadDeadline(time.Now().Add(time.Hour))
		_ = s.SetWriteDeadline(transport.LongAgo)
		read := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			read <- err
		}()
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		peer.WantClose(CloseNormal)
		peer.Close(CloseNormal, "")
		peer.NetConn().Close()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if n := parent.registered.Load(); n != 0 {
			t.Errorf("the parent context still holds %d children", n)
		}
		_, readErr := s.Read(make([]byte, 1))
		_, writeErr := s.Write(nil)
		for what, err := range map[string]error{
			"Read under way": <-read, "Read": readErr, "Write": writeErr, "SetDeadline": s.SetDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v, want net.ErrClosed", what, err)
			}
		}
	})
}

// countingContext counts what is registered with it and not unregistered.
type countingContext struct {
	context.Context
	done       chan struct{}
	registered atomic.Int32
}

func (c *countingContext) Done() <-chan struct{} { return c.done }

// AfterFunc is what package context looks for in contexts that are not its own.
func (c *countingContext) AfterFunc(func()) (stop func() bool) {
	c.registered.Add(1)
	return func() bool { c.registered.Add(-1); return true }
}

// TestStreamOtherType is refused with 1003.
func TestStreamOtherType(t *testing.T) {
	c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
	s := Stream(bg, c, Binary|Uncompressed)
	peer.Text("text")
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	peer.WantClose(CloseUnsupportedData)
	peer.WantEOF()
	peer.NetConn().Close()
	<-c.Done()
}

// TestStreamDeadlineMoves under calls that wait: nearer, farther and away. The
// connection is unharmed by each that passes.
func TestStreamDeadlineMoves(t *testing.T) {
	for name, tt := range map[string]struct{ first, then, want time.Duration }{
		"set":     {0, 2 * time.Second, 2 * time.Second},
		"nearer":  {time.Hour, 2 * time.Second, 2 * time.Second},
		"farther": {2 * time.Second, 5 * time.Second, 5 * time.Second},
		"past":    {time.Hour, -time.Second, time.Second},
		"away":    {2 * time.Second, 0, 9 * time.Second}, // when the peer comes
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := pipePeer(t, frame.Server, 16, Config{})
				s := Stream(bg, c, Binary)
				start := time.Now()
				at := func(d time.Duration) time.Time {
					if d == 0 {
						return time.Time{}
					}
					return start.Add(d)
				}
				_ = s.SetDeadline(at(tt.first))
				time.AfterFunc(time.Second, func() { _ = s.SetDeadline(at(tt.then)) })
				wrote := make(chan error, 1)
				go func() {
					_, err := s.Write(pattern(40)) // longer than the pipe
					wrote <- err
				}()
				if tt.then == 0 {
					time.AfterFunc(tt.want, func() { peer.WantBinary(pattern(40)); peer.Binary([]byte("x")) })
				}
				_, err := s.Read(make([]byte, 1))
				if d := time.Since(start); d != tt.want {
					t.Errorf("Read returned after %v, want %v", d, tt.want)
				}
				if writeErr := <-wrote; tt.then == 0 {
					if err != nil || writeErr != nil {
						t.Fatal(err, writeErr)
					}
					return
				} else if err != os.ErrDeadlineExceeded || writeErr != os.ErrDeadlineExceeded {
					t.Fatal(err, writeErr)
				}
				_ = s.SetDeadline(time.Time{})
				peer.WantBinary(pattern(40)) // begun, so finished
				peer.Binary([]byte("x"))
				if _, err := s.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestStreamDeadlineMovesInTime has deadlines lifted at the very moment at
// which they pass: whichever comes first, the next call has no deadline.
func TestStreamDeadlineMovesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		s := Stream(bg, c, Binary)
		for range 1000 {
			_ = s.SetReadDeadline(time.Now().Add(time.Second))
			<-time.After(time.Second)
			_ = s.SetReadDeadline(time.Time{})
			synctest.Wait()
			peer.Binary([]byte("x"))
			if _, err := s.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestStreamReadInterrupted within a message goes on where it stopped.
func TestStreamReadInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		s := Stream(bg, c, Text)
		got := make([]byte, 8)
		peer.Frame(frame.Text, wstest.More, []byte("ab"))
		if n, err := s.Read(got); err != nil || string(got[:n]) != "ab" {
			t.Fatal(n, err)
		}
		_ = s.SetReadDeadline(time.Now().Add(time.Second))
		if n, err := s.Read(got); n != 0 || err != os.ErrDeadlineExceeded {
			t.Fatal(n, err)
		}
		_ = s.SetReadDeadline(time.Now().Add(time.Hour))
		peer.Frame(frame.Continuation, wstest.Final, []byte("cd"))
		if n, err := s.Read(got); err != nil || string(got[:n]) != "cd" {
			t.Fatal(n, err)
		}
	})
}

// TestStreamParent: the end of the parent context ends every call and harms
// nothing.
func TestStreamParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		ctx, cancel := context.WithCancel(bg)
		s := Stream(ctx, c, Text)
		time.AfterFunc(time.Second, cancel)
		if _, err := s.Read(make([]byte, 1)); err != context.Canceled {
			t.Fatal(err)
		}
		_ = s.SetDeadline(time.Now().Add(time.Hour))
		if _, err := s.Write([]byte("late")); err != context.Canceled {
			t.Fatal(err)
		}
		if c.State() != StateOpen {
			t.Fatal(c.State())
		}
		if err := c.Write(bg, Text, []byte("open")); err != nil {
			t.Fatal(err)
		}
		peer.WantText("open")
	})
}
