//go:build unix

package conn

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// A transport's syscall.RawConn reads and writes its descriptor without
// blocking, inside the functions that RawConn calls. It is what lets a
// connection wait for bytes without holding a buffer for them, answer without
// parking a goroutine, and write in one system call. The descriptor's number is
// never stored.

// newRawConn returns nil unless rwc is exactly one of package net's stream
// sockets: a wrapper that embeds one has its SyscallConn too, and a Read of its
// own that must not be gone round.
func newRawConn(rwc io.ReadWriteCloser) syscall.RawConn {
	switch nc := rwc.(type) {
	case *net.TCPConn:
		if rc, err := nc.SyscallConn(); err == nil {
			return rc
		}
	case *net.UnixConn:
		if nc.LocalAddr().Network() != "unix" {
			return nil // a datagram or packet socket is no stream
		}
		if rc, err := nc.SyscallConn(); err == nil {
			return rc
		}
	}
	return nil
}

// rawOp is one call into a RawConn. Its function is stored with it, since a
// closure for each call would be garbage.
type rawOp struct {
	fn  func(fd uintptr) bool
	buf []byte
	in  *readBuffer // of a read without buf: taken when there are bytes
	n   int
	err error
}

var (
	rawReads  = sync.Pool{New: func() any { op := new(rawOp); op.fn = op.read; return op }}
	rawWrites = sync.Pool{New: func() any { op := new(rawOp); op.fn = op.write; return op }}
)

// end gives the operation back to its pool.
func (op *rawOp) end(pool *sync.Pool) {
	op.buf, op.in, op.n, op.err = nil, nil, 0, nil
	pool.Put(op)
}

// readRaw waits for bytes and reads once. With p nil the bytes are in the read
// buffer, which is taken when there are some.
func (c *Conn) readRaw(p []byte) (n int, err error) {
	op := rawReads.Get().(*rawOp)
	op.buf = p
	err = c.raw.Read(op.fn)
	if err == nil {
		err = op.err
	}
	if p == nil {
		c.rd.in = op.in
	}
	n = op.n
	op.end(&rawReads)
	return n, err
}

// read is the function inside RawConn.Read: false waits for readability.
func (op *rawOp) read(fd uintptr) bool {
	if op.buf != nil {
		op.n, op.err = readFD(fd, op.buf)
		return op.err != errWouldBlock
	}
	in := getReadBuffer()
	op.n, op.err = readFD(fd, in.room[:])
	if op.n == 0 {
		putReadBuffer(in)
		return op.err != errWouldBlock
	}
	op.in = in
	return true
}

// rawTry writes as much of p as the socket takes at once.
func rawTry(rc syscall.RawConn, p []byte) (n int, err error) {
	op := rawWrites.Get().(*rawOp)
	op.buf = p
	err = rc.Write(op.fn)
	if err == nil {
		err = op.err
	}
	n = op.n
	op.end(&rawWrites)
	return n, err
}

// write is the function inside RawConn.Write; it never waits. A small message
// that the socket takes as a whole needs no more stack than this has.
func (op *rawOp) write(fd uintptr) bool {
	if len(op.buf) <= briefSize {
		if n, err := briefWrite(fd, op.buf); err == nil && n == len(op.buf) {
			op.n = n
			return true
		} else if err == nil {
			op.n = n
		}
	}
	n, err := writeFD(fd, op.buf[op.n:])
	op.n += n
	op.err = err
	return true
}

// flushFD is flushRead for a reader that is inside a RawConn function.
func (c *Conn) flushFD(fd uintptr) {
	c.rd.answered = false
	c.mu.Lock()
	var p []byte
	if c.wr.out != nil {
		p = c.claim()
	}
	c.mu.Unlock()
	if p != nil {
		n, err := writeFD(fd, p)
		c.tried(n, err)
	}
}

// shutdown ends both directions of a socket without closing the descriptor:
// whoever waits inside a RawConn function wakes up, and closes it when it has
// left.
func shutdown(s stream) {
	if h, ok := s.(interface {
		CloseRead() error
		CloseWrite() error
	}); ok {
		_ = h.CloseRead()
		_ = h.CloseWrite()
	}
}

// errWouldBlock says that nothing can be read now.
var errWouldBlock error = syscall.EAGAIN

// readFD reads once. It returns errWouldBlock, io.EOF, or a *net.OpError.
func readFD(fd uintptr, p []byte) (n int, err error) {
	for {
		if len(p) <= briefSize {
			n, err = briefRead(fd, p)
		} else {
			n, err = syscall.Read(int(fd), p)
		}
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EAGAIN:
			return 0, errWouldBlock
		case err != syscall.EINTR:
			return 0, opError("read", err)
		}
	}
}

// writeFD writes until p is out or the socket is full.
func writeFD(fd uintptr, p []byte) (n int, err error) {
	for n < len(p) {
		m := 0
		if rest := p[n:]; len(rest) <= briefSize {
			m, err = briefWrite(fd, rest)
		} else {
			m, err = syscall.Write(int(fd), rest)
		}
		if m > 0 {
			n += m
		}
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, opError("write", err)
		}
	}
	return n, nil
}

// opError is the error of a system call as package net's, without the
// addresses: see Conn.addressed.
func opError(op string, err error) error {
	return &net.OpError{Op: op, Err: os.NewSyscallError(op, err)}
}
