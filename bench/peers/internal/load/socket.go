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

// nonce is the client's key. RFC 6455 section 4.1 wants a new one for each
// connection of a real client; here it tells nothing to anybody.
const nonce = "cGVlcnMgYmVuY2htYXJrIQ=="

// request is the opening handshake.
func request(s *Spec) []byte {
	r := "GET / HTTP/1.1\r\nHost: " + s.Addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + nonce + "\r\nUser-Agent: peers\r\n"
	switch s.Compression {
	case servers.NoTakeover:
		r += "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	case servers.Takeover:
		r += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	return []byte(r + "\r\n")
}

// open makes n connections with their handshakes done, a batch at a time.
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

// prepare sets a socket's options: it waits for stall at most, and is reset when
// it is closed, since thousands in TIME_WAIT would use the ports up.
func prepare(fd int) {
	timeout := syscall.NsecToTimeval(int64(stall))
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout)
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
}

// connect opens a socket.
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

// checkResponse reads the response, after which a server sends nothing of its
// own accord, and checks what decides.
func checkResponse(fd int, s *Spec) error {
	head, err := readHead(fd)
	if err != nil {
		return err
	}
	return checkHead(head, s)
}

// checkHead checks what decides of a response.
func checkHead(head []byte, s *Spec) error {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(handshake.Accept(nonce))) {
		return fmt.Errorf("handshake: the server answered %q", head)
	}
	if got := bytes.Contains(head, []byte("permessage-deflate")); got != (s.Compression != servers.Off) {
		return fmt.Errorf("handshake: compression is not what was asked for: %q", head)
	}
	return nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
}
