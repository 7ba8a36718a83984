package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/conn/internal/browser"
	"github.com/rfc6455/ws/frame"
)

// MessageType is the type of a message: Text or Binary (RFC 6455 section 5.6).
type MessageType uint8

// The types of messages.
const (
	Text         = MessageType(frame.Text)
	Binary       = MessageType(frame.Binary)
	Uncompressed = MessageType(0x80) // has no effect in a browser, which compresses as it likes
)

// String returns "text", "binary" or the number.
func (t MessageType) String() string { return frame.Opcode(t &^ Uncompressed).String() }

// Role is a side of a connection. A page is always the client.
type Role = frame.Role

// The roles.
const (
	RoleServer = frame.Server
	RoleClient = frame.Client
)

// State is the state of a connection. The numbers are those of a browser's readyState.
type State uint8

// The states of RFC 6455 section 7.1.
const (
	StateConnecting State = iota
	StateOpen
	StateClosing
	StateClosed
)

// String returns the state's name in lower case.
func (s State) String() string {
	return [...]string{"connecting", "open", "closing", "closed"}[min(s, StateClosed)]
}

// Conn is a WebSocket connection of a page.
//
// JavaScript's event loop calls [Conn.received] and [Conn.over]. All other methods run on
// goroutines of the program.
type Conn struct {
	cfg         *Config
	socket      browser.Socket
	subprotocol string
	data        atomic.Pointer[any]
	done        chan struct{} // closed at the end

	reading atomic.Bool    // somebody has the reading half
	calling atomic.Bool    // a callback of Serve runs
	began   atomic.Bool    // somebody has read
	open    *MessageReader // of the reader; nil: no message is open

	mu      sync.Mutex
	state   State
	err     *CloseError // how the connection ends, set once
	after   func(*Conn) // of AfterClose
	unread  *CloseError // the socket has ended so, but there are messages that came before
	sent    CloseCode   // of this side's Close frame
	timeout *time.Timer // Config.CloseTimeout; nil: it has not begun
	limit   int64       // Config.MaxMessageSize; 0: none
	idle    idleClock
	in      inbox
	out     outbox
}

// newConn makes a connection of a socket that is open.
func newConn(socket browser.Socket, cfg *Config) *Conn {
	c := &Conn{
		cfg: cfg, socket: socket, subprotocol: socket.Protocol(),
		state: StateOpen, done: make(chan struct{}),
		limit: setting(cfg.MaxMessageSize, defaultMaxMessageSize, 0),
	}
	c.in.arrived = make(chan struct{}, 1)
	c.out.wake = make(chan struct{}, 1)
	return c
}

// start lets others know of c, when it has begun to get what the socket reports.
func (c *Conn) start() {
	if t := c.cfg.Trace; t != nil && t.Opened != nil {
		t.Opened(c, nil)
	}
	c.cfg.Group.add(c)
	c.socket.Want()
}

func (c *Conn) role() Role { return RoleClient }

// State returns the connection's state.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Subprotocol returns the subprotocol that was agreed.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// SetMaxMessageSize changes Config.MaxMessageSize for this connection.
func (c *Conn) SetMaxMessageSize(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = setting(n, defaultMaxMessageSize, 0)
}

// SetData keeps a value of the caller's with the connection.
func (c *Conn) SetData(v any) { c.data.Store(&v) }

// Data returns the value that SetData was given last.
func (c *Conn) Data() any {
	if v := c.data.Load(); v != nil {
		return *v
	}
	return nil
}

// Done returns a channel that is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// AfterClose makes the connection call f(c) once, when it has ended.
func (c *Conn) AfterClose(f func(c *Conn)) {
	c.mu.Lock()
	ended := c.state == StateClosed
	switch first := c.after; {
	case ended:
	case first == nil:
		c.after = f
	default:
		c.after = func(c *Conn) { first(c); f(c) }
	}
	c.mu.Unlock()
	if ended {
		f(c)
	}
}

// Err returns a *CloseError once the connection has ended or is bound to end.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// Ping returns an error. A page can't send a Ping.
func (c *Conn) Ping(context.Context) (rtt time.Duration, err error) {
	return 0, fmt.Errorf("websocket: Ping: a browser sends no Ping for a page (%w)",
		errors.ErrUnsupported)
}

// How a connection ends.
//
// The socket reports its end to [Conn.over]. The connection ends then, or, if messages lie unread
// that came before, when they have been read. Close and a failure begin the closing handshake;
// after Config.CloseTimeout a timer ends the connection without the socket. CloseNow ends it at
// once. A browser can't cut a socket, so that the closing handshake goes on in the background.

// errClosing is what writes get between Close and the end of the connection.
var errClosing error = &closingError{
	"websocket: Close was called; no message may follow a Close frame (RFC 6455 section 5.5.1)",
}

// Close closes the connection with the closing handshake. A browser sends the codes 1000 and 3000
// to 4999 alone. Another code is an error, and Close does nothing.
func (c *Conn) Close(code CloseCode, reason string) error {
	if err := checkClose(code, reason); err != nil {
		return err
	}
	c.sayClose(code, reason)
	select {
	case <-c.done:
	default:
		if c.inCallback() {
			return ErrClosing
		}
		<-c.done
	}
	if c.err.Clean() {
		return nil
	}
	return c.err
}

// checkClose reports whether a page may close with code and reason.
func checkClose(code CloseCode, reason string) error {
	_, err := frame.AppendClose(nil, code, reason)
	switch {
	case code == CloseNoStatus:
		return frame.ErrCloseCode
	case code == 0 && reason != "":
		return errReasonAlone
	case err == nil && code != 0 && !sendable(code):
		return fmt.Errorf("websocket: Close: a browser sends the codes 1000 and 3000 to 4999 alone, "+
			"not %d (%w, %w)", code, frame.ErrCloseCode, errors.ErrUnsupported)
	}
	return err
}

// sendable reports whether a browser sends this code for a page.
func sendable(code CloseCode) bool { return code == CloseNormal || code >= 3000 && code <= 4999 }

// closeSoon begins the closing handshake and does not wait for its end. If a browser does not send
// the code, the Close frame has none.
func (c *Conn) closeSoon(code CloseCode, reason string) { c.sayClose(code, reason) }

// sayClose begins the closing handshake, unless it has begun.
func (c *Conn) sayClose(code CloseCode, reason string) {
	c.mu.Lock()
	if unread := c.unread; unread != nil {
		c.mu.Unlock()
		c.end(*unread)
		return
	}
	if c.state == StateOpen {
		c.closeLocked(code, reason)
	}
	c.mu.Unlock()
}

// closeLocked queues the Close frame, behind what is queued already.
func (c *Conn) closeLocked(code CloseCode, reason string) {
	if !sendable(code) {
		code, reason = 0, ""
	}
	c.state = StateClosing
	c.sent = code
	if code == 0 {
		c.sent = CloseNoStatus
	}
	c.in.drop()
	if d := setting(c.cfg.CloseTimeout, defaultCloseTimeout, 0); d > 0 {
		c.timeout = time.AfterFunc(d, func() { c.abort(ErrCloseTimeout) })
	}
	c.out.removeOpen(errClosing)
	c.pushLocked(&entry{kind: closeFrame, code: code, p: []byte(reason)})
	c.socket.Want() // the peer's Close frame comes behind messages that nobody wants any more
}

// failLocked fails the connection: it closes it because of cause. What is queued is dropped.
func (c *Conn) failLocked(code CloseCode, cause error) {
	if c.state != StateOpen {
		return
	}
	c.err = &CloseError{Code: CloseAbnormal, Err: cause}
	c.out.drop(c.err)
	c.closeLocked(code, "")
	c.err.Sent = c.sent
}

// failWith is failLocked for a caller without the lock.
func (c *Conn) failWith(code CloseCode, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(code, cause)
	c.in.signal()
}

// CloseNow ends the connection without waiting for anything. A browser still says goodbye to the
// peer, with a Close frame without a code.
func (c *Conn) CloseNow() error {
	c.abort(errClosedNow)
	return nil
}

// abort ends the connection because of cause, and lets the browser close the socket.
func (c *Conn) abort(cause error) {
	if c.end(CloseError{Code: CloseAbnormal, Err: cause}) {
		c.socket.Close(0, "")
	}
}

// over is called when the socket has ended.
func (c *Conn) over(how browser.End) {
	c.mu.Lock()
	e := CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF}
	if how.Clean {
		e = CloseError{Code: CloseCode(how.Code), Reason: how.Reason, Remote: c.state == StateOpen}
		if e.Remote {
			c.sent = e.Code // a browser repeats the code
		}
	}
	later := c.state == StateOpen && c.in.len() > 0 && c.began.Load()
	if later {
		e.Sent = c.sent
		c.unread = &e
		c.out.end(c.unread)
	}
	c.mu.Unlock()
	if t := c.cfg.Trace; how.Clean && t != nil && t.CloseReceived != nil {
		t.CloseReceived(c, e.Code, e.Reason)
	}
	if !later {
		c.end(e)
	}
}

// end is the very end, if it has not come. e is how the connection ended, unless that is known.
func (c *Conn) end(e CloseError) (first bool) {
	c.mu.Lock()
	if c.state == StateClosed {
		c.mu.Unlock()
		return false
	}
	if c.err == nil {
		e.Sent = c.sent
		c.err = &e
	}
	c.state = StateClosed
	c.in.drop()
	c.out.end(c.err)
	if c.timeout != nil {
		c.timeout.Stop()
	}
	held := c.cfg.Group.leave(c)
	close(c.done)
	after := c.after
	c.mu.Unlock()
	if t := c.cfg.Trace; t != nil && t.Closed != nil {
		t.Closed(c, c.err)
	}
	if after != nil {
		after(c)
	}
	if held {
		c.cfg.Group.release()
	}
	return true
}

// panicked reports to Trace.Panic, or on the console, that a callback panicked with v. It returns
// true if a hook has closed the connection.
func (c *Conn) panicked(v any) (closed bool) {
	open := c.State() == StateOpen
	stack := debug.Stack()
	t := c.cfg.Trace
	if t != nil && t.Panic != nil {
		t.Panic(c, v, stack)
	}
	if t == nil || t.Panic == nil || t.countsPanics {
		fmt.Fprintf(os.Stderr, "websocket: panic in a callback: %v\n%s", v, stack)
	}
	return open && c.State() != StateOpen
}
