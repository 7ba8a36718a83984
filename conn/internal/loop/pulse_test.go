//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/clock"
)

// caller is the variable of the environment with which this program is the peer of
// TestBusyCallback. It holds the address of the test.
const caller = "LOOP_TEST_CALLER"

// call makes two connections, is silent for a while, and then sends a byte on each.
func call(addr string) error {
	var conns [2]net.Conn
	for i := range conns {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		conns[i] = nc
	}
	for range 3 {
		time.Sleep(300 * time.Millisecond) // so that the other process falls asleep
		for _, nc := range conns {
			if _, err := nc.Write([]byte{1}); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond) // so that the first comes first
		}
		for _, nc := range conns {
			if _, err := io.ReadFull(nc, make([]byte, 1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// quiet is a Reader of bytes, whose system calls are none that the scheduler knows of. It answers
// after f.
type quiet struct{ f func() }

func (q *quiet) Readable(fd uintptr, _ bool) Verdict {
	var b byte
	p := uintptr(unsafe.Pointer(&b))
	if n, _, err := syscall.RawSyscall(syscall.SYS_READ, fd, p, 1); err == syscall.EAGAIN {
		return Wait
	} else if n != 1 {
		return Over
	}
	q.f()
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, fd, p, 1)
	return Wait
}

func (q *quiet) Closed() {}

// TestBusyCallback: a callback that computes for long on the only processor does not keep the
// others from it, even if the process was idle before. The peer is another process, since a write
// of this one would wake the scheduler's monitor.
func TestBusyCallback(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var l Loop
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%v", caller, ln.Addr()))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var served atomic.Bool
	var kept atomic.Int32 // calls that saw nobody served
	const patience = 15 * time.Second
	compute := func() {
		for began := clock.Now(); !served.Swap(false); {
			if clock.Now()-began > int64(patience) {
				kept.Add(1)
				return
			}
		}
	}
	for _, f := range []func(){compute, func() { served.Store(true) }} {
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		take(t, &l, nc.(*net.TCPConn)).Watch(&quiet{f})
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the peer: %v", err)
	}
	if n := kept.Load(); n > 0 {
		t.Errorf("%d callbacks kept the processor for %v", n, patience)
	}
}
