package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestReadGoesOn: reads that end by their context in the middle of a message,
// at every byte of it, lose nothing; every way of reading goes on.
func TestReadGoesOn(t *testing.T) {
	const wire = "01 83 00000000 616263 89 81 00000000 70 80 83 00000000 646566" // "abc", ping "p", "def"
	ways := map[string]func(*Conn, context.Context, []byte) ([]byte, error){
		"Read": func(c *Conn, ctx context.Context, _ []byte) ([]byte, error) {
			_, p, err := c.Read(ctx)
			return p, err
		},
		"ReadInto": func(c *Conn, ctx context.Context, buf []byte) ([]byte, error) {
			_, p, err := c.ReadInto(ctx, buf)
			if err != nil && string(p) != "before" {
				t.Errorf("the caller's buffer came back as %q", p)
			}
			return bytes.TrimPrefix(p, []byte("before")), err
		},
		"NextReader": func(c *Conn, ctx context.Context, _ []byte) ([]byte, error) {
			_, m, err := c.NextReader(ctx)
			if err != nil {
				return nil, err
			}
			p, err := io.ReadAll(m)
			*piecesOf(c) = append(*piecesOf(c), p...)
			return *piecesOf(c), err
		},
		"Serve": func(c *Conn, ctx context.Context, _ []byte) (p []byte, err error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			err = c.Serve(ctx, &Events{Message: func(_ *Conn, _ MessageType, data []byte) {
				p = bytes.Clone(data)
				cancel()
			}})
			if p != nil {
				err = nil
			}
			return p, err
		},
	}
	for name, read := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
				var pieces []byte
				c.SetData(&pieces)
				b := wstest.Hex(wire)
				for i := range b {
					ctx, cancel := context.WithTimeout(bg, time.Second)
					p, err := read(c, ctx, []byte("before"))
					cancel()
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatalf("after %d bytes: %q, %v", i, p, err)
					}
					peer.SendBytes(b[i : i+1])
				}
				p, err := read(c, bg, []byte("before"))
				if err != nil || string(p) != "abcdef" {
					t.Fatalf("%q, %v", p, err)
				}
				peer.WantPong("p")
			})
		})
	}
}

// piecesOf is where TestReadGoesOn gathers what one MessageReader after the
// other has read.
func piecesOf(c *Conn) *[]byte { return c.Data().(*[]byte) }

// TestReadGoesOnSocket: the same with large frames on a socket, where payload
// is read straight into the message, and with one context used again.
func TestReadGoesOnSocket(t *testing.T) {
	a, b := tcpNets(t)
	c := New(a, frame.Server, Negotiated{}, Config{})
	defer c.CloseNow()
	peer := wstest.NewPeer(t, b, frame.Client)
	msg := pattern(300 << 10)
	wire := frame.Append(nil, frame.Header{Opcode: frame.Binary, Fin: true, Masked: true, Length: int64(len(msg))})
	wire = append(wire, msg...) // masked with zero
	cut := 0
	for i := 0; i < len(wire); {
		n := min(len(wire)-i, 70000)
		peer.SendBytes(wire[i : i+n])
		i += n
		if i == len(wire) {
			break
		}
		ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
		if _, p, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(len(p), err)
		}
		cancel()
		cut++
	}
	_, p, err := c.Read(within(t))
	if err != nil || !bytes.Equal(p, msg) {
		t.Fatalf("%d bytes after %d interruptions: %v", len(p), cut, err)
	}
}

// TestCancelledBeforehand: a context that has ended already does nothing.
func TestCancelledBeforehand(t *testing.T) {
	c, _ := pipePeer(t, frame.Server, 100, Config{})
	ctx, cancel := context.WithCancel(bg)
	cancel()
	_, _, readErr := c.Read(ctx)
	_, _, readerErr := c.NextReader(ctx)
	_, writerErr := c.NextWriter(ctx, Text)
	_, pingErr := c.Ping(ctx)
	prepared, _ := Prepare(Text, nil)
	for _, err := range []error{
		readErr, readerErr, writerErr, pingErr, c.Write(ctx, Text, nil), c.WritePrepared(ctx, prepared),
		c.Flush(ctx), c.Serve(ctx, &Events{}),
	} {
		if err != context.Canceled {
			t.Error(err)
		}
	}
	if c.State() != StateOpen || c.Buffered() != 0 {
		t.Fatal(c.State(), c.Buffered())
	}
}

// TestConcurrentReaders: the second gets an error, the first its message.
func TestConcurrentReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 100, Config{})
		got := make(chan string, 1)
		go func() {
			_, p, _ := c.Read(bg)
			got <- string(p)
		}()
		synctest.Wait()
		_, _, readErr := c.Read(bg)
		_, _, readerErr := c.NextReader(bg)
		for _, err := range []error{readErr, readerErr, c.Serve(bg, &Events{})} {
			if err != ErrConcurrentRead {
				t.Error(err)
			}
		}
		peer.Text("mine")
		if p := <-got; p != "mine" {
			t.Fatal(p)
		}
	})
}

// TestReadDuringServe: the callbacks may not read.
func TestReadDuringServe(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		ctx, cancel := context.WithCancel(within(t))
		served := make(chan error, 1)
		go func() {
			served <- s.Serve(ctx, &Events{Message: func(c *Conn, _ MessageType, _ []byte) {
				if _, _, err := c.Read(bg); err != ErrConcurrentRead {
					t.Error(err)
				}
				cancel()
			}})
		}()
		_ = c.Write(bg, Text, nil)
		if err := <-served; err != context.Canceled {
			t.Fatal(err)
		}
		// The connection is unharmed.
		_ = c.Write(bg, Text, []byte("again"))
		if _, p, err := s.Read(within(t)); err != nil || string(p) != "again" {
			t.Fatal(p, err)
		}
	})
}

// TestNextReader reads in pieces of every size, and lets no other read between.
func TestNextReader(t *testing.T) {
	overBoth(t, Config{FragmentSize: 5000}, func(t *testing.T, s, c *Conn) {
		ctx := within(t)
		for _, size := range []int{0, 1, 100, 40000, 200000} {
			for _, step := range []int{7, 600, 1 << 20} {
				if size/step > 10000 {
					continue
				}
				sent := make(chan error, 1)
				go func() {
					if err := c.Write(ctx, Binary, pattern(size)); err != nil {
						sent <- err
						return
					}
					sent <- c.Write(ctx, Text, []byte("next"))
				}()
				mt, m, err := s.NextReader(ctx)
				if err != nil || mt != Binary {
					t.Fatal(mt, err)
				}
				if _, _, err := s.Read(ctx); err != ErrMessageOpen {
					t.Fatal(err)
				}
				if _, _, err := s.NextReader(ctx); err != ErrMessageOpen {
					t.Fatal(err)
				}
				if err := s.Serve(ctx, &Events{}); err != ErrMessageOpen {
					t.Fatal(err)
				}
				var all []byte
				for p := make([]byte, step); ; {
					n, err := m.Read(p)
					all = append(all, p[:n]...)
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if n, err := m.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Fatal(n, err)
				}
				if !bytes.Equal(all, pattern(size)) {
					t.Fatalf("%d bytes came, %d were sent", len(all), size)
				}
				if _, m, err = s.NextReader(ctx); err != nil {
					t.Fatal(err)
				}
				if err := m.Discard(); err != nil {
					t.Fatal(err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestReaderError: a MessageReader tells the end of the connection, and again.
func TestReaderError(t *testing.T) {
	for _, tt := range []struct {
		name, wire string
		want       error
	}{
		{"cut", "01 81 00000000 61", io.ErrUnexpectedEOF},
		{"rule", "01 81 00000000 61 83", frame.ErrReservedOpcode},
		{"text", "01 81 00000000 61 80 81 00000000 ff", frame.ErrInvalidUTF8},
	} {
		c, peer := pipePeer(t, frame.Server, 1000, Config{})
		peer.SendHex(tt.wire)
		_, m, err := c.NextReader(bg)
		if err != nil {
			t.Fatal(err)
		}
		if tt.name == "cut" {
			peer.NetConn().Close()
		}
		p, err := io.ReadAll(m)
		if string(p) != "a" || !errors.Is(err, tt.want) {
			t.Fatalf("%s: %q, %v", tt.name, p, err)
		}
		if _, again := m.Read(make([]byte, 1)); again != err {
			t.Fatal(again)
		}
		wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: tt.want})
	}
}

// TestLargeTextIsChecked where payload goes straight into the message.
func TestLargeTextIsChecked(t *testing.T) {
	for _, bad := range []int{-1, 0, 70000, 99999} {
		for _, way := range []string{"Read", "NextReader", "Serve"} {
			overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
				p := pattern(100000)
				if bad >= 0 {
					p[bad] = 0xff
				}
				b := frame.Append(nil, frame.Header{Opcode: frame.Text, Fin: true, Masked: true, Length: 100000})
				go func() {
					_, _ = c.transport.Unwrap().Write(append(b, p...))
					_, _, _ = c.Read(bg) // answers a Close frame
				}()
				var err error
				var got []byte
				switch way {
				case "Read":
					_, got, err = s.Read(bg)
				case "NextReader":
					var m *MessageReader
					if _, m, err = s.NextReader(bg); err == nil {
						got, err = io.ReadAll(m)
					}
				case "Serve":
					err = s.Serve(bg, &Events{Message: func(c *Conn, _ MessageType, p []byte) {
						got = bytes.Clone(p)
						_ = c.CloseNow()
					}})
				}
				if bad >= 0 {
					wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: frame.ErrInvalidUTF8})
				} else if !bytes.Equal(got, p) {
					t.Fatal(len(got), err)
				}
			})
		}
	}
}

// TestEarlyBytes came with the handshake: they are read before all others.
func TestEarlyBytes(t *testing.T) {
	for _, size := range []int{2, 40000} {
		a, b := wstest.Pipe(1 << 20)
		h := frame.Header{Opcode: frame.Binary, Fin: true, Length: int64(size)}
		early := append(frame.Append(nil, h), pattern(size)...)
		c := New(a, frame.Client, Negotiated{Early: early, Subprotocol: "chat"}, Config{})
		defer c.CloseNow()
		clear(early) // New keeps a copy
		wstest.NewPeer(t, b, frame.Server).Text("then")
		if _, p, err := c.Read(bg); err != nil || !bytes.Equal(p, pattern(size)) {
			t.Fatal(len(p), err)
		}
		if _, p, err := c.Read(bg); err != nil || string(p) != "then" {
			t.Fatal(p, err)
		}
		if c.Subprotocol() != "chat" {
			t.Fatal(c.Subprotocol())
		}
	}
}

// TestReadIntoAppends: the message follows what the buffer holds, in its memory
// where that is enough, whatever way it comes.
func TestReadIntoAppends(t *testing.T) {
	for _, fragment := range []int{1000, 1 << 20} {
		s, c := tcpPair(t, Config{FragmentSize: fragment})
		for _, size := range []int{0, 3, 5000, 100_000} {
			for _, spare := range []int{0, 10, 4096, 200_000} {
				for _, before := range []string{"", "before"} {
					go func() { check(s.Write(bg, Binary, pattern(size))) }()
					buf := append(make([]byte, 0, len(before)+spare), before...)
					_, p, err := c.ReadInto(bg, buf)
					if err != nil || string(p) != before+string(pattern(size)) {
						t.Fatalf("%d bytes behind %q, in frames of %d: %d bytes, %v", size, before, fragment, len(p), err)
					}
					if here := unsafe.SliceData(p) == unsafe.SliceData(buf); !here && size <= spare && cap(buf) > 0 {
						t.Errorf("%d bytes behind %q are elsewhere, with room for %d", size, before, spare)
					}
				}
			}
		}
	}
}

// TestLimits: the size of a message, and its fragments.
func TestLimits(t *testing.T) {
	c, peer := pipePeer(t, frame.Client, 4<<20, Config{MaxMessageSize: 10})
	peer.Text("0123456789")
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	c.SetMaxMessageSize(20)
	peer.Text("0123456789a")
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	c.SetMaxMessageSize(-1)
	peer.Binary(make([]byte, 2<<20))
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	c.SetMaxMessageSize(5)
	peer.Fragments(frame.Text, "012", "345")
	_, _, err := c.Read(bg)
	wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: ErrMessageTooBig})
	peer.WantClose(frame.MessageTooBig)

	c, peer = pipePeer(t, frame.Server, 1<<20, Config{MaxFragments: 3})
	peer.Fragments(frame.Text, "a", "", "b")
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	peer.Fragments(frame.Text, "a", "", "", "b")
	_, _, err = c.Read(bg)
	wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: frame.ErrTooManyFragments})
	peer.WantClose(frame.PolicyViolation)
}

// TestPing measures, and says when nobody reads.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Client, 1000, Config{})
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if _, err := c.Ping(ctx); !errors.Is(err, os.ErrDeadlineExceeded) || err == errDeadline {
			t.Fatalf("nobody reads: %v", err)
		}
		_, _ = peer.WantFrame()
		go c.Serve(bg, &Events{})
		ctx, cancel = context.WithTimeout(bg, time.Second)
		defer cancel()
		if _, err := c.Ping(ctx); err != errDeadline {
			t.Fatalf("the peer does not answer: %v", err)
		}
		_, _ = peer.WantFrame()

		type result struct {
			rtt time.Duration
			err error
		}
		results := make(chan result, 2)
		for range 2 {
			go func() {
				rtt, err := c.Ping(bg)
				results <- result{rtt, err}
			}()
		}
		_, _ = peer.WantFrame()
		_, second := peer.WantFrame()
		peer.Pong("unsolicited")
		<-time.After(3 * time.Second) // by the bubble's clock
		peer.Pong(string(second))     // stands for both
		for range 2 {
			if r := <-results; r.err != nil || r.rtt != 3*time.Second {
				t.Fatal(r)
			}
		}
		go func() {
			_, err := c.Ping(bg)
			results <- result{err: err}
		}()
		_, _ = peer.WantFrame()
		peer.NetConn().Close()
		if r := <-results; !errors.Is(r.err, net.ErrClosed) {
			t.Fatal(r.err)
		}
	})
}
