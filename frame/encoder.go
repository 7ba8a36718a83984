package frame

import (
	"encoding/binary"
	"slices"

	"github.com/rfc6455/ws/mask"
)

// Encoder turns frames into the bytes of one direction of a connection. It refuses to send what the
// peer would have to refuse (RFC 6455 sections 5.1 to 5.5). Whether text is UTF-8 is for the caller
// to check, who has the whole message. The zero value is a server's encoder without compression. An
// Encoder is not safe for concurrent use.
type Encoder struct {
	// Role is the role of this endpoint: a Client masks every frame, a Server none.
	Role Role
	// AllowRSV1 says that permessage-deflate was negotiated, so that RSV1 may mark a compressed
	// message.
	AllowRSV1 bool

	open   Opcode // opcode of the message in progress; Continuation if there is none
	closed bool   // a Close frame was sent
}

// InMessage reports whether a data message has begun and its last frame is still to be sent.
// Control frames may be sent in between.
func (e *Encoder) InMessage() bool {
	return e.open != Continuation
}

// AppendHeader appends the header of the next frame to dst and returns the extended slice. After
// it, the caller sends h.Length bytes of payload, which a client has masked with h.Key. h.Masked is
// ignored: Role decides. Only a Client uses h.Key, which RFC 6455 section 5.3 wants fresh and
// unpredictable for each frame.
//
// On an error, dst is returned unchanged and the Encoder stays as it was, so that the connection is
// still sound. The errors are [ErrCloseSent], [ErrReservedBits], [ErrReservedOpcode],
// [ErrControlFragmented], [ErrControlTooLong], [ErrShortClose], [ErrExpectedContinuation],
// [ErrUnexpectedContinuation], and [ErrLengthOverflow] for a negative length.
func (e *Encoder) AppendHeader(dst []byte, h Header) ([]byte, error) {
	if err := e.check(h); err != nil {
		return dst, err
	}
	h.Masked = e.Role == Client
	switch {
	case h.Opcode == Close:
		e.closed = true
	case h.Opcode.IsControl():
	case h.Fin:
		e.open = Continuation
	case h.Opcode != Continuation:
		e.open = h.Opcode
	}
	return Append(dst, h), nil
}

// AppendFrame appends a whole frame to dst and returns the extended slice: the header, with the
// length of payload, and then the payload, which a Client masks on the way. payload is neither
// changed nor kept. It must not overlap the spare capacity of dst. The payload of a Close frame
// must be one that [ParseClose] accepts. The errors are those of [Encoder.AppendHeader] and
// ParseClose.
func (e *Encoder) AppendFrame(dst []byte, h Header, payload []byte) ([]byte, error) {
	if h.Opcode == Close {
		if _, _, err := ParseClose(payload); err != nil {
			return dst, err
		}
	}
	h.Length = int64(len(payload))
	out, err := e.AppendHeader(dst, h)
	if err != nil {
		return dst, err
	}
	if e.Role == Server {
		return append(out, payload...), nil
	}
	n := len(out)
	out = slices.Grow(out, len(payload))[:n+len(payload)]
	mask.Copy(out[n:], payload, h.Key)
	return out, nil
}

// AppendMessage appends a whole message of one frame, Text or Binary, to dst and returns the
// extended slice. key is used by a Client alone. AppendMessage does what [Encoder.AppendFrame] does
// for a header with Opcode, Fin and Key set, and has the same errors. It takes less time, because
// most frames are of this kind.
func (e *Encoder) AppendMessage(dst []byte, op Opcode, key uint32, payload []byte) ([]byte, error) {
	if e.closed || e.open != Continuation || op != Text && op != Binary {
		return e.AppendFrame(dst, Header{Opcode: op, Fin: true, Key: key}, payload)
	}
	start := len(dst)
	dst = slices.Grow(dst, MaxHeaderSize+len(payload))
	b := dst[start:][:MaxHeaderSize]
	b[0] = finBit | byte(op)
	n := 2
	switch l := len(payload); {
	case l < len16:
		b[1] = byte(l)
	case l <= 0xFFFF:
		b[1] = len16
		binary.BigEndian.PutUint16(b[2:], uint16(l))
		n = 4
	default:
		b[1] = len64
		binary.BigEndian.PutUint64(b[2:], uint64(l))
		n = 10
	}
	if e.Role == Server {
		return append(dst[:start+n], payload...), nil
	}
	b[1] |= maskBit
	binary.LittleEndian.PutUint32(b[n:], key)
	n += 4
	dst = dst[:start+n+len(payload)]
	mask.Copy(dst[start+n:], payload, key)
	return dst, nil
}

// check checks h against the rules for a sender.
func (e *Encoder) check(h Header) error {
	switch {
	case e.closed:
		return ErrCloseSent
	case h.RSV > RSV1|RSV2|RSV3:
		return ErrReservedBits
	case h.Opcode > opBits:
		return ErrReservedOpcode
	case h.Length < 0:
		return ErrLengthOverflow
	}
	first := byte(h.Opcode) | h.RSV<<rsvShift
	if h.Fin {
		first |= finBit
	}
	rsv := byte(0)
	if e.AllowRSV1 {
		rsv = RSV1 << rsvShift
	}
	if err := checkFirst(first, e.open, rsv); err != nil {
		return err
	}
	switch {
	case h.Opcode.IsControl() && h.Length > MaxControlPayload:
		return ErrControlTooLong
	case h.Opcode == Close && h.Length == 1:
		return ErrShortClose
	}
	return nil
}
