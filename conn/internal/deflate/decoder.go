package deflate

import (
	"io"
	"math"
	"slices"
	"sync"
)

// Decoder inflates the messages of one direction of a connection (RFC 7692 section 7.2.2). Set the
// fields before the first message. The zero value has the largest window and neither takeover nor a
// limit. A Decoder serves one goroutine at a time. It must not be copied after its first use.
type Decoder struct {
	// Limit is the most bytes that a message may inflate to. 0 or less means any number. It may be
	// changed between calls.
	Limit int64

	// WindowBits is the negotiated size of the sender's window as an exponent of two, 8 to 15. 0
	// means 15. A message that refers to text further back is corrupt (RFC 7692 section 7.1.2).
	WindowBits uint8

	// Takeover says that the sender may refer to the text of earlier messages (RFC 7692 section
	// 7.1.1). Without it a message that does so is corrupt, and no memory is held between messages.
	Takeover bool

	stage    stage
	final    bool   // the current block has BFINAL set
	started  bool   // the message has had payload
	restored uint8  // bytes of the cut tail that were fed
	width    uint8  // valid bits in acc
	distance uint16 // of the current match
	length   uint16 // bytes of that match, or of a stored block, still to come
	acc      uint64 // bits taken from the payload and not used yet, the next one lowest

	total   int64   // bytes of this message so far
	history window  // the text before the current call
	codes   *tables // of the current block
	space   *decodeSpace
	err     error
}

// decodeSpace is what a message may need until it is complete.
type decodeSpace struct {
	tables
	builder
	codeLen     [1 << codeLenIndex]entry
	codeLenBits uint
	lengths     [litLenSymbols + distSymbols + 2]uint8 // the code lengths of a dynamic block
	known       int                                    // how many of them have been read
	litLens     int                                    // how many are those of literals and lengths,
	all         int                                    // of both alphabets
	ordered     int                                    // and of the code for code lengths
	history     []byte                                 // memory for the history within a message
}

var decodeSpaces = sync.Pool{New: func() any { return new(decodeSpace) }}

// firstRoom is the most bytes that Append adds to dst before there is text for them.
const firstRoom = 1 << 18

// Append inflates the next part of a message, appends the text to dst and returns the extended
// slice. dst grows as the text does, never by what the payload announces, and never beyond Limit
// bytes of one message. With part == Last the message is complete. A message without any payload is
// empty and changes nothing. (No sender that follows RFC 7692 makes one.)
//
// wire is only read, and not kept. The spare capacity of dst is used as scratch space, so the two
// must not overlap. On an error, [ErrCorrupt] or [ErrTooBig], the result is dst unchanged, and
// every later call returns the same error.
func (d *Decoder) Append(dst, wire []byte, part Part) ([]byte, error) {
	base := len(dst)
	if base == cap(dst) {
		dst = slices.Grow(dst, int(min(d.room(), 4*int64(len(wire))+64, firstRoom)))
	}
	s := stream{wire: wire, at: base, base: base}
	// Inflate into the capacity there is. Double it when it is full and more is to come.
	for {
		room := d.room()
		s.out = dst[:min(int64(cap(dst)), int64(base)+room)]
		st := d.advance(&s, part)
		if st != wantRoom {
			dst, err := dst[:s.at], d.settle(&s, st)
			if err != nil {
				return dst[:base], err
			}
			return dst, nil
		}
		made := int64(s.at - base)
		if made == room {
			return dst[:base], d.fail(ErrTooBig)
		}
		dst = slices.Grow(dst[:s.at], int(min(max(made, 512), room-made)))
	}
}

// Read inflates the next part of a message in pieces. It fills p as far as the text reaches, and
// returns how many bytes it put there and how many bytes of wire it used. If used < len(wire), the
// next call continues with the rest. If n < len(p) and there is no error, the next call needs the
// next part. When a message whose Last part was passed is complete, Read returns io.EOF, with the
// last bytes or after them. All of p may be used as scratch space. Other errors are those of
// [Decoder.Append].
func (d *Decoder) Read(p, wire []byte, part Part) (n, used int, err error) {
	room := d.room()
	s := stream{wire: wire, out: p[:min(int64(len(p)), room)]}
	st := d.advance(&s, part)
	if st == wantRoom && int64(s.at) == room {
		return 0, s.used, d.fail(ErrTooBig)
	}
	if err = d.settle(&s, st); err == nil && st == complete {
		err = io.EOF
	}
	if d.err != nil {
		return 0, s.used, err
	}
	return s.at, s.used, err
}

// Reset forgets the current message, the window and any error, as for a new connection, and frees
// their memory.
func (d *Decoder) Reset() {
	d.release()
	*d = Decoder{Limit: d.Limit, WindowBits: d.WindowBits, Takeover: d.Takeover}
}

// Fold makes the window smaller until the next message, as [Encoder.Fold] does. Within a message it
// does nothing.
func (d *Decoder) Fold() {
	if !d.started && d.stage == stageHeader {
		d.history.fold()
	}
}

// room returns how many more bytes this message may inflate to.
func (d *Decoder) room() int64 {
	if d.Limit <= 0 {
		return math.MaxInt64 / 2
	}
	return max(0, d.Limit-d.total)
}

// advance inflates s.wire, and after the last part also the tail that the sender has cut off (RFC
// 7692 section 7.2.2).
func (d *Decoder) advance(s *stream, part Part) status {
	if d.err != nil {
		return invalid
	}
	d.history.unfold()
	d.started = d.started || len(s.wire) > 0
	st := d.run(s)
	if st != wantInput || part == More {
		return st
	}
	if d.started {
		if st = d.restore(s); st != wantInput {
			return st
		}
	}
	// Nothing else can follow. The stream has to end where a block ends, or it was cut short.
	if d.stage != stageHeader || d.width != 0 {
		return invalid
	}
	return complete
}

// restore feeds the tail. It may run out of room before it has fed all of it, since what comes
// before may still produce text.
func (d *Decoder) restore(s *stream) status {
	rest := stream{wire: tail[d.restored:], out: s.out, at: s.at, base: s.base}
	st := d.run(&rest)
	d.restored += uint8(rest.used)
	s.at = rest.at
	return st
}

// settle ends a call. It keeps the text that later payload may refer to, and gives back what a
// message that is over no longer needs.
func (d *Decoder) settle(s *stream, st status) error {
	if st == invalid {
		if d.err == nil {
			d.fail(ErrCorrupt)
		}
		return d.err
	}
	text := s.out[s.base:s.at]
	d.total += int64(len(text))
	if st != complete {
		d.remember(text)
		return nil
	}
	if d.Takeover {
		d.remember(text)
	}
	d.release()
	d.started, d.restored, d.total = false, 0, 0
	return nil
}

// remember adds text to the history. Without takeover the history's memory is that of the space
// that the message has borrowed.
func (d *Decoder) remember(text []byte) {
	if !d.Takeover && d.history.buf == nil {
		d.history.buf = d.borrow().history[:0]
	}
	d.history.push(text, windowSize(d.WindowBits))
}

// borrow returns the message's space.
func (d *Decoder) borrow() *decodeSpace {
	if d.space == nil {
		d.space = decodeSpaces.Get().(*decodeSpace)
	}
	return d.space
}

// release gives back the message's space.
func (d *Decoder) release() {
	d.codes = nil
	if d.space == nil {
		return
	}
	if !d.Takeover && d.history.buf != nil {
		d.space.history = d.history.buf
		d.history = window{}
	}
	decodeSpaces.Put(d.space)
	d.space = nil
}

// fail makes the decoder dead, and frees the window.
func (d *Decoder) fail(err error) error {
	d.release()
	d.history = window{}
	d.err = err
	return err
}
