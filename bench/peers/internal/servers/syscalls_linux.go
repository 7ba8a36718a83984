//go:build !386 && !s390x

package servers

import (
	"bytes"
	"net"

	"github.com/rfc6455/ws/bench/internal/bare"
)

func init() {
	Find("syscalls").Serve = func(ln net.Listener, s Setting) error { return serveSyscalls(ln, s, false) }
	Find("copying").Serve = func(ln net.Listener, s Setting) error { return serveSyscalls(ln, s, true) }
}

// serveSyscalls echoes by package bare. If copying is set, each answer is a new slice.
func serveSyscalls(ln net.Listener, s Setting, copying bool) error {
	q, err := bare.NewQueue()
	if err != nil {
		return err
	}
	go q.Run(256 << 10)
	return accept(ln, func(nc net.Conn) {
		defer nc.Close()
		if bareUpgrade(nc) != nil {
			return
		}
		socket, err := bare.Take(nc.(*net.TCPConn))
		if err != nil {
			return
		}
		e := &bareEcho{socket: socket, setting: s, copying: copying}
		_ = q.Add(socket, e.ready)
	})
}

// bareEcho is one of the connections.
type bareEcho struct {
	socket  *bare.Socket
	setting Setting
	copying bool
	t       turner
	kept    []byte // a part of a header
}

// ready sends what was left, and answers what has come, until one of the two has to wait. It returns
// false at the end of the connection.
func (e *bareEcho) ready(in []byte) bool {
	if !e.socket.Flush() {
		return false
	}
	for e.socket.Readable() && !e.socket.Full() {
		kept := copy(in, e.kept)
		n, ok := e.socket.Read(in[kept:])
		if !ok {
			return false
		}
		out, rest := e.t.turn(in[:kept+n])
		e.kept = append(e.kept[:0], rest...)
		e.setting.use(out)
		if e.copying {
			out = bytes.Clone(out)
		}
		if !e.socket.Write(out) {
			return false
		}
	}
	return true
}
