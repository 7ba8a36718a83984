package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// Errors of misuse and of limits. Misuse never ends a connection. The timeouts, ErrMessageTooBig
// and, with QueueClose, ErrQueueFull end it.
var (
	// ErrConcurrentRead says that a second goroutine tried to read while [Conn.Read],
	// [Conn.ReadInto], [Conn.NextReader], [MessageReader.Read] or [Conn.Serve] was running. A
	// connection has one reader at a time. While a callback runs, that reader is the Serve or the
	// Handler that calls it. The connection is unharmed.
	ErrConcurrentRead = errors.New("websocket: the connection is being read already, by another goroutine or by what calls this callback: let one of them read")

	// ErrMessageOpen says that the message of the previous [Conn.NextReader] was neither read to
	// its end nor discarded. The connection is unharmed.
	ErrMessageOpen = errors.New("websocket: the message begun before is still open; read it to io.EOF or Discard it first")

	// ErrQueueFull says that [Conn.Append], [Conn.Send] or [Conn.SendPrepared] would make more than
	// Config.Queue bytes wait for a peer that does not read fast enough. With QueueRefuse these
	// calls return it, and nothing of the message was taken. With QueueClose, the default, it is
	// the cause of the connection's end.
	ErrQueueFull = errors.New("websocket: the send queue is full: the peer reads too slowly; use Write, raise Config.Queue, or close the connection")

	// ErrQueueTooSmall says that a message of [Conn.Append], [Conn.Send] or [Conn.SendPrepared] is
	// longer than Config.Queue. It can't be queued even if the peer has read everything. Nothing of
	// the message was taken. The error that wraps this one has the sizes. [Conn.Write] and
	// [Conn.WritePrepared] don't queue, so that they can send the message.
	ErrQueueTooSmall = errors.New("websocket: the message is longer than Config.Queue")

	// ErrGroupClosed says that [Group.Shutdown] was called on a Dialer's Group.
	ErrGroupClosed = errors.New("websocket: Shutdown was called on the Dialer's Group, which takes no new connections")

	// ErrMessageType says that a message type is neither Text nor Binary.
	ErrMessageType = errors.New("websocket: a message is Text or Binary; use Ping and Close for control frames")

	// ErrWriterClosed says that a [MessageWriter] was used after its Close.
	ErrWriterClosed = errors.New("websocket: this message writer is closed; call NextWriter for the next message")

	// ErrMessageTooBig says that a message of the peer exceeded Config.MaxMessageSize. The
	// connection was failed with 1009 (RFC 6455 section 7.4.1). It is frame.ErrMessageTooBig.
	ErrMessageTooBig error = frame.ErrMessageTooBig

	// ErrWriteTimeout is the cause if a connection ended because its peer took no bytes for
	// Config.WriteTimeout.
	ErrWriteTimeout error = &timeoutError{"websocket: the peer took no bytes for Config.WriteTimeout"}

	// ErrPongTimeout is the cause if a connection ended because its peer sent nothing, not even a
	// Pong, within Config.PongTimeout after a keepalive Ping.
	ErrPongTimeout error = &timeoutError{"websocket: the peer did not answer a keepalive ping within Config.PongTimeout"}

	// ErrCloseTimeout is the cause if a connection ended because its peer did not finish the
	// closing handshake within Config.CloseTimeout.
	ErrCloseTimeout error = &timeoutError{"websocket: the peer did not finish the closing handshake within Config.CloseTimeout"}

	// ErrClosing is what [Conn.Close] returns within a callback of [Conn.Serve], because it can't
	// wait there. The closing handshake has begun, and the connection ends after the callback has
	// returned. [Conn.Done] and Events.Close report the end. errors.Is finds net.ErrClosed in
	// ErrClosing.
	ErrClosing error = &closingError{"websocket: the closing handshake has begun; it can end only after this callback has returned: Done and Events.Close tell"}

	errDeadline error = &timeoutError{"websocket: the context's deadline passed; the connection is unharmed"}

	errReasonAlone = fmt.Errorf("websocket: Close: a reason needs a code: pass one, such as CloseNormal, or an empty reason (%w)", frame.ErrCloseCode)

	errUnsent = errors.New("the response could not be sent")

	errNotPrepared = errors.New("websocket: this Prepared is nil or empty; make it with Prepare")

	errClosedNow  = errors.New("closed by CloseNow, without a closing handshake")
	errPanicked   = errors.New("a callback panicked")
	errExited     = errors.New("a callback ended its goroutine with runtime.Goexit")
	errOutOfOrder = errors.New("a frame of this side's was out of order: a fault of this package's")
	errAbandoned  = errors.New("a message was abandoned after a part of it had been sent")
)

// sizedError is an error together with the sizes that caused it.
type sizedError struct {
	error // what it is
	text  string
}

func (e *sizedError) Error() string { return e.text }
func (e *sizedError) Unwrap() error { return e.error }

// closingError is an error of a connection that is about to end. errors.Is finds net.ErrClosed in
// it.
type closingError struct{ text string }

func (e *closingError) Error() string        { return e.text }
func (e *closingError) Is(target error) bool { return target == net.ErrClosed }

// timeoutError is a timeout: a net.Error, in which errors.Is finds os.ErrDeadlineExceeded.
type timeoutError struct{ text string }

func (e *timeoutError) Error() string   { return e.text }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

func (e *timeoutError) Is(target error) bool {
	// context.DeadlineExceeded means the caller's own deadline alone.
	return target == os.ErrDeadlineExceeded || (e == errDeadline && target == context.DeadlineExceeded)
}

// contextError returns ctx's error in the form in which the calls of this package return it.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == context.DeadlineExceeded {
		return errDeadline
	}
	return err
}

// CloseError says how a connection ended. Every call after the end returns it, [Conn.Err] returns
// it, and Events.Close receives it. errors.Is finds net.ErrClosed in it, and so it finds the cause,
// Err. A connection ends in one of three ways:
//
//   - The peer began the closing handshake (RFC 6455 section 7.1.2). Remote is true, and Code is
//     what the peer sent.
//   - This side began the closing handshake, and the peer answered with Code. Remote is false, and
//     Err is nil.
//   - No Close frame came. Code is CloseAbnormal (1006), and Err is the cause. If the peer broke
//     the protocol, the cause is a rule error of package frame, which errors.As finds; if something
//     was too big, the error around it has the sizes. If the connection was cut, the cause is
//     io.ErrUnexpectedEOF or a network error. It may also be a timeout of this side.
//
// Sent is this side's own code, whoever closed first. A peer may answer it with another code.
type CloseError struct {
	Code   CloseCode // of the Close frame received; CloseNoStatus (1005) if it had none, CloseAbnormal (1006) if none came
	Reason string    // of the Close frame received: for logs, not for end users
	Remote bool      // the peer closed first
	Err    error     // the cause of an unclean end, else nil

	// Sent is the code of the Close frame that this side sent, or was about to send when the
	// transport was lost. It is CloseNoStatus (1005) if that frame had no code, and 0 if this side
	// sent no Close frame.
	Sent CloseCode
}

// CloseStatus returns the Code of the [*CloseError] in err. If there is none, err does not say how
// a connection ended: then ok is false and the code is 0. The reason, the cause and the code that
// this side sent are fields of the *CloseError.
//
//	if code, _ := ws.CloseStatus(err); code == ws.CloseNormal {
func CloseStatus(err error) (code CloseCode, ok bool) {
	end, ok := errors.AsType[*CloseError](err)
	if !ok || end == nil {
		return 0, false
	}
	return end.Code, true
}

// isEnd reports whether err, which a reader met, is the connection's end rather than the call's.
func isEnd(err error) bool {
	_, ok := errors.AsType[*CloseError](err) // As would put a variable on the heap, for each piece read
	return ok
}

// Error describes the end in one line.
func (e *CloseError) Error() string {
	s := "websocket: connection "
	switch {
	case e.Err != nil:
		return s + e.unclean()
	case e.Remote:
		s += "closed by the peer: "
	default:
		s += "closed by this side" + e.with() + ", the peer answered: "
	}
	s += e.Code.String()
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// unclean describes an end without a complete closing handshake.
func (e *CloseError) unclean() string {
	s := e.cause()
	if !e.cut() {
		s = "ended: " + s
	}
	if e.Sent != 0 {
		s += "; this side sent " + e.Sent.String()
	}
	return s
}

// cause describes Err. If the connection was cut, the text says so, since the transport's error
// tells that only to those who know it.
func (e *CloseError) cause() string {
	const cut = "cut without a Close frame (1006)"
	text := strings.TrimPrefix(e.Err.Error(), "websocket: ")
	switch {
	case !e.cut():
		return text
	case e.Err == io.ErrUnexpectedEOF:
		return cut
	}
	return cut + ": " + text
}

// cut reports whether the transport was lost, and not given up by this side.
func (e *CloseError) cut() bool {
	var network *net.OpError
	return errors.Is(e.Err, io.ErrUnexpectedEOF) || errors.As(e.Err, &network)
}

// with returns the part of a text that names the code which this side closed with.
func (e *CloseError) with() string {
	switch e.Sent {
	case 0:
		return ""
	case CloseNoStatus:
		return " without a code"
	}
	return " with " + e.Sent.String()
}

// Is reports whether target is net.ErrClosed. A connection that has ended is closed, whoever ended
// it.
func (e *CloseError) Is(target error) bool { return target == net.ErrClosed }

// PassOn closes c in the way in which e's connection ended, as a proxy does between the two: with
// e.Code and e.Reason; without a code for CloseNoStatus; and with [Conn.CloseNow] for CloseAbnormal
// and other codes that no Close frame may have. It returns what [Conn.Close] or CloseNow returns.
func (e *CloseError) PassOn(c *Conn) error {
	switch {
	case e.Code == CloseNoStatus:
		return c.Close(0, "")
	case !e.Code.Valid():
		return c.CloseNow()
	}
	return c.Close(e.Code, e.Reason)
}

// Unwrap returns the cause of an unclean end.
func (e *CloseError) Unwrap() error { return e.Err }

// decisive returns the code of the Close frame that came first, or CloseAbnormal.
func (e *CloseError) decisive() CloseCode {
	if !e.Remote && e.Sent != 0 {
		return e.Sent
	}
	return e.Code
}

// isLast reports whether a client should not connect again after a connection that was closed with
// code.
func isLast(code CloseCode) bool {
	switch code {
	case CloseNormal, CloseProtocolError, CloseUnsupportedData, CloseInvalidPayload, ClosePolicyViolation,
		CloseMessageTooBig, frame.MandatoryExtension:
		return true
	}
	return 3000 <= code && code <= 4999
}

// Clean reports whether both sides finished the closing handshake (RFC 6455 section 7.1.4). A
// browser's CloseEvent.wasClean says the same.
func (e *CloseError) Clean() bool { return e.Err == nil }

// CloseCode is the code of a Close frame (RFC 6455 section 7.4).
type CloseCode = frame.CloseCode

// Close codes that programs use. Package frame has all of them.
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
