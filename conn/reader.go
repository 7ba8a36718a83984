//go:build !js

package conn

import (
	"context"
	"io"
	"slices"

	"github.com/rfc6455/ws/frame"
)

// MessageReader reads one message in pieces. It is an io.Reader that ends with io.EOF. Only the
// goroutine that reads the connection may use it.
type MessageReader struct {
	c    *Conn
	ctx  context.Context
	kept []byte // bytes that an interrupted Conn.Read has put together
	rest []byte // payload in the read buffer
	fin  bool   // rest ends the message
	full bool   // of a compressed message: p was filled, and more text may come of the bytes at hand
	size int64  // of what was read
	err  error  // io.EOF, or how the connection ended
}

// NextReader waits for the next message and returns a reader of its bytes. The reader holds no more
// of the message than a buffer. The message must be read to io.EOF or discarded before the next
// read of the connection. If it is not, that read returns [ErrMessageOpen]. ctx bounds this call
// and the reader's calls. When ctx has ended, the connection is unharmed: NextReader with another
// context returns the same message's reader, which goes on where the reading stopped. Other errors
// are those of [Conn.Read].
//
// Text is checked as it comes (RFC 6455 section 8.1). The message may turn out to be invalid after
// its first bytes were read.
func (c *Conn) NextReader(ctx context.Context) (MessageType, *MessageReader, error) {
	if err := c.beginRead(ctx); err != nil {
		return 0, nil, err
	}
	r := &c.rd
	t := r.typ // while this call owns the read half
	if m := r.open; m != nil {
		ended := m.ctx.Err() != nil
		if ended {
			m.ctx = ctx
		}
		c.endRead(nil)
		if !ended {
			return 0, nil, ErrMessageOpen
		}
		return t, m, nil
	}
	m := &MessageReader{c: c, ctx: ctx}
	r.open = m
	if r.dec.InMessage() { // a Read was interrupted in it
		m.kept, r.msg = r.msg, nil
	} else if _, err := m.fetch(nil); err != nil {
		r.open = nil
		c.lastWord(ctx, err)
		c.endRead(err)
		return 0, nil, err
	}
	t = r.typ
	c.endRead(nil)
	return t, m, nil
}

// Read reads the next bytes of the message. It returns io.EOF after the last byte. Its other errors
// are those of [Conn.Read], which include the end of the context given to [Conn.NextReader] and
// [ErrConcurrentRead].
func (m *MessageReader) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	// Bytes at hand need this too, since they lie in the connection's buffer.
	if err := m.c.beginRead(m.ctx); err != nil {
		return 0, err
	}
	n, err := m.read(p)
	m.size += int64(n)
	switch {
	case err == io.EOF:
		if t := m.c.cfg.Trace; t != nil {
			t.receivedMessage(m.c, m.size)
		}
		m.finish(io.EOF)
		m.c.endRead(nil)
	default:
		if err != nil && isEnd(err) {
			m.finish(err)
		}
		m.c.lastWord(m.ctx, err)
		m.c.endRead(err)
	}
	return n, err
}

// read is Read for a caller that owns the read half.
func (m *MessageReader) read(p []byte) (n int, err error) {
	for n == 0 && err == nil {
		switch {
		case len(m.kept) > 0:
			n = copy(p, m.kept)
			m.kept = m.kept[n:]
		case m.c.rd.zipped && (len(m.rest) > 0 || m.fin || m.full):
			n, err = m.inflate(p)
		case len(m.rest) > 0:
			n = copy(p, m.rest)
			m.rest = m.rest[n:]
		case m.fin:
			err = io.EOF
		default:
			n, err = m.fetch(p)
		}
	}
	return n, err
}

// inflate is read for a compressed message. It returns io.EOF at its end.
func (m *MessageReader) inflate(p []byte) (int, error) {
	c := m.c
	n, used, err := c.z.dec.Read(p, m.rest, part(frame.Event{Fin: m.fin}))
	m.rest, m.full = m.rest[used:], n == len(p)
	if err != nil && err != io.EOF {
		return 0, receiver{c}.failRule(inflateError(err))
	}
	if !(receiver{c}).checkText(p[:n], err == io.EOF) {
		return 0, receiver{c}.failRule(frame.ErrInvalidUTF8)
	}
	return n, err
}

// pieceMin is the size of the smallest slice that payload is read into directly, past the read
// buffer. For smaller slices one system call into the buffer serves many reads, which is cheaper.
const pieceMin = 512

// fetch gets the next piece of the message. It reads straight into p and returns the number of
// bytes, or it sets m.rest and returns 0.
func (m *MessageReader) fetch(p []byte) (int, error) {
	c := m.c
	for {
		got, err := c.advance()
		if err == nil && got == moreBytes {
			if left := c.rd.dec.Remaining(); left > 0 && len(p) >= pieceMin && !c.rd.zipped {
				return m.fill(p[:min(int64(len(p)), left)])
			}
			err = receiver{c}.fill(m.ctx)
		}
		if err != nil {
			return 0, err
		}
		if got == wholeMessage {
			if c.rd.pongQueued {
				c.flushRead()
			}
			return 0, nil
		}
	}
}

// fill reads payload straight into p.
func (m *MessageReader) fill(p []byte) (int, error) {
	c := m.c
	n, err := c.read(m.ctx, p)
	if err != nil {
		return 0, err
	}
	if err := c.rd.dec.Take(p[:n]); err != nil {
		return 0, receiver{c}.failRule(err)
	}
	m.fin = !c.rd.dec.InMessage()
	return n, nil
}

// take keeps a piece of the message until it is read. It reports whether the caller should see the
// piece, because it has bytes or is the message's beginning or end.
func (m *MessageReader) take(ev frame.Event) bool {
	m.rest, m.fin = ev.Data, ev.Fin
	begins := ev.Kind == frame.Start && ev.Opcode != frame.Continuation
	return len(m.rest) > 0 || m.fin || begins
}

// Discard reads the rest of the message and drops it. The next read of the connection then gets the
// next message. Its errors are those of [MessageReader.Read] except io.EOF.
func (m *MessageReader) Discard() error {
	_, err := io.Copy(io.Discard, m)
	return err
}

// Unread gives p back, so that the next [MessageReader.Read] begins with it. p has to be what was
// read last, and is copied. A caller that puts a message together, and whose context has ended in
// the middle, can so leave the message to the next [Conn.NextReader] as a whole. After the end of
// the message Unread returns io.EOF, after that of the connection its error.
func (m *MessageReader) Unread(p []byte) error {
	if m.err != nil {
		return m.err
	}
	if err := m.c.beginRead(context.Background()); err != nil {
		return err
	}
	m.kept = slices.Concat(p, m.kept)
	m.size -= int64(len(p))
	m.c.endRead(nil)
	return nil
}

// finish ends the reader with err. The connection can then read the next message.
func (m *MessageReader) finish(err error) {
	m.err = err
	m.kept, m.rest = nil, nil
	m.c.rd.open = nil
}
