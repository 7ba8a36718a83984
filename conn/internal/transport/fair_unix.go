//go:build unix

package transport

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// Giving way.
//
// Go's scheduler polls the network when a processor has nothing else to do. For a processor that
// always has something to do, a monitor polls and preempts. But the monitor sleeps for up to a
// minute if all was idle. Only a system call that the scheduler knows of wakes it. A connection
// whose peer sends without pause keeps its processor busy, and its brief system calls do not wake
// the monitor. Everybody else would wait.
//
// So a connection that has not waited for its peer for a millisecond writes a byte into a pipe and
// waits for that byte. The poller reports it. So the connection goes on when the others have had
// their turn and the network has been polled.
//
// runtime.Gosched is not enough: the scheduler finds the goroutine again before it polls the
// network. The monitor alone would do, but it takes 10 ms to poll and as long again to preempt.

// GiveWay returns when all goroutines that could run have had a turn, and the network has been
// polled. If several goroutines call it, one waits for the pipe and the others wait for that one.
func GiveWay() {
	b := &theBell
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ringing {
		for n := b.rings; n == b.rings; {
			b.rung.Wait()
		}
		return
	}
	b.ringing = true
	b.mu.Unlock()
	b.ring()
	b.mu.Lock()
	b.ringing = false
	b.rings++
	b.rung.Broadcast()
}

// bell is the pipe. A process has one. It is made when it is first needed.
type bell struct {
	mu      sync.Mutex
	rung    *sync.Cond // rings has changed
	ringing bool
	rings   uint64

	// The rest belongs to the goroutine that rings.
	out, in *os.File // the pipe's ends, never closed; nil: none yet
	raw     syscall.RawConn
	fd      uintptr // of in
	sent    bool
	one     [1]byte
	fn      func(fd uintptr) bool // await
}

var theBell bell

func init() { theBell.rung, theBell.fn = sync.NewCond(&theBell.mu), theBell.await }

// ring writes a byte into the pipe and waits until the poller reports it.
func (b *bell) ring() {
	if b.raw == nil && b.open() != nil { // such as when too many files are open
		runtime.Gosched() // the attempt has woken the monitor
		return
	}
	b.sent = false
	_ = b.raw.Read(b.fn)
}

// await is the function inside RawConn.Read. Its first call writes the byte. A byte written earlier
// would be of no use, since the poller might have reported it already.
func (b *bell) await(fd uintptr) bool {
	if !b.sent {
		b.sent = true
		_, err := syscall.Write(int(b.fd), b.one[:])
		return err != nil
	}
	_, err := syscall.Read(int(fd), b.one[:])
	return err != syscall.EAGAIN
}

// open makes the pipe.
func (b *bell) open() error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	write, err := in.SyscallConn()
	if err == nil {
		err = write.Control(func(fd uintptr) { b.fd = fd })
	}
	read, err2 := out.SyscallConn()
	if err == nil {
		err = err2
	}
	if err != nil {
		_, _ = out.Close(), in.Close()
		return err
	}
	b.out, b.in, b.raw = out, in, read
	return nil
}
