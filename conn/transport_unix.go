//go:build unix

package conn

import (
	"io"
	"net"
	"os"
	"syscall"
)

// rawConn reads and writes a socket's descriptor without blocking, inside the
// functions that syscall.RawConn calls. It is what lets a connection wait for
// bytes without holding a buffer for them, answer without parking a
// goroutine, and write in one system call. The descriptor's number is never
// stored.
//
// The read fields belong to the reader, the write fields to the owner of the
// wire.
type rawConn struct {
	nc net.Conn
	rc syscall.RawConn

	readFn  func(fd uintptr) bool // stored: a closure per call would be garbage
	readDst []byte                // where to read; nil takes a pooled buffer once there are bytes
	readN   int
	readErr error

	writeFn  func(fd uintptr) bool
	writeSrc []byte
	writeN   int
	writeErr error
}

// newRawConn returns nil unless rwc is exactly one of package net's stream
// sockets: a wrapper that embeds one has its SyscallConn too, and a Read of its
// own that must not be gone round.
func newRawConn(rwc io.ReadWriteCloser) *rawConn {
	var r *rawConn
	var err error
	switch nc := rwc.(type) {
	case *net.TCPConn:
		r = &rawConn{nc: nc}
		r.rc, err = nc.SyscallConn()
	case *net.UnixConn:
		if nc.LocalAddr().Network() != "unix" {
			return nil // a datagram or packet socket is no stream
		}
		r = &rawConn{nc: nc}
		r.rc, err = nc.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil // closed already: the first read will say so
	}
	r.readFn = r.readReady
	r.writeFn = r.writeOnce
	return r
}

// read waits for bytes and reads once. With dst nil the bytes are in a pooled
// buffer, which is returned; no buffer is held during the wait.
func (r *rawConn) read(dst []byte) (buf []byte, n int, err error) {
	r.readDst = dst
	err = r.rc.Read(r.readFn)
	buf, n = r.readDst, r.readN
	if err == nil {
		err = r.readErr
	}
	r.readDst, r.readN, r.readErr = nil, 0, nil
	return buf, n, err
}

// readReady is the function inside RawConn.Read: false waits for readability.
func (r *rawConn) readReady(fd uintptr) bool {
	r.readN, r.readErr = 0, nil
	if r.readDst != nil {
		r.readN, r.readErr = readFD(fd, r.readDst)
		return r.readErr != errWouldBlock
	}
	buf := getReadBuffer()
	n, err := readFD(fd, buf)
	if n == 0 {
		putReadBuffer(buf)
		r.readErr = err
		return err != errWouldBlock
	}
	r.readDst, r.readN = buf, n
	return true
}

// try writes as much of p as the socket takes at once.
func (r *rawConn) try(p []byte) (n int, err error) {
	r.writeSrc = p
	err = r.rc.Write(r.writeFn)
	n = r.writeN
	if err == nil {
		err = r.writeErr
	}
	r.writeSrc, r.writeN, r.writeErr = nil, 0, nil
	return n, err
}

// writeOnce is the function inside RawConn.Write; it never waits.
func (r *rawConn) writeOnce(fd uintptr) bool {
	r.writeN, r.writeErr = writeFD(fd, r.writeSrc)
	return true
}

// shutdown ends both directions without closing the descriptor: whoever waits
// inside a RawConn function wakes up, and closes it when it has left.
func (r *rawConn) shutdown() {
	if h, ok := r.nc.(interface {
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
func readFD(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, errWouldBlock
		}
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
	}
}

// writeFD writes until p is out or the socket is full.
func writeFD(fd uintptr, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := syscall.Write(int(fd), p[n:])
		if m > 0 {
			n += m
		}
		switch err {
		case nil, syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return n, nil
		}
		return n, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", err)}
	}
	return n, nil
}
