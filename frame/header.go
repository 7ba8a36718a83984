package frame

import "encoding/binary"

const (
	// MaxHeaderSize is the length in bytes of the longest frame header: two bytes, a 64-bit length
	// and a masking key.
	MaxHeaderSize = 14
	// MaxControlPayload is the greatest payload length of a control frame in bytes (RFC 6455
	// section 5.5).
	MaxControlPayload = 125
)

// The bits of the first two bytes of a header, and the two values of the 7-bit length that announce
// a longer one.
const (
	finBit   = 0x80
	rsvBits  = 0x70
	rsvShift = 4
	opBits   = 0x0F
	maskBit  = 0x80
	lenBits  = 0x7F
	len16    = 126
	len64    = 127
)

// Header is one frame header (RFC 6455 section 5.2). Its fields are flat scalars, so that it
// travels in registers.
type Header struct {
	// Length is the payload length in bytes, 0 to 1<<63-1.
	Length int64
	// Key is the masking key: its four bytes in wire order, loaded little-endian, as package mask
	// expects them. It is zero if Masked is false.
	Key uint32
	// Opcode is one of the six known opcodes or a reserved one. Parse does not judge it.
	Opcode Opcode
	// RSV holds the reserved bits, an OR of RSV1, RSV2 and RSV3.
	RSV uint8
	// Fin marks the last frame of a message.
	Fin bool
	// Masked says that a masking key is present.
	Masked bool
}

// Parse reads the frame header at the start of b. It returns the header and its length n in bytes.
// The payload, which Parse does not touch, starts at b[n]. If n is 0 and err is nil, b holds only a
// part of the header: call Parse again with more.
//
// Parse checks how the length is encoded, and nothing else. It returns [ErrLengthNotMinimal] if a
// shorter form could have held the length, and [ErrLengthOverflow] if the most significant bit of a
// 64-bit length is set (both RFC 6455 section 5.2), as soon as the length is complete. The rules
// about opcodes, reserved bits, masking and order are for the [Decoder] to check. Parse allocates
// nothing, keeps no reference to b and may be called from any goroutine.
func Parse(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	length, key, n, e := parse(b)
	if n == 0 {
		if e != nil {
			return Header{}, 0, e
		}
		return Header{}, 0, nil
	}
	first := b[0]
	return Header{
		Length: length,
		Key:    key,
		Opcode: Opcode(first & opBits),
		RSV:    first & rsvBits >> rsvShift,
		Fin:    first&finBit != 0,
		Masked: b[1]&maskBit != 0,
	}, n, nil
}

// parse reads the length and the masking key of a header, of which b must hold at least two bytes.
// n is the size of the header, or 0 if it is incomplete or wrong. The results are scalars because
// those stay in registers; a Header would not.
func parse(b []byte) (length int64, key uint32, n int, e *Error) {
	second := b[1]
	length, n = int64(second&lenBits), 2
	if length >= len16 {
		if length, n, e = parseLength(b); n == 0 {
			return 0, 0, 0, e
		}
	}
	if second&maskBit != 0 {
		if len(b) < n+4 {
			return 0, 0, 0, nil
		}
		key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	return length, key, n, nil
}

// parseLength reads an extended length. n is the size of the header so far, or 0 if it is
// incomplete or wrong.
func parseLength(b []byte) (length int64, n int, e *Error) {
	if b[1]&lenBits == len16 {
		if len(b) < 4 {
			return 0, 0, nil
		}
		length = int64(binary.BigEndian.Uint16(b[2:]))
		if length < len16 {
			return 0, 0, ErrLengthNotMinimal
		}
		return length, 4, nil
	}
	if len(b) < 10 {
		return 0, 0, nil
	}
	length = int64(binary.BigEndian.Uint64(b[2:]))
	// "the most significant bit MUST be 0": as an int64 such a length is negative.
	if length < 0 {
		return 0, 0, ErrLengthOverflow
	}
	if length <= 0xFFFF {
		return 0, 0, ErrLengthNotMinimal
	}
	return length, 10, nil
}

// checkFirst checks the first byte of a header, for either direction: the reserved bits, the opcode
// and the order of frames. open is the opcode of the message in progress, or Continuation if there
// is none. rsv has the reserved bits that the first frame of a message may have, as they stand in
// that byte.
func checkFirst(first byte, open Opcode, rsv byte) *Error {
	op := Opcode(first & opBits)
	if first&rsvBits != 0 && (first&rsvBits&^rsv != 0 || op != Text && op != Binary) {
		// RFC 7692 section 6.1: RSV1 is set on the first fragment of a message and on nothing else.
		return ErrReservedBits
	}
	switch op {
	case Continuation:
		if open == Continuation {
			return ErrUnexpectedContinuation
		}
	case Text, Binary:
		if open != Continuation {
			return ErrExpectedContinuation
		}
	case Close, Ping, Pong:
		if first&finBit == 0 {
			return ErrControlFragmented
		}
	default:
		return ErrReservedOpcode
	}
	return nil
}

// Append appends the wire form of h, with the length in its shortest encoding, to dst and returns
// the extended slice. The payload is not part of it.
//
// Append checks nothing: it cuts off bits of Opcode and RSV that do not fit, and writes a negative
// Length, which is a mistake of the caller, as 0. It allocates only to grow dst, by [MaxHeaderSize]
// bytes at most.
func Append(dst []byte, h Header) []byte {
	first := byte(h.Opcode)&opBits | h.RSV<<rsvShift&rsvBits
	if h.Fin {
		first |= finBit
	}
	second := byte(0)
	if h.Masked {
		second = maskBit
	}
	switch {
	case h.Length <= 0:
		dst = append(dst, first, second)
	case h.Length < len16:
		dst = append(dst, first, second|byte(h.Length))
	case h.Length <= 0xFFFF:
		dst = append(dst, first, second|len16, byte(h.Length>>8), byte(h.Length))
	default:
		dst = append(dst, first, second|len64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(h.Length))
	}
	if h.Masked {
		dst = binary.LittleEndian.AppendUint32(dst, h.Key)
	}
	return dst
}

// Size returns the number of bytes that [Append] writes for h: 2 to [MaxHeaderSize].
func (h Header) Size() int {
	n := 2
	if h.Length > 0xFFFF {
		n += 8
	} else if h.Length >= len16 {
		n += 2
	}
	if h.Masked {
		n += 4
	}
	return n
}
