package frame

import (
	"math"

	"github.com/rfc6455/ws/mask"
)

// Kind says what an [Event] reports.
type Kind uint8

// The kinds of events. A frame's payload is reported piece by piece as it arrives, but a control
// frame only when it is complete.
const (
	NeedData Kind = iota // nothing to report before more bytes come
	Start                // the header of a data frame is complete; Data is its payload so far
	Chunk                // more payload of the same data frame
	Control              // a whole control frame
)

var kindNames = [...]string{"need data", "start", "chunk", "control"}

// String returns the name of the kind, such as "start".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Event is one thing that the [Decoder] has seen.
type Event struct {
	// Kind says which of the fields below have a meaning. For NeedData none has.
	Kind Kind
	// Opcode is the opcode of the frame for Start and Control. For a Start in the middle of a
	// message that is Continuation. For Chunk it is the opcode of the message, Text or Binary.
	Opcode Opcode
	// Fin says that the message ends with the last byte of Data: the frame has FIN set, and this is
	// the end of its payload. Fin is false for Control, since no message ends with a control frame.
	Fin bool
	// Compressed says that the first frame of the message had RSV1 set. All events of a message
	// agree on it.
	Compressed bool
	// Length is the payload length in bytes that the header of this frame announces. The peer chose
	// it: never allocate that much because of it.
	Length int64
	// Data is unmasked payload. It aliases the input of Step or, for a control frame that came in
	// pieces, memory of the Decoder. It is valid until the next call of Step.
	Data []byte
}

// Decoder turns the bytes that a peer sends into events. It enforces the rules of RFC 6455 sections
// 5, 7.4 and 8.1, each at the first byte that breaks it, with three exceptions: a length is checked
// when all its bytes are there, a limit when the header is, and the payload of a Close frame when
// the frame is.
//
// The zero value is a server's decoder without limits and without compression. A Decoder is not
// safe for concurrent use. It is small, because every idle connection holds one.
//
//	            header                      payload complete
//	inHeader ------------> inPayload, or ----------------------> inHeader
//	                       inControl                             (closed, after a Close frame)
//	any of these --- a rule is broken ---> dead
type Decoder struct {
	// MaxMessage is the greatest sum of payload lengths in one message, in bytes as they stand on
	// the wire. 0 or less means no limit. A message of exactly MaxMessage bytes is accepted. One
	// byte more is [ErrMessageTooBig], before any payload of the frame that announces it is looked
	// at. MaxMessage may be changed between calls and counts from the next header on.
	MaxMessage int64
	// MaxFragments is the greatest number of frames in one message, empty ones included. 0 or less
	// means no limit. One more is [ErrTooManyFragments]. MaxFragments may be changed between calls
	// and counts from the next header on.
	MaxFragments int
	// Role is the role of this endpoint: a Server demands masked frames, a Client refuses them. Set
	// it before the first Step.
	Role Role
	// AllowRSV1 says that permessage-deflate was negotiated, so that RSV1 may mark a compressed
	// message. The Decoder does not check the UTF-8 of a compressed text; the caller does so after
	// inflating. Set AllowRSV1 before the first Step.
	AllowRSV1 bool

	// The order of the fields leaves no gaps: a Decoder takes 96 bytes on a 64-bit machine.

	stage     stage
	open      Opcode // opcode of the message in progress; Continuation if there is none
	frame     Opcode // opcode of the current frame
	flags     flags
	utf8      UTF8  // of the text message in progress
	held      uint8 // bytes of an incomplete header in head
	head      [MaxHeaderSize]byte
	key       uint32 // masking key, rotated to the next payload byte
	length    int64  // payload length of the current frame
	remaining int64  // payload bytes of the current frame still to come
	total     int64  // payload bytes that the headers of this or the last message announced
	fragments int    // frames of that message, this one included
	partial   *[MaxControlPayload]byte
	err       *Error // why the decoder is dead
}

// stage says what the next byte belongs to.
type stage uint8

const (
	inHeader stage = iota
	inPayload
	inControl
	closed
	dead
)

// flags are facts about the message and the data frame in progress.
type flags uint8

const (
	finFrame   flags = 1 << iota // the data frame is the last one of its message
	compressed                   // the message is compressed
	checkText                    // the message is text, and not compressed
)

// Step takes bytes from the peer and returns the next event. It consumes the first n bytes of in,
// which the caller need not keep. Call Step with the rest until it returns NeedData, which has
// consumed everything: the Decoder itself keeps an incomplete header or control frame.
//
// Step unmasks in place: it writes into in. A length that the peer announces never makes it
// allocate.
//
// If a rule is broken, Step returns one of this package's [*Error] values, no event and n == 0. The
// Decoder is dead then: every later call of Step and Take returns the same error. Events that were
// returned earlier stay true, but a message that they left unfinished will never end.
//
// After a Close frame the Decoder consumes and discards everything (RFC 6455 sections 5.5.1 and
// 7.1.1).
func (d *Decoder) Step(in []byte) (ev Event, n int, err error) {
	if len(in) == 0 && d.stage != dead {
		return Event{}, 0, nil
	}
	kind, op := Chunk, d.open
	if d.stage == inHeader {
		var e *Error
		if n, e = d.header(in); e != nil {
			return Event{}, 0, d.die(e)
		}
		if n == 0 {
			return Event{}, len(in), nil
		}
		kind, op = Start, d.frame
	}
	if d.stage != inPayload {
		return d.stepOther(in, n)
	}
	p := in[n:]
	if int64(len(p)) > d.remaining {
		p = p[:d.remaining]
	}
	fin, e := d.advance(p)
	if e != nil {
		return Event{}, 0, d.die(e)
	}
	// Events are built only here, since one that passes through several functions is copied through
	// memory each time.
	return Event{
		Kind:       kind,
		Opcode:     op,
		Fin:        fin,
		Compressed: d.flags&compressed != 0,
		Length:     d.length,
		Data:       p,
	}, n + len(p), nil
}

// Take accepts p as the next payload of the current data frame. It is for a caller that reads
// payload from the transport straight to its destination, and not through Step. Take unmasks p in
// place, checks UTF-8 and counts p, as Step does. After the last byte of a message, Remaining is 0
// and InMessage is false.
//
// p must not be longer than Remaining. If it is, Take returns an error and does nothing, and the
// Decoder is still alive. Other errors are those of [Decoder.Step].
func (d *Decoder) Take(p []byte) error {
	if d.stage == dead {
		return d.err
	}
	if int64(len(p)) > d.Remaining() {
		return errTakeTooLong
	}
	if len(p) == 0 {
		return nil
	}
	if _, e := d.advance(p); e != nil {
		d.die(e)
		return e
	}
	return nil
}

// Remaining returns how many payload bytes of the current data frame are still to come. It is 0
// between frames, inside a header and inside a control frame.
func (d *Decoder) Remaining() int64 {
	if d.stage != inPayload {
		return 0
	}
	return d.remaining
}

// Announced returns how many payload bytes the headers of the message in progress have announced so
// far, on the wire and not inflated. Between messages it returns how many the last message had.
func (d *Decoder) Announced() int64 { return d.total }

// Header returns the header of the frame that the last Start or Control event reported (RFC 6455
// section 5.2), or that of a control frame that has arrived in part. It is for observers. Key is 0:
// the Decoder has used up the masking key.
func (d *Decoder) Header() Header {
	h := Header{Length: d.length, Opcode: d.frame, Masked: d.Role == Server}
	h.Fin = d.frame.IsControl() || d.flags&finFrame != 0
	if d.flags&compressed != 0 && (d.frame == Text || d.frame == Binary) {
		h.RSV = RSV1
	}
	return h
}

// InMessage reports whether a data message has started and has not ended.
func (d *Decoder) InMessage() bool {
	return d.open != Continuation
}

// Between reports whether the Decoder holds no part of a frame, so that the next byte is the first
// of a frame. A transport that ends anywhere else has cut a frame in two. After a Close frame
// Between stays true.
func (d *Decoder) Between() bool {
	return d.stage == inHeader && d.held == 0 || d.stage == closed
}

// stepOther does what [Decoder.Step] does for everything but the payload of data frames. n bytes of
// in are consumed already.
func (d *Decoder) stepOther(in []byte, n int) (Event, int, error) {
	switch d.stage {
	case inControl:
		return d.stepControl(in[n:], n)
	case closed:
		return Event{}, len(in), nil
	}
	return Event{}, 0, d.err
}

// header completes a header and prepares for the payload of the frame. n is the number of bytes of
// in that belong to the header. If n is 0, the header is still incomplete and head holds all of in.
//
// The first two bytes are checked as soon as each is there, so that nobody waits for the rest of a
// frame that is wrong already (RFC 6455 section 5.2: RSV bits and opcodes; 5.5: control frames;
// 5.1: masking).
func (d *Decoder) header(in []byte) (n int, e *Error) {
	b, held := in, int(d.held)
	if held > 0 {
		b = d.head[:held+copy(d.head[held:], in)]
	}
	if e = d.check(b); e != nil {
		return 0, e
	}
	length, key := int64(0), uint32(0)
	if len(b) > 1 {
		length, key, n, e = parse(b)
	}
	if n == 0 {
		d.held = uint8(copy(d.head[:], b))
		return 0, e
	}
	d.held = 0
	d.frame = Opcode(b[0] & opBits)
	d.length, d.remaining, d.key = length, length, key
	if d.frame.IsControl() {
		d.stage = inControl
		return n - held, nil
	}
	d.stage = inPayload
	return n - held, d.admit(b[0])
}

// check checks the first two bytes of a header, as far as they are there.
func (d *Decoder) check(b []byte) *Error {
	rsv := byte(0)
	if d.AllowRSV1 {
		rsv = RSV1 << rsvShift
	}
	if e := checkFirst(b[0], d.open, rsv); e != nil || len(b) == 1 {
		return e
	}
	return d.checkSecond(b[0], b[1])
}

// checkSecond checks the second byte of a header.
func (d *Decoder) checkSecond(first, second byte) *Error {
	if Opcode(first&opBits).IsControl() && second&lenBits > MaxControlPayload {
		return ErrControlTooLong
	}
	// RFC 6455 section 5.1: a server must close the connection upon a frame that is not masked, a
	// client upon one that is.
	if masked := second&maskBit != 0; masked != (d.Role == Server) {
		if masked {
			return ErrMaskForbidden
		}
		return ErrMaskRequired
	}
	return nil
}

// admit counts the current frame, a data frame that begins with first, against the limits (RFC 6455
// section 10.4) and adds it to the message.
func (d *Decoder) admit(first byte) *Error {
	if d.frame != Continuation {
		d.total, d.fragments = 0, 0
	}
	limit := d.MaxMessage
	if limit <= 0 {
		limit = math.MaxInt64
	}
	// total is never negative, so the difference does not overflow. The sum might.
	if d.length > limit-d.total {
		return ErrMessageTooBig
	}
	if d.MaxFragments > 0 && d.fragments >= d.MaxFragments {
		return ErrTooManyFragments
	}
	d.total += d.length
	d.fragments++
	f := d.flags // finFrame is not set, or the message would have ended
	if d.frame != Continuation {
		d.open = d.frame
		f = 0
		if first&rsvBits != 0 {
			f = compressed
		} else if d.frame == Text {
			f = checkText
		}
	}
	if first&finBit != 0 {
		f |= finFrame
	}
	d.flags = f
	return nil
}

// advance unmasks payload of the current data frame, checks it and counts it. It reports whether
// the message ends with it.
func (d *Decoder) advance(p []byte) (fin bool, e *Error) {
	if d.key != 0 {
		d.key = mask.XOR(p, d.key)
	}
	d.remaining -= int64(len(p))
	if d.flags&checkText != 0 && !d.utf8.Write(p) {
		return false, ErrInvalidUTF8
	}
	if d.remaining > 0 {
		return false, nil
	}
	d.stage = inHeader
	if d.flags&finFrame == 0 {
		return false, nil
	}
	// A message must not end inside a code point; a fragment may (RFC 6455 section 5.6).
	if !d.utf8.Done() {
		return false, ErrInvalidUTF8
	}
	d.open = Continuation
	return true, nil
}

// stepControl completes a control frame whose payload goes on in p. n bytes before p are consumed
// already. A payload that comes in pieces is put together in memory that lives as long as the
// frame.
func (d *Decoder) stepControl(p []byte, n int) (Event, int, error) {
	if int64(len(p)) < d.remaining {
		if d.partial == nil {
			d.partial = new([MaxControlPayload]byte)
		}
		copy(d.partial[d.length-d.remaining:], p)
		d.remaining -= int64(len(p))
		return Event{}, n + len(p), nil
	}
	p = p[:d.remaining]
	n += len(p)
	if d.partial != nil {
		copy(d.partial[d.length-d.remaining:], p)
		p = d.partial[:d.length]
		d.partial = nil
	}
	mask.XOR(p, d.key)
	d.stage = inHeader
	if d.frame == Close {
		if _, _, err := ParseClose(p); err != nil {
			return Event{}, 0, d.die(err.(*Error))
		}
		d.stage = closed
	}
	return Event{Kind: Control, Opcode: d.frame, Length: d.length, Data: p}, n, nil
}

// die makes the decoder dead: from now on it returns e.
func (d *Decoder) die(e *Error) error {
	d.err = e
	d.stage = dead
	return e
}
