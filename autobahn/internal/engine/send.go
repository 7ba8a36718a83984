package engine

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"slices"

	"github.com/rfc6455/ws/frame"
)

// Do sends the frame.
func (s Send) Do(t *Tester) {
	payload := []byte(s.Payload)
	if s.Length > 0 {
		payload = Cycle(s.Payload, s.Length)
	}
	t.Frame(s, payload)
}

// Cycle returns the first n bytes of s, repeated as often as that takes.
func Cycle(s string, n int) []byte {
	b := bytes.Repeat([]byte(s), n/len(s)+1)
	return b[:n]
}

// Frame sends one frame with the given payload. All else is as in s. As a client, the tester
// masks it.
func (t *Tester) Frame(s Send, payload []byte) {
	h := frame.Header{Opcode: s.Op, RSV: s.RSV, Fin: !s.More, Length: int64(len(payload)), Masked: !t.Server}
	if h.Masked {
		h.Key = t.Key()
	}
	t.Rec.SentFrame(h, s, payload)
	if h.Opcode < frame.Close && t.state == open {
		t.Rec.Traffic.OutgoingWebSocketFrames++
	}
	if t.Rec.Enabled || s.Chop > 0 || s.Sync || t.state == closed {
		b := make([]byte, 0, frame.MaxHeaderSize+len(payload))
		t.Write(appendFrame(b, h, payload), s.Chop, s.Sync)
		return
	}
	// As Write does, but without bytes for the log.
	n := t.out.frame(h, payload)
	if t.state == open {
		t.Rec.Traffic.OutgoingOctetsWireLevel += n
	}
	t.Rec.TxOctets[n]++
}

// appendFrame appends a frame as it is on the wire.
func appendFrame(b []byte, h frame.Header, payload []byte) []byte {
	b = frame.Append(b, h)
	n := len(b)
	b = append(b, payload...)
	if h.Masked {
		mask(b[n:], h.Key, 0)
	}
	return b
}

// Write sends bytes, which belong to the tester from now on. If chop is not zero, they go out
// in writes of that many bytes each; if sync is true, in a write of their own.
func (t *Tester) Write(b []byte, chop int, sync bool) {
	for {
		n := len(b)
		if chop > 0 {
			n = min(n, chop)
		}
		p := b[:n:n]
		if t.state == open {
			t.Rec.Traffic.OutgoingOctetsWireLevel += len(p)
		}
		t.Rec.SentOctets(p, sync || chop > 0)
		if t.state != closed {
			t.out.write(p, sync || chop > 0)
		}
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
}

// mask applies a masking key (RFC 6455 section 5.3) to payload that starts offset
// bytes into its frame. The key's first wire byte is its lowest.
func mask(p []byte, key uint32, offset int64) {
	shift := int(offset&3) * 8
	key = key>>shift | key<<(32-shift)
	var keys [1 << 8]byte // the key again and again
	n := min(len(p), len(keys))
	for i := 0; i < n; i += 4 {
		binary.LittleEndian.PutUint32(keys[i:], key)
	}
	for piece := range slices.Chunk(p, len(keys)) {
		subtle.XORBytes(piece, piece, keys[:])
	}
}

// Say sends a message, compressed if that was negotiated, if the connection is open. If
// fragment is not zero, frames have at most that many bytes of payload.
func (t *Tester) Say(payload []byte, isBinary bool, fragment int) {
	if t.state != open {
		return
	}
	traffic := &t.Rec.Traffic
	traffic.OutgoingWebSocketMessages++
	traffic.OutgoingOctetsAppLevel += len(payload)
	first := Send{Op: frame.Text}
	if isBinary {
		first.Op = frame.Binary
	}
	if t.Deflate != nil {
		first.RSV = frame.RSV1
		payload = t.Deflate.Compress(payload)
	}
	t.Fragments(first, payload, fragment)
}

// Fragments sends a payload as it is in frames of at most size bytes. First says what the
// first of them is like. If size is zero, [Tester.AutoFragment] is the size, and if that is
// zero too, there is one frame.
func (t *Tester) Fragments(first Send, payload []byte, size int) {
	t.Rec.Traffic.OutgoingOctetsWebSocketLevel += len(payload)
	if size == 0 {
		size = t.AutoFragment
	}
	if size == 0 || len(payload) <= size {
		t.Frame(first, payload)
		return
	}
	// If the payload is an exact multiple of the size, an empty last frame follows, as in
	// the Autobahn|Testsuite: a full fragment is never the last.
	next := first
	for {
		next.More = len(payload) >= size
		n := min(size, len(payload))
		t.Frame(next, payload[:n])
		if !next.More {
			return
		}
		payload = payload[n:]
		next = Send{Op: frame.Continuation}
	}
}

// BeginFrame sends the header of a fragment. [Tester.PayloadBytes] sends its payload, in
// pieces. Both do nothing if the connection is not open.
func (t *Tester) BeginFrame(op frame.Opcode, length int) {
	if t.state != open {
		return
	}
	h := frame.Header{Opcode: op, Length: int64(length), Masked: !t.Server}
	if h.Masked {
		h.Key = t.Key()
	}
	t.streaming, t.streamed = h, 0
	t.Rec.SentFrame(h, Send{Op: op, More: true}, nil)
	t.Write(frame.Append(nil, h), 0, false)
}

// PayloadBytes sends a piece of the payload of a fragment that [Tester.BeginFrame] has begun.
func (t *Tester) PayloadBytes(p string) {
	if t.state != open {
		return
	}
	b := []byte(p)
	if t.streaming.Masked {
		mask(b, t.streaming.Key, t.streamed)
	}
	t.streamed += int64(len(b))
	t.Write(b, 0, false)
}
