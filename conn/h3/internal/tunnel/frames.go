package tunnel

import (
	"fmt"
	"io"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// Frames takes a stream of HTTP/3 frames apart (RFC 9114 section 7.1). The zero value is at the
// start of a frame.
type Frames struct {
	// Message says that the frames are the content of a message, not a tunnel. Then a HEADERS frame
	// holds trailers and ends the content: Data returns io.EOF.
	Message bool

	left    uint64 // octets of the current frame's payload that have not come yet
	skip    bool   // the current frame has no meaning here (section 9)
	head    [16]byte
	headLen uint8 // how much of the next frame's header is in head
}

// Types of frames (section 7.2).
const (
	frameData    = 0x0
	frameHeaders = 0x1
)

// AtStart reports whether the last frame is complete.
func (f *Frames) AtStart() bool { return f.left == 0 && f.headLen == 0 }

// Data takes the octets in b, which follow those of the call before. It moves the payload of DATA
// frames to the beginning of b and returns how many octets that is. Its error is final.
func (f *Frames) Data(b []byte) (n int, err error) {
	for i := 0; i < len(b) && err == nil; {
		if f.left == 0 {
			var used int
			used, err = f.header(b[i:])
			i += used
			continue
		}
		m := int(min(f.left, uint64(len(b)-i)))
		if !f.skip {
			n += copy(b[n:], b[i:i+m])
		}
		f.left -= uint64(m)
		i += m
	}
	return n, err
}

// header takes the octets of a frame's header from b and returns how many they are. If the header
// is whole, the frame begins.
func (f *Frames) header(b []byte) (used int, err error) {
	for used < len(b) {
		f.head[f.headLen] = b[used]
		f.headLen++
		used++
		if kind, length, ok := f.parse(); ok {
			f.headLen = 0
			return used, f.begin(kind, length)
		}
	}
	return used, nil
}

// parse returns the two numbers of the header in head, if it is whole.
func (f *Frames) parse() (kind, length uint64, ok bool) {
	head := f.head[:f.headLen]
	kind, n, err := quicvarint.Parse(head)
	if err != nil {
		return 0, 0, false
	}
	length, _, err = quicvarint.Parse(head[n:])
	return kind, length, err == nil
}

// begin begins a frame. "Once the CONNECT method has completed, only DATA frames are permitted to
// be sent on the stream. [...] Receipt of any other known frame type MUST be treated as a
// connection error of type H3_FRAME_UNEXPECTED" (section 4.4). Frames of unknown types are skipped
// (section 9).
func (f *Frames) begin(kind, length uint64) error {
	f.left, f.skip = length, kind != frameData
	switch {
	case kind == frameData:
		return nil
	case kind == frameHeaders && f.Message:
		return io.EOF
	case kind <= 0x9, kind == 0xd, // RFC 9114 section 7.2
		kind == 0xf0700, kind == 0xf0701: // RFC 9218 section 7.2
		return &http3.Error{
			ErrorCode:    http3.ErrCodeFrameUnexpected,
			ErrorMessage: fmt.Sprintf("a frame of type %#x in a tunnel, where DATA alone is allowed", kind),
		}
	}
	return nil
}

// maxFrameHeader is the most that appendHeader appends.
const maxFrameHeader = 9

// appendHeader appends the header of a DATA frame with n octets.
func appendHeader(b []byte, n int) []byte {
	return quicvarint.Append(append(b, frameData), uint64(n))
}
