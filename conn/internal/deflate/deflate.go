package deflate

import "errors"

// The errors of a [Decoder]. After either of them the decoder is dead: its window is no longer the
// sender's, so it can't understand any later message (RFC 7692 section 7.2.2).
var (
	// ErrCorrupt says that the payload is not DEFLATE data, that it ends inside a block, or that it
	// refers to text beyond the negotiated window or before the first byte of the stream.
	ErrCorrupt = errors.New("websocket: the compressed message is corrupt or cut short; the peer must send DEFLATE data within the negotiated window")

	// ErrTooBig says that the message inflates to more than [Decoder].Limit bytes.
	ErrTooBig = errors.New("websocket: the message is larger than the limit once it is decompressed; raise MaxMessageSize if such messages are expected")
)

// Part says where in its message a piece of text or payload is.
type Part uint8

const (
	More Part = iota // further parts of this message follow
	Last             // the message ends with this part
)

// The window sizes that can be negotiated, as exponents of two (RFC 7692 section 7.1.2).
const (
	MinWindowBits = 8
	MaxWindowBits = 15
)

// tail is what the sender cuts off a message and the receiver puts back: LEN and NLEN of an empty
// block without compression (RFC 7692 section 7.2.1).
var tail = [4]byte{0x00, 0x00, 0xff, 0xff}

// The values of BTYPE (RFC 1951 section 3.2.3).
const (
	typeStored = iota
	typeFixed
	typeDynamic
)

// Lengths, distances and their alphabets (RFC 1951 section 3.2.5).
const (
	minLength      = 3
	maxLength      = 258
	maxStored      = 65535 // bytes in one block without compression
	endOfBlock     = 256
	firstLength    = 257 // the first symbol that stands for a length
	litLenSymbols  = 286 // symbols of literals and lengths that may occur
	distSymbols    = 30
	codeLenSymbols = 19
	maxCodeLen     = 15
)

// lengthBase and lengthExtra hold the table of RFC 1951 section 3.2.5: the smallest length of each
// symbol from 257 on, and its number of extra bits.
var (
	lengthBase = [29]uint16{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	lengthExtra = [29]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
		3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	}
)

// distBase and distExtra hold the same for distances.
var (
	distBase = [distSymbols]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
	distExtra = [distSymbols]uint8{
		0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8,
		9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
	}
)

// codeLenOrder is the order in which a dynamic block gives the lengths of the codes for code
// lengths (RFC 1951 section 3.2.7).
var codeLenOrder = [codeLenSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// fixedLengths returns the code lengths of the literals and lengths of a block with fixed codes
// (RFC 1951 section 3.2.6), including those of the two symbols that never occur.
func fixedLengths() (lengths [288]uint8) {
	for symbol := range lengths {
		switch {
		case symbol < 144:
			lengths[symbol] = 8
		case symbol < 256:
			lengths[symbol] = 9
		case symbol < 280:
			lengths[symbol] = 7
		default:
			lengths[symbol] = 8
		}
	}
	return lengths
}

// windowSize returns the size in bytes of a window with the given exponent. 0 means the size that
// applies if nothing was negotiated (RFC 7692 section 7.1.2). A value out of range counts as the
// nearest one in range.
func windowSize(bits uint8) int {
	if bits == 0 || bits > MaxWindowBits {
		bits = MaxWindowBits
	}
	return 1 << max(bits, MinWindowBits)
}
