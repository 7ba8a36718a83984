package conn

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// MessageType is the type of a message: Text or Binary (RFC 6455 section 5.6).
type MessageType uint8

// The types of messages.
const (
	Text   = MessageType(frame.Text)   // UTF-8 text: a string in a browser
	Binary = MessageType(frame.Binary) // any bytes: a Blob or an ArrayBuffer in a browser

	// Uncompressed is ORed to a type when writing, to send this message
	// without compression on a connection that negotiated it: for secrets
	// beside text that an attacker can choose (RFC 7692 section 8).
	Uncompressed = MessageType(0x80)
)

// String returns "text", "binary" or the number.
func (t MessageType) String() string { return frame.Opcode(t &^ Uncompressed).String() }

// CloseCode is the code of a Close frame (RFC 6455 section 7.4).
type CloseCode = frame.CloseCode

// Close codes that programs use; package frame has all of them.
const (
	CloseNormal          = frame.NormalClosure
	CloseGoingAway       = frame.GoingAway
	CloseProtocolError   = frame.ProtocolError
	CloseUnsupportedData = frame.UnsupportedData
	CloseNoStatus        = frame.NoStatus // never on the wire: a Close frame without a code
	CloseAbnormal        = frame.Abnormal // never on the wire: no Close frame came
	CloseInvalidPayload  = frame.InvalidPayload
	ClosePolicyViolation = frame.PolicyViolation
	CloseMessageTooBig   = frame.MessageTooBig
	CloseInternalError   = frame.InternalError
	CloseTryAgainLater   = frame.TryAgainLater
)

// State is the state of a connection, with the numbers of a browser's
// readyState.
type State uint8

// The states of RFC 6455 section 7.1. Connecting is listed for the sake of the
// numbers: a Conn exists from Open on.
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

// Conn is a WebSocket connection (RFC 6455). It is made by Dial, Upgrade,
// UpgradeNet or New.
//
// One goroutine reads at a time; any number may write, ping and close, at the
// same time as the reader. See the package documentation for the table of
// what may run beside what.
type Conn struct {
	stream stream          // the transport as everybody below sees it
	raw    syscall.RawConn // the same as a descriptor, where that is possible; else nil
	cfg    *Config

	*plainStream // where raw is nil

	rd    readHalf
	watch watchRef
	keep  *keepalive // nil while off

	limit atomic.Int64 // MaxMessageSize, read by the reader before each header
	data  atomic.Pointer[any]

	// mu guards what follows: the write half and the closing handshake, which
	// are one state machine, since a Close frame ends the writing.
	mu sync.Mutex
	wr writeHalf
	cl closing

	rare *rare // nil until it is needed

	subprotocol *string // nil: none
	z           *codec  // permessage-deflate; nil where it was not agreed
}

// rare is what few connections have, or only at their end.
type rare struct {
	pings *pingWait // in the order of sending

	// Where the queue was full, or somebody wants to know when it is not.
	dropped uint64
	marks   []mark

	// Of the closing.
	done  chan struct{} // closed at the end; made when someone asks
	freed chan struct{} // gets a token when the read half becomes free while closing
	timer *time.Timer   // Config.CloseTimeout
}

// makeRare makes c.rare, unless it is there. Call with c.mu held.
func (c *Conn) makeRare() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// Negotiated is what the opening handshake agreed, for New.
type Negotiated struct {
	Subprotocol string             // the subprotocol, or empty
	Deflate     *handshake.Deflate // the parameters of permessage-deflate, or nil
	Early       []byte             // bytes of the peer that arrived with the handshake; New keeps a copy

	request *handshake.Request // of an Upgrader's, for Trace.Opened
}

// New makes a connection of any stream over which the opening handshake is
// done: an HTTP/2 stream, a pipe, an SSH channel. role is this side's role.
//
// Contexts need a stream whose reads can be interrupted: if rwc has
// SetReadDeadline, that is used. If not, New's connection reads ahead through
// a goroutine of its own, which lives until the stream ends. If rwc has
// CloseWrite, the closing handshake uses it. *net.TCPConn and *net.UnixConn
// are read without holding a buffer while they wait.
func New(rwc io.ReadWriteCloser, role frame.Role, n Negotiated, cfg Config) *Conn {
	return newConn(rwc, role, n, &cfg)
}

func newConn(rwc io.ReadWriteCloser, role frame.Role, n Negotiated, cfg *Config) *Conn {
	s, raw := newStream(rwc)
	return newConnOver(s, raw, role, n, cfg)
}

// newConnOver is newConn for what newStream returns.
func newConnOver(s stream, raw syscall.RawConn, role frame.Role, n Negotiated, cfg *Config) *Conn {
	c := &Conn{stream: s, raw: raw, cfg: cfg, z: newCodec(n.Deflate, role, cfg)}
	if n.Subprotocol != "" {
		agreed := n.Subprotocol // declared here, it is allocated here alone
		c.subprotocol = &agreed
	}
	c.limit.Store(cfg.maxMessageSize())
	c.rd.dec = frame.Decoder{Role: role, MaxFragments: cfg.maxFragments(), AllowRSV1: c.z != nil}
	if c.raw == nil {
		c.plainStream = &plainStream{timer: newWriteTimer(c)}
	}
	c.wr.enc = frame.Encoder{Role: role, AllowRSV1: c.z != nil}
	c.rd.early(n.Early)
	c.startKeepalive() // first: Trace.Opened may give c to others, or end it
	cfg.Trace.opened(c, n.request)
	cfg.Group.add(c)
	return c
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

// Subprotocol returns the subprotocol that was agreed, or "" (RFC 6455
// section 1.9).
func (c *Conn) Subprotocol() string {
	if c.subprotocol == nil {
		return ""
	}
	return *c.subprotocol
}

// role is this side's role.
func (c *Conn) role() frame.Role { return c.wr.enc.Role }

// Deflate returns the parameters of permessage-deflate that were agreed; the
// zero value where compression was not (RFC 7692 section 7.1).
func (c *Conn) Deflate() handshake.Deflate {
	if c.z == nil {
		return handshake.Deflate{}
	}
	return c.z.agreed
}

// Buffered returns how many bytes wait to be sent, headers included: what a
// browser calls bufferedAmount. It may be called concurrently.
func (c *Conn) Buffered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wr.buffered()
}

// SetMaxMessageSize changes Config.MaxMessageSize for this connection, with
// the same meaning of zero and negative values, from the next frame on. It may
// be called concurrently.
func (c *Conn) SetMaxMessageSize(n int64) {
	c.limit.Store(setting(n, defaultMaxMessageSize, 0))
}

// SetData keeps a value of the caller's with the connection, for callbacks
// that need to know whose it is. It may be called concurrently.
func (c *Conn) SetData(v any) {
	c.data.Store(&v)
}

// Data returns what SetData kept, or nil. It may be called concurrently.
func (c *Conn) Data() any {
	if v := c.data.Load(); v != nil {
		return *v
	}
	return nil
}

// Done returns a channel that is closed when the connection has ended, its
// transport is closed and its Group, if any, no longer has it. It may be called
// concurrently.
func (c *Conn) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doneLocked()
}

// Err returns nil while the connection is open or closing, and a *CloseError
// once it has ended or is bound to: from the moment at which the peer's Close
// frame, a violation of the protocol or the loss of the transport was noticed.
// It may be called concurrently.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cl.err == nil {
		return nil
	}
	return c.cl.err
}

// LocalAddr returns the transport's local address, nil if it has none.
func (c *Conn) LocalAddr() net.Addr {
	if a, ok := c.stream.(interface{ LocalAddr() net.Addr }); ok {
		return a.LocalAddr()
	}
	return nil
}

// RemoteAddr returns the transport's remote address, nil if it has none.
func (c *Conn) RemoteAddr() net.Addr {
	if a, ok := c.stream.(interface{ RemoteAddr() net.Addr }); ok {
		return a.RemoteAddr()
	}
	return nil
}

// lifecycle is the state of the closing handshake; it changes under c.mu and
// is read anywhere.
func (c *Conn) lifecycle() frame.Lifecycle { return frame.Lifecycle(c.rd.life.Load()) }

// signal moves the closing handshake on and returns what is to be done. Call
// with c.mu held.
func (c *Conn) signal(s frame.Signal) frame.Action {
	next, action := frame.Next(c.lifecycle(), s)
	c.rd.life.Store(uint32(next))
	return action
}

// now is the clock of the timeouts, in nanoseconds. It is monotonic: setting the
// machine's clock ends no connection. It is never 0, nor negative, not even in a
// testing/synctest bubble, whose time began long before epoch.
func now() int64 { return 1<<61 + int64(time.Since(epoch)) }

var epoch = time.Now()
