//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"net"
	"strconv"
	"syscall"
)

// addresses are those of a socket whose descriptor is closed.
type addresses struct{ local, remote net.Addr }

// LocalAddr returns the local address: a *net.TCPAddr or a *net.UnixAddr.
func (s *Socket) LocalAddr() net.Addr {
	if !s.acquire() {
		return s.last.Load().local
	}
	defer s.release()
	return s.localAddr()
}

// RemoteAddr returns the remote address: a *net.TCPAddr or a *net.UnixAddr.
func (s *Socket) RemoteAddr() net.Addr {
	if !s.acquire() {
		return s.last.Load().remote
	}
	defer s.release()
	return s.remoteAddr()
}

// localAddr asks the kernel. The caller uses the descriptor.
func (s *Socket) localAddr() net.Addr {
	sa, _ := syscall.Getsockname(int(s.fd))
	return address(sa)
}

// remoteAddr asks the kernel, if that is needed. The caller uses the descriptor.
func (s *Socket) remoteAddr() net.Addr {
	if s.remote.IsValid() {
		return net.TCPAddrFromAddrPort(s.remote)
	}
	sa, _ := syscall.Getpeername(int(s.fd))
	return address(sa)
}

// address is sa in the form of package net.
func address(sa syscall.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *syscall.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port, Zone: zone(sa.ZoneId)}
	case *syscall.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}

// zone is the name of an interface.
func zone(index uint32) string {
	if index == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.Itoa(int(index))
}
