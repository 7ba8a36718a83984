package transport

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// Splice moves bytes from one socket to another one inside the kernel, through a pipe. For long
// payloads that is cheaper than to read and to write them: nothing is copied to user space.
//
// A pipe is held only while it holds bytes: not while the source is awaited, and so not by a
// connection that waits. A receiver that takes no bytes keeps one, with spliceMax bytes at most.

// spliceMax is the most that one Splice moves.
const spliceMax = 256 << 10

// CanSplice reports whether bytes of src can be moved to t by [Transport.Splice].
func (t *Transport) CanSplice(src *Transport) bool { return t.raw != nil && src.raw != nil }

// Splice moves up to most bytes to t of a socket that it reads once, and returns how many have left
// that socket, and how many t has taken. It is called inside [Transport.Loop] of the socket, which
// has given it fd, and [Transport.CanSplice] was true. in is the error of the source. If got is 0
// and in is nil, a read has to tell what there is: nothing now, the end, or urgent data, over which
// splice(2) does not go. Splice waits until t has taken what it was given, and out is t's error.
// Without pipes, as when too many files are open, Splice copies.
func (t *Transport) Splice(
	fd uintptr, most int64, limit WriteLimit,
) (got, put int64, in, out error) {
	op := splices.Get().(*spliceOp)
	defer op.release()
	op.most = int(min(most, spliceMax))
	op.read(fd)
	got, in = int64(op.n), op.err
	switch {
	case got == 0:
	case op.plain != nil:
		var n int
		n, _, out = t.Write(context.Background(), limit, op.plain[:op.n], nil)
		put = int64(n)
	default:
		put, out = t.drain(op, limit)
	}
	return got, put, in, out
}

// drain moves to t what the pipe holds.
func (t *Transport) drain(op *spliceOp, limit WriteLimit) (put int64, err error) {
	for op.n > 0 && err == nil {
		had := op.n
		op.wait = false
		if err = t.raw.Write(op.writeFn); err == nil {
			err = op.err
		}
		if put += int64(had - op.n); err != nil || op.n == 0 {
			break
		}
		// The socket is full.
		if limit.Timeout > 0 {
			t.setWriteDeadline(time.Now().Add(limit.Timeout))
		}
		had, op.wait = op.n, true
		if err = t.raw.Write(op.writeFn); err == nil {
			err = op.err
		}
		put += int64(had - op.n)
		if limit.Timeout > 0 {
			t.setWriteDeadline(time.Time{})
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = limit.Err
		}
	}
	return put, err
}

// spliceOp is one Splice. Its functions are stored, since a closure for each call would be garbage.
type spliceOp struct {
	writeFn func(fd uintptr) bool
	pipe    *kernelPipe // nil: none is held
	most    int
	n       int // bytes that were read and not written
	err     error
	wait    bool   // the write may wait for room, once
	plain   []byte // what was copied, for want of a pipe
}

var splices = sync.Pool{New: func() any {
	op := new(spliceOp)
	op.writeFn = op.write
	return op
}}

func (op *spliceOp) release() {
	if op.pipe != nil {
		op.pipe.putBack(op.n == 0)
	}
	op.pipe, op.n, op.err, op.plain = nil, 0, nil, nil
	splices.Put(op)
}

// read moves bytes from a socket to a pipe.
func (op *spliceOp) read(fd uintptr) {
	if op.pipe = takePipe(); op.pipe == nil {
		op.readPlain(fd)
		return
	}
	n, err := splice(int(fd), op.pipe.in, op.most)
	switch {
	case err == syscall.EAGAIN:
		op.pipe.putBack(true)
		op.pipe = nil
	case err != nil:
		op.err = opError("splice", err)
	}
	op.n = n
}

// readPlain reads into memory.
func (op *spliceOp) readPlain(fd uintptr) {
	op.plain = make([]byte, min(op.most, briefPlain))
	op.n, op.err = ReadToPass(fd, op.plain)
}

// briefPlain is how much is copied at once for want of a pipe.
const briefPlain = 16 << 10

// write is the function inside RawConn.Write. It moves what the socket takes, and may wait once.
func (op *spliceOp) write(fd uintptr) bool {
	for op.n > 0 {
		n, err := splice(op.pipe.out, int(fd), op.n)
		if err == syscall.EAGAIN {
			wait := op.wait
			op.wait = false
			return !wait
		}
		if err == nil && n == 0 {
			err = syscall.EPIPE
		}
		if err != nil {
			op.err = opError("splice", err)
			return true
		}
		op.n -= n
	}
	return true
}

// splice is splice(2), which does not wait.
func splice(from, to, most int) (int, error) {
	const move, nonblock = 1, 2 // SPLICE_F_MOVE, SPLICE_F_NONBLOCK
	for {
		n, err := syscall.Splice(from, nil, to, nil, most, move|nonblock)
		if err != syscall.EINTR {
			return max(int(n), 0), err
		}
	}
}

// kernelPipe is an empty pipe.
type kernelPipe struct{ out, in int }

// pipes are empty pipes. Few are needed, since none waits for a source. They are kept for good.
var pipes struct {
	mu   sync.Mutex
	free []*kernelPipe
}

// maxFreePipes is how many empty pipes are kept.
const maxFreePipes = 16

// takePipe returns an empty pipe. It is nil if there are too many open files.
func takePipe() *kernelPipe {
	pipes.mu.Lock()
	if n := len(pipes.free); n > 0 {
		p := pipes.free[n-1]
		pipes.free = pipes.free[:n-1]
		pipes.mu.Unlock()
		return p
	}
	pipes.mu.Unlock()
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil
	}
	const setPipeSize = 1031 // F_SETPIPE_SZ; it fails if the user has too many large pipes
	_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fds[0]), setPipeSize, spliceMax)
	return &kernelPipe{out: fds[0], in: fds[1]}
}

// putBack keeps a pipe that is empty, or closes it.
func (p *kernelPipe) putBack(empty bool) {
	if empty {
		pipes.mu.Lock()
		keep := len(pipes.free) < maxFreePipes
		if keep {
			pipes.free = append(pipes.free, p)
		}
		pipes.mu.Unlock()
		if keep {
			return
		}
	}
	_ = syscall.Close(p.out)
	_ = syscall.Close(p.in)
}
