package frame

import (
	"math"

	"github.com/rfc6455/ws/mask"
)

// Kind says what an [Event] tells.
type Kind uint8

// The kinds of events. An event with payload does not wait for the whole frame, except for control frames.
const (
	NeedData Kind = iota // nothing more can be told before more bytes come
	Start                // the header of a data frame is complete; Data is its payload so far
	Chunk                // more payload of the same data frame
	Control              // a whole control frame
)

// Event is one thing that the Decoder has seen.
type Event struct {
	// Kind says which of the fields below have a meaning. NeedData has none of them.
	Kind Kind
	// Opcode is the frame's own for Start (Continuation where the frame is one) and Control. For Chunk it is that of
	// the message, Text or Binary.
	Opcode Opcode
	// Fin says that the message ends with the last byte of Data: the frame has FIN set and all its payload was seen.
	// It is false for Control, which ends no message.
	Fin bool
	// Compressed says that the first frame of the message had RSV1 set. It is the same in all events of the message.
	Compressed bool
	// Length is the payload length in bytes that the header of this frame announces. A peer chose it: never allocate by
	// it.
	Length int64
	// Data is unmasked payload. It aliases the input of Step, or memory of the Decoder for a control frame that came in
	// pieces, and is valid until the next Step.
	Data []byte
}

// Decoder turns the bytes that a peer sends into events and enforces the rules of RFC 6455 sections 5, 7.4 and 8.1 on
// the way, each at the first byte that breaks it; but a length is judged when it is complete, a limit when the header is,
// and the payload of a Close frame when the frame is. The zero value is a server's decoder without limits and without
// compression. It is not safe for concurrent use. It is small, for it stands in every idle connection.
//
//	            header                      payload complete
//	inHeader ------------> inPayload, or ----------------------> inHeader
//	                       inControl                             (closed, after a Close frame)
//	any of these --- a rule is broken ---> dead
type Decoder struct {
	// MaxMessage is the greatest sum of payload lengths in one message, in bytes as they stand on the wire; 0 or less:
	// no limit. It may be changed between calls and counts from the next header on. A message of exactly MaxMessage
	// bytes is fine; one byte more is ErrMessageTooBig, before any of that frame's payload is looked at.
	MaxMessage int64
	// MaxFragments is the greatest number of frames in one message, empty ones included; 0 or less: no limit. It may be
	// changed like MaxMessage. One more is ErrTooManyFragments.
	MaxFragments int
	// Role is this endpoint's: a Server demands masked frames, a Client refuses them. Set it before the first Step.
	Role Role
	// AllowRSV1 says that permessage-deflate was negotiated, so that RSV1 may mark a compressed message. The UTF-8 of
	// a compressed text is for the caller to check, after inflating. Set it before the first Step.
	AllowRSV1 bool

	// In an order that leaves no gaps: the whole takes 96 bytes where a pointer has 8.

	stage     stage
	open      Opcode // opcode of the message in progress; Continuation: none
	frame     Opcode // opcode of the current frame
	flags     flags
	utf8      UTF8  // of the text message in progress
	held      uint8 // bytes of an incomplete header in head
	head      [MaxHeaderSize]byte
	key       uint32 // masking key, rotated to the next payload byte
	length    int64  // payload length of the current frame
	remaining int64  // payload bytes of the current frame still to come
	total     int64  // payload bytes that the headers of the message announced, or of the last one
	fragments int    // frames of that message, this one included
	partial   *[MaxControlPayload]byte
	err       *Error // why the decoder is dead
}

// stage is what the next byte belongs to.
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

// Step takes bytes from the peer and returns the next event. It consumes n bytes of in, which are never needed again:
// call Step with the rest until it returns NeedData, which has consumed everything. What is incomplete, a header or a
// control frame, is kept inside the Decoder, so the caller keeps nothing.
//
// Step unmasks in place: it writes into in. It never allocates by a length that the peer announced.
//
// When a rule is broken, Step returns one of this package's *Error values, no event and n == 0. The Decoder is dead
// then: every later Step and Take returns the same error. Events that were returned earlier stay true, but a message
// that they left unfinished will never end. After a Close frame the Decoder takes and discards everything (RFC 6455
// sections 5.5.1 and 7.1.1).
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
	// Built in one place: an event that is passed on through several functions is copied through memory each time.
	return Event{
		Kind:       kind,
		Opcode:     op,
		Fin:        fin,
		Compressed: d.flags&compressed != 0,
		Length:     d.length,
		Data:       p,
	}, n + len(p), nil
}

// Take says that p is payload of the current data frame, which the caller has read from the transport straight to where
// it wants it, past Step. Take unmasks p in place, checks UTF-8 and counts it, as Step does. When it has taken the last
// byte of the message, Remaining is 0 and InMessage false. p must not be longer than Remaining; otherwise Take returns an
// error and does nothing, and the Decoder lives on. Other errors are those of Step.
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

// Remaining returns the number of payload bytes of the current data frame that are still to come. It is 0 between frames,
// inside a header and inside a control frame.
func (d *Decoder) Remaining() int64 {
	if d.stage != inPayload {
		return 0
	}
	return d.remaining
}

// Announced returns how many payload bytes the message in progress has as far as the headers of its frames have said, on
// the wire and not inflated; between messages, how many the last one had.
func (d *Decoder) Announced() int64 { return d.total }

// Header returns the header of the frame that the last Start or Control event told of (RFC 6455 section 5.2), for
// observers; while a control frame arrives in pieces, that of this frame. It is without the masking key, which the
// Decoder has used up.
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

// Between reports whether no part of a frame is held, so that the next byte is the first of a frame. A transport that
// ends elsewhere has cut a frame in two.
func (d *Decoder) Between() bool {
	return d.stage == inHeader && d.held == 0 || d.stage == closed
}

// Closed reports whether a Close frame was received. Nothing that follows it is looked at.
func (d *Decoder) Closed() bool {
	return d.stage == closed
}

// stepOther is Step for all that is not payload of a data frame. n bytes of in are consumed.
func (d *Decoder) stepOther(in []byte, n int) (Event, int, error) {
	switch d.stage {
	case inControl:
		return d.stepControl(in[n:], n)
	case closed:
		return Event{}, len(in), nil
	}
	return Event{}, 0, d.err
}

// header completes a header and makes ready for the frame's payload. n is the number of bytes of in that belong to it, or
// 0 if it is incomplete still; all of in is in head then. The first two bytes are judged as soon as each is there (RFC
// 6455 section 5.2: RSV bits and opcodes; 5.5: control frames; 5.1: masking), so that nobody waits for the rest of a
// frame that is wrong already.
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

// check judges the first two bytes of a header, as far as they are there.
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

// checkSecond judges the second byte of a header.
func (d *Decoder) checkSecond(first, second byte) *Error {
	if Opcode(first&opBits).IsControl() && second&lenBits > MaxControlPayload {
		return ErrControlTooLong
	}
	// RFC 6455 section 5.1: a server must close the connection upon a frame that is not masked, a client upon one that is.
	if masked := second&maskBit != 0; masked != (d.Role == Server) {
		if masked {
			return ErrMaskForbidden
		}
		return ErrMaskRequired
	}
	return nil
}

// admit counts the current frame, a data frame with this first byte, against the limits and into the message (RFC 6455
// section 10.4).
func (d *Decoder) admit(first byte) *Error {
	if d.frame != Continuation {
		d.total, d.fragments = 0, 0
	}
	limit := d.MaxMessage
	if limit <= 0 {
		limit = math.MaxInt64
	}
	// total is never negative, so the difference does not overflow where the sum might.
	if d.length > limit-d.total {
		return ErrMessageTooBig
	}
	if d.MaxFragments > 0 && d.fragments >= d.MaxFragments {
		return ErrTooManyFragments
	}
	d.total += d.length
	d.fragments++
	f := d.flags // of an earlier frame, so without finFrame: the message would have ended
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

// advance unmasks payload of the current data frame, checks it and counts it. fin says that the message ends with it.
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

// stepControl completes a control frame whose payload goes on in p. n bytes before p are consumed. A payload that comes
// in pieces is put together in memory that lives as long as the frame.
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

// die ends the decoder for good.
func (d *Decoder) die(e *Error) error {
	d.err = e
	d.stage = dead
	return e
}
