package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

const poisonByte = 0xaa

// TestPoison: a mixed workload, in both directions, never shows what a buffer
// held before: wire bytes and messages consist of what was written.
func TestPoison(t *testing.T) {
	for _, z := range []int{0, 12} {
		t.Run(fmt.Sprint("CVE-2026-45736_memory_not_written/window ", z), func(t *testing.T) {
			a, b := wstest.Pipe(8 << 10)
			n := Negotiated{}
			cfg := Config{FragmentSize: 700, Queue: 1 << 20}
			if z > 0 {
				n.Deflate, cfg.Compression = deflated(z), takeover.Compression
			}
			s := New(a, frame.Server, n, cfg)
			c := New(b, frame.Client, n, cfg)
			go s.Serve(bg, &Events{Message: func(s *Conn, mt MessageType, p []byte) { check(s.Append(mt, p)) }})
			sent := make(chan []byte, 64)
			go func() {
				for i := range 300 {
					p := pattern(i * i % 5000)
					sent <- p
					check(sendOneWay(c, []int{0, 1, 2, 3, 4, 6}[i%6], p))
					if i%20 == 0 {
						_, _ = c.Ping(cancelled())
					}
				}
			}()
			var buf []byte
			for i := range 300 {
				var p []byte
				var err error
				if i%2 == 0 {
					_, p, err = c.Read(within(t))
				} else {
					_, p, err = c.ReadInto(within(t), buf[:0])
					buf = p
				}
				if want := <-sent; err != nil || !bytes.Equal(p, want) || bytes.IndexByte(p, poisonByte) >= 0 {
					t.Fatalf("message %d: %d bytes, %v, want %d bytes", i, len(p), err, len(want))
				}
			}
			if err := c.Close(CloseNormal, "a reason of some length"); err != nil {
				t.Fatal(err)
			}
			<-s.Done()
			wantEnd(t, s.Err(), CloseError{Code: CloseNormal, Reason: "a reason of some length", Remote: true})
		})
	}
}

// TestPoisonOnWire looks at control frames, whose payload is short and whose
// buffers are large.
func TestPoisonOnWire(t *testing.T) {
	inBothRoles(t, "CVE-2026-45736_memory_not_written", func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 1<<20, Config{})
		for range 10 {
			check(c.Write(bg, Text, pattern(300)))
			peer.WantText(string(pattern(300)))
		}
		go c.Serve(bg, &Events{})
		for n := range 126 {
			peer.Ping(string(pattern(n)))
			peer.WantPong(string(pattern(n)))
		}
		go c.Close(CloseNormal, "bye")
		if h, p := peer.WantFrame(); h.Opcode != frame.Close || string(p) != "\x03\xe8bye" {
			t.Errorf("the Close frame holds %x", p)
		}
	})
}

// fed returns a connection of role that reads b and then the end.
func fed(role frame.Role, b []byte, cfg Config) *Conn {
	return New(newFeed(b, nil), role, Negotiated{}, cfg)
}

// many is how often the floods repeat their frame.
func many() int {
	if raceEnabled {
		return 1e5
	}
	return 1e6
}

// TestFloods: a million frames that carry next to nothing cost time in
// proportion and no memory, and the bound on fragments stops those of one
// message.
func TestFloods(t *testing.T) {
	for _, tt := range []struct {
		name    string
		flood   frame.Header
		payload string
		message int // its length
	}{
		{"CVE-2026-48779_one_byte_fragments", frame.Header{}, "x", many()},
		{"CVE-2026-48779_empty_fragments", frame.Header{}, "", 0},
		{"CVE-2025-5399_empty_pongs", frame.Header{Opcode: frame.Pong, Fin: true}, "", 0},
		{"CVE-2025-69199_empty_pings", frame.Header{Opcode: frame.Ping, Fin: true}, "", 0},
	} {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			t.Run(fmt.Sprintf("%s/%v", tt.name, role), func(t *testing.T) {
				b := frames(role, 1, frame.Header{Opcode: frame.Binary}, "a")
				b = append(b, frames(role, many(), tt.flood, tt.payload)...)
				b = append(b, frames(role, 1, frame.Header{Fin: true}, "")...)
				c := fed(role, b, Config{MaxMessageSize: -1, MaxFragments: -1})
				before := allocated()
				_, p, err := c.Read(bg)
				if err != nil || len(p) != 1+tt.message {
					t.Fatalf("got %d bytes, %v", len(p), err)
				}
				// Growing by doubling writes each byte a few times.
				if n := allocated() - before; n > uint64(6*tt.message+256<<10) && !raceEnabled && tt.flood.Opcode != frame.Ping {
					t.Errorf("%d bytes were allocated", n)
				}
				_ = c.CloseNow()
				if tt.flood.Opcode != frame.Continuation {
					return
				}
				c = fed(role, b, Config{MaxFragments: 1000})
				_, _, err = c.Read(bg)
				wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: frame.ErrTooManyFragments})
				<-c.Done()
			})
		}
	}
}

// TestEmptyMessageFlood delivers every one of a million empty messages.
func TestEmptyMessageFlood(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		b := frames(role, 1, frame.Header{Opcode: frame.Pong, Fin: true}, "x")
		b = append(b, frames(role, many(), frame.Header{Opcode: frame.Text, Fin: true}, "")...)
		c := fed(role, b, Config{})
		n := 0
		err := c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { n++ }})
		wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF})
		if n != many() {
			t.Errorf("%v: %d messages", role, n)
		}
	}
}

// TestPongQueue: a peer that floods pings and never reads costs a bounded
// queue, and loses its connection within WriteTimeout (RUSTSEC-2020-0043).
func TestPongQueue(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		t.Run(fmt.Sprintf("RUSTSEC-2020-0043_pong_queue/%v", role), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := pipePeer(t, role, 1<<10, Config{WriteTimeout: 10 * time.Second})
				served := make(chan error, 1)
				go func() { served <- c.Serve(bg, &Events{}) }()
				pings := frames(role, 1000, frame.Header{Opcode: frame.Ping, Fin: true}, string(pattern(125)))
				peer.SendBytes(pings)
				before := allocated()
				for range 30 {
					peer.SendBytes(pings)
				}
				synctest.Wait()
				if n := allocated() - before; n > 1<<20 && !raceEnabled {
					t.Errorf("30,000 pings allocated %d bytes", n)
				}
				if n := c.Buffered(); n > 2*4<<10+1<<10 {
					t.Errorf("%d bytes wait", n)
				}
				err := <-served
				if !errors.Is(err, ErrWriteTimeout) {
					t.Error(err)
				}
			})
		})
	}
}
