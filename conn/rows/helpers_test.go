package rows

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestMain fails the tests if they leave goroutines of this module behind.
func TestMain(m *testing.M) {
	inLoop := flag.Bool("loop", false, "run the tests with a Loop")
	flag.Parse()
	if *inLoop {
		loop.Every = new(loop.Loop)
	}
	wstest.Main(m, "rfc6455/ws/conn")
}

// pipeSize is what each direction of a pipe holds.
const pipeSize = 64 << 10

// limit bounds every wait of a test. In a bubble it costs nothing.
const limit = time.Minute

// await waits for a value from a channel.
func await[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(limit):
		t.Fatalf("nothing comes in %v, want a value", limit)
	}
	return v
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// aside runs a call that blocks and returns a function that waits for its
// result.
func aside(t *testing.T, call func() error) (result func() error) {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return func() error {
		t.Helper()
		return await(t, done)
	}
}

// wantRead reads the next message of c.
func wantRead(t *testing.T, c *ws.Conn, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, limit)
	defer cancel()
	if _, p, err := c.Read(ctx); err != nil || string(p) != want {
		t.Fatalf("read %.200q, %v; want %.200q", p, err, want)
	}
}

var bg = context.Background()

// ways are all the ways to send a message.
var ways = []struct {
	name string
	send func(c *ws.Conn, typ ws.MessageType, p []byte) error
}{
	{"Write", func(c *ws.Conn, typ ws.MessageType, p []byte) error { return c.Write(bg, typ, p) }},
	{"Append", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		if err := c.Append(typ, p); err != nil {
			return err
		}
		return c.Flush(bg)
	}},
	{"Send", func(c *ws.Conn, typ ws.MessageType, p []byte) error { return c.Send(typ, p) }},
	{"NextWriter", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		m, err := c.NextWriter(bg, typ)
		if err != nil {
			return err
		}
		for _, half := range [][]byte{p[:len(p)/2], p[len(p)/2:]} {
			if _, err := m.Write(half); err != nil {
				return errors.Join(err, m.Close())
			}
		}
		return m.Close()
	}},
	{"WritePrepared", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		m, err := ws.Prepare(typ, p)
		if err != nil {
			return err
		}
		return c.WritePrepared(bg, m)
	}},
	{"SendPrepared", func(c *ws.Conn, typ ws.MessageType, p []byte) error {
		m, err := ws.Prepare(typ, p)
		if err != nil {
			return err
		}
		return c.SendPrepared(m)
	}},
}

// describe writes a message or a control frame: `text "hi"`.
func describe(op frame.Opcode, payload string) string { return fmt.Sprintf("%v %q", op, payload) }

func text(s string) string   { return describe(frame.Text, s) }
func binary(s string) string { return describe(frame.Binary, s) }
func pong(s string) string   { return describe(frame.Pong, s) }

// closeOf writes a Close frame with a code and no reason.
func closeOf(code frame.CloseCode) string {
	return describe(frame.Close, string([]byte{byte(code >> 8), byte(code)}))
}

// isEnd reports whether a connection ended as wanted; with whatever code of this
// side's if want has none, since the peer has seen that.
func isEnd(got, want ws.CloseError) bool {
	if want.Sent == 0 {
		got.Sent = 0
	}
	return got == want
}

// remote is the end of a connection whose peer closed it with this.
func remote(code frame.CloseCode, reason string) *ws.CloseError {
	return &ws.CloseError{Code: code, Reason: reason, Remote: true}
}

// closeFrame is a Close frame, for wire.
func closeFrame(code int, reason string) string {
	return fmt.Sprintf("88 %02x k %04x %x", 2+len(reason), code, reason)
}

// wire turns frames in hexadecimal, with "|" between them, into what the peer
// of an endpoint in this role sends. Where the letter k stands, a client puts
// its masking key and masks what follows; it sets the mask bit of every second
// byte. A server leaves both.
func wire(to frame.Role, spec string) (b []byte) {
	keys := []string{"00000000", "37FA213D", "FF008001"}
	for i, f := range strings.Split(spec, "|") {
		head, payload, _ := strings.Cut(f, "k")
		h, p := wstest.Hex(head), wstest.Hex(payload)
		if to == frame.Server {
			if len(h) > 1 {
				h[1] |= 0x80
			}
			if strings.Contains(f, "k") {
				key := wstest.Hex(keys[i%len(keys)])
				h = append(h, key...)
				for j := range p {
					p[j] ^= key[j%4]
				}
			}
		}
		b = append(append(b, h...), p...)
	}
	return b
}

// hexOf writes s in hexadecimal, for wire.
func hexOf(s string) string { return fmt.Sprintf("%x", s) }

// long is a frame with a payload of n equal bytes, for wire, and bulk the
// payload.
func long(first, n int) string {
	head := fmt.Sprintf("%02x %02x", first, n)
	if n > 0xffff {
		head = fmt.Sprintf("%02x 7f %016x", first, n)
	} else if n > 125 {
		head = fmt.Sprintf("%02x 7e %04x", first, n)
	}
	return head + "k" + strings.Repeat("5a", n)
}

func bulk(n int) string { return strings.Repeat("\x5a", n) }
