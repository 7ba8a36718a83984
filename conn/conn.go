//go:build !js

package conn

import (
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// MessageType is the type of a message: Text or Binary (RFC 6455 section 5.6).
type MessageType uint8

// The types of messages.
const (
	Text   = MessageType(frame.Text)   // UTF-8 text: a string in a browser
	Binary = MessageType(frame.Binary) // any bytes: a Blob or an ArrayBuffer in a browser

	// Uncompressed is ORed to a type when writing. The message is then sent without compression,
	// even if the connection has agreed on compression. Use it for secrets that stand beside text
	// which an attacker can choose (RFC 7692 section 8).
	Uncompressed = MessageType(0x80)
)

// String returns "text", "binary" or the number.
func (t MessageType) String() string { return frame.Opcode(t &^ Uncompressed).String() }

// Role is a side of a connection: [frame.Role].
type Role = frame.Role

// The roles, for New.
const (
	RoleServer = frame.Server // accepts the opening handshake; its frames are not masked
	RoleClient = frame.Client // began the opening handshake; its frames are masked (RFC 6455 section 5.3)
)

// State is the state of a connection. The numbers are those of a browser's readyState.
type State uint8

// The states of RFC 6455 section 7.1. No Conn is ever in StateConnecting: a Conn exists from
// StateOpen on. The constant keeps the numbers right.
const (
	StateConnecting State = iota // the opening handshake runs
	StateOpen                    // messages flow
	StateClosing                 // a Close frame was sent or received, or the connection failed
	StateClosed                  // the transport is closed
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case StateConnecting:
		return "connecting"
	case StateOpen:
		return "open"
	case StateClosing:
		return "closing"
	}
	return "closed"
}

// Conn is a WebSocket connection (RFC 6455). [Dial], [Upgrade], [Upgrader.UpgradeNet] and [New]
// make one.
//
// One goroutine reads at a time. Any number of goroutines may write, ping and close, while that one
// reads. The package documentation has a table of what may run beside what.
type Conn struct {
	transport transport.Transport
	cfg       *Config

	rd   readHalf
	keep *keepalive // nil while off

	limit atomic.Int64          // MaxMessageSize, read by the reader before each header
	given atomic.Pointer[given] // nil: nothing

	reading ending.State // who reads, and whether the transport is closed
	began   atomic.Bool  // somebody has read

	// mu guards what follows: the sending and the closing handshake. These are one state machine,
	// since a Close frame ends the sending.
	mu  sync.Mutex
	box outbox.Outbox
	err *CloseError // how the connection ends, set once

	rare *rare // nil until it is needed

	z *codec // permessage-deflate; nil if it was not agreed
}

// rare holds what few connections need, or what they need only at their end.
type rare struct {
	pings *pingWait // in the order of sending

	// Of the closing.
	sent     CloseCode     // of this side's Close frame: CloseError.Sent
	writeErr *CloseError   // of a write that failed; the reader may find a better cause
	done     chan struct{} // closed at the end; made when someone asks
	after    func(*Conn)   // of AfterClose
	timer    timer         // Config.CloseTimeout; nil: not set

	serving *server // a run of Serve with callbacks for Pings or Pongs
}

// pingWait is a Ping that waits for its Pong.
type pingWait struct {
	next    *pingWait // sent after this one
	payload [8]byte
	sent    time.Time
	pong    chan struct{} // closed at the end of the connection
}

// given holds what a connection is given from outside.
type given struct {
	subprotocol string      // that was agreed
	data        any         // of SetData, or of Upgrader.Check
	errorLog    *log.Logger // of the http.Server; nil: package log
}

// Negotiated is what the opening handshake has agreed on. [New] takes it.
type Negotiated struct {
	Subprotocol string             // the subprotocol, or empty
	Deflate     *handshake.Deflate // the parameters of permessage-deflate, or nil
	Early       []byte             // bytes of the peer that arrived with the handshake; New keeps a copy

	request *handshake.Request // of an Upgrader's, for Trace.Opened
}

// New makes a connection of a stream on which the opening handshake is done. The stream may be an
// HTTP/2 stream, a pipe or an SSH channel. role is this side's role. The connection owns rwc from
// then on, and closes it at its end.
//
// Contexts work only if a read from the stream can be interrupted. If rwc has a SetReadDeadline
// that works, New uses that. If not, the connection reads ahead through a goroutine of its own,
// which lives until the stream ends. To find out whether the deadlines of an unknown type work, New
// reads once under a deadline in the past. It waits for that read for 50 ms at most.
//
// If rwc has CloseWrite, the closing handshake uses it. If rwc has ErrorLog() *log.Logger, panics
// of callbacks are logged there instead of by package log. A connection over a *net.TCPConn or a
// *net.UnixConn holds no buffer while it waits for the peer.
func New(rwc io.ReadWriteCloser, role Role, n Negotiated, cfg Config) *Conn {
	return newConn(rwc, role, n, &cfg)
}

func newConn(rwc io.ReadWriteCloser, role frame.Role, n Negotiated, cfg *Config) *Conn {
	return newConnOver(transport.Fit(rwc), role, n, cfg)
}

// newConnOver is newConn for a stream whose reads can be interrupted.
func newConnOver(l transport.Link, role frame.Role, n Negotiated, cfg *Config) *Conn {
	if lp := cfg.loop(); lp != nil {
		l = l.InLoop(lp)
	}
	c := &Conn{cfg: cfg, z: newCodec(n.Deflate, role, cfg)}
	if l.Socket() {
		c.transport.Init(l)
	} else {
		c.transport.InitPlain(l, owner{c})
	}
	c.limit.Store(cfg.maxMessageSize())
	c.rd.dec = frame.Decoder{Role: role, MaxFragments: cfg.maxFragments(), AllowRSV1: c.z != nil}
	c.box.Init(outbox.Settings{
		Role: role, Policy: outbox.Policy(cfg.QueuePolicy), Vectors: l.Socket(), Extras: c.extras(),
	})
	c.boundQueueLocked() // nobody else has c
	c.rd.setEarly(n.Early)
	c.takeOver(&n)
	c.keep = newKeepalive(c)
	c.keep.start() // before Trace.Opened, which may give c to others, or end it
	cfg.Trace.opened(c, n.request)
	cfg.Group.add(c)
	return c
}

// takeOver keeps what the connection needs later of the handshake and of an Upgrader's request.
func (c *Conn) takeOver(n *Negotiated) {
	g := given{subprotocol: n.Subprotocol, errorLog: errorLog(n.request)}
	if n.request != nil {
		g.data = n.request.Data
	}
	if g.errorLog == nil {
		g.errorLog = logOf(c.transport.Unwrap())
	}
	if g.subprotocol != "" || g.data != nil || g.errorLog != nil {
		kept := g // a variable of its own, so that only this path allocates
		c.given.Store(&kept)
	}
}

// logOf returns the ErrorLog of a stream. It is nil if the stream has none.
func logOf(rwc io.ReadWriteCloser) *log.Logger {
	if l, ok := rwc.(interface{ ErrorLog() *log.Logger }); ok {
		return l.ErrorLog()
	}
	return nil
}

// extras returns what the outbox needs beside plain frames: compression, and hooks for the Trace.
// Most connections need neither.
func (c *Conn) extras() *outbox.Extras {
	if c.z == nil && c.cfg.Trace == nil {
		return nil
	}
	x := new(outbox.Extras)
	if c.z != nil {
		x.Zip = &c.z.Zip
	}
	if t := c.cfg.Trace; t != nil {
		x.Hooks = t.hooks(c)
	}
	return x
}

// makeRareLocked returns c.rare. If there is none, it makes one.
func (c *Conn) makeRareLocked() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// State returns the connection's state. It may be called concurrently.
func (c *Conn) State() State {
	switch c.lifecycle() {
	case frame.Open:
		return StateOpen
	case frame.Closed:
		return StateClosed
	}
	return StateClosing
}

// Subprotocol returns the subprotocol that was agreed (RFC 6455 section 1.9). It is "" if there is
// none. It may be called concurrently.
func (c *Conn) Subprotocol() string {
	if g := c.given.Load(); g != nil {
		return g.subprotocol
	}
	return ""
}

// role is this side's role.
func (c *Conn) role() frame.Role { return c.box.Role() }

// Deflate returns the parameters of permessage-deflate that were agreed (RFC 7692 section 7.1). If
// compression was not agreed, it returns the zero value. It may be called concurrently.
func (c *Conn) Deflate() handshake.Deflate {
	if c.z == nil {
		return handshake.Deflate{}
	}
	return c.z.agreed
}

// SetMaxMessageSize changes Config.MaxMessageSize for this connection, from the next frame on. Zero
// and negative values mean the same as there. It may be called concurrently.
func (c *Conn) SetMaxMessageSize(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit.Store(setting(n, defaultMaxMessageSize, 0))
	c.boundQueueLocked()
}

// boundQueueLocked lets the outbox hold what queueSize says. If no message of the peer is too long
// to be received, none is to be sent back.
func (c *Conn) boundQueueLocked() {
	c.box.SetBound(c.queueSize(), c.cfg.Queue == 0 && c.limit.Load() <= 0)
}

// queueSize is Config.Queue. Its default is twice what one message of the peer may have, as much as
// there is with the defaults of both.
func (c *Conn) queueSize() int {
	if c.cfg.Queue != 0 {
		return c.cfg.queue()
	}
	return int(max(defaultQueue, 2*min(c.limit.Load(), int64(maxInt/2))))
}

// SetData keeps a value of the caller's with the connection, such as whose connection it is.
// [Conn.Data] returns it. A connection of an [Upgrader] begins with the Data of its request, which
// Upgrader.Check may have set. It may be called concurrently.
func (c *Conn) SetData(v any) {
	c.given.Store(&given{subprotocol: c.Subprotocol(), data: v, errorLog: c.errorLog()})
}

// Data returns the value that [Conn.SetData] was given last, or else the one that Upgrader.Check
// left in its request's Data. It is nil if there is none. It may be called concurrently.
func (c *Conn) Data() any {
	if g := c.given.Load(); g != nil {
		return g.data
	}
	return nil
}

// errorLog returns the logger for faults of this side. If it is nil, package log logs them.
func (c *Conn) errorLog() *log.Logger {
	if g := c.given.Load(); g != nil {
		return g.errorLog
	}
	return nil
}

// Done returns a channel that is closed when the connection has ended. The transport is closed by
// then, and a [Group] no longer has the connection. There is one exception: while a callback of
// [Conn.Serve] runs, the transport is only shut down, and its descriptor is closed when the
// callback returns. Done may be called concurrently.
func (c *Conn) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doneLocked()
}

// doneLocked is Done's channel.
func (c *Conn) doneLocked() chan struct{} {
	r := c.makeRareLocked()
	if r.done == nil {
		r.done = make(chan struct{})
	}
	return r.done
}

// AfterClose makes the connection call f(c) once, when it has ended: Done is closed by then. If the
// connection has ended already, AfterClose calls f itself. Functions of several calls are called
// one after another, in the order of the calls. f runs on a goroutine that has other work to do, and
// perhaps within one of c's methods. So f must not block, and must not take a lock that its program
// holds while it calls a method of c. AfterClose costs no goroutine. It may be called concurrently.
func (c *Conn) AfterClose(f func(c *Conn)) {
	c.mu.Lock()
	r := c.makeRareLocked()
	ended := r.done != nil && isClosed(r.done)
	switch first := r.after; {
	case ended:
	case first == nil:
		r.after = f
	default:
		r.after = func(c *Conn) { first(c); f(c) }
	}
	c.mu.Unlock()
	if ended {
		f(c)
	}
}

// isClosed reports whether ch, on which nothing is sent, is closed.
func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// Err returns a [*CloseError] once the connection has ended or is bound to end. That is so from the
// moment at which this side noticed the peer's Close frame, a violation of the protocol or the loss
// of the transport. Before that Err returns nil. If a write finds the transport lost, a Close frame
// of the peer may still be unread: for up to a second Err is nil until that is known, though the
// write has returned its [*CloseError]. It may be called concurrently.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// LocalAddr returns the transport's local address. It is nil if there is none.
func (c *Conn) LocalAddr() net.Addr { return c.transport.LocalAddr() }

// RemoteAddr returns the transport's remote address. It is nil if there is none.
func (c *Conn) RemoteAddr() net.Addr { return c.transport.RemoteAddr() }

// addressed adds to an error of a system call the addresses that package net's errors have.
func addressed(c *Conn, err error) error {
	if e, ok := err.(*net.OpError); ok && e.Net == "" {
		e.Source, e.Addr = c.LocalAddr(), c.RemoteAddr()
		e.Net = e.Source.Network()
	}
	return err
}

// lifecycle returns the state of the closing handshake. It changes under c.mu and may be read
// without it.
func (c *Conn) lifecycle() frame.Lifecycle { return c.box.Lifecycle() }
