package websocket

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
)

// The codes of Close frames (RFC 6455 section 7.4.1).
const (
	CloseNormalClosure           = 1000
	CloseGoingAway               = 1001
	CloseProtocolError           = 1002
	CloseUnsupportedData         = 1003
	CloseNoStatusReceived        = 1005 // never on the wire: a Close frame without a code
	CloseAbnormalClosure         = 1006 // never on the wire: the connection was cut
	CloseInvalidFramePayloadData = 1007
	ClosePolicyViolation         = 1008
	CloseMessageTooBig           = 1009
	CloseMandatoryExtension      = 1010
	CloseInternalServerErr       = 1011
	CloseServiceRestart          = 1012
	CloseTryAgainLater           = 1013
	CloseTLSHandshake            = 1015 // never on the wire
)

var closeTexts = map[int]string{
	CloseNormalClosure:           "normal",
	CloseGoingAway:               "going away",
	CloseProtocolError:           "protocol error",
	CloseUnsupportedData:         "unsupported data",
	CloseNoStatusReceived:        "no status",
	CloseAbnormalClosure:         "abnormal closure",
	CloseInvalidFramePayloadData: "invalid payload data",
	ClosePolicyViolation:         "policy violation",
	CloseMessageTooBig:           "message too big",
	CloseMandatoryExtension:      "mandatory extension missing",
	CloseInternalServerErr:       "internal server error",
	CloseTLSHandshake:            "TLS handshake error",
}

// The errors that programs compare with.
var (
	// ErrCloseSent is the error of a write after this side's Close frame.
	ErrCloseSent = errors.New("websocket: close sent")

	// ErrReadLimit is the error of the read of a message that is larger than the limit: see
	// [Conn.SetReadLimit].
	ErrReadLimit = errors.New("websocket: read limit exceeded")

	// ErrBadHandshake is the error of a dial whose server did not accept the handshake. The dial
	// returns the server's response as well.
	ErrBadHandshake = errors.New("websocket: bad handshake")
)

var (
	errMessageType  = errors.New("websocket: bad write message type")
	errWriterClosed = errors.New("websocket: write closed")
	errControlFrame = errors.New("websocket: invalid control frame")
	errLevel        = errors.New("websocket: invalid compression level")
	errCompression  = errors.New("websocket: invalid compression negotiation")
	errURL          = errors.New("malformed ws or wss URL")
	errEarlyData    = errors.New("websocket: client sent data before handshake is complete")
)

// errWriteTimeout says that a write did not get its turn in time. Nothing was sent and the
// connection is unharmed, so that Temporary is true.
var errWriteTimeout net.Error = &timeoutError{"websocket: write timeout"}

type timeoutError struct{ text string }

func (e *timeoutError) Error() string   { return e.text }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

// lastingError is an error of the transport that calls itself temporary. For a WebSocket it is not.
type lastingError struct{ err net.Error }

func (e lastingError) Error() string   { return e.err.Error() }
func (e lastingError) Timeout() bool   { return e.err.Timeout() }
func (e lastingError) Temporary() bool { return false }
func (e lastingError) Unwrap() error   { return e.err }

// lasting returns err, which ends a direction of a connection for good.
func lasting(err error) error {
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return lastingError{e}
	}
	return err
}

// CloseError is the error of a read after the peer's Close frame. Its code is
// [CloseAbnormalClosure] if the peer cut the connection without one.
type CloseError struct {
	Code int    // of the Close frame; CloseNoStatusReceived if it had none
	Text string // the reason in the Close frame
}

// Error returns the code, its meaning and the reason.
func (e *CloseError) Error() string {
	s := "websocket: close " + strconv.Itoa(e.Code)
	if text, ok := closeTexts[e.Code]; ok {
		s += " (" + text + ")"
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// IsCloseError reports whether err is a *CloseError with one of the codes.
func IsCloseError(err error, codes ...int) bool {
	e, ok := err.(*CloseError)
	return ok && slices.Contains(codes, e.Code)
}

// IsUnexpectedCloseError reports whether err is a *CloseError with none of the codes.
func IsUnexpectedCloseError(err error, expectedCodes ...int) bool {
	e, ok := err.(*CloseError)
	return ok && !slices.Contains(expectedCodes, e.Code)
}

// errCut returns the error of a read if the transport ended without a Close frame.
func errCut() error {
	return &CloseError{Code: CloseAbnormalClosure, Text: io.ErrUnexpectedEOF.Error()}
}

// FormatCloseMessage returns the payload of a Close frame. It is empty, and not nil, for
// CloseNoStatusReceived. A Close frame has room for 123 bytes of text.
func FormatCloseMessage(closeCode int, text string) []byte {
	if closeCode == CloseNoStatusReceived {
		return []byte{}
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(closeCode)), text...)
}
