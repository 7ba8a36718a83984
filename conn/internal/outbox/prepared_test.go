package outbox

import (
	"bytes"
	"testing"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// TestPreparedIsCompressedOnce: connections that have agreed on the same share one frame, and those
// with another window or level have another one.
func TestPreparedIsCompressedOnce(t *testing.T) {
	var m Prepared
	m.Prepare(Type(frame.Text), bytes.Repeat([]byte("the same words again and again. "), 100))
	one := m.compressed(&deflate.Encoder{WindowBits: 15, Level: 6})
	if again := m.compressed(&deflate.Encoder{WindowBits: 15, Level: 6}); again != one {
		t.Error("a second connection with the same parameters has a frame of its own, want the first's")
	}
	if len(one.payload) >= m.Size() || one.header.RSV != frame.RSV1 {
		t.Errorf("%d bytes became %d with RSV %d, want fewer, and RSV1",
			m.Size(), len(one.payload), one.header.RSV)
	}
	for _, other := range []deflate.Encoder{{WindowBits: 9, Level: 6}, {WindowBits: 15, Level: 1}} {
		if m.compressed(&other) == one {
			t.Errorf("window %d and level %d share the frame of window 15 and level 6",
				other.WindowBits, other.Level)
		}
	}
}
