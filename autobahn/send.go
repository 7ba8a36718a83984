package autobahn

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/rfc6455/ws/frame"
)

func (s send) do(t *tester) {
	payload := []byte(s.payload)
	if s.length > 0 {
		payload = cycle(s.payload, s.length)
	}
	t.frame(s, payload)
}

// cycle returns the first n bytes of s, repeated as often as that takes.
func cycle(s string, n int) []byte {
	b := bytes.Repeat([]byte(s), n/len(s)+1)
	return b[:n]
}

// frame writes one frame with the given payload; s says the rest of it. As a
// client, the tester masks.
func (t *tester) frame(s send, payload []byte) {
	h := frame.Header{Opcode: s.op, RSV: s.rsv, Fin: !s.more, Length: int64(len(payload)), Masked: !t.server}
	if h.Masked {
		h.Key = rand.Uint32()
	}
	t.rec.sentFrame(h, s, payload)
	if h.Opcode < frame.Close && t.state == open {
		t.rec.Traffic.OutgoingWebSocketFrames++
	}
	if t.rec.enabled || s.chop > 0 || s.sync || t.state == closed {
		b := make([]byte, 0, frame.MaxHeaderSize+len(payload))
		t.write(appendFrame(b, h, payload), s.chop, s.sync)
		return
	}
	// As write does, without bytes for the log.
	n := t.out.frame(h, payload)
	if t.state == open {
		t.rec.Traffic.OutgoingOctetsWireLevel += n
	}
	t.rec.txOctets[n]++
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

// write sends bytes, in writes of chop bytes each if that is not zero.
func (t *tester) write(b []byte, chop int, sync bool) {
	for {
		n := len(b)
		if chop > 0 {
			n = min(n, chop)
		}
		p := b[:n:n]
		if t.state == open {
			t.rec.Traffic.OutgoingOctetsWireLevel += len(p)
		}
		t.rec.sentOctets(p, sync || chop > 0)
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

// say sends a message, if the connection is open.
func (t *tester) say(payload []byte, isBinary bool, fragment int) {
	if t.state != open {
		return
	}
	traffic := &t.rec.Traffic
	traffic.OutgoingWebSocketMessages++
	traffic.OutgoingOctetsAppLevel += len(payload)
	first := send{op: frame.Text}
	if isBinary {
		first.op = frame.Binary
	}
	if t.deflate != nil {
		first.rsv = frame.RSV1
		payload = t.deflate.compress(payload)
	}
	t.fragments(first, payload, fragment)
}

// fragments sends a message's payload in frames of at most size bytes, or of the
// tester's automatic size if size is zero.
func (t *tester) fragments(first send, payload []byte, size int) {
	t.rec.Traffic.OutgoingOctetsWebSocketLevel += len(payload)
	if size == 0 {
		size = t.autoFragment
	}
	if size == 0 || len(payload) <= size {
		t.frame(first, payload)
		return
	}
	// A payload of an exact multiple of the size is followed by an empty last
	// frame, as the Autobahn|Testsuite has it: a fragment is the last one only if
	// there would be less than a full one left.
	next := first
	for {
		next.more = len(payload) >= size
		n := min(size, len(payload))
		t.frame(next, payload[:n])
		if !next.more {
			return
		}
		payload = payload[n:]
		next = send{op: frame.Continuation}
	}
}

// beginFrame writes the header of a fragment whose payload follows in pieces, by
// payloadBytes. Both do nothing unless the connection is open.
func (t *tester) beginFrame(op frame.Opcode, length int) {
	if t.state != open {
		return
	}
	h := frame.Header{Opcode: op, Length: int64(length), Masked: !t.server}
	if h.Masked {
		h.Key = rand.Uint32()
	}
	t.streaming, t.streamed = h, 0
	t.rec.sentFrame(h, send{op: op, more: true}, nil)
	t.write(frame.Append(nil, h), 0, false)
}

func (t *tester) payloadBytes(p string) {
	if t.state != open {
		return
	}
	b := []byte(p)
	if t.streaming.Masked {
		mask(b, t.streaming.Key, t.streamed)
	}
	t.streamed += int64(len(b))
	t.write(b, 0, false)
}
