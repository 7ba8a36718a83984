package relay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// tcpPair returns both ends of a TCP connection.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	return socketPair(t, "tcp", "127.0.0.1:0")
}

// socketPair returns both ends of a connection over this network. Where there are no Unix sockets,
// the test is skipped.
func socketPair(t *testing.T, network, addr string) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		if network == "unix" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial(network, ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	_ = far.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// TestDrainWithinSplice: Shutdown comes within a long frame, and the kernel moves the rest of it.
// The Close frame follows that, although the sender says nothing more.
func TestDrainWithinSplice(t *testing.T) {
	client, clientFar := tcpPair(t)
	backend, backendFar := tcpPair(t)
	p := &Proxy{Dialer: ws.Dialer{Config: ws.Config{CloseTimeout: -1}}}
	s := newSession(p, nil,
		accepted{link: transport.FitNet(client)}, accepted{link: transport.FitNet(backend)})
	d := &s.toBackend
	if !d.dst.transport.CanSplice(&d.src.transport) {
		t.Skip("no splice here")
	}
	wire := appendFrame(nil, frame.Binary, true, true, bytes.Repeat([]byte("x"), 100<<10))
	d.forward(wire[:1000])
	d.drain()
	if _, err := clientFar.Write(wire[1000:]); err != nil {
		t.Fatal(err)
	}
	s.running.Store(2)
	go d.run()
	want := append(bytes.Clone(wire), "\x88"...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(backendFar, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the backend got %v, want the frame and a Close frame", err)
	}
}
