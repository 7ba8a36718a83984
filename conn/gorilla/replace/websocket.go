// Package websocket takes the place of github.com/gorilla/websocket in a program that was written
// for that: a line of the program's go.mod replaces the module. Everything here is an alias of
// what github.com/rfc6455/ws/conn/gorilla has, and its documentation is there.
package websocket

import (
	"io"
	"net"
	"net/http"
	"net/url"

	websocket "github.com/rfc6455/ws/conn/gorilla"
)

// The types.
type (
	BufferPool      = websocket.BufferPool
	CloseError      = websocket.CloseError
	Conn            = websocket.Conn
	Dialer          = websocket.Dialer
	HandshakeError  = websocket.HandshakeError
	PreparedMessage = websocket.PreparedMessage
	Upgrader        = websocket.Upgrader
)

// The codes of Close frames.
const (
	CloseNormalClosure           = websocket.CloseNormalClosure
	CloseGoingAway               = websocket.CloseGoingAway
	CloseProtocolError           = websocket.CloseProtocolError
	CloseUnsupportedData         = websocket.CloseUnsupportedData
	CloseNoStatusReceived        = websocket.CloseNoStatusReceived
	CloseAbnormalClosure         = websocket.CloseAbnormalClosure
	CloseInvalidFramePayloadData = websocket.CloseInvalidFramePayloadData
	ClosePolicyViolation         = websocket.ClosePolicyViolation
	CloseMessageTooBig           = websocket.CloseMessageTooBig
	CloseMandatoryExtension      = websocket.CloseMandatoryExtension
	CloseInternalServerErr       = websocket.CloseInternalServerErr
	CloseServiceRestart          = websocket.CloseServiceRestart
	CloseTryAgainLater           = websocket.CloseTryAgainLater
	CloseTLSHandshake            = websocket.CloseTLSHandshake
)

// The types of messages.
const (
	TextMessage   = websocket.TextMessage
	BinaryMessage = websocket.BinaryMessage
	CloseMessage  = websocket.CloseMessage
	PingMessage   = websocket.PingMessage
	PongMessage   = websocket.PongMessage
)

// DefaultDialer is that of conn/gorilla. A program may change its fields.
var DefaultDialer = websocket.DefaultDialer

// The errors.
var (
	ErrBadHandshake = websocket.ErrBadHandshake
	ErrCloseSent    = websocket.ErrCloseSent
	ErrReadLimit    = websocket.ErrReadLimit
)

// FormatCloseMessage returns the payload of a Close frame.
func FormatCloseMessage(closeCode int, text string) []byte {
	return websocket.FormatCloseMessage(closeCode, text)
}

// IsCloseError reports whether err is a *CloseError with one of the codes.
func IsCloseError(err error, codes ...int) bool { return websocket.IsCloseError(err, codes...) }

// IsUnexpectedCloseError reports whether err is a *CloseError with none of the codes.
func IsUnexpectedCloseError(err error, expectedCodes ...int) bool {
	return websocket.IsUnexpectedCloseError(err, expectedCodes...)
}

// IsWebSocketUpgrade reports whether the request asks for a WebSocket.
func IsWebSocketUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// JoinMessages returns a reader of the messages of c, with term behind each.
func JoinMessages(c *Conn, term string) io.Reader { return websocket.JoinMessages(c, term) }

// NewClient asks for a WebSocket over a connection that is open already.
//
// Deprecated: use a Dialer with NetDialContext.
func NewClient(
	netConn net.Conn, u *url.URL, requestHeader http.Header, readBufSize, writeBufSize int,
) (c *Conn, response *http.Response, err error) {
	return websocket.NewClient(netConn, u, requestHeader, readBufSize, writeBufSize)
}

// NewPreparedMessage prepares a message that is sent over many connections.
func NewPreparedMessage(messageType int, data []byte) (*PreparedMessage, error) {
	return websocket.NewPreparedMessage(messageType, data)
}

// ReadJSON reads the next message as JSON.
//
// Deprecated: use c.ReadJSON.
func ReadJSON(c *Conn, v any) error { return c.ReadJSON(v) }

// Subprotocols returns the subprotocols that the client offers.
func Subprotocols(r *http.Request) []string { return websocket.Subprotocols(r) }

// Upgrade answers the request for a handshake. It checks no origin.
//
// Deprecated: use an Upgrader.
func Upgrade(
	w http.ResponseWriter, r *http.Request, responseHeader http.Header,
	readBufSize, writeBufSize int,
) (*Conn, error) {
	return websocket.Upgrade(w, r, responseHeader, readBufSize, writeBufSize)
}

// WriteJSON sends v as JSON.
//
// Deprecated: use c.WriteJSON.
func WriteJSON(c *Conn, v any) error { return c.WriteJSON(v) }
