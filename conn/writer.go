//go:build !js

package conn

import (
	"context"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// MessageWriter sends one message in pieces (RFC 6455 section 5.4). It is for one goroutine. The
// messages of other goroutines wait until it is closed. Control frames pass between its frames.
type MessageWriter struct {
	c    *Conn
	ctx  context.Context
	msg  outbox.Message
	buf  []byte     // of the pool: payload that is not sent yet
	text frame.UTF8 // how far the text is valid

	closed bool  // Close was called
	err    error // the first final error
}

// NextWriter waits for the turn to send a message, and returns a writer for its pieces. The caller
// must call [MessageWriter.Close], which sends the rest, or [MessageWriter.Abandon]. Until then all
// other messages of the connection wait, and so does the next NextWriter. ctx bounds this call and
// the calls of the writer. NextWriter may be called concurrently. Its errors are those of
// [Conn.Write].
func (c *Conn) NextWriter(ctx context.Context, t MessageType) (*MessageWriter, error) {
	if plain := t &^ Uncompressed; plain != Text && plain != Binary {
		return nil, ErrMessageType
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	m := &MessageWriter{c: c, ctx: ctx}
	m.msg.Type = outbox.Type(t)
	m.msg.Zipped = c.box.Compresses(m.msg.Type, maxInt-1)
	if err := (sender{c}).takeTurn(ctx, &m.msg); err != nil {
		return nil, failedWrite{c}.outcome(ctx, err)
	}
	return m, nil
}

// Write adds p to the message. It keeps up to Config.FragmentSize bytes, and 125 KiB at the most,
// and sends a frame when there are more. p belongs to the caller again when Write returns.
//
// If the text can't become valid UTF-8 with p, Write returns [frame.ErrInvalidUTF8] and takes
// nothing of p. The message can go on with other text. After [MessageWriter.Close] Write returns
// [ErrWriterClosed]. Other errors are those of [Conn.Write]. They are final, and Close then
// abandons the message.
func (m *MessageWriter) Write(p []byte) (int, error) {
	switch {
	case m.closed:
		return 0, ErrWriterClosed
	case m.err != nil:
		return 0, m.err
	case m.msg.Type.Opcode() == frame.Text:
		text := m.text
		if !text.Write(p) {
			return 0, frame.ErrInvalidUTF8
		}
		m.text = text
	}
	add := m.addPlain
	if m.msg.Zipped {
		add = m.addCompressed
	}
	n, err := add(p, m.pieceSize())
	m.msg.Size += int64(n)
	m.err = err
	return n, err
}

// maxPiece bounds what a MessageWriter keeps, in bytes. A frame with so much payload, or with a
// multiple of it, is a little shorter than a multiple of 64 KiB. TCP hands bytes on in segments of
// nearly that size, and the rest of each write in one of its own. If frames were a little longer,
// that rest would be a hundred bytes, for which the peer is woken once more: an echo of 1 MiB took
// a sixth more of CPU time, and with twice as many writes a third. The frame also fits into a
// buffer of the pool of 128 KiB or a multiple, whose size is a power of two.
const maxPiece = 125 << 10

// pieceSize returns the size of the largest frame, in bytes of payload.
func (m *MessageWriter) pieceSize() int { return min(m.c.cfg.fragmentSize(), maxPiece) }

// addPlain adds p to a message that is not compressed.
func (m *MessageWriter) addPlain(p []byte, size int) (int, error) {
	n := 0
	for n < len(p) {
		// A frame leaves only when a byte follows it, so that the last one has FIN. If p has more
		// than a whole frame, that frame is sent from where it lies.
		piece := m.buf
		if len(m.buf) == 0 && len(p)-n > size {
			piece = p[n : n+size]
			n += size
		} else if len(m.buf) < size {
			k := min(size-len(m.buf), len(p)-n)
			m.buf = append(pool.Grow(m.buf, k), p[n:n+k]...)
			n += k
			continue
		}
		if err := m.send(piece, false); err != nil {
			return n, err
		}
		m.buf = m.buf[:0]
	}
	return len(p), nil
}

// addCompressed adds p to a compressed message. It compresses at most size bytes at a time, so that
// what the writer holds stays bounded.
func (m *MessageWriter) addCompressed(p []byte, size int) (n int, err error) {
	for n < len(p) {
		k := min(size, len(p)-n)
		m.buf = m.c.box.Compress(m.buf, p[n:n+k], deflate.More)
		n += k
		if err := m.sendFull(size); err != nil {
			return n, err
		}
	}
	return n, nil
}

// sendFull sends frames of size bytes until at most size bytes are left.
func (m *MessageWriter) sendFull(size int) error {
	for len(m.buf) > size {
		if err := m.send(m.buf[:size], false); err != nil {
			return err
		}
		m.buf = m.buf[:copy(m.buf, m.buf[size:])]
	}
	return nil
}

// send sends p as the message's next frame.
func (m *MessageWriter) send(p []byte, fin bool) error {
	_, err := sender{m.c}.sendPiece(m.ctx, &m.msg, p, fin)
	return failedWrite{m.c}.outcome(m.ctx, err)
}

// Close sends the rest of the message and ends it. Other messages may leave then.
//
// If a Write has failed, Close abandons the message and returns that error. If the text ends inside
// a character, Close abandons the message and returns [frame.ErrInvalidUTF8]. If nothing of an
// abandoned message has left, the peer does not notice. If a part has left, the connection is
// closed with 1011, since the peer could take the part for the whole message.
//
// A second Close returns [ErrWriterClosed]. Other errors are those of [Conn.Write].
func (m *MessageWriter) Close() error {
	if m.closed {
		return ErrWriterClosed
	}
	m.closed = true
	if m.err == nil && m.msg.Type.Opcode() == frame.Text && !m.text.Done() {
		m.err = frame.ErrInvalidUTF8
	}
	if m.err == nil {
		m.err = m.sendLast()
	}
	if m.err != nil {
		sender{m.c}.abandon(&m.msg)
	}
	pool.Put(m.buf)
	m.buf = nil
	return m.err
}

// Abandon gives the message up: what has not left is dropped. If nothing has left, the peer does
// not notice. If a part has left, the connection is closed with 1011, since the peer could take the
// part for the whole message. Other messages may leave then. After Close it does nothing, so that
// it may be deferred.
func (m *MessageWriter) Abandon() {
	if m.closed {
		return
	}
	m.closed = true
	sender{m.c}.abandon(&m.msg)
	pool.Put(m.buf)
	m.buf = nil
}

// sendLast sends what is left of the message, and its end.
func (m *MessageWriter) sendLast() error {
	if m.msg.Zipped {
		m.buf = m.c.box.Compress(m.buf, nil, deflate.Last)
		if err := m.sendFull(m.pieceSize()); err != nil {
			return err
		}
	}
	return m.send(m.buf, true)
}

// abandon ends m without sending its end. If a part of m has left, abandon fails the connection.
func (c sender) abandon(m *outbox.Message) {
	c.mu.Lock()
	act := c.box.Abandon(m)
	if act == outbox.Cut { // without giving up the lock, so that nothing comes between
		act = c.failLocked(CloseInternalError, errAbandoned)
		c.mu.Unlock()
		c.do(act)
		c.seekEnd()
		return
	}
	c.mu.Unlock()
	c.do(act)
}
