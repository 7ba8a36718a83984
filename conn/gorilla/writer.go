package websocket

import (
	"io"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// fragmentSize is how much of a message a writer keeps, at least, before it sends a frame. A larger
// WriteBufferSize replaces it, since peers that read frames and not messages rely on that.
const fragmentSize = 16 << 10

// messageWriter sends one message in pieces. Conn.wr.mu guards it.
type messageWriter struct {
	c     *Conn
	op    frame.Opcode // of the message
	zip   *deflate.Encoder
	text  frame.UTF8 // how far the text is valid
	buf   []byte     // payload that is not sent yet; pooled
	begun bool       // a frame was sent
	err   error      // of all calls from now on
}

// NextWriter returns a writer for the next message. Its Close sends the message. A message of more
// than 16 KiB, or than WriteBufferSize if that is more, leaves in several frames, the first of them
// before Close.
//
// A connection has one such writer: NextWriter closes the one before, if the program has not done
// so, and so do [Conn.WriteMessage] and [Conn.WriteJSON]. Its message is sent as it is then, and
// further calls of that writer return an error. So a program whose goroutines write without a lock
// uses WriteMessage in all of them. A message of [Conn.WritePreparedMessage] is sent before that of
// the writer, unless a part of the writer's message has been sent already: then it ends there, too.
//
// All types of messages are supported. The errors are those of [Conn.WriteMessage].
func (c *Conn) NextWriter(messageType int) (io.WriteCloser, error) {
	w := &c.wr
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endOpen()
	if !isControl(messageType) && !isData(messageType) {
		return nil, errMessageType
	}
	if err := w.turn.failed(); err != nil {
		return nil, err
	}
	m := &messageWriter{c: c, op: frame.Opcode(messageType)}
	if isData(messageType) && c.compresses() {
		m.zip = c.encoder()
	}
	w.open = m
	return m, nil
}

// endOpen ends the open writer's message.
func (w *writeHalf) endOpen() {
	if w.open != nil {
		_ = w.open.endLocked()
	}
}

// endBegun ends the open writer's message if a part of it has been sent: no other message may come
// between its frames (RFC 6455 section 5.4).
func (w *writeHalf) endBegun() {
	if w.open != nil && w.open.begun {
		w.endOpen()
	}
}

// Write adds p to the message.
func (m *messageWriter) Write(p []byte) (n int, err error) {
	w := &m.c.wr
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.err != nil {
		return 0, m.err
	}
	if m.op == frame.Text {
		text := m.text
		if !text.Write(p) {
			return 0, frame.ErrInvalidUTF8
		}
		m.text = text
	}
	if m.op.IsControl() && len(m.buf)+len(p) > frame.MaxControlPayload {
		return 0, m.stopLocked(errControlFrame)
	}
	if m.zip == nil && len(p) >= 2*int(w.fragment) {
		n, err = m.sendLongLocked(p)
	}
	for n < len(p) && err == nil {
		k := min(len(p)-n, int(w.fragment))
		err = m.addLocked(p[n : n+k])
		n += k
	}
	if err != nil {
		return 0, m.stopLocked(err)
	}
	return n, nil
}

// sendLongLocked sends a long piece as a frame, without a copy of it. Something stays for the last
// frame. It returns how much of p it has sent.
func (m *messageWriter) sendLongLocked(p []byte) (n int, err error) {
	if len(m.buf) > 0 {
		if err := m.flushLocked(false); err != nil {
			return 0, err
		}
	}
	n = len(p) - int(m.c.wr.fragment)
	return n, m.frameLocked(p[:n], false)
}

// addLocked takes a piece of at most one fragment. It sends a frame if there is enough for
// one and something stays for the last frame.
func (m *messageWriter) addLocked(p []byte) error {
	if m.zip != nil {
		m.buf = m.zip.Append(m.buf, p, deflate.More)
		if len(m.buf) <= int(m.c.wr.fragment) {
			return nil
		}
		return m.flushLocked(false)
	}
	if len(m.buf)+len(p) > int(m.c.wr.fragment) {
		if err := m.flushLocked(false); err != nil {
			return err
		}
	}
	m.buf = append(pool.Grow(m.buf, len(p)), p...)
	return nil
}

// flushLocked sends what is there as a frame.
func (m *messageWriter) flushLocked(fin bool) error {
	err := m.frameLocked(m.buf, fin)
	m.buf = m.buf[:0]
	return err
}

// frameLocked sends a frame of the message.
func (m *messageWriter) frameLocked(p []byte, fin bool) error {
	h := frame.Header{Opcode: m.op, Fin: fin}
	switch {
	case m.begun:
		h.Opcode = frame.Continuation
	case m.zip != nil:
		h.RSV = frame.RSV1
	}
	m.begun = true
	return m.c.writeFrame(h, p)
}

// Close sends the rest of the message.
func (m *messageWriter) Close() error {
	w := &m.c.wr
	w.mu.Lock()
	defer w.mu.Unlock()
	return m.endLocked()
}

// endLocked is Close. After it all calls of the writer return an error.
func (m *messageWriter) endLocked() error {
	if m.err != nil {
		return m.err
	}
	if m.op == frame.Text && !m.text.Done() {
		return m.stopLocked(frame.ErrInvalidUTF8)
	}
	if m.zip != nil {
		m.buf = m.zip.Append(m.buf, nil, deflate.Last)
	}
	if err := m.flushLocked(true); err != nil {
		return m.stopLocked(err)
	}
	_ = m.stopLocked(errWriterClosed)
	return nil
}

// stopLocked makes err the error of all calls, and returns it. If it leaves a message without its
// end, no other message can follow: err is the error of all writes then.
func (m *messageWriter) stopLocked(err error) error {
	m.err = err
	if m.begun && err != errWriterClosed {
		m.c.wr.turn.fail(err)
	}
	pool.Put(m.buf)
	m.buf = nil
	if m.zip != nil {
		putEncoder(m.zip)
		m.zip = nil
	}
	if w := &m.c.wr; w.open == m {
		w.open = nil
	}
	return err
}
