// Package tunnel is a stream of HTTP/3 from the moment when a CONNECT has succeeded: "the DATA
// frames sent by the client are [...] the TCP payload" (RFC 9114 section 4.4), and so are the
// server's. It needs nothing of HTTP/3 but DATA frames, and reads them itself:
//
//   - A deadline may end a read anywhere, also within the header of a DATA frame, and the next read
//     goes on. quic-go's http3.Stream loses the first part of that header then.
//   - A read allocates nothing.
//   - In a tunnel only DATA frames are allowed. Elsewhere a HEADERS frame may follow them.
//
// Both sides of a WebSocket use it: a server on the stream that http3.Server gives away, a client
// on one that it has opened.
package tunnel
