package websocket

import (
	"compress/flate"
	"context"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// The types of messages, which are the opcodes of RFC 6455 section 11.8.
const (
	TextMessage   = 1  // UTF-8 text
	BinaryMessage = 2  // any bytes
	CloseMessage  = 8  // a Close frame; FormatCloseMessage makes its payload
	PingMessage   = 9  // a Ping frame; its payload comes back in a Pong frame
	PongMessage   = 10 // a Pong frame
)

// writeWait bounds the writes that the default handlers make, and that of a Close frame which tells
// the peer what it did wrong.
const writeWait = time.Second

// defaultReadLimit is the limit of a connection whose [Conn.SetReadLimit] was not called.
const defaultReadLimit = 32 << 20

// Conn is a WebSocket connection (RFC 6455). [Upgrader.Upgrade] and [Dialer.Dial] make one.
//
// One goroutine reads and handles what comes. Any number of goroutines may call WriteMessage,
// WriteJSON, WritePreparedMessage, WriteControl and Close. The package documentation says more.
type Conn struct {
	transport   transport.Transport
	subprotocol string

	rd    readHalf
	limit atomic.Int64 // of a message's size, in bytes; 0: none

	wr writeHalf

	z *codec // permessage-deflate; nil if it was not agreed
}

// newConn makes a connection of nc, whose opening handshake is done.
func newConn(nc net.Conn, role frame.Role, agreed *handshake.Deflate, writeBufferSize int) *Conn {
	c := &Conn{z: newCodec(agreed, role)}
	if l := transport.FitNet(nc); l.Socket() {
		c.transport.Init(l)
	} else {
		c.transport.InitPlain(l, nil)
	}
	c.limit.Store(defaultReadLimit)
	c.rd.dec = frame.Decoder{Role: role, MaxFragments: maxFragments, AllowRSV1: agreed != nil}
	c.rd.fin = true
	c.wr.level.Store(flate.BestSpeed)
	c.wr.client = role == frame.Client
	c.wr.fragment = int32(min(max(fragmentSize, writeBufferSize), math.MaxInt32))
	return c
}

// Subprotocol returns the subprotocol that was agreed, or "". It may be called concurrently.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// Close closes the transport at once. It sends no Close frame and does not wait for one: to end a
// connection in good order, send a CloseMessage first and read until an error. Calls that wait
// return an error. Close may be called concurrently.
func (c *Conn) Close() error { return c.NetConn().Close() }

// LocalAddr returns the transport's local address. It may be called concurrently.
func (c *Conn) LocalAddr() net.Addr { return c.NetConn().LocalAddr() }

// RemoteAddr returns the transport's remote address. It may be called concurrently.
func (c *Conn) RemoteAddr() net.Addr { return c.NetConn().RemoteAddr() }

// NetConn returns the transport itself, such as a *net.TCPConn or a *tls.Conn. To read from it, or
// to write to it, breaks the connection. It may be called concurrently.
func (c *Conn) NetConn() net.Conn {
	nc, _ := c.transport.Unwrap().(net.Conn)
	return nc
}

// UnderlyingConn is [Conn.NetConn].
//
// Deprecated: use NetConn.
func (c *Conn) UnderlyingConn() net.Conn { return c.NetConn() }

// SetReadDeadline sets the time at which a read that waits gives up. The connection can't be read
// after that: all further reads return the same error. The zero time means no deadline. It may be
// called concurrently.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.NetConn().SetReadDeadline(t) }

// SetWriteDeadline sets the time at which writes from the next one on give up. After a write that
// gave up, all further writes return the same error. The zero time means no deadline. It may be
// called concurrently.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.wr.turn.setDeadline(t)
	return nil
}

// SetReadLimit bounds the size of a message in bytes, both as it comes and as it is once it is
// decompressed. The read of a larger one sends a Close frame with 1009 and returns [ErrReadLimit].
// If n is 0 or less, there is no limit. If SetReadLimit is not called, the limit is 32 MiB. It may
// be called concurrently, and counts from the next frame on.
func (c *Conn) SetReadLimit(limit int64) { c.limit.Store(max(limit, 0)) }

// background is the context of all calls of the transport. Deadlines end them, contexts don't.
var background = context.Background()
