//go:build unix

package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// FuzzConnSocket is FuzzConn over a socket, which is read and written in ways of its
// own: hostile bytes come in random pieces while reads are cancelled at random, and
// what comes of them is what comes of the same bytes at once.
func FuzzConnSocket(f *testing.F) {
	for i, b := range requirementBytes(f) {
		f.Add(b, uint64(i), uint8(i))
	}
	for kind := range uint8(4) {
		role := frame.Role(kind & 1)
		f.Add(frames(role, 40, frame.Header{Opcode: frame.Text, Fin: true}, "some text"), uint64(kind), kind)
		f.Add(frames(role, 500, frame.Header{Opcode: frame.Ping, Fin: true}, "ping"), uint64(kind), kind)
		f.Add(frames(role, 3, frame.Header{Opcode: frame.Binary, Fin: true}, string(pattern(9000))), uint64(kind), kind)
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64, kind uint8) {
		watchdog(t)
		whole := readFeed(t, b, nil, kind)
		if pieces := readSocket(t, b, rand.New(rand.NewPCG(seed, 0)), kind); whole != pieces {
			t.Fatalf("at once:\n%s\nover a socket, in pieces:\n%s", whole, pieces)
		}
	})
}

// socketPair is the two ends of a socket.
func socketPair(t *testing.T) (near, far *net.UnixConn) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "")
		nc, err := net.FileConn(file)
		_ = file.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = nc.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// readSocket is readFeed over a socket.
func readSocket(t *testing.T, b []byte, r *rand.Rand, kind uint8) string {
	near, far := socketPair(t)
	defer far.Close()
	c, log := newLogged(t, near, kind)
	var peer sync.WaitGroup
	defer peer.Wait()
	var wrote []byte
	answered := make(chan struct{})
	go func() {
		wrote, _ = io.ReadAll(far)
		close(answered)
	}()
	cancels := make(chan context.CancelFunc, 1)
	r2 := rand.New(rand.NewPCG(r.Uint64(), 1))
	peer.Go(func() { sendPieces(far, bytes.Clone(b), r2, cancels) })
	s := &feed{ways: r, c: c} // for its ways of reading
	var err error
	for !isEnd(err) {
		s.next = func() context.Context {
			ctx, cancel := context.WithCancel(bg)
			select {
			case <-cancels: // of a call before
			default:
			}
			cancels <- cancel
			return ctx
		}
		if err = s.readOnce(c, log.took); err != nil && !isEnd(err) && !errors.Is(err, context.Canceled) {
			t.Fatalf("a call that ended with %v", err)
		}
	}
	<-c.Done()
	<-answered
	checkFrames(t, wrote, frame.Role(kind&1).Peer())
	return log.end(err)
}

// sendPieces writes b in pieces, ends the context of the call at work now and
// then, and then ends the direction.
func sendPieces(nc *net.UnixConn, b []byte, r *rand.Rand, cancels <-chan context.CancelFunc) {
	for len(b) > 0 {
		n, err := nc.Write(b[:min(len(b), 1+r.IntN(1<<r.IntN(14)))])
		if err != nil {
			break // it was failed, and reads no more
		}
		b = b[n:]
		for range r.IntN(3) {
			runtime.Gosched()
		}
		select {
		case cancel := <-cancels:
			cancel()
		default:
		}
	}
	_ = nc.CloseWrite()
}
