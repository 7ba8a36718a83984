package conn

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rfc6455/ws/frame"
)

// TestWithdrawnNotRemembered: a compressed message whose context ends before a
// byte of it is out, but after it became a part of the window, is sent all the
// same: those behind it refer to its text.
func TestWithdrawnNotRemembered(t *testing.T) {
	text := bytes.Repeat([]byte("text that the window remembers "), 20)
	for way, send := range map[string]func(context.Context, *Conn) error{
		"MessageWriter": func(ctx context.Context, c *Conn) error {
			m, err := c.NextWriter(ctx, Text)
			if err != nil {
				return err
			}
			_, _ = m.Write(text)
			return m.Close()
		},
		"Write": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, text) },
	} {
		t.Run(way, func(t *testing.T) {
			cfg := takeover
			cfg.FragmentSize, cfg.Queue = len(text)-1, 16<<20
			a, b := tcpNets(t)
			_ = a.SetWriteBuffer(8 << 10)
			s := New(a, frame.Server, Negotiated{Deflate: deflated(15)}, cfg)
			c := New(b, frame.Client, Negotiated{Deflate: deflated(15)}, Config{MaxMessageSize: -1})
			t.Cleanup(func() { _ = s.CloseNow(); _ = c.CloseNow() })
			noise := make([]byte, 300<<10) // more than the sockets hold, ahead of the message
			rand.NewChaCha8([32]byte{}).Read(noise)
			if err := s.Append(Binary|Uncompressed, noise); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
			defer cancel()
			if err := send(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			wrote := make(chan error, 1)
			go func() { wrote <- s.Write(bg, Text, text) }()
			for _, want := range [][]byte{noise, text, text} {
				if _, p, err := c.Read(within(t)); err != nil || !bytes.Equal(p, want) {
					t.Fatalf("got %d bytes, %v, want %d bytes", len(p), err, len(want))
				}
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
		})
	}
}
