package wstest

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

// TestNetConn runs the conformance tests of golang.org/x/net on the pipe, with a buffer smaller and
// one larger than the chunks that they write.
func TestNetConn(t *testing.T) {
	for name, capacity := range map[string]int{"small": 7, "large": 64 << 10} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				a, b := Pipe(capacity)
				return a, b, func() { a.Close(); b.Close() }, nil
			})
		})
	}
}
