package handshake

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The values of [Error].Field that are not the name of a header.
const (
	fieldRequestLine = "request line"
	fieldStatusLine  = "status line"
	fieldHeader      = "header section"
)

// The names of the handshake's own headers as RFC 6455 section 11.3 spells them. They are sent, and
// appear in errors.
const (
	nameKey        = "Sec-WebSocket-Key"
	nameVersion    = "Sec-WebSocket-Version"
	nameAccept     = "Sec-WebSocket-Accept"
	nameProtocol   = "Sec-WebSocket-Protocol"
	nameExtensions = "Sec-WebSocket-Extensions"
)

// The same names as the keys of an [http.Header].
const (
	keyKey        = "Sec-Websocket-Key"
	keyVersion    = "Sec-Websocket-Version"
	keyAccept     = "Sec-Websocket-Accept"
	keyProtocol   = "Sec-Websocket-Protocol"
	keyExtensions = "Sec-Websocket-Extensions"
)

// Error says why a handshake was refused.
//
// On a server an Error is also the reply to send. [CheckRequest], [Parser.Request] and [Respond]
// return it with the status that fits (400, 403, 405, 417, 426, 431, 501 or 505). Hooks may return
// one of their own with any status.
//
// On a client, [Offer.CheckResponse] and [Parser.Response] return it. Status is then the status
// that the server sent, or 0 if it sent none that could be read.
//
// Reason never repeats what the peer sent. An Error must not be changed once it has been returned.
// Its methods are safe for concurrent use.
type Error struct {
	Status int         // HTTP status code
	Field  string      // the header, or part of the message, that is wrong
	Reason string      // what is wrong with it and what to send instead
	Extra  http.Header // further headers of the reply, such as WWW-Authenticate; invalid ones are left out

	headOnly bool // the request was HEAD: the reply has no body (RFC 9110 section 9.3.2)
}

// Error returns the reason as one line, with the status if there is one.
func (e *Error) Error() string {
	s := "websocket: handshake: "
	if e.Field != "" {
		s += e.Field + ": "
	}
	s += e.Reason
	if e.Status != 0 {
		s += " (status " + strconv.Itoa(e.Status) + ")"
	}
	return s
}

// Header returns the headers that the reply must carry besides those of any HTTP reply: Allow with
// 405 (RFC 9110 section 15.5.6), Upgrade and Connection with 426 (section 15.5.22),
// Sec-WebSocket-Version if the version was at fault (RFC 6455 section 4.4), and Extra. The caller
// owns the result.
func (e *Error) Header() http.Header {
	h := http.Header{}
	for name, values := range e.Extra {
		if checkFields(http.Header{name: values}) == nil {
			h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case e.Status == http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case e.Status == http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
	}
	if e.Status == http.StatusUpgradeRequired || e.Field == nameVersion {
		h.Set(nameVersion, Version)
	}
	return h
}

// Body returns the text of the reply: the status, and below it what was wrong and what to send
// instead.
func (e *Error) Body() string {
	text := e.Reason
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	return strconv.Itoa(e.Status) + " " + http.StatusText(e.Status) + "\n\n" + text + "\n"
}

// AppendResponse appends the whole HTTP/1.1 reply to dst and returns the extended slice. The reply
// says "Connection: close": send it, close the connection for writing, and let the peer read the
// reply before you close the socket.
func (e *Error) AppendResponse(dst []byte) []byte {
	body, h := e.Body(), e.Header()
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(e.Status), 10)
	dst = append(append(append(dst, ' '), http.StatusText(e.Status)...), "\r\n"...)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close")
	if e.Status == http.StatusUpgradeRequired {
		h.Set("Connection", "Upgrade, close")
	}
	// "An origin server with a clock MUST generate a Date header field in all 2xx (Successful), 3xx
	// (Redirection), and 4xx (Client Error) responses": RFC 9110 section 6.6.1.
	if h["Date"] == nil {
		dst = appendField(dst, "Date", time.Now().UTC().Format(http.TimeFormat))
	}
	dst = appendFields(dst, h)
	dst = append(dst, "\r\n"...)
	if e.headOnly {
		return dst
	}
	return append(dst, body...)
}

// appendFields appends the lines of h in the order of their names, so that equal input gives equal
// bytes. It spells the handshake's own headers as RFC 6455 does. It leaves out an empty User-Agent,
// as net/http does.
func appendFields(dst []byte, h http.Header) []byte {
	if len(h) == 0 {
		return dst
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			if v == "" && equalFold(name, "User-Agent") {
				continue
			}
			if name == keyVersion {
				name = nameVersion
			}
			dst = appendField(dst, name, v)
		}
	}
	return dst
}
