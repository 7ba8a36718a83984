package conn

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/rfc6455/ws/frame"
)

// TestAbandonUnsent: of a message that is abandoned before a part has left the peer notices
// nothing, with and without compression, and the next writer has its turn.
func TestAbandonUnsent(t *testing.T) {
	for _, mode := range []CompressionMode{CompressionOff, CompressionTakeover} {
		cfg := Config{Compression: Compression{Mode: mode, Threshold: -1}}
		s, c := pipePair(t, 1<<16, cfg)
		for _, text := range []string{"first", "second, like the first", "third, like the second"} {
			m, err := s.NextWriter(bg, Text)
			check(err)
			_, err = m.Write([]byte("abandoned, like the second and the third"))
			check(err)
			m.Abandon()
			m.Abandon() // does nothing
			if err := m.Close(); !errors.Is(err, ErrWriterClosed) {
				t.Errorf("Close after Abandon = %v, want ErrWriterClosed", err)
			}
			check(s.Write(bg, Text, []byte(text)))
			if _, p, err := c.Read(bg); err != nil || string(p) != text {
				t.Errorf("mode %d: the peer read %q, %v, want %q", mode, p, err, text)
			}
		}
	}
}

// TestAbandonSent: if a part of the message has left, the connection ends, so that the peer does
// not take the part for the whole.
func TestAbandonSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
		m, err := c.NextWriter(bg, Binary)
		check(err)
		_, err = m.Write(bytes.Repeat([]byte("a"), 2*maxPiece))
		check(err)
		m.Abandon()
		if h, _ := peer.WantFrame(); h.Fin {
			t.Error("the message was completed")
		}
		peer.WantClose(CloseInternalError)
	})
}

// TestFramesFillSegments: a frame of a long message is a little shorter than a multiple of 64 KiB,
// the segments of TCP, and never a little longer.
func TestFramesFillSegments(t *testing.T) {
	const segment = 64 << 10
	long := make([]byte, 1<<20)
	for name, send := range map[string]func(c *Conn) error{
		"Write": func(c *Conn) error { return c.Write(bg, Binary, long) },
		"NextWriter": func(c *Conn) error {
			m, err := c.NextWriter(bg, Binary)
			check(err)
			_, err = m.Write(long)
			check(err)
			return m.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pipePeer(t, frame.Server, 2<<20, Config{})
			check(send(c))
			for {
				h, payload := peer.WantFrame()
				if h.Fin {
					break
				}
				if rest := len(frame.Append(nil, h)) + len(payload); rest%segment < segment/2 {
					t.Fatalf("a frame of %d bytes with its header, want nearly a multiple of %d", rest, segment)
				}
			}
		})
	}
}

// TestAbandonAfterClose: a deferred Abandon harms no message that was sent.
func TestAbandonAfterClose(t *testing.T) {
	s, c := pipePair(t, 1<<16, Config{})
	m, err := s.NextWriter(bg, Text)
	check(err)
	_, err = m.Write([]byte("whole"))
	check(err)
	check(m.Close())
	m.Abandon()
	if _, p, err := c.Read(bg); err != nil || string(p) != "whole" {
		t.Errorf("the peer read %q, %v, want the message", p, err)
	}
}
