//go:build unix

package transport

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/pool"
)

// A transport reads and writes its descriptor without blocking, inside the functions that its
// syscall.RawConn calls. So a connection can wait for bytes without holding a buffer for them,
// answer without parking a goroutine, and write in one system call. The descriptor's number is
// never stored.

// rawConn returns the RawConn of rwc. It is nil unless rwc is exactly one of package net's stream
// sockets. A wrapper that embeds such a socket has its SyscallConn too, but must be read by its own
// Read.
func rawConn(rwc io.ReadWriteCloser) syscall.RawConn {
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

// rawOp is one call into a RawConn. Its function is stored in it, since a closure for each call
// would be garbage.
type rawOp struct {
	fn   func(fd uintptr) bool
	buf  []byte
	then []byte           // of a write: what follows buf
	in   *pool.ReadBuffer // of a read without buf: taken from the pool when there are bytes
	n    int
	err  error
	turn pool.Turn // kept from call to call: the pool has one operation for each processor
}

var (
	rawReads  = sync.Pool{New: func() any { op := new(rawOp); op.fn = op.read; return op }}
	rawWrites = sync.Pool{New: func() any { op := new(rawOp); op.fn = op.write; return op }}
	rawBoths  = sync.Pool{New: func() any { op := new(rawOp); op.fn = op.writeBoth; return op }}
)

// end gives the operation back to its pool and returns its results. It exists so that its caller
// keeps none of them on the stack.
func (op *rawOp) end(pool *sync.Pool) (n int, err error) {
	n, err = op.n, op.err
	op.buf, op.then, op.in, op.n, op.err = nil, nil, nil, 0, nil
	pool.Put(op)
	return n, err
}

// readRaw waits for bytes and reads once. If p is nil, it takes a read buffer from the pool when
// there are bytes, reads into that, and sets in.
func readRaw(rc syscall.RawConn, p []byte, in **pool.ReadBuffer) (n int, err error) {
	op := rawReads.Get().(*rawOp)
	op.buf = p
	if err := rc.Read(op.fn); err != nil {
		op.err = err
	}
	if p == nil {
		*in = op.in
	}
	op.turn.Count(op.n)
	over := op.turn.Over(pool.TurnTime)
	if over {
		op.turn = pool.Turn{}
	}
	n, err = op.end(&rawReads)
	if over {
		GiveWay()
	}
	return n, err
}

// read is the function inside RawConn.Read. If it returns false, RawConn waits until there is
// something to read.
func (op *rawOp) read(fd uintptr) bool {
	if op.buf != nil {
		op.n, op.err = ReadFD(fd, op.buf)
		return op.came()
	}
	in := pool.GetRead()
	op.n, op.err = ReadFD(fd, in.Room[:])
	if op.n == 0 {
		pool.PutRead(in)
		return op.came()
	}
	NoteBehind(fd, in, op.n)
	op.in = in
	return true
}

// NoteBehind sets in.Behind after a read of n bytes into in.Room.
func NoteBehind(fd uintptr, in *pool.ReadBuffer, n int) {
	in.Behind = 0
	if n == len(in.Room) {
		in.Behind = Waiting(fd)
	}
}

// came reports whether the read is done. If not, the goroutine waits and so begins a new turn.
func (op *rawOp) came() bool {
	if op.n > 0 || op.err != nil {
		return true
	}
	op.turn = pool.Turn{}
	return false
}

// TryWrite writes as much of p as the socket takes at once. On a transport that is no socket it
// writes nothing, since that can't tell.
func (l *Link) TryWrite(p []byte) (n int, err error) {
	if l.raw == nil {
		return 0, nil
	}
	op := rawWrites.Get().(*rawOp)
	op.buf = p
	if err := l.raw.Write(op.fn); err != nil {
		op.err = err
	}
	op.turn.Count(op.n)
	if op.turn.Over(pool.WakeTime) { // GiveWay needs more stack than a callback that writes has left
		op.turn = pool.Turn{}
		loop.WakeMonitor()
	}
	return op.end(&rawWrites)
}

// write is the function inside RawConn.Write. It never waits. A small message that the socket takes
// as a whole needs no more stack than write itself has.
func (op *rawOp) write(fd uintptr) bool {
	if len(op.buf) <= briefSize {
		if n, err := briefWrite(fd, op.buf); err == nil && n == len(op.buf) {
			op.n = n
			return true
		} else if err == nil {
			op.n = n
		}
	}
	n, err := WriteFD(fd, op.buf[op.n:])
	op.n += n
	op.err = err
	return true
}

// TryWriteBoth is [Link.TryWrite] for frames and a long payload that follows them and lies
// elsewhere.
func (l *Link) TryWriteBoth(frames, payload []byte) (n int, err error) {
	if l.raw == nil {
		return 0, nil
	}
	op := rawBoths.Get().(*rawOp)
	op.buf, op.then = frames, payload
	if err := l.raw.Write(op.fn); err != nil {
		op.err = err
	}
	return op.end(&rawBoths)
}

// writeBoth is the function inside RawConn.Write. It never waits.
func (op *rawOp) writeBoth(fd uintptr) bool {
	n, err := writeMore(fd, op.buf)
	for err == syscall.EINTR {
		n, err = writeMore(fd, op.buf)
	}
	switch err {
	case nil:
		op.n = n
	case syscall.EAGAIN:
		return true
	default:
		op.err = opError("write", err)
		return true
	}
	if n == len(op.buf) {
		n, op.err = WriteFD(fd, op.then)
		op.n += n
	}
	return true
}

// ReadFD reads once. It returns 0 and no error if there is nothing to read now. Its errors are
// io.EOF and *net.OpError. What it reads may be for a callback, so it keeps the scheduler's monitor
// awake.
func ReadFD(fd uintptr, p []byte) (n int, err error) {
	for {
		if len(p) <= briefSize {
			n, err = briefRead(fd, p)
		} else {
			n, err = longRead(fd, p)
		}
		switch {
		case err == nil && n > 0:
			loop.KeepMonitorAwake()
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EAGAIN:
			return 0, nil
		case err != syscall.EINTR:
			return 0, opError("read", err)
		}
	}
}

// ReadToPass is [ReadFD] for a reader that passes the bytes on. Such a reader computes nothing for
// long, and gives way by itself. So it lets the scheduler's monitor sleep, which saves a fifteenth
// of the CPU time of a relay. See [loop.KeepMonitorAwake].
//
// ReadFD does not call it: a waiting connection has no stack for another call. See
// TestStackPerIdleConn.
func ReadToPass(fd uintptr, p []byte) (n int, err error) {
	for {
		if len(p) <= briefSize {
			n, err = briefRead(fd, p)
		} else {
			n, err = longRead(fd, p)
		}
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EAGAIN:
			return 0, nil
		case err != syscall.EINTR:
			return 0, opError("read", err)
		}
	}
}

// WriteFD writes until p is out or the socket is full.
func WriteFD(fd uintptr, p []byte) (n int, err error) {
	for n < len(p) {
		m := 0
		if rest := p[n:]; len(rest) <= briefSize {
			m, err = briefWrite(fd, rest)
		} else {
			m, err = longWrite(fd, rest)
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

// opError returns the error of a system call in the form of package net. It has no addresses: the
// caller adds them.
func opError(op string, err error) error {
	return &net.OpError{Op: op, Err: os.NewSyscallError(op, err)}
}

// Missed reports whether a socket has anything to read: bytes, or the end of the stream. It reads
// nothing.
func (l *Link) Missed() (yes bool) {
	_ = l.raw.Control(func(fd uintptr) {
		var p [1]byte
		_, _, err := syscall.Recvfrom(int(fd), p[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		yes = err != syscall.EAGAIN
	})
	return yes
}
