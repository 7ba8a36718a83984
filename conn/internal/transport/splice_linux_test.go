package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// splicing is a pair of sockets with the far ends of both.
type splicing struct {
	src, dst         Transport
	sender, receiver *net.TCPConn
}

func newSplicing(t *testing.T) *splicing {
	t.Helper()
	s := new(splicing)
	var in, out *net.TCPConn
	in, s.sender = wstest.TCP(t)
	out, s.receiver = wstest.TCP(t)
	s.src.Init(FitNet(in))
	s.dst.Init(FitNet(out))
	if !s.dst.CanSplice(&s.src) {
		t.Fatal("CanSplice() = false for two sockets")
	}
	return s
}

// splice waits for bytes of the source and moves up to most of them. At the end in is io.EOF.
func (s *splicing) splice(most int64, limit WriteLimit) (got, put int64, in, out error) {
	err := s.src.Loop(func(fd uintptr) bool {
		got, put, in, out = s.dst.Splice(fd, most, limit)
		if got == 0 && in == nil { // a read has to tell
			n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
			if n == 0 && err == nil {
				in = io.EOF
			}
		}
		return got > 0 || in != nil
	})
	if err != nil {
		in = err
	}
	return got, put, in, out
}

// move splices n bytes, as many times as it takes.
func (s *splicing) move(t *testing.T, n int64) {
	t.Helper()
	for n > 0 {
		got, put, in, out := s.splice(n, WriteLimit{})
		if in != nil || out != nil || got != put || got <= 0 || got > n {
			t.Fatalf("Splice of %d bytes = %d, %d, %v, %v", n, got, put, in, out)
		}
		n -= got
	}
}

// TestSplice moves bytes, no more than it was asked for, and finds the end.
func TestSplice(t *testing.T) {
	s := newSplicing(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		_, _ = s.sender.Write(want)
		_ = s.sender.CloseWrite()
	}()
	moved := make(chan []byte, 1)
	go func() {
		got, _ := io.ReadAll(s.receiver)
		moved <- got
	}()
	s.move(t, 10)
	s.move(t, int64(len(want)-20))
	rest := make([]byte, 20)
	if n, err := io.ReadFull(s.src.stream, rest); n != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes are left, %v, want 10", n, err)
	}
	if got, put, in, out := s.splice(10, WriteLimit{}); got != 0 || put != 0 || in != io.EOF || out != nil {
		t.Errorf("Splice at the end = %d, %d, %v, %v, want io.EOF", got, put, in, out)
	}
	s.dst.CloseWrite()
	if got := <-moved; !bytes.Equal(got, want[:len(want)-10]) {
		t.Errorf("%d bytes arrived, or others, want %d", len(got), len(want)-10)
	}
}

// TestSpliceWithoutPipes copies if no more files can be opened.
func TestSpliceWithoutPipes(t *testing.T) {
	s := newSplicing(t)
	pipes.mu.Lock()
	kept := pipes.free
	pipes.free = nil
	pipes.mu.Unlock()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) }
	defer restore()
	want := bytes.Repeat([]byte("x"), 100<<10)
	go s.sender.Write(want)
	moved := make(chan int, 1)
	go func() {
		n, _ := io.ReadFull(s.receiver, make([]byte, len(want)))
		moved <- n
	}()
	s.move(t, int64(len(want)))
	restore()
	if n := <-moved; n != len(want) {
		t.Errorf("%d bytes arrived, want %d", n, len(want))
	}
	for _, p := range kept {
		p.putBack(true)
	}
}

// TestSpliceIsBounded holds no pipe while it waits for the source, and gives up a receiver that
// takes nothing.
func TestSpliceIsBounded(t *testing.T) {
	s := newSplicing(t)
	go func() {
		for p := make([]byte, 1<<20); ; {
			if _, err := s.sender.Write(p); err != nil {
				return
			}
		}
	}()
	limit := WriteLimit{Timeout: 100 * time.Millisecond, Err: errors.New("too slow")}
	for total := int64(0); ; {
		got, put, in, out := s.splice(1<<40, limit)
		if total += put; in != nil || total > 1<<30 {
			t.Fatalf("%d bytes were taken of a receiver that does not read; %v", total, in)
		}
		if out != nil {
			if out != limit.Err || put >= got {
				t.Errorf("Splice = %d, %d, %v, want the limit's error", got, put, out)
			}
			break
		}
	}
	_ = s.sender.Close()
	_ = s.receiver.Close()

	s = newSplicing(t)
	done := make(chan error, 1)
	go func() {
		_, _, in, _ := s.splice(1<<20, WriteLimit{})
		done <- in
	}()
	_ = s.src.stream.SetReadDeadline(LongAgo)
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Splice of a source that says nothing: %v, want it interrupted", err)
	}
}

// TestSpliceToNobody reports a receiver that is gone.
func TestSpliceToNobody(t *testing.T) {
	s := newSplicing(t)
	_ = s.receiver.SetLinger(0)
	_ = s.receiver.Close()
	go s.sender.Write(make([]byte, 10<<20))
	for range 1000 {
		_, _, in, out := s.splice(1<<20, WriteLimit{})
		if in != nil {
			t.Fatal(in)
		}
		if out != nil {
			return
		}
	}
	t.Error("no error from a receiver that is gone")
}
