//go:build !unix

package conn

import "io"

// rawConn is not to be had on this system: reads and writes go through
// net.Conn.
type rawConn struct{}

func newRawConn(io.ReadWriteCloser) *rawConn { return nil }

func (*rawConn) read([]byte) (buf []byte, n int, err error) { panic("unreachable: no rawConn is made") }
func (*rawConn) try([]byte) (n int, err error)              { panic("unreachable: no rawConn is made") }
func (*rawConn) shutdown()                                  { panic("unreachable: no rawConn is made") }
func (*rawConn) serve(func(fd uintptr) bool) error          { panic("unreachable: no rawConn is made") }
