//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package loop

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// This system has no poller that package syscall knows. [Loop.Take] takes nothing, so that there
// never is a Socket.

const unreachable = "unreachable: there is no Socket"

type poller struct{}

// Conn is what [Loop.Take] takes.
type Conn interface {
	net.Conn
	syscall.Conn
}

// Take returns an error.
func (l *Loop) Take(Conn, func()) (*Socket, error) { return nil, errors.ErrUnsupported }

// Socket is never made.
type Socket struct{ net.Conn }

// Watch is never called.
func (s *Socket) Watch(Reader) { panic(unreachable) }

// WhenWritable is never called.
func (s *Socket) WhenWritable(Writer) bool { panic(unreachable) }

// AfterFunc is never called.
func (s *Socket) AfterFunc(time.Duration, func()) *Timer { panic(unreachable) }

// SetTimer is never called.
func (s *Socket) SetTimer(*Timer, time.Duration, func()) { panic(unreachable) }

// Acquire is never called.
func (s *Socket) Acquire() (fd uintptr, ok bool) { panic(unreachable) }

// Release is never called.
func (s *Socket) Release() { panic(unreachable) }

// SyscallConn is never called.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { panic(unreachable) }

// CloseRead is never called.
func (s *Socket) CloseRead() error { panic(unreachable) }

// CloseWrite is never called.
func (s *Socket) CloseWrite() error { panic(unreachable) }
