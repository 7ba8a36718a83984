package websocket

import (
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// BufferPool is the type of the fields WriteBufferPool. A *sync.Pool is one.
type BufferPool interface {
	Get() any // returns a value that was put, or nil
	Put(any)  // takes a value back
}

// HandshakeError says what is wrong with a request for a handshake.
type HandshakeError struct{ message string }

// Error returns what is wrong.
func (e HandshakeError) Error() string { return e.message }

// Upgrader is the server's side of the opening handshake (RFC 6455 section 4.2). The zero value
// accepts clients that are no browsers, and browsers whose page is of the same host. Its methods
// may be called concurrently. It must not be changed while it is in use.
type Upgrader struct {
	// HandshakeTimeout bounds how long the response may take to leave. Default: no bound.
	HandshakeTimeout time.Duration

	// ReadBufferSize and WriteBufferPool have no effect. Buffers come from a pool that all
	// connections share, and only while there are bytes in them. WriteBufferSize has one effect: a
	// message of [Conn.NextWriter] that is no longer, in bytes, is one frame.
	ReadBufferSize, WriteBufferSize int
	WriteBufferPool                 BufferPool

	// Subprotocols lists the subprotocols that the server speaks, in its order of preference. If
	// the client offers none of them, there is none. If Subprotocols is nil, the one that the
	// response header names is agreed on, if there is one.
	Subprotocols []string

	// Error replies to a request that is refused. reason is a [HandshakeError]. Default:
	// http.Error, with the text of the status alone.
	Error func(w http.ResponseWriter, r *http.Request, status int, reason error)

	// CheckOrigin reports whether the origin of the request may connect. Default: requests without
	// an Origin header may, and those whose Origin has the host and port of the Host header.
	CheckOrigin func(r *http.Request) bool

	// EnableCompression accepts a client's offer of permessage-deflate (RFC 7692), without context
	// takeover.
	EnableCompression bool
}

// Upgrade answers the request for a handshake and returns the connection. The response has the
// headers of responseHeader, which may be nil, such as Set-Cookie. After an error Upgrade has
// replied to the client: see Upgrader.Error. The error is a [HandshakeError] if the request was at
// fault.
func (u *Upgrader) Upgrade(
	w http.ResponseWriter, r *http.Request, responseHeader http.Header,
) (*Conn, error) {
	if status, fault := u.check(r, responseHeader); fault != "" {
		return u.refuse(w, r, status, fault)
	}
	accepted, err := accept(r.Header, u.EnableCompression)
	if err != nil {
		return u.refuse(w, r, http.StatusInternalServerError, err.Error())
	}
	accepted.Subprotocol = u.subprotocol(r, responseHeader)
	key := r.Header.Get("Sec-Websocket-Key")
	response := accepted.AppendResponse(nil, &handshake.Request{Key: key})
	response = appendFields(response[:len(response)-len("\r\n")], responseHeader)
	nc, early, err := opening.Hijack(w)
	if err != nil {
		return u.refuse(w, r, http.StatusInternalServerError, hijackFault(err))
	}
	if len(early) > 0 {
		_ = nc.Close()
		return nil, errEarlyData
	}
	if err := u.respond(nc, response); err != nil {
		_ = nc.Close()
		return nil, err
	}
	c := newConn(nc, frame.Server, accepted.Deflate, u.WriteBufferSize)
	c.subprotocol = accepted.Subprotocol
	return c, nil
}

// hijackFault returns gorilla's text for a connection that can't be taken over.
func hijackFault(err error) string {
	if errors.Is(err, http.ErrNotSupported) {
		return "websocket: response does not implement http.Hijacker"
	}
	return errors.Unwrap(err).Error()
}

// check returns what is wrong with the request, and the status of the reply, or "".
func (u *Upgrader) check(r *http.Request, responseHeader http.Header) (status int, fault string) {
	const not = "websocket: the client is not using the websocket protocol: "
	switch {
	case !hasToken(r.Header, "Connection", "upgrade"):
		return http.StatusBadRequest, not + "'upgrade' token not found in 'Connection' header"
	case !hasToken(r.Header, "Upgrade", "websocket"):
		return http.StatusBadRequest, not + "'websocket' token not found in 'Upgrade' header"
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, not + "request method is not GET"
	case !hasToken(r.Header, "Sec-Websocket-Version", "13"):
		return http.StatusBadRequest, "websocket: unsupported version: " +
			"13 not found in 'Sec-Websocket-Version' header"
	case responseHeader["Sec-Websocket-Extensions"] != nil:
		return http.StatusInternalServerError, "websocket: application specific " +
			"'Sec-WebSocket-Extensions' headers are unsupported"
	case !u.allows(r):
		return http.StatusForbidden, "websocket: request origin not allowed by Upgrader.CheckOrigin"
	case !validKey(r.Header.Get("Sec-Websocket-Key")):
		return http.StatusBadRequest, "websocket: not a websocket handshake: " +
			"'Sec-WebSocket-Key' header must be Base64 encoded value of 16-byte in length"
	}
	return 0, ""
}

// refuse replies to a request that is refused.
func (u *Upgrader) refuse(
	w http.ResponseWriter, r *http.Request, status int, fault string,
) (*Conn, error) {
	err := HandshakeError{fault}
	if u.Error != nil {
		u.Error(w, r, status, err)
		return nil, err
	}
	w.Header().Set("Sec-Websocket-Version", handshake.Version)
	http.Error(w, http.StatusText(status), status)
	return nil, err
}

// allows reports whether the origin of the request may connect.
func (u *Upgrader) allows(r *http.Request) bool {
	if u.CheckOrigin != nil {
		return u.CheckOrigin(r)
	}
	origin := r.Header["Origin"]
	if len(origin) == 0 {
		return true
	}
	o, err := url.Parse(origin[0])
	return err == nil && strings.EqualFold(o.Host, r.Host)
}

// subprotocol returns the subprotocol to agree on, or "".
func (u *Upgrader) subprotocol(r *http.Request, responseHeader http.Header) string {
	if u.Subprotocols == nil {
		return lineText(responseHeader.Get("Sec-Websocket-Protocol"))
	}
	offered := Subprotocols(r)
	for _, p := range u.Subprotocols {
		if slices.Contains(offered, p) {
			return p
		}
	}
	return ""
}

// respond sends the response. Deadlines that net/http has set do not count any more.
func (u *Upgrader) respond(nc net.Conn, response []byte) error {
	err := nc.SetDeadline(time.Time{})
	if u.HandshakeTimeout > 0 {
		err = errors.Join(err, nc.SetWriteDeadline(time.Now().Add(u.HandshakeTimeout)))
		defer nc.SetWriteDeadline(time.Time{})
	}
	_ = err // a transport without deadlines: the write tells
	_, err = nc.Write(response)
	return err
}

// appendFields appends the program's headers of a response, and the blank line.
func appendFields(dst []byte, h http.Header) []byte {
	for name, values := range h {
		if name == "Sec-Websocket-Protocol" {
			continue // it is there, if it was agreed on
		}
		for _, v := range values {
			dst = append(dst, lineText(name)+": "+lineText(v)+"\r\n"...)
		}
	}
	return append(dst, "\r\n"...)
}

// lineText returns s without control characters, so that it can't end its line.
func lineText(s string) string {
	text := []byte(s)
	for i, b := range text {
		if b < ' ' {
			text[i] = ' '
		}
	}
	return string(text)
}

// hasToken reports whether a header, which is a list, has the token. Case does not count.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for element := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(element, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// validKey reports whether a client's key stands for 16 bytes (section 4.1).
func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == 16
}

// Subprotocols returns the subprotocols that the client offers, in its order of preference.
func Subprotocols(r *http.Request) []string {
	line := strings.TrimSpace(r.Header.Get("Sec-Websocket-Protocol"))
	if line == "" {
		return nil
	}
	all := strings.Split(line, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// IsWebSocketUpgrade reports whether the request asks for a WebSocket.
func IsWebSocketUpgrade(r *http.Request) bool {
	return hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

// Upgrade is [Upgrader.Upgrade] that checks no origin and sends no reply to a request that it
// refuses.
//
// Deprecated: use an Upgrader. Pages of any origin can connect.
func Upgrade(
	w http.ResponseWriter, r *http.Request, responseHeader http.Header,
	readBufSize, writeBufSize int,
) (*Conn, error) {
	u := Upgrader{
		ReadBufferSize: readBufSize, WriteBufferSize: writeBufSize,
		Error:       func(http.ResponseWriter, *http.Request, int, error) {},
		CheckOrigin: func(*http.Request) bool { return true },
	}
	return u.Upgrade(w, r, responseHeader)
}
