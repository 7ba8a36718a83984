package deflate

import "sync"

// Encoder compresses the messages of one direction of a connection (RFC 7692 section 7.2.1). Set
// the fields before the first message. The zero value has the largest window, the fastest level and
// no takeover. An Encoder serves one goroutine at a time. It must not be copied after its first
// use.
//
// To send one message on connections with different windows or in different states, compress it
// without reference to any of them: with an Encoder without Takeover whose WindowBits are the least
// among them. Then pass the text to [Encoder.Feed] of each connection's own Encoder.
type Encoder struct {
	// WindowBits is the negotiated size of this side's window as an exponent of two, 8 to 15. 0
	// means 15. No distance exceeds the window (RFC 7692 section 7.1.2).
	WindowBits uint8

	// Level says how hard the encoder looks for repetitions. 1 is the fastest and 9 the most
	// thorough; 0 means 1. Level 1 takes time in proportion to the text, whatever the text is. The
	// others don't: for each MiB of random text of two letters, level 1 takes a hundredth of a
	// second, level 6 a tenth, and level 9 a whole one.
	Level uint8

	// Takeover says that messages may refer to the text of earlier ones (RFC 7692 section 7.1.1).
	// Without it no memory is held between messages.
	Takeover bool

	carry   uint8  // bits of the message's last byte, if it is not complete,
	carried uint8  // and how many they are
	history window // the text before the current message or part
	draft   *draft // of a message that has begun
}

// draft is what an Encoder holds while it compresses a message in parts.
type draft struct {
	used    int // bytes of text
	text    [blockMax]byte
	history []byte // memory for the history within a message
}

// compressor is what it takes to compress. It is in use only during a call.
type compressor struct {
	matcher
	blockWriter
}

var (
	drafts      = sync.Pool{New: func() any { return new(draft) }}
	compressors = sync.Pool{New: func() any { return new(compressor) }}
)

// Append compresses the next part of a message, appends the payload to dst and returns the extended
// slice. A message in parts needs bounded memory, however long it is. Up to 32 KiB of text are held
// back to fill a block, so the payload of a part may come with a later one. With part == Last the
// message is complete, and its payload is everything that was appended since the message began. The
// payload of an empty message is a single byte (RFC 7692 section 7.2.3.6).
//
// With takeover, text becomes part of the window at once. If its payload is not sent after all, the
// receiver's window falls behind, and the connection can send no further compressed message.
//
// text is only read, and not kept. The spare capacity of dst is used as scratch space, so the two
// must not overlap.
func (e *Encoder) Append(dst, text []byte, part Part) []byte {
	w := bitWriter{out: dst, acc: uint64(e.carry), held: uint(e.carried)}
	if part == More {
		e.begin()
	}
	// Text that was held back comes first, filled up as far as the new text goes.
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
	// Whole blocks are compressed straight from text. What remains may grow into one.
	if part == More {
		whole := len(text) &^ (blockMax - 1)
		e.compress(&w, text[:whole])
		e.draft.used = copy(e.draft.text[:], text[whole:])
		return e.pause(&w)
	}
	// The message ends with the empty block without compression, whose LEN and NLEN are cut off.
	e.compress(&w, text)
	w.put(typeStored<<1, 3)
	w.align()
	e.end()
	return w.out
}

// Flush appends to dst what a receiver needs to read all text so far of a message that is not
// complete, and returns the extended slice. That costs five bytes. The payload then ends in an
// empty block without compression, which RFC 7692 section 7.2.3.5 allows within a message.
func (e *Encoder) Flush(dst []byte) []byte {
	w := bitWriter{out: dst, acc: uint64(e.carry), held: uint(e.carried)}
	if d := e.draft; d != nil && d.used > 0 {
		e.compress(&w, d.text[:d.used])
		d.used = 0
	}
	if w.held == 0 && len(w.out) == len(dst) {
		return dst // everything is out already
	}
	w.put(typeStored<<1, 3)
	w.align()
	w.out = append(w.out, tail[:]...)
	return e.pause(&w)
}

// Feed takes note of the text of a message that was compressed elsewhere without reference to the
// window, and that is sent between two messages of this Encoder. The receiver's window has that
// text, so later messages may refer to it. The text of messages that are sent without compression
// is not part of any window (RFC 7692 section 7.2.1) and must not be passed.
func (e *Encoder) Feed(text []byte) {
	if e.Takeover {
		e.history.unfold()
		e.history.push(text, windowSize(e.WindowBits))
	}
}

// Fold makes the window smaller until the next message, by compressing the text in it. It is for a
// connection that has been idle for long: to fold a window and to unfold it takes as long as to
// compress three messages of 1 KiB (BenchmarkFold). Within a message it does nothing.
func (e *Encoder) Fold() {
	if e.draft == nil {
		e.history.fold()
	}
}

// Reset forgets the current message and the window, as for a new connection, and frees their
// memory.
func (e *Encoder) Reset() {
	e.end()
	*e = Encoder{WindowBits: e.WindowBits, Level: e.Level, Takeover: e.Takeover}
}

// compress writes text as blocks, with reference to the history. The text becomes part of the
// history if something may refer to it.
func (e *Encoder) compress(w *bitWriter, text []byte) {
	if len(text) == 0 {
		return
	}
	size := windowSize(e.WindowBits)
	e.history.unfold()
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

// begin makes sure that there is a draft. Without takeover the draft's memory serves as the window
// within the message.
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

// end gives back what the message has borrowed.
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
