package conn

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// TestUnread: what is given back comes again, before the rest, with and without compression.
func TestUnread(t *testing.T) {
	for _, mode := range []CompressionMode{CompressionOff, CompressionTakeover} {
		var size int64
		cfg := Config{Compression: Compression{Mode: mode, Threshold: -1}, Trace: &Trace{}}
		cfg.Trace.MessageReceived = func(_ *Conn, m MessageInfo) { size = m.Size }
		s, c := pipePair(t, 1<<16, cfg)
		check(c.Write(bg, Text, []byte("abcdefgh")))
		ctx, cancel := context.WithCancel(bg)
		_, m, err := s.NextReader(ctx)
		check(err)
		p := make([]byte, 5)
		_, err = io.ReadFull(m, p)
		check(err)
		check(m.Unread(p[3:]))
		check(m.Unread([]byte("abc")))
		p = p[:3]
		_, err = io.ReadFull(m, p)
		check(err)
		check(m.Unread(p))
		clear(p) // Unread has a copy
		cancel()
		_, again, err := s.NextReader(bg)
		check(err)
		if got, err := io.ReadAll(again); err != nil || string(got) != "abcdefgh" {
			t.Errorf("mode %d: read %q, %v, want the whole message", mode, got, err)
		}
		if size != 8 {
			t.Errorf("mode %d: Trace has a message of %d bytes, want 8", mode, size)
		}
		if err := again.Unread([]byte("x")); err != io.EOF {
			t.Errorf("Unread after the message's end = %v, want io.EOF", err)
		}
	}
}

// TestUnreadAfterEnd: Unread returns the error of a connection that has ended.
func TestUnreadAfterEnd(t *testing.T) {
	c, peer := pipePeer(t, frame.Client, 1<<16, Config{})
	peer.Send(frame.Header{Opcode: frame.Text}, []byte("abc"))
	_, m, err := c.NextReader(bg)
	check(err)
	check(c.CloseNow())
	<-c.Done()
	if err := m.Unread([]byte("abc")); !errors.Is(err, c.Err()) {
		t.Errorf("Unread = %v, want %v", err, c.Err())
	}
}
