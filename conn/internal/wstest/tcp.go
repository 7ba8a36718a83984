package wstest

import (
	"net"
	"testing"
)

// TCP returns the two ends of a TCP connection on the loopback interface. Both are closed when the
// test ends.
func TCP(t testing.TB) (accepted, dialed *net.TCPConn) {
	t.Helper()
	ln := Listen(t)
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// The cleanup also keeps an end that the test does not use from being collected, which would
	// close it.
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near.(*net.TCPConn), far.(*net.TCPConn)
}

// Listen listens on a free port of the loopback interface until the test ends.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}
