package transport

import (
	"encoding/binary"
	"io"
)

// A smaller buffer for the ClientHello.
//
// crypto/tls keeps the buffer into which it has read the longest record, for as long as the
// connection lives. On a server that is mostly the record of the ClientHello: it is longer than
// 1,500 bytes since it has keys for ML-KEM, which makes a buffer of 2 KiB. A handshake message may
// come in as many records as one likes (RFC 8446 section 5.1). So a Wire passes the ClientHello on
// in short records. Only the bounds of the records change, which no signature covers.

const (
	recordHeader  = 5       // the type, the version and the length of a record
	typeHandshake = 22      // of a record
	majorVersion  = 3       // of SSL 3.0 and of all TLS
	clientHello   = 1       // the type of a handshake message
	readLeast     = 512     // how much crypto/tls has room for in each read, at least
	maxFragment   = 1 << 14 // the longest record that is not encrypted

	// shortRecord is the length of the records, so that one read gets a whole record.
	shortRecord = readLeast - recordHeader
)

// helloSplitter divides the record of a ClientHello, which begins a stream, into short ones. The
// zero value is at the stream's beginning. It changes nothing in any other stream.
type helloSplitter struct {
	part  uint16 // bytes of the short record that are still to come
	left  uint16 // bytes of the long record that are still to come after those
	state helloState
	minor uint8 // version
}

// helloState is where a helloSplitter is in the stream.
type helloState uint8

const (
	helloBegins helloState = iota
	helloSplits            // in the record of the ClientHello
	helloOver              // behind it, or there is none
)

// read reads from r into p.
func (h *helloSplitter) read(r io.Reader, p []byte) (int, error) {
	switch {
	case h.state == helloBegins && len(p) < readLeast: // not crypto/tls
		h.state = helloOver
	case h.state == helloBegins:
		return h.begin(r, p[:readLeast])
	case h.state == helloSplits && h.part == 0:
		return h.next(r, p)
	case h.state == helloSplits:
		n, err := r.Read(p[:min(len(p), int(h.part))])
		h.count(n)
		return n, err
	}
	return r.Read(p)
}

// begin reads the first bytes, and changes the length of the record if it is a long ClientHello.
func (h *helloSplitter) begin(r io.Reader, p []byte) (int, error) {
	n, err := r.Read(p)
	if n == 0 {
		return n, err
	}
	h.state = helloOver
	if n <= recordHeader || p[0] != typeHandshake || p[1] != majorVersion ||
		p[recordHeader] != clientHello {
		return n, err
	}
	length := binary.BigEndian.Uint16(p[3:])
	if length <= shortRecord || length > maxFragment {
		return n, err
	}
	h.state, h.minor = helloSplits, p[2]
	h.part, h.left = shortRecord, length-shortRecord
	binary.BigEndian.PutUint16(p[3:], h.part)
	h.count(n - recordHeader)
	return n, err
}

// next begins another short record. Its header comes together with its first bytes, so that one
// read gets all of it. A caller whose first read had room for a whole record has room for both.
func (h *helloSplitter) next(r io.Reader, p []byte) (int, error) {
	part := min(h.left, shortRecord)
	if len(p) <= recordHeader {
		return 0, io.ErrShortBuffer
	}
	n, err := r.Read(p[recordHeader:min(len(p), recordHeader+int(part))])
	if n == 0 {
		return 0, err
	}
	p[0], p[1], p[2] = typeHandshake, majorVersion, h.minor
	binary.BigEndian.PutUint16(p[3:], part)
	h.part, h.left = part, h.left-part
	h.count(n)
	return recordHeader + n, err
}

// count counts n bytes of the record that have come.
func (h *helloSplitter) count(n int) {
	if h.part -= uint16(n); h.part == 0 && h.left == 0 {
		h.state = helloOver
	}
}
