package loop

import (
	"io"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// TestUrgent: urgent data makes a read return less than there is. So its event says that a short
// read has not emptied the socket.
func TestUrgent(t *testing.T) {
	q, err := newPoll()
	if err != nil {
		t.Fatal(err)
	}
	defer q.release()
	a, b := wstest.TCP(t)
	in, err := a.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(b, "one")
	_ = out.Control(func(fd uintptr) { err = syscall.Sendto(int(fd), []byte("!"), 1, nil) }) // MSG_OOB
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(b, "two")
	for left := int32(1); left != 0; runtime.Gosched() { // until all has come
		_ = out.Control(func(fd uintptr) {
			p := uintptr(unsafe.Pointer(&left))
			_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, p)
		})
	}
	_ = in.Control(func(fd uintptr) { err = q.add(int32(fd), key{}) })
	if err != nil {
		t.Fatal(err)
	}
	n, _, err := q.wait(true)
	if n != 1 || err != nil {
		t.Fatalf("%d events, %v, want 1", n, err)
	}
	if _, e := q.event(0); e&hungUp == 0 || e&readable == 0 {
		t.Errorf("the event is %b, want readable and hungUp", e)
	}
	_ = in.Control(func(fd uintptr) {
		p := make([]byte, 16)
		for _, want := range []string{"one", "two"} {
			n, err := syscall.Read(int(fd), p)
			if err != nil || string(p[:n]) != want {
				t.Errorf("a read gets %q, %v, want %q", p[:max(n, 0)], err, want)
			}
		}
	})
}
