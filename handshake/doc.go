// Package handshake is the opening handshake of the WebSocket protocol as text: headers in, headers
// out. It opens no socket, starts no goroutine and sets no timer. Package conn feeds it bytes and
// sends what it returns.
//
// It covers RFC 6455 section 3 (URIs), section 4 (the opening handshake in both roles) and section
// 9 (extension negotiation), RFC 7692 sections 5 and 7.1 (the parameters of permessage-deflate, not
// the compression itself) and RFC 8441 (the handshake over HTTP/2).
//
// # A server
//
//	r := handshake.NewRequest(httpRequest)           // from net/http, or
//	r, n, err := parser.Request(bytes)               // from raw bytes
//	err = handshake.CheckRequest(r)                  // is it a WebSocket handshake?
//	a, err := handshake.Respond(r, &policy)          // origin, subprotocol, extensions
//	reply := a.AppendResponse(nil, r)                // 101, or
//	reply := err.(*handshake.Error).AppendResponse(nil) // 4xx
//
// # A client
//
//	u, err := handshake.ParseURL("wss://example.com/chat")
//	offer := handshake.Offer{URL: u, Key: handshake.NewKey()}
//	request, err := offer.AppendRequest(nil)
//	resp, n, err := parser.Response(bytes)
//	a, err := offer.CheckResponse(resp)
//
// # Strict and lenient
//
// A handshake is refused whenever the standard allows it. In a few places more is accepted than the
// grammar allows, for the sake of interoperability: spaces around "=" in an extension parameter, a
// line that ends in a bare LF, non-zero pad bits in a key (erratum 3150), a status line without the
// space before an empty reason, and characters in a target that should have been percent-encoded,
// of which browsers leave some in a query as they are.
//
// Extension names, their parameters and subprotocols are compared with case. Header names and the
// tokens of Upgrade and Connection are compared without it, by ASCII.
//
// Everything that a peer can make large is bounded: see [MaxHeaderBytes], [MaxHeaderFields],
// [MaxSubprotocols], [MaxExtensions], [MaxParams] and [MaxInterim]. All parsing takes time linear
// in its input.
package handshake
