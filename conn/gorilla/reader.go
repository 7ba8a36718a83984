package websocket

import (
	"io"
	"strings"
)

// messageReader reads one message in pieces.
type messageReader struct{ c *Conn }

// NextReader waits for the next message of the peer and returns a reader of it, which ends with
// io.EOF. It drops what is left of the message before, whose reader then returns io.EOF. Control
// frames that come meanwhile are given to their handlers.
//
// An error is for good: all further calls return the same one. It is a [*CloseError] if the peer
// has sent a Close frame or has cut the connection (1006), [ErrReadLimit], a *frame.Error if the
// peer broke a rule of the protocol, the error of a handler, or that of the transport. A program
// must leave its reading loop then: the thousandth call after the first error panics.
func (c *Conn) NextReader() (messageType int, r io.Reader, err error) {
	c.rd.mu.Lock()
	defer c.rd.mu.Unlock()
	if err := c.begin(); err != nil {
		return -1, nil, err
	}
	m := &messageReader{c}
	c.rd.open = m
	return int(c.rd.typ), m, nil
}

// Read reads the next bytes of the message. It returns io.EOF after the last one. Its other errors
// are those of NextReader.
func (m *messageReader) Read(p []byte) (n int, err error) {
	r := &m.c.rd
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.open != m:
		return 0, io.EOF
	case r.err != nil:
		return 0, within(r.err)
	case len(p) == 0:
		return 0, nil
	}
	for n == 0 && err == nil {
		n, err = m.c.piece(p)
	}
	switch {
	case r.err != nil:
		err = within(err)
	case err == io.EOF:
		r.open = nil
	}
	r.drop()
	return n, err
}

// pieceMin is the smallest slice that is read into past the read buffer. For smaller ones a system
// call into the buffer serves many reads.
const pieceMin = 512

// piece copies the next bytes of the message at work to p. It may return none and no error. It
// returns io.EOF at the message's end.
func (c *Conn) piece(p []byte) (n int, err error) {
	r := &c.rd
	switch left := r.direct(); {
	case r.zipped && (len(r.rest) > 0 || r.fin || c.z.full):
		return c.inflatePiece(p)
	case len(r.rest) > 0:
		n = copy(p, r.rest)
		r.rest = r.rest[n:]
		return n, nil
	case r.fin:
		return 0, io.EOF
	case !r.zipped && left > 0 && len(p) >= pieceMin:
		return c.readDirect(p[:min(int64(len(p)), left)])
	}
	return 0, c.advance()
}

// JoinMessages returns a reader of the messages of c, one after another, with term behind each. It
// is for one goroutine, and its errors are those of [Conn.NextReader].
func JoinMessages(c *Conn, term string) io.Reader { return &joined{c: c, term: term} }

type joined struct {
	c    *Conn
	term string
	r    io.Reader // of the message at work and the term; nil: between messages
}

func (j *joined) Read(p []byte) (n int, err error) {
	if j.r == nil {
		_, r, err := j.c.NextReader()
		if err != nil {
			return 0, err
		}
		j.r = io.MultiReader(r, strings.NewReader(j.term))
	}
	n, err = j.r.Read(p)
	if err == io.EOF {
		j.r, err = nil, nil
	}
	return n, err
}
