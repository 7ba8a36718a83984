package conn

import "net"

// NetConn returns the transport, for what this package has no method for:
// socket options, TLS state, deadlines of the caller's own. It is nil where the
// connection runs over something that is no net.Conn. Reading from it or
// writing to it breaks the framing; its Close is CloseNow. A read deadline set
// on it makes reads return os.ErrDeadlineExceeded and harms nothing (but where
// Upgrader.Handler serves, it is the package's own); a write deadline fails the
// connection.
func (c *Conn) NetConn() net.Conn {
	nc, ok := c.stream.(net.Conn)
	if !ok {
		return nil
	}
	return transportConn{nc, c}
}

// transportConn is the transport as users see it: nobody but the Conn closes
// the descriptor.
type transportConn struct {
	net.Conn
	c *Conn
}

// Close is Conn.CloseNow.
func (t transportConn) Close() error { return t.c.CloseNow() }

// NetConn returns the transport itself, as tls.Conn's method of that name does
// its own: for a type assertion to *net.TCPConn or *tls.Conn.
func (t transportConn) NetConn() net.Conn { return t.Conn }
