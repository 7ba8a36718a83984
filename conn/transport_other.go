//go:build !unix

package conn

import (
	"io"
	"syscall"
)

// On this system reads and writes go through net.Conn: no syscall.RawConn is
// used, and what needs one is never called.

func newRawConn(io.ReadWriteCloser) syscall.RawConn { return nil }

func (c *Conn) readRaw([]byte) (int, error) { panic("unreachable: there is no RawConn") }

func rawTry(syscall.RawConn, []byte) (int, error) { panic("unreachable: there is no RawConn") }

func shutdown(stream) { panic("unreachable: there is no RawConn") }
