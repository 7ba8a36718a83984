//go:build linux

package load

import (
	"bytes"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/rfc6455/ws/bench/peers/internal/servers"
	"github.com/rfc6455/ws/handshake"
)

// batch is how many handshakes are under way at the same time.
const batch = 50

// nonce is the client's key. A real client makes a new one for each connection (RFC 6455 section
// 4.1). Here one does for all.
const nonce = "cGVlcnMgYmVuY2htYXJrIQ=="

// request returns the request of the opening handshake.
func request(s *Spec) []byte {
	r := "GET / HTTP/1.1\r\nHost: " + s.Addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + nonce + "\r\nUser-Agent: peers\r\n"
	switch s.Compression {
	case servers.NoTakeover:
		r += "Sec-WebSocket-Extensions: permessage-deflate; " +
			"server_no_context_takeover; client_no_context_takeover\r\n"
	case servers.Takeover:
		r += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	return []byte(r + "\r\n")
}

// open makes n connections and does their handshakes, a batch at a time.
func open(s *Spec, n int) ([]int, error) {
	addr, err := netip.ParseAddrPort(s.Addr)
	if err != nil {
		return nil, err
	}
	to := &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	req := request(s)
	fds := make([]int, 0, n)
	for len(fds) < n {
		first := len(fds)
		for range min(batch, n-first) {
			fd, err := connect(to)
			if err != nil {
				return fds, err
			}
			fds = append(fds, fd)
			if _, err := syscall.Write(fd, req); err != nil {
				return fds, fmt.Errorf("handshake: %w", err)
			}
		}
		for _, fd := range fds[first:] {
			if err := checkResponse(fd, s); err != nil {
				return fds, err
			}
		}
	}
	return fds, nil
}

// prepare sets the options of a socket. A read of it waits for stall at most. Closing it resets the
// connection, since thousands of connections in TIME_WAIT would use up the ports.
func prepare(fd int) {
	timeout := syscall.NsecToTimeval(int64(stall))
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout)
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	reset := &syscall.Linger{Onoff: 1}
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, reset)
}

// connect makes one connection.
func connect(to syscall.Sockaddr) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w (is RLIMIT_NOFILE too low?)", err)
	}
	prepare(fd)
	if err := syscall.Connect(fd, to); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// checkResponse reads a server's response and checks it. The server sends nothing more before it
// gets a message.
func checkResponse(fd int, s *Spec) error {
	head, err := readHead(fd)
	if err != nil {
		return err
	}
	return checkHead(head, s)
}

// checkHead checks that a response accepts the handshake, and the compression that was asked for.
func checkHead(head []byte, s *Spec) error {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) ||
		!bytes.Contains(head, []byte(handshake.Accept(nonce))) {
		return fmt.Errorf("handshake: the server answered %q", head)
	}
	want := s.Compression != servers.Off
	if got := bytes.Contains(head, []byte("permessage-deflate")); got != want {
		return fmt.Errorf("handshake: compression is not what was asked for: %q", head)
	}
	return nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
}
