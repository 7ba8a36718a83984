package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// Errors of misuse and of limits. They never end a connection by themselves,
// except ErrMessageTooBig, which a peer causes.
var (
	// ErrConcurrentRead says that a second goroutine tried to read while a
	// Read, ReadInto, NextReader, MessageReader.Read or Serve was running.
	// A connection has one reader at a time.
	ErrConcurrentRead = errors.New("websocket: another goroutine is reading this connection; let one goroutine read, or use Serve alone")

	// ErrMessageOpen says that the message of the NextReader before was
	// neither read to its end nor discarded.
	ErrMessageOpen = errors.New("websocket: the message begun before is still open; read it to io.EOF or Discard it first")

	// ErrQueueFull says that Append, Send or SendPrepared would hold more
	// than Config.Queue bytes for a peer that does not read fast enough.
	// Nothing of the message was taken.
	ErrQueueFull = errors.New("websocket: the send queue is full: the peer reads too slowly; use Write, raise Config.Queue, or close the connection")

	// ErrGroupClosed says that a Dialer's Group was shut down.
	ErrGroupClosed = errors.New("websocket: Shutdown was called on the Dialer's Group, which takes no new connections")

	// ErrMessageType says that a message type is neither Text nor Binary.
	ErrMessageType = errors.New("websocket: a message is Text or Binary; use Ping and Close for control frames")

	// ErrWriterClosed is returned by a MessageWriter after its Close.
	ErrWriterClosed = errors.New("websocket: this message writer is closed; call NextWriter for the next message")

	// ErrMessageTooBig says that a message of the peer exceeded
	// Config.MaxMessageSize; the connection was failed with 1009 (RFC 6455
	// section 7.4.1). It is frame.ErrMessageTooBig.
	ErrMessageTooBig error = frame.ErrMessageTooBig

	// ErrWriteTimeout is the cause of the end of a connection whose peer
	// took no bytes for Config.WriteTimeout.
	ErrWriteTimeout error = &timeoutError{"websocket: the peer took no bytes for Config.WriteTimeout"}

	// ErrPongTimeout is the cause of the end of a connection whose peer sent
	// nothing, not even a pong, after a keepalive ping (Config.KeepAlive).
	ErrPongTimeout error = &timeoutError{"websocket: the peer did not answer a keepalive ping within Config.PongTimeout"}

	// ErrCloseTimeout is the cause of the end of a connection whose peer did
	// not finish the closing handshake within Config.CloseTimeout.
	ErrCloseTimeout error = &timeoutError{"websocket: the peer did not finish the closing handshake within Config.CloseTimeout"}

	errDeadline error = &timeoutError{"websocket: the context's deadline passed; the connection is unharmed"}

	errHandshakeDeadline error = &timeoutError{"the handshake took longer than its context, or HandshakeTimeout, lets it"}

	errNotPrepared = errors.New("websocket: this Prepared is nil or empty; make it with Prepare")

	errClosedNow = errors.New("closed by CloseNow, without a closing handshake")
	errPanicked  = errors.New("a callback panicked")
	errExited    = errors.New("a callback ended its goroutine with runtime.Goexit")
	errAbandoned = errors.New("a message was abandoned after a part of it had been sent")
)

// timeoutError is a timeout for errors.Is, os.ErrDeadlineExceeded and
// net.Error alike.
type timeoutError struct{ text string }

func (e *timeoutError) Error() string   { return e.text }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

func (e *timeoutError) Is(target error) bool {
	// Only the caller's own deadline is the context's.
	own := e == errDeadline || e == errHandshakeDeadline
	return target == os.ErrDeadlineExceeded || (own && target == context.DeadlineExceeded)
}

// contextError is ctx's error as this package's calls return it.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == context.DeadlineExceeded {
		return errDeadline
	}
	return err
}

// handshakeError is contextError for an opening handshake, which is over then.
func handshakeError(ctx context.Context) error {
	err := contextError(ctx)
	if err == errDeadline {
		return errHandshakeDeadline
	}
	return err
}

// CloseError says how a connection ended. Every call after the end returns
// it, Err returns it, and Events.Close receives it. errors.Is finds
// net.ErrClosed in it, and Err, its cause.
//
// The three endings: Remote is true where the peer began the closing
// handshake (RFC 6455 section 7.1.2) and Code is what it sent; Remote is false
// and Err nil where this side began it and the peer answered with Code; Code
// is CloseAbnormal (1006) where no Close frame ever came, and Err is the
// cause: a rule error of package frame where the peer broke the protocol
// (its Code method has the close code that was sent), io.ErrUnexpectedEOF or
// a network error where the connection was cut, a timeout of ours.
type CloseError struct {
	Code   CloseCode // of the Close frame received; CloseNoStatus (1005) if it had none, CloseAbnormal (1006) if none came
	Reason string    // of the Close frame received: for logs, not for end users
	Remote bool      // the peer closed first
	Err    error     // the cause of an unclean end, else nil
}

// Error describes the end in one line.
func (e *CloseError) Error() string {
	var b strings.Builder
	b.WriteString("websocket: connection ")
	switch {
	case e.Err != nil:
		b.WriteString("ended: ")
		b.WriteString(strings.TrimPrefix(e.Err.Error(), "websocket: "))
		return b.String()
	case e.Remote:
		b.WriteString("closed by the peer: ")
	default:
		b.WriteString("closed by this side, the peer answered: ")
	}
	b.WriteString(e.Code.String())
	if e.Reason != "" {
		b.WriteString(": ")
		b.WriteString(e.Reason)
	}
	return b.String()
}

// Is reports whether target is net.ErrClosed: an ended connection is closed,
// whoever ended it.
func (e *CloseError) Is(target error) bool { return target == net.ErrClosed }

// Unwrap returns the cause of an unclean end.
func (e *CloseError) Unwrap() error { return e.Err }

// Clean reports whether both sides finished the closing handshake (RFC 6455
// section 7.1.4), as a browser's CloseEvent.wasClean does.
func (e *CloseError) Clean() bool { return e.Err == nil }
