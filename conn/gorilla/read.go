package websocket

import (
	"io"
	"net"
	"sync"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// maxFragments bounds the frames of a message, so that empty ones can't come for ever.
const maxFragments = 1 << 17

// maxFailedReads is the read of a failed connection that panics. A program that gets there reads in
// a loop that never ends.
const maxFailedReads = 1000

// directMin is the payload of a frame, still to come, from which on it is read to its destination
// and not into the read buffer.
const directMin = 4 << 10

// readHalf is the state of reading. mu is held by the one call that reads. Handlers run within it.
type readHalf struct {
	mu  sync.Mutex
	dec frame.Decoder
	in  *pool.ReadBuffer // nil while nothing is unread

	typ    frame.Opcode // of the message at work
	zipped bool         // it is compressed
	fin    bool         // rest ends it; true between messages
	fails  uint16       // how many reads have returned err
	rest   []byte       // payload that has come, in the read buffer

	open *messageReader // of the message at work; nil: none
	err  error          // of all reads from now on

	handlers *handlers // the program's; nil: none
}

// early sets the bytes that came with the handshake before all others.
func (r *readHalf) early(b []byte) {
	if len(b) > 0 {
		r.in = pool.GetRead()
		r.in.Unread = append(r.in.Room[:0], b...)
	}
}

// drop lets go of the read buffer if nothing in it is unread.
func (r *readHalf) drop() {
	if r.in != nil && len(r.in.Unread) == 0 && len(r.rest) == 0 {
		pool.PutRead(r.in)
		r.in = nil
	}
}

// direct returns how many bytes of the frame at work may be read past the read buffer: none while
// that has some.
func (r *readHalf) direct() int64 {
	if r.in != nil && len(r.in.Unread) > 0 {
		return 0
	}
	return r.dec.Remaining()
}

// fail makes err the error of all reads.
func (c *Conn) fail(err error) error {
	r := &c.rd
	r.err = lasting(err)
	r.rest = nil
	if r.in != nil {
		pool.PutRead(r.in)
		r.in = nil
	}
	return r.err
}

// ReadMessage returns the next message. The slice is the caller's. It waits as [Conn.NextReader]
// does and has the same errors. If the connection ends within a message, p is what has come of it.
func (c *Conn) ReadMessage() (messageType int, p []byte, err error) {
	r := &c.rd
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := c.begin(); err != nil {
		return -1, nil, err
	}
	p, err = c.collect()
	r.rest = nil
	r.drop()
	return int(r.typ), p, err
}

// within returns an error of a read within a message. A handler may have returned io.EOF, which
// would say that the message has ended.
func within(err error) error {
	if err == io.EOF {
		return errCut()
	}
	return err
}

// begin waits for the next message and gets its first piece. It drops what is left of the message
// before.
func (c *Conn) begin() error {
	r := &c.rd
	r.open = nil
	for r.err == nil && !r.fin {
		_ = c.advance()
	}
	r.rest = nil
	if r.err == nil && c.advance() == nil {
		return nil
	}
	if r.fails++; r.fails >= maxFailedReads {
		panic("repeated read on failed websocket connection")
	}
	return r.err
}

// collect reads the message whose first piece is at hand.
func (c *Conn) collect() ([]byte, error) {
	r := &c.rd
	if r.fin && !r.zipped {
		return append([]byte{}, r.rest...), nil
	}
	msg, err := c.gather()
	err = within(err)
	if cap(msg) > pool.MaxSize {
		return msg, err // no pool wants it
	}
	p := append([]byte{}, msg...)
	pool.Put(msg)
	return p, err
}

// gather reads the message whose first piece is at hand into a pooled buffer.
func (c *Conn) gather() (msg []byte, err error) {
	r := &c.rd
	for {
		if r.zipped {
			msg, err = c.inflate(msg)
		} else {
			msg = append(grow(msg, len(r.rest), r.dec.Remaining()), r.rest...)
		}
		r.rest = nil
		switch {
		case err != nil || r.fin:
			return msg, err
		case !r.zipped && r.direct() >= directMin:
			msg, err = c.readInto(msg)
		default:
			err = c.advance()
		}
		if err != nil {
			return msg, err
		}
	}
}

// readInto reads payload to the end of msg, past the read buffer.
func (c *Conn) readInto(msg []byte) ([]byte, error) {
	left := c.rd.dec.Remaining()
	msg = grow(msg, directMin, left)
	room := msg[len(msg):cap(msg)]
	n, err := c.readDirect(room[:min(int64(len(room)), left)])
	return msg[:len(msg)+n], err
}

// readDirect reads payload of the frame at work straight into p, which is not longer than what is
// left of the frame.
func (c *Conn) readDirect(p []byte) (n int, err error) {
	r := &c.rd
	r.drop()
	if n, err = c.wait(p); err != nil {
		return 0, c.fail(err)
	}
	if err := r.dec.Take(p[:n]); err != nil {
		return 0, c.violated(err)
	}
	r.fin = !r.dec.InMessage()
	return n, nil
}

// grow makes room in msg for n bytes that have come or are about to, of left that the frame has
// yet. The room grows with what has come, and never by the announced length alone (RFC 6455 section
// 10.4).
func grow(msg []byte, n int, left int64) []byte {
	if cap(msg)-len(msg) >= n {
		return msg
	}
	return pool.Grow(msg, max(n, int(min(left+int64(n), int64(3*(len(msg)+n))))))
}

// advance waits for the next piece of a data message and sets rest and fin. It handles control
// frames on the way. An error is final.
func (c *Conn) advance() error {
	for {
		came, err := c.step()
		if came || err != nil {
			return err
		}
		if err := c.fill(); err != nil {
			return c.fail(err)
		}
	}
}

// step looks for the next piece in the bytes at hand, and reports whether there is one. It is a
// function of its own so that advance needs little stack while it waits.
//
//go:noinline
func (c *Conn) step() (came bool, err error) {
	r := &c.rd
	for r.in != nil {
		r.dec.MaxMessage = c.wireLimit()
		ev, n, err := r.dec.Step(r.in.Unread)
		r.in.Unread = r.in.Unread[n:]
		switch {
		case err != nil:
			return false, c.violated(err)
		case ev.Kind == frame.NeedData:
			r.rest = nil
			r.drop()
		case ev.Kind == frame.Control:
			if err := c.handle(ev.Opcode, ev.Data); err != nil {
				return false, c.fail(err)
			}
		default:
			return true, c.take(ev)
		}
	}
	return false, nil
}

// take makes a piece of a message the one at hand.
func (c *Conn) take(ev frame.Event) error {
	r := &c.rd
	r.rest, r.fin = ev.Data, ev.Fin
	if ev.Kind != frame.Start {
		return nil
	}
	if ev.Opcode != frame.Continuation {
		r.typ, r.zipped = ev.Opcode, ev.Compressed
		if r.zipped {
			c.z.begin(c.limit.Load())
		}
	}
	// The decoder's own limit leaves room for compressed messages.
	limit := c.limit.Load()
	if c.z != nil && !ev.Compressed && limit > 0 && r.dec.Announced() > limit {
		return c.violated(frame.ErrMessageTooBig)
	}
	return nil
}

// fill waits for bytes and reads them into a buffer, which it takes from the pool only when there
// are some. It needs little stack while it waits.
func (c *Conn) fill() error {
	if !c.transport.Socket() && !c.rd.dec.Between() {
		return c.fillRest()
	}
	n, _, err := c.transport.Read(background, nil, &c.rd.in)
	return c.filled(n, err)
}

// filled follows a read of n bytes into the read buffer, which is nil if there are none.
//
//go:noinline
func (c *Conn) filled(n int, err error) error {
	switch {
	case n > 0:
		c.rd.in.Unread = c.rd.in.Room[:n]
		return nil
	case err == nil:
		return nil
	}
	return c.lost(err)
}

// fillRest is fill for the rest of a frame, on a transport that is no socket. It is on its way, so
// that a buffer will not wait for long.
func (c *Conn) fillRest() error {
	in := pool.GetRead()
	n, err := c.wait(in.Room[:])
	if err != nil {
		pool.PutRead(in)
		return err
	}
	in.Unread = in.Room[:n]
	c.rd.in = in
	return nil
}

// wait waits for bytes and reads once into p.
func (c *Conn) wait(p []byte) (int, error) {
	n, _, err := c.transport.Read(background, p, nil)
	if n > 0 || err == nil {
		return n, nil
	}
	return 0, c.lost(err)
}

// lost returns the error of a read that failed with err.
func (c *Conn) lost(err error) error {
	if err == io.EOF {
		return errCut()
	}
	return c.named(err, "read")
}

// named gives an error of a system call the form that it has in package net.
func (c *Conn) named(err error, op string) error {
	e, ok := err.(*net.OpError)
	if !ok || e.Op != "raw-"+op && (e.Op != op || e.Net != "") {
		return err
	}
	copied := *e
	copied.Op = op
	if a := c.LocalAddr(); a != nil {
		copied.Net, copied.Source, copied.Addr = a.Network(), a, c.RemoteAddr()
	}
	return &copied
}
