package conn

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rfc6455/ws/frame"
)

// With GOOS=js this package is another implementation of the same API, over the WebSocket that
// JavaScript has. "In a browser" in doc.go says what is different. The files *_js.go declare
// everything with the names and the signatures that it has on other platforms, where it is
// described. TestJavaScriptAPI compares the two.
//
// Each import makes a page's program larger. So nothing here may import net/http, net/url,
// crypto/tls or the packages that the other implementation is made of.

// Config holds the limits and timeouts of a connection.
type Config struct {
	MaxMessageSize int64         // checked when the message has come
	MaxFragments   int           // not in a browser
	FragmentSize   int           // not in a browser
	Compression    Compression   // not in a browser, which compresses if the server does
	KeepAlive      time.Duration // not in a browser, which sends no Ping for a page
	PongTimeout    time.Duration // not in a browser
	IdleTimeout    time.Duration
	WriteTimeout   time.Duration // bounds how long nothing of what waits leaves the browser
	CloseTimeout   time.Duration
	Queue          int
	QueuePolicy    QueuePolicy
	Loop           *Loop // has no effect: in a page all goroutines share one thread
	Group          *Group
	Trace          *Trace
}

// Loop serves connections without a goroutine for each, on other platforms.
type Loop struct{}

// Listener returns ln.
func (l *Loop) Listener(ln net.Listener) net.Listener { return ln }

// Compression is the configuration of permessage-deflate. A browser has its own.
type Compression struct {
	Mode                               CompressionMode
	Level                              int
	Threshold                          int
	ServerWindowBits, ClientWindowBits int
	WindowPolicy                       WindowPolicy
	Fragment                           bool
}

// CompressionMode says whether and how permessage-deflate is negotiated.
type CompressionMode uint8

// The modes.
const (
	CompressionOff CompressionMode = iota
	CompressionNoTakeover
	CompressionTakeover
)

// String returns the name of the mode.
func (m CompressionMode) String() string { return nameOf(m, "off", "no takeover", "takeover") }

// WindowPolicy says what happens if a peer keeps a larger window than Compression asks for.
type WindowPolicy uint8

// The policies.
const (
	WindowAccept WindowPolicy = iota
	WindowDemand
	WindowDecline
)

// String returns the name of the policy.
func (p WindowPolicy) String() string { return nameOf(p, "accept", "demand", "decline") }

// QueuePolicy says what becomes of a message for which Config.Queue has no room.
type QueuePolicy uint8

// The policies.
const (
	QueueClose QueuePolicy = iota
	QueueRefuse
	QueueDropNewest
	QueueDropOldest
)

// String returns the name of the policy.
func (p QueuePolicy) String() string {
	return nameOf(p, "close", "refuse", "drop newest", "drop oldest")
}

// nameOf returns the name of a value of an enum.
func nameOf[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "unknown"
}

// Trace holds hooks that observe connections. In a browser the hooks for frames, for round trips
// and for refused requests are never called.
type Trace struct {
	Opened          func(c *Conn, r *Request)
	Refused         func(r *Request, err error)
	FrameReceived   func(c *Conn, h frame.Header)
	FrameSent       func(c *Conn, h frame.Header)
	MessageReceived func(c *Conn, m MessageInfo)
	MessageSent     func(c *Conn, m MessageInfo)
	CloseReceived   func(c *Conn, code CloseCode, reason string)
	CloseSent       func(c *Conn, code CloseCode, reason string)
	RoundTrip       func(c *Conn, rtt time.Duration)
	Queued          func(c *Conn, buffered int)
	Dropped         func(c *Conn, m MessageInfo)
	Panic           func(c *Conn, value any, stack []byte)
	Closed          func(c *Conn, err *CloseError)

	countsRefused, countsPanics bool
}

// MessageInfo describes a message for a Trace. In a browser Wire is Size, since a browser does not
// tell what compression has made of a message.
type MessageInfo struct {
	Type       MessageType
	Compressed bool
	Size       int64
	Wire       int64
}

// Request is the request of an opening handshake. A page gets none, so that a callback's Request is
// always nil.
type Request struct {
	Method       string
	Target       string
	Host         string
	Subprotocols []string
	RemoteAddr   string
	Data         any
}

// HandshakeError says that an opening handshake failed. In a browser Status is always 0, since a
// page is not told what the server answered.
type HandshakeError struct {
	Status int
	Field  string
	Reason string
}

// Error returns the reason as one line.
func (e *HandshakeError) Error() string { return "websocket: handshake: " + e.Reason }

// NetConn returns nil. A page has no access to the transport.
func (c *Conn) NetConn() net.Conn { return nil }

// LocalAddr returns nil.
func (c *Conn) LocalAddr() net.Addr { return nil }

// RemoteAddr returns nil.
func (c *Conn) RemoteAddr() net.Addr { return nil }

// Defaults of Config, and of Dialer.HandshakeTimeout.
const (
	defaultMaxMessageSize   = 1 << 20
	defaultWriteTimeout     = 30 * time.Second
	defaultCloseTimeout     = 5 * time.Second
	defaultQueue            = 2 << 20
	defaultHandshakeTimeout = 10 * time.Second
)

const maxInt = int(^uint(0) >> 1)

// setting resolves one field of Config. Zero means def, and a negative value means off.
func setting[T int | int64 | time.Duration](v, def, off T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return off
	}
	return v
}

// notInBrowsers reports a field that is set and that means nothing in a browser.
func notInBrowsers(field, why string) error {
	return fmt.Errorf("websocket: %s can't be set in a browser: %s (%w)",
		field, why, errors.ErrUnsupported)
}

// validate reports the first field of c that can't be set, or whose value does not exist.
func (c *Config) validate() error {
	switch {
	case c.MaxFragments != 0:
		return notInBrowsers("Config.MaxFragments", "it puts messages together itself")
	case c.FragmentSize != 0:
		return notInBrowsers("Config.FragmentSize", "it makes the frames itself")
	case c.Compression != Compression{}:
		return notInBrowsers("Config.Compression",
			"it offers compression itself, and uses it if the server does")
	case c.KeepAlive != 0:
		return notInBrowsers("Config.KeepAlive", "it sends no Ping for a page; let the server send them")
	case c.PongTimeout != 0:
		return notInBrowsers("Config.PongTimeout", "it sends no Ping for a page")
	case c.QueuePolicy > QueueDropOldest:
		return fmt.Errorf("websocket: QueuePolicy %d does not exist: use QueueClose, QueueRefuse, "+
			"QueueDropNewest or QueueDropOldest", c.QueuePolicy)
	}
	return nil
}
