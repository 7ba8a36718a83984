package deflate

import "sync"

// Encoder compresses the messages of one direction of a connection (RFC 7692
// section 7.2.1). The fields are set before the first message; the zero value
// has the largest window, the fastest level and no takeover. An Encoder
// serves one goroutine at a time and must not be copied once it was used.
//
// A message that is sent on connections with different windows or in
// different states is compressed without reference to any of them by an
// Encoder without Takeover whose WindowBits are the least among them; it then
// has to be given to [Encoder.Feed] of each connection's own Encoder.
type Encoder struct {
	// WindowBits is the negotiated size of this side's window, 8 to 15, as an
	// exponent of two; 0 means 15. No distance exceeds it (RFC 7692 section
	// 7.1.2).
	WindowBits uint8

	// Level is how hard the encoder looks for repetitions: 1, and 0, is the
	// fastest, 9 the most thorough. Level 1 takes time in proportion to the
	// text, whatever it is. The others don't: random text of two letters takes
	// level 1 a hundredth of a second for each MiB, level 6 a tenth, level 9 one.
	Level uint8

	// Takeover says that messages may refer to the text of earlier ones (RFC
	// 7692 section 7.1.1). Without it no memory is held between messages.
	Takeover bool

	carry   uint8  // bits of the message's last byte that was not complete,
	carried uint8  // and how many they are
	history window // the text before the message, or the part, at work
	draft   *draft // of a message that was begun
}

// draft is what an Encoder holds while a message is compressed in parts.
type draft struct {
	used    int // bytes of text
	text    [blockMax]byte
	history []byte // memory for the history within a message
}

// compressor is what it takes to compress: it is at work only during a call.
type compressor struct {
	matcher
	blockWriter
}

var (
	drafts      = sync.Pool{New: func() any { return new(draft) }}
	compressors = sync.Pool{New: func() any { return new(compressor) }}
)

// Append compresses the next part of a message and appends the payload to
// dst. A message in parts needs bounded memory, however long it is: up to 32
// KiB of text are held back to fill a block, so the payload of a part may
// come with a later one. With part == Last the message is complete, and its
// payload is what has been appended since it was begun. The payload of an
// empty message is a single byte (RFC 7692 section 7.2.3.6).
//
// With takeover, text is part of the window as soon as it was given: payload
// that is not sent after all leaves the receiver behind, and the connection
// can send no further compressed message.
//
// text is only read, and not kept. The spare capacity of dst is used as
// scratch space, so the two must not overlap.
func (e *Encoder) Append(dst, text []byte, part Part) []byte {
	w := bitWriter{out: dst, acc: uint64(e.carry), held: uint(e.carried)}
	if part == More {
		e.begin()
	}
	// What was held back comes first, filled up as far as text goes.
	if d := e.draft; d != nil && (d.used > 0 || part == More) {
		n := copy(d.text[d.used:], text)
		d.used += n
		text = text[n:]
		if part == More && d.used < blockMax {
			return dst
		}
		e.compress(&w, d.text[:d.used])
		d.used = 0
	}
	// Whole blocks go straight from text; what remains may grow into one.
	if part == More {
		whole := len(text) &^ (blockMax - 1)
		e.compress(&w, text[:whole])
		e.draft.used = copy(e.draft.text[:], text[whole:])
		return e.pause(&w)
	}
	// The empty block without compression, of which LEN and NLEN are cut off.
	e.compress(&w, text)
	w.put(typeStored<<1, 3)
	w.align()
	e.end()
	return w.out
}

// Flush appends what a receiver needs to read all text given so far of a
// message that is not complete, which costs five bytes. It ends in an empty
// block without compression, as RFC 7692 section 7.2.3.5 allows within a
// message.
func (e *Encoder) Flush(dst []byte) []byte {
	w := bitWriter{out: dst, acc: uint64(e.carry), held: uint(e.carried)}
	if d := e.draft; d != nil && d.used > 0 {
		e.compress(&w, d.text[:d.used])
		d.used = 0
	}
	if w.held == 0 && len(w.out) == len(dst) {
		return dst // all of it is out
	}
	w.put(typeStored<<1, 3)
	w.align()
	w.out = append(w.out, tail[:]...)
	return e.pause(&w)
}

// Feed takes note of the text of a message that was compressed elsewhere,
// without reference to the window, and goes out between two messages of this
// Encoder: the receiver's window has it, so later messages may refer to it.
// The text of messages that are sent without compression is not part of any
// window (RFC 7692 section 7.2.1) and must not be given.
func (e *Encoder) Feed(text []byte) {
	if e.Takeover {
		e.history.push(text, windowSize(e.WindowBits))
	}
}

// Reset forgets the message at work and the window, as for a new connection,
// and frees the memory they held.
func (e *Encoder) Reset() {
	e.end()
	*e = Encoder{WindowBits: e.WindowBits, Level: e.Level, Takeover: e.Takeover}
}

// compress writes text as blocks, with reference to the history, of which it
// becomes a part where something may refer to it.
func (e *Encoder) compress(w *bitWriter, text []byte) {
	if len(text) == 0 {
		return
	}
	size := windowSize(e.WindowBits)
	c := compressors.Get().(*compressor)
	c.begin(&e.history, size, len(text), int(e.Level))
	for rest := text; len(rest) > 0; {
		block := rest[:min(len(rest), blockMax)]
		literals, sequences := c.block(block)
		c.write(w, block, literals, sequences)
		rest = rest[len(block):]
	}
	c.finish()
	compressors.Put(c)
	if e.Takeover || e.draft != nil {
		e.history.push(text, size)
	}
}

// begin makes sure that there is a draft. Without takeover its memory serves
// as the window within the message.
func (e *Encoder) begin() {
	if e.draft != nil {
		return
	}
	e.draft = drafts.Get().(*draft)
	if !e.Takeover {
		e.history.buf = e.draft.history[:0]
	}
}

// pause keeps the bits that do not fill a byte until the next part.
func (e *Encoder) pause(w *bitWriter) []byte {
	w.spill()
	e.carry, e.carried = uint8(w.acc), uint8(w.held)
	return w.out
}

// end gives back what a message has borrowed.
func (e *Encoder) end() {
	e.carry, e.carried = 0, 0
	d := e.draft
	if d == nil {
		return
	}
	if !e.Takeover {
		d.history = e.history.buf
		e.history = window{}
	}
	d.used = 0
	e.draft = nil
	drafts.Put(d)
}
