package relay

import (
	"bytes"
	"io"
	"syscall"
	"testing"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// TestLongPayloadIsSpliced: between two sockets of TCP the kernel moves a long payload. One step of
// the relay then moves more bytes than a read can get.
func TestLongPayloadIsSpliced(t *testing.T) {
	client, clientFar := tcpPair(t)
	backend, backendFar := tcpPair(t)
	s := newSession(&Proxy{}, nil,
		accepted{link: transport.FitNet(client)}, accepted{link: transport.FitNet(backend)})
	wire := appendFrame(nil, frame.Binary, true, true, bytes.Repeat([]byte("x"), 100<<10))
	p := passage{direction: &s.toBackend}
	p.forward(wire[:1000])
	wrote := make(chan error, 1)
	go func() {
		_, err := clientFar.Write(wire[1000:])
		wrote <- err
	}()
	moved, ahead := 0, make([]byte, 2*pool.ReadSize)
	err := p.src.transport.Loop(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), ahead, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err == nil && n < len(ahead) || err == syscall.EAGAIN {
			return false // more bytes are to come
		}
		moved, _ = p.once(fd)
		return true
	})
	if err != nil || p.err != nil || moved <= pool.ReadSize {
		t.Errorf("%d bytes were moved at once (%v, %v), want more than a read gets, %d",
			moved, err, p.err, pool.ReadSize)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	got := make([]byte, 1000+moved)
	if _, err := io.ReadFull(backendFar, got); err != nil || !bytes.Equal(got, wire[:len(got)]) {
		t.Errorf("the backend got other bytes, %v", err)
	}
}
