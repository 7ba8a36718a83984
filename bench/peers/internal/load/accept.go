//go:build linux

package load

import (
	"bytes"
	"fmt"
	"net"
	"syscall"

	"github.com/rfc6455/ws/handshake"
)

// Listen makes the listener of a Dialed run and returns its address. Call it before [Open], which
// waits for the connections.
func (s *Spec) Listen() (addr string, err error) {
	s.listener, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	timeout := syscall.NsecToTimeval(int64(stall))
	_ = syscall.SetsockoptTimeval(s.listener, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout)
	local := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(s.listener, local); err != nil {
		return "", err
	}
	if err := syscall.Listen(s.listener, 1024); err != nil {
		return "", err
	}
	bound, err := syscall.Getsockname(s.listener)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port), nil
}

// accept accepts n connections and answers their handshakes. Then it closes the listener.
func accept(s *Spec, n int) ([]int, error) {
	defer syscall.Close(s.listener)
	var fds []int
	for len(fds) < n {
		fd, _, err := syscall.Accept4(s.listener, syscall.SOCK_CLOEXEC)
		if err != nil {
			return fds, fmt.Errorf("accept: %w", err)
		}
		fds = append(fds, fd)
		prepare(fd)
		if err := respond(fd); err != nil {
			return fds, err
		}
	}
	return fds, nil
}

// respond reads a client's handshake and accepts it. It agrees on no subprotocol and no extension.
func respond(fd int) error {
	head, err := readHead(fd)
	if err != nil {
		return err
	}
	const name = "\r\nsec-websocket-key:"
	i := bytes.Index(bytes.ToLower(head), []byte(name))
	if i < 0 {
		return fmt.Errorf("handshake: the client sent no key: %q", head)
	}
	key, _, _ := bytes.Cut(head[i+len(name):], []byte("\r\n"))
	_, err = syscall.Write(fd, []byte("HTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+handshake.Accept(string(bytes.TrimSpace(key)))+"\r\n\r\n"))
	return err
}

// readHead reads a request or a response up to its empty line. The other side sends nothing more
// until it gets an answer.
func readHead(fd int) ([]byte, error) {
	buf := make([]byte, 4096)
	n := 0
	for !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
		m, err := syscall.Read(fd, buf[n:])
		if err != nil || m <= 0 {
			return nil, fmt.Errorf("handshake: the other side was silent or left after %q: %w",
				buf[:n], net.ErrClosed)
		}
		n += m
	}
	return buf[:n], nil
}
