package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// TestNetConn gives the transport, whose Close is CloseNow.
func TestNetConn(t *testing.T) {
	s, c := tcpPair(t, Config{})
	nc := s.NetConn()
	if nc.LocalAddr().String() != s.LocalAddr().String() || nc.RemoteAddr().String() != c.LocalAddr().String() {
		t.Error(nc.LocalAddr(), nc.RemoteAddr())
	}
	switch nc := nc.(interface{ NetConn() net.Conn }).NetConn().(type) {
	case *net.TCPConn:
		if err := nc.SetNoDelay(false); err != nil {
			t.Error(err)
		}
	case *loop.Socket:
		raw, err := nc.SyscallConn()
		check(err)
		if err := raw.Control(func(uintptr) {}); err != nil {
			t.Error(err)
		}
	default:
		t.Fatal("the socket is not to be had")
	}
	for range 2 {
		if err := nc.Close(); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, s.Err(), CloseError{Code: CloseAbnormal, Err: errClosedNow})
	}
	if _, _, err := c.Read(within(t)); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

// TestNetConnCloseDuringServe neither waits for Serve nor cuts it off from its
// Close event.
func TestNetConnCloseDuringServe(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		opened, served := make(chan bool), make(chan error, 1)
		told := false
		go func() {
			served <- s.Serve(bg, &Events{
				Open:  func(*Conn, *handshake.Request) { close(opened) },
				Close: func(*Conn, *CloseError) { told = true },
			})
		}()
		<-opened
		_ = s.NetConn().Close()
		wantEnd(t, <-served, CloseError{Code: CloseAbnormal, Err: errClosedNow})
		if !told {
			t.Error("no Close event")
		}
	})
}

// TestNetConnReadDeadline ends what reads, and harms nothing.
func TestNetConnReadDeadline(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		reads := map[string]func(ctx context.Context) error{
			"Read":       func(ctx context.Context) error { _, _, err := s.Read(ctx); return err },
			"NextReader": func(ctx context.Context) error { _, _, err := s.NextReader(ctx); return err },
			"Serve":      func(ctx context.Context) error { return s.Serve(ctx, echo) },
		}
		for name, read := range reads {
			for _, ctx := range []context.Context{bg, within(t)} {
				_ = s.NetConn().SetReadDeadline(transport.LongAgo)
				if err := read(ctx); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("%s: %v", name, err)
				}
				_ = s.NetConn().SetReadDeadline(time.Time{})
				done := make(chan error, 1)
				go func() { done <- read(ctx) }()
				_ = s.NetConn().SetReadDeadline(transport.LongAgo) // now or when it waits
				if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("%s under way: %v", name, err)
				}
				_ = s.NetConn().SetReadDeadline(time.Time{})
			}
		}
		go s.Serve(bg, echo)
		wantEcho(t, c)
	})
}

// TestNetConnWriteDeadline fails the connection, as its doc says.
func TestNetConnWriteDeadline(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		_ = s.NetConn().SetWriteDeadline(transport.LongAgo)
		for range 2 {
			if err := s.Write(bg, Text, []byte("hi")); !errors.Is(err, net.ErrClosed) || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
	})
}

// TestNetConnReadDeadlineWhileClosing does not shorten the wait for the peer's
// end of the transport: that is CloseTimeout's.
func TestNetConnReadDeadlineWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<10, Config{})
		_ = c.NetConn().SetReadDeadline(time.Now().Add(time.Second))
		start := time.Now()
		peer.Close(CloseNormal, "")
		_, _, err := c.Read(bg)
		wantEnd(t, err, CloseError{Code: CloseNormal, Remote: true})
		time.AfterFunc(3*time.Second, func() { _ = peer.NetConn().Close() })
		<-c.Done()
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("ended after %v", d)
		}
	})
}

// TestNetConnReadDeadlineAndClose: nor does it keep Close from reading the
// peer's answer.
func TestNetConnReadDeadlineAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<10, Config{})
		_ = c.NetConn().SetReadDeadline(transport.LongAgo)
		closed := make(chan error, 1)
		go func() { closed <- c.Close(CloseNormal, "") }()
		peer.WantClose(CloseNormal)
		synctest.Wait()
		peer.Close(4000, "answer")
		peer.NetConn().Close()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wantEnd(t, c.Err(), CloseError{Code: 4000, Reason: "answer"})
	})
}

// TestNewOverNetPipe: a synchronous pipe will do.
func TestNewOverNetPipe(t *testing.T) {
	a, b := net.Pipe()
	s := New(a, frame.Server, Negotiated{Subprotocol: "chat"}, Config{})
	c := New(b, frame.Client, Negotiated{}, Config{})
	defer s.CloseNow()
	defer c.CloseNow()
	if s.Subprotocol() != "chat" {
		t.Error(s.Subprotocol())
	}
	go s.Serve(bg, echo)
	ctx, cancel := context.WithCancel(bg)
	time.AfterFunc(time.Millisecond, cancel)
	if _, _, err := c.Read(ctx); err != context.Canceled {
		t.Fatal(err)
	}
	wantEcho(t, c)
}

// TestFlushWritesNothing where everything is out when its turn comes: an empty
// Write would wait for a reader here.
func TestFlushWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		c := New(a, frame.Server, Negotiated{}, Config{})
		defer c.CloseNow()
		go c.Write(bg, Text, []byte("hi"))
		synctest.Wait() // it has the wire
		flushed := make(chan error, 1)
		go func() { flushed <- c.Flush(bg) }()
		synctest.Wait()
		if _, err := io.ReadFull(b, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case err := <-flushed:
			if err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatal("Flush waits")
		}
	})
}

// unixPair returns the two ends of a connection over a Unix socket of this
// kind.
func unixPair(t *testing.T, network string) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen(network, filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skip(err) // the socket type is not to be had on this system: "unixpacket" on macOS
	}
	defer ln.Close()
	b, err = net.Dial(network, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestNewOverUnixSocket: it is read the raw way, with all that belongs to that.
func TestNewOverUnixSocket(t *testing.T) {
	a, b := unixPair(t, "unix")
	s := New(a, frame.Server, Negotiated{}, Config{})
	c := New(b, frame.Client, Negotiated{}, Config{})
	if (!s.transport.Socket() || !c.transport.Socket()) && runtime.GOOS != "windows" {
		t.Error("not read the raw way")
	}
	go s.Serve(bg, echo)
	ctx, cancel := context.WithCancel(bg)
	time.AfterFunc(time.Millisecond, cancel)
	if _, _, err := c.Read(ctx); err != context.Canceled {
		t.Fatal(err)
	}
	big := pattern(1 << 19)
	go c.Write(within(t), Binary, big)
	if _, p, err := c.Read(within(t)); err != nil || len(p) != len(big) {
		t.Fatal(len(p), err)
	}
	wantEcho(t, c)
}

// TestSocketErrors: an error of the socket says between whom, as package net's.
func TestSocketErrors(t *testing.T) {
	pairs := map[string]func() (near, far net.Conn){
		"tcp":  func() (near, far net.Conn) { return tcpNets(t) },
		"unix": func() (near, far net.Conn) { return unixPair(t, "unix") },
	}
	fails := map[string]func(*Conn) error{
		"read":  func(c *Conn) error { _, _, err := c.Read(within(t)); return err },
		"serve": func(c *Conn) error { return c.Serve(within(t), nil) },
		"write": func(c *Conn) error {
			for {
				if err := c.Write(within(t), Text, nil); err != nil {
					return err
				}
			}
		},
	}
	for network, pair := range pairs {
		for name, fail := range fails {
			t.Run(network+" "+name, func(t *testing.T) {
				near, far := pair()
				local, remote := near.LocalAddr().String(), near.RemoteAddr().String()
				c := New(near, frame.Client, Negotiated{}, Config{})
				check(c.Write(within(t), Text, []byte("never read: the peer's end is a reset")))
				check(far.Close())
				var e *net.OpError
				if err := fail(c); !errors.As(err, &e) || e.Net != network || e.Source.String() != local || e.Addr.String() != remote {
					t.Fatalf("%v (%#v)", err, e)
				}
			})
		}
	}
}

// TestNotRaw: what is no plain stream socket keeps its own Read and Write.
func TestNotRaw(t *testing.T) {
	a, b := tcpNets(t)
	s := New(&countingTCP{TCPConn: a}, frame.Server, Negotiated{}, Config{})
	c := New(b, frame.Client, Negotiated{}, Config{})
	closed := transport.Fit(new(net.TCPConn))
	if s.transport.Socket() || closed.Socket() {
		t.Error("read the raw way")
	}
	go s.Serve(bg, echo)
	wantEcho(t, c)
	<-s.Done()
	if own := s.transport.Unwrap().(*countingTCP); own.reads == 0 || own.writes == 0 {
		t.Errorf("%d reads, %d writes of its own", own.reads, own.writes)
	}
	packets, _ := unixPair(t, "unixpacket")
	if l := transport.Fit(packets); l.Socket() {
		t.Error("packets are read as a stream")
	}
}

// countingTCP has the SyscallConn of what it embeds, and a Read of its own.
type countingTCP struct {
	*net.TCPConn
	reads, writes int
}

func (c *countingTCP) Read(p []byte) (int, error)  { c.reads++; return c.TCPConn.Read(p) }
func (c *countingTCP) Write(p []byte) (int, error) { c.writes++; return c.TCPConn.Write(p) }

// TestNewOverPlainStream: without deadlines and half closes of its own a stream
// is read ahead; its CloseWrite is used where it has one.
func TestNewOverPlainStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(1 << 10)
		half := struct {
			io.ReadWriteCloser
			closeWriter
		}{wstest.Plain(a), a}
		c := New(half, frame.Server, Negotiated{}, Config{})
		peer := wstest.NewPeer(t, b, frame.Client)
		go peer.Binary(pattern(12 << 10)) // more than is read ahead
		if _, p, err := c.Read(bg); err != nil || string(p) != string(pattern(12<<10)) {
			t.Fatal(len(p), err)
		}
		go c.Close(CloseNormal, "")
		peer.WantClose(CloseNormal)
		peer.Close(CloseNormal, "")
		peer.WantEOF()
		peer.NetConn().Close()
		<-c.Done()
	})
}

type closeWriter interface{ CloseWrite() error }

// TestCloseWithoutHalfClose takes no longer where the server can't end its
// direction alone: the peer has nothing more to say after its Close frame.
func TestCloseWithoutHalfClose(t *testing.T) {
	plain := func() (a, b io.ReadWriteCloser) {
		x, y := wstest.Pipe(1 << 10)
		return wstest.Plain(x), wstest.Plain(y)
	}
	synchronous := func() (a, b io.ReadWriteCloser) { return net.Pipe() }
	for name, pair := range map[string]func() (a, b io.ReadWriteCloser){"plain": plain, "net.Pipe": synchronous} {
		for _, first := range []frame.Role{frame.Server, frame.Client} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := pair()
					ends := map[frame.Role]*Conn{
						frame.Server: New(a, frame.Server, Negotiated{}, Config{}),
						frame.Client: New(b, frame.Client, Negotiated{}, Config{}),
					}
					start := time.Now()
					go ends[1-first].Read(bg)
					if err := ends[first].Close(CloseNormal, ""); err != nil {
						t.Error(err)
					}
					<-ends[1-first].Done()
					if d := time.Since(start); d > 0 {
						t.Errorf("took %v", d)
					}
				})
			})
		}
	}
}

// TestFailWithoutHalfClose: a peer that broke a rule may go on sending; it can
// read its Close frame still.
func TestFailWithoutHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(1 << 10)
		a.StrictClose()
		c := New(struct{ net.Conn }{a}, frame.Server, Negotiated{}, Config{})
		peer := wstest.NewPeer(t, b, frame.Client)
		peer.SendHex("83 80 00000000")
		if _, _, err := c.Read(bg); !errors.Is(err, frame.ErrReservedOpcode) {
			t.Fatal(err)
		}
		synctest.Wait()
		peer.Text("and more")
		peer.WantClose(CloseProtocolError)
		peer.NetConn().Close()
		<-c.Done()
	})
}
