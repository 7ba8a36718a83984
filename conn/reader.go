package conn

import (
	"context"
	"io"

	"github.com/rfc6455/ws/frame"
)

// MessageReader reads one message in pieces, as an io.Reader that ends with
// io.EOF. It is for the goroutine that reads the connection.
type MessageReader struct {
	c    *Conn
	ctx  context.Context
	kept []byte // of the message: put together by a Read that was interrupted
	rest []byte // payload in the read buffer
	fin  bool   // rest ends the message
	full bool   // the last piece of a compressed message filled p: there may be more text of what has come
	size int64  // of what was read
	err  error  // io.EOF, or how the connection ended
}

// NextReader waits for the next message and returns a reader of its bytes,
// which holds no more of it than a buffer. The message must be read to io.EOF
// or discarded before the next read of the connection, which else returns
// ErrMessageOpen. ctx bounds this call and the reader's. When it has ended, the
// connection is unharmed: NextReader with another context returns the same
// message's reader, to go on where the former stopped.
//
// Text is checked as it comes: bytes that were read may turn out to be the
// beginning of a message that is invalid later on.
func (c *Conn) NextReader(ctx context.Context) (MessageType, *MessageReader, error) {
	if err := c.beginRead(ctx, readCall); err != nil {
		return 0, nil, err
	}
	r := &c.rd
	t := r.typ // while the read half is ours
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

// Read reads the next bytes of the message. Its errors are io.EOF after the
// last byte, the end of the context given to NextReader, ErrConcurrentRead, and
// those of Conn.Read.
func (m *MessageReader) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	// Also for what is at hand: it lies in the connection's buffer.
	if err := m.c.beginRead(m.ctx, readCall); err != nil {
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
		if err != nil && m.c.over(err) {
			m.finish(err)
		}
		m.c.lastWord(m.ctx, err)
		m.c.endRead(err)
	}
	return n, err
}

// read is Read for the owner of the read half.
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
		return 0, c.violated(inflateError(err))
	}
	if !c.checkText(p[:n], err == io.EOF) {
		return 0, c.violated(frame.ErrInvalidUTF8)
	}
	return n, err
}

// pieceMin is the smallest slice that payload is read into past the read
// buffer: below it one system call for many small reads is cheaper.
const pieceMin = 512

// fetch gets the next piece of the message: straight into p, whose bytes it
// counts, or as rest.
func (m *MessageReader) fetch(p []byte) (int, error) {
	c := m.c
	for {
		got, err := c.advance()
		if err == nil && got == moreBytes {
			if left := c.rd.dec.Remaining(); left > 0 && len(p) >= pieceMin && !c.rd.zipped {
				return m.fill(p[:min(int64(len(p)), left)])
			}
			err = c.fill(m.ctx)
		}
		if err != nil {
			return 0, err
		}
		if got == wholeMessage {
			if c.rd.answered {
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
		return 0, c.violated(err)
	}
	m.fin = !c.rd.dec.InMessage()
	return n, nil
}

// take keeps a piece of the message until it is read, and reports whether
// there is something to tell the caller: a byte, the end, or the beginning.
func (m *MessageReader) take(ev frame.Event) bool {
	m.rest, m.fin = ev.Data, ev.Fin
	begins := ev.Kind == frame.Start && ev.Opcode != frame.Continuation
	return len(m.rest) > 0 || m.fin || begins
}

// Discard reads the rest of the message and drops it, so that the next read of
// the connection gets the next message.
func (m *MessageReader) Discard() error {
	_, err := io.Copy(io.Discard, m)
	return err
}

// finish ends the reader with err and lets the connection go on.
func (m *MessageReader) finish(err error) {
	m.err = err
	m.kept, m.rest = nil, nil
	m.c.rd.open = nil
}
