package wstest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// PipeConn is one end of an in-memory connection made by [Pipe]. It is a [net.Conn] that behaves
// like a TCP connection, as far as a WebSocket endpoint can tell: both directions are buffered and
// bounded, deadlines work as package net documents them, and each direction can be ended alone. All
// methods may be called from any goroutine.
//
// Errors are of type [*net.OpError], except io.EOF.
type PipeConn struct {
	in, out *half // in has what the other end writes
	local   pipeAddr
	remote  pipeAddr
}

var _ net.Conn = (*PipeConn)(nil)

// Pipe returns the two ends of an in-memory connection. Each direction holds up to capacity bytes
// (at least 1) that were written and not read. A Write beyond that blocks until the other end
// reads, until its deadline or until the connection ends.
func Pipe(capacity int) (a, b *PipeConn) {
	ab, ba := newHalf(capacity), newHalf(capacity)
	a = &PipeConn{in: ba, out: ab, local: "a", remote: "b"}
	b = &PipeConn{in: ab, out: ba, local: "b", remote: "a"}
	return a, b
}

// StrictClose makes c's Close behave as that of a kernel's TCP, which resets the connection if
// bytes are lost by the close: if some are unread at that moment or arrive after it. The other end
// loses what it has not read yet, for instance a Close frame. That is why RFC 6455 section 7.1.1
// wants a server to drain its socket. Call StrictClose before c is used.
func (c *PipeConn) StrictClose() { c.in.change(func() { c.in.strict = true }) }

// Read reads the bytes that are there, and waits for at least one. After the other end's Close or
// CloseWrite it returns the bytes that are still buffered, and then io.EOF.
func (c *PipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

// Write writes all of p, and blocks while the other end does not read. If it fails, it returns how
// many bytes were accepted before. p is copied. Writes from several goroutines never mix.
func (c *PipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		c.answerReset()
	}
	return n, c.opError("write", err)
}

// answerReset sends the reset with which a strict end that is closed answers bytes that it can't
// accept any more.
func (c *PipeConn) answerReset() {
	var reset bool
	c.out.change(func() { reset = c.out.rdClosed && c.out.strict })
	if reset {
		c.in.change(func() { c.in.cutLocked(syscall.ECONNRESET) })
	}
}

// Close closes this end. Blocked and later calls here return net.ErrClosed. The other end reads
// what is buffered and then io.EOF, and its writes fail with io.ErrClosedPipe.
// [PipeConn.StrictClose] makes Close stricter. A second Close returns net.ErrClosed.
func (c *PipeConn) Close() error {
	var again, lost bool
	c.in.change(func() {
		again = c.in.rdClosed
		lost = c.in.strict && len(c.in.buf) > 0
		c.in.rdClosed, c.in.buf = true, nil
		c.in.rdTimeout.stopLocked()
	})
	if again {
		return c.opError("close", net.ErrClosed)
	}
	c.out.change(func() {
		c.out.wrClosed, c.out.finished = true, true
		c.out.wrTimeout.stopLocked()
		if lost {
			c.out.cutLocked(syscall.ECONNRESET)
		}
	})
	return nil
}

// CloseWrite ends the direction of writing. The other end reads what is buffered and then io.EOF.
// Later writes here return io.ErrClosedPipe. Reading goes on.
func (c *PipeConn) CloseWrite() error {
	var closed bool
	c.out.change(func() {
		closed = c.out.wrClosed
		c.out.finished = true
	})
	return c.closedError("close", closed)
}

// CloseRead ends the direction of reading. Blocked and later reads return io.EOF, and bytes that
// were not read yet are dropped. What the other end still writes is accepted and thrown away, as
// TCP does.
func (c *PipeConn) CloseRead() error {
	var closed bool
	c.in.change(func() {
		closed = c.in.rdClosed
		if !closed {
			c.in.shut, c.in.buf = true, nil
		}
	})
	return c.closedError("close", closed)
}

// Cut loses the transport: every blocked and later Read and Write of both ends fails with err, and
// the bytes on their way are gone. If err is nil, it is syscall.ECONNRESET. The first Cut counts.
func (c *PipeConn) Cut(err error) {
	if err == nil {
		err = syscall.ECONNRESET
	}
	c.in.change(func() { c.in.cutLocked(err) })
	c.out.change(func() { c.out.cutLocked(err) })
}

// SetDeadline sets both deadlines.
func (c *PipeConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds blocked and later reads. Once t has passed, they return an error that is
// os.ErrDeadlineExceeded, until the deadline is moved. The zero time removes it.
func (c *PipeConn) SetReadDeadline(t time.Time) error {
	var closed bool
	c.in.change(func() {
		if closed = c.in.rdClosed; !closed {
			c.in.setLocked(&c.in.rdTimeout, t)
		}
	})
	return c.closedError("set", closed)
}

// SetWriteDeadline does for writes what SetReadDeadline does for reads. A Write that it cuts short
// returns how much of it was accepted.
func (c *PipeConn) SetWriteDeadline(t time.Time) error {
	var closed bool
	c.out.change(func() {
		if closed = c.out.wrClosed; !closed {
			c.out.setLocked(&c.out.wrTimeout, t)
		}
	})
	return c.closedError("set", closed)
}

// LocalAddr returns the address of this end. Its network is "pipe".
func (c *PipeConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end. Its network is "pipe".
func (c *PipeConn) RemoteAddr() net.Addr { return c.remote }

// Buffered returns how many bytes wait to be read at this end.
func (c *PipeConn) Buffered() int {
	n, _, _ := c.in.counts()
	return n
}

// Written returns how many bytes the Writes of this end have delivered.
func (c *PipeConn) Written() int64 {
	_, n, _ := c.out.counts()
	return n
}

// Writes returns how many times Write was called at this end.
func (c *PipeConn) Writes() int {
	_, _, n := c.out.counts()
	return n
}

func (c *PipeConn) closedError(op string, closed bool) error {
	if !closed {
		return nil
	}
	return c.opError(op, net.ErrClosed)
}

// opError wraps err as package net does. io.EOF stays as it is, since callers compare it.
func (c *PipeConn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.local, Addr: c.remote, Err: err}
}

// Plain returns a view of c that has Read, Write and Close and nothing else: no deadlines, no half
// close, no addresses. An SSH channel or a stream of another protocol looks like that.
func Plain(c io.ReadWriteCloser) io.ReadWriteCloser { return plain{c} }

type plain struct{ c io.ReadWriteCloser }

func (p plain) Read(b []byte) (int, error)  { return p.c.Read(b) }
func (p plain) Write(b []byte) (int, error) { return p.c.Write(b) }
func (p plain) Close() error                { return p.c.Close() }

// pipeAddr is the address of one end.
type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return "pipe:" + string(a) }
