package handshake

import (
	"net/http"
	"strings"
)

// keyPseudoProtocol is the key under which net/http keeps the pseudo-header ":protocol" of an
// extended CONNECT, both in requests that it has read and in those that it is to send.
const keyPseudoProtocol = ":protocol"

// connectChecks are the rules for a handshake over HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220), where a
// stream takes the place of the connection. There is no key and no Upgrade: "implementations using
// this extension will use the pseudo-header field :protocol instead" (RFC 8441 section 5).
var connectChecks = [...]func(*Request) *Error{
	checkConnect, checkTarget, checkHost, checkHopByHop, checkVersion,
	checkSubprotocols, checkExtensions,
}

// checkConnect wants an extended CONNECT for websocket (RFC 8441 section 4). Another protocol gets
// 501 (RFC 9220 section 3). A plain CONNECT would ask for a tunnel, which is no business of a
// WebSocket server.
func checkConnect(r *Request) *Error {
	protocol, n := r.protocol()
	switch {
	case r.Method != http.MethodConnect || n != 1:
		return badRequest(fieldRequestLine, `must be an extended CONNECT with ":protocol" websocket (RFC 8441): or use HTTP/1.1`)
	case !equalFold(protocol, "websocket"):
		return &Error{
			Status: http.StatusNotImplemented,
			Field:  keyPseudoProtocol,
			Reason: "names a protocol that is not spoken here: use websocket",
		}
	}
	return nil
}

// protocol returns the pseudo-header ":protocol", and how often it came. Over HTTP/2, net/http keeps
// it among the headers. Over HTTP/3, quic-go keeps it in http.Request.Proto.
func (r *Request) protocol() (value string, n int) {
	if p := r.http; p != nil && p.ProtoMajor == 3 && !strings.HasPrefix(p.Proto, "HTTP/") {
		return p.Proto, 1
	}
	return r.single(keyPseudoProtocol)
}

// checkHopByHop wants none of the headers that HTTP/2 has done away with: a message that has one is
// malformed (RFC 9113 section 8.2.2). Sec-WebSocket-Key is ignored.
func checkHopByHop(r *Request) *Error {
	for _, name := range [...]string{"Connection", "Upgrade"} {
		if _, n := r.single(name); n > 0 {
			return badRequest(name, "must not be sent over HTTP/2")
		}
	}
	return nil
}
