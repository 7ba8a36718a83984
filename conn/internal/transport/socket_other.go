//go:build !unix

package transport

import (
	"io"
	"syscall"

	"github.com/rfc6455/ws/conn/internal/pool"
)

// On this system reads and writes go through net.Conn. No Link has a syscall.RawConn, and functions
// that need one are never called.

const unreachable = "unreachable: there is no RawConn"

func rawConn(io.ReadWriteCloser) syscall.RawConn { return nil }

func readRaw(syscall.RawConn, []byte, **pool.ReadBuffer) (int, error) { panic(unreachable) }

// TryWrite writes nothing, since no transport here can tell what it takes at once.
func (l *Link) TryWrite([]byte) (int, error) { return 0, nil }

// TryWriteBoth writes nothing, as TryWrite.
func (l *Link) TryWriteBoth(_, _ []byte) (int, error) { return 0, nil }

// ReadFD is never called.
func ReadFD(uintptr, []byte) (int, error) { panic(unreachable) }

// NoteBehind is never called.
func NoteBehind(uintptr, *pool.ReadBuffer, int) { panic(unreachable) }

// ReadToPass is never called.
func ReadToPass(uintptr, []byte) (int, error) { panic(unreachable) }

// WriteFD is never called.
func WriteFD(uintptr, []byte) (int, error) { panic(unreachable) }

// GiveWay is never called.
func GiveWay() { panic(unreachable) }

// Missed is never called.
func (l *Link) Missed() bool { panic(unreachable) }
