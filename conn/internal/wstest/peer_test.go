package wstest

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/frame"
)

// pair returns a client peer and a server peer that talk to each other.
func pair(t testing.TB) (client, server *Peer) {
	a, b := Pipe(64 << 10)
	return NewPeer(t, a, frame.Client), NewPeer(t, b, frame.Server)
}

// recorder is a testing.TB whose Fatalf ends the goroutine and keeps the message, so that a test
// can look at how a Peer fails.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Helper()        {}
func (r *recorder) Cleanup(func()) {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// wantFatal runs f with a peer on nc. f must end the test with a message that contains want.
func wantFatal(t *testing.T, nc net.Conn, role frame.Role, want string, f func(*Peer)) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := NewPeer(r, nc, role)
		p.Timeout = time.Second
		f(p)
	}()
	<-done
	if want == "" || !strings.Contains(r.message, want) {
		t.Errorf("message %q, want %q in it", r.message, want)
	}
}

func TestPeerFramesOnTheWire(t *testing.T) {
	for _, test := range []struct {
		name string
		role frame.Role
		send func(*Peer)
		want string
	}{
		{"text", frame.Server, func(p *Peer) { p.Text("Hello") }, "81 05 48656c6c6f"},
		{"masked text", frame.Client, func(p *Peer) {
			p.Send(frame.Header{Opcode: frame.Text, Fin: true, Masked: true, Key: 0x3d21fa37}, []byte("Hello"))
		}, "81 85 37fa213d 7f9f4d5158"},
		{"fragments", frame.Server, func(p *Peer) { p.Fragments(frame.Text, "Hel", "", "lo") }, "01 03 48656c 00 00 80 02 6c6f"},
		{"binary", frame.Server, func(p *Peer) { p.Binary([]byte{0xff}) }, "82 01 ff"},
		{"ping", frame.Server, func(p *Peer) { p.Ping("a") }, "89 01 61"},
		{"pong", frame.Server, func(p *Peer) { p.Pong("") }, "8a 00"},
		{"close", frame.Server, func(p *Peer) { p.Close(1002, "no") }, "88 04 03ea 6e6f"},
		{"empty close", frame.Server, func(p *Peer) { p.Close(0, "") }, "88 00"},
		{"illegal close", frame.Server, func(p *Peer) { p.Close(1005, "\xff") }, "88 03 03ed ff"},
		{"illegal ping", frame.Server, func(p *Peer) { p.Ping(strings.Repeat("\x00", 126)) }, "89 7e 007e" + strings.Repeat("00", 126)},
		{"lie about the length", frame.Server, func(p *Peer) {
			p.Send(frame.Header{Opcode: 3, RSV: 7, Length: 65536}, []byte("x"))
		}, "73 7f 0000000000010000 78"},
		{"raw", frame.Client, func(p *Peer) { p.SendHex("81 FE 0005 00000000") }, "81 fe 0005 00000000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := Pipe(1000)
			go test.send(NewPeer(t, a, test.role))
			NewPeer(t, b, frame.Server).WantHex(test.want)
		})
	}
}

func TestPeerMasksByRole(t *testing.T) {
	client, server := pair(t)
	keys := map[uint32]bool{}
	for range 100 {
		client.Text("same")
		h, payload := server.WantFrame()
		if !h.Masked || keys[h.Key] || string(payload) != "same" {
			t.Fatalf("header %+v, payload %q", h, payload)
		}
		keys[h.Key] = true
	}
	server.Text("plain")
	if h, _ := client.WantFrame(); h.Masked {
		t.Fatalf("frame from a server peer: %+v, want it unmasked", h)
	}
}

func TestPeerConversation(t *testing.T) {
	client, server := pair(t)
	client.SendBytes([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	client.Ping("early") // in the same buffer as the head
	if got := server.WantHead(); got != "GET / HTTP/1.1\r\nHost: h\r\n\r\n" {
		t.Fatalf("head %q", got)
	}
	server.WantPing("early")
	server.Pong("early")
	client.WantPong("early")
	client.Fragments(frame.Binary, "a", "", "bc")
	if n := server.WantMessage(frame.Binary, "abc"); n != 3 {
		t.Fatalf("%d frames, want 3", n)
	}
	big := strings.Repeat("0123456789abcdef", 1<<16)
	go server.Text(big)
	client.WantText(big)
	server.Binary([]byte{1, 2})
	client.WantBinary([]byte{1, 2})
	client.Close(4000, "done")
	if reason := server.WantClose(4000); reason != "done" {
		t.Fatalf("reason %q", reason)
	}
	server.Close(0, "")
	client.WantClose(0)
	if server.NetConn().Close() != nil {
		t.Fatal("Close")
	}
	client.WantEOF()
}

// TestPeerFailures shows that each method ends the test if it has to, and says what came instead.
func TestPeerFailures(t *testing.T) {
	for _, test := range []struct {
		name string
		wire string // what the other end sends before it closes
		role frame.Role
		f    func(*Peer)
		want string
	}{
		{"other text", "81 02 6869", frame.Client, func(p *Peer) { p.WantText("ho") }, "at byte 1: got 69, want 6f"},
		{"too short", "81 02 6869", frame.Client, func(p *Peer) { p.WantText("hi!") }, "text of 2 bytes, want 3"},
		{"other opcode", "82 00", frame.Client, func(p *Peer) { p.WantText("") }, "want text"},
		{"fragment", "01 00", frame.Client, func(p *Peer) { p.WantText("") }, "fin false"},
		{"rsv", "c1 00", frame.Client, func(p *Peer) { p.WantText("") }, "rsv 4"},
		{"masked", "81 80 00000000", frame.Client, func(p *Peer) { p.WantText("") }, "mask bit true"},
		{"unmasked", "81 00", frame.Server, func(p *Peer) { p.WantText("") }, "mask bit false"},
		{"long length", "81 7e 0001 61", frame.Client, func(p *Peer) { p.WantText("a") }, "not a frame header"},
		{"huge", "82 7f 0000000100000000", frame.Client, func(p *Peer) { p.WantFrame() }, "announces 4294967296 bytes"},
		{"cut header", "81", frame.Client, func(p *Peer) { p.WantFrame() }, "got 81, want a frame: EOF"},
		{"no text", "", frame.Client, func(p *Peer) { p.WantText("hi") }, "got (nothing), want text of 2 bytes: EOF"},
		{"no end of a message", "01 01 61", frame.Client, func(p *Peer) { p.WantMessage(frame.Text, "ab") }, "want continuation of a message of 2 bytes: EOF"},
		{"no close frame", "", frame.Client, func(p *Peer) { p.WantClose(1000) }, "got (nothing), want close 1000"},
		{"cut payload", "81 05 68", frame.Client, func(p *Peer) { p.WantFrame() }, "got 1 of 5 payload bytes"},
		{"no close", "81 00", frame.Client, func(p *Peer) { p.WantClose(1000) }, "want close 1000"},
		{"other close", "88 02 03e9", frame.Client, func(p *Peer) { p.WantClose(1000) }, "1001"},
		{"bad close", "88 01 03", frame.Client, func(p *Peer) { p.WantClose(1000) }, "one byte"},
		{"close with a code", "88 02 03e8", frame.Client, func(p *Peer) { p.WantClose(0) }, "1005"},
		{"broken message", "01 01 61 81 01 62", frame.Client, func(p *Peer) { p.WantMessage(frame.Text, "ab") }, "frame 1: got text"},
		{"other message", "01 01 61 80 01 62", frame.Client, func(p *Peer) { p.WantMessage(frame.Text, "a") }, "2 bytes in 2 frames, want 1"},
		{"not the end", "81 00", frame.Client, func(p *Peer) { p.WantEOF() }, "got 81"},
		{"other bytes", "81 00", frame.Client, func(p *Peer) { p.WantHex("82 00") }, "got 81 00, want 82 00"},
		{"too few bytes", "81", frame.Client, func(p *Peer) { p.WantHex("81 00") }, "got 81, want 81 00"},
		{"no head", "47 45 54", frame.Client, func(p *Peer) { p.WantHead() }, `got "GET"`},
		{"endless head", strings.Repeat("61", maxHead+1), frame.Client, func(p *Peer) { p.WantHead() }, "no empty line"},
		{"cannot send", "", frame.Client, func(p *Peer) { p.Text("hi") }, "sent 0 of 8 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := Pipe(1 << 20)
			mustWrite(t, a, string(Hex(test.wire)))
			a.Close()
			wantFatal(t, b, test.role, test.want, test.f)
		})
	}
}

// TestPeerNeverHangs has the other end be silent, or full.
func TestPeerNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a, b := Pipe(3)
		wantFatal(t, a, frame.Client, os.ErrDeadlineExceeded.Error(), func(p *Peer) { p.WantFrame() })
		wantFatal(t, a, frame.Client, "sent 3 of 11 bytes", func(p *Peer) { p.Text("hello") })
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("two timeouts of a second took %v, want two seconds", got)
		}
		// The deadlines are gone afterwards.
		p := NewPeer(t, b, frame.Server)
		p.SendBytes([]byte("x"))
		time.Sleep(time.Hour)
		wantRead(t, a, "x", nil)
		mustWrite(t, b, "y")
	})
}

func TestPeerWantNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(100)
		p := NewPeer(t, b, frame.Server)
		p.WantNothing()
		go func() {
			time.Sleep(time.Minute)
			mustWrite(t, a, "x")
		}()
		p.WantNothing()
		time.Sleep(time.Minute)
		wantFatal(t, b, frame.Server, "got 78, want nothing", func(p *Peer) { p.WantNothing() })

		mustWrite(t, a, "yz")
		wantFatal(t, b, frame.Server, "got 7a, want nothing", func(p *Peer) {
			p.WantHex("79") // reads ahead
			p.WantNothing()
		})
		c, _ := net.Pipe()
		wantFatal(t, c, frame.Server, "needs a connection with Buffered", func(p *Peer) { p.WantNothing() })
	})
}
