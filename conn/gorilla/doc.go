// Package websocket has the API of github.com/gorilla/websocket v1.5.3, whole and unchanged, on the
// core of this module. It is for programs that were written for gorilla. A new program is better
// off with github.com/rfc6455/ws/conn, which can do more: contexts, the closing handshake, queues,
// HTTP/2.
//
// # To move a program here
//
// Two lines put this package in the place of gorilla, in the program and in everything that it
// imports. No source changes:
//
//	go mod edit \
//		-replace github.com/gorilla/websocket=github.com/rfc6455/ws/conn/gorilla/replace@latest
//	go mod tidy
//
// And this is the way back:
//
//	go mod edit -dropreplace github.com/gorilla/websocket
//	go mod tidy
//
// A program that would rather change its imports imports this package instead:
//
//	import websocket "github.com/rfc6455/ws/conn/gorilla"
//
// # What is the same
//
// The names, the signatures, and what gorilla's documentation says of them. [Conn.Close] cuts the
// connection. The closing handshake is the program's: the default handler answers a Close frame,
// and after this side's own Close frame writes return [ErrCloseSent]. Deadlines that pass end
// reading or writing for good. Errors of reads are permanent, and the thousandth read that fails
// panics. Compression is without context takeover.
//
// The tests of this package that say so run against gorilla, too. The test suites of programs that
// others have written for gorilla pass: `make gorilla-apps` runs them.
//
// # What is better
//
//	                          gorilla                       here
//	concurrent writers        the program's to prevent      each message is whole and apart;
//	                                                        another write ends NextWriter's
//	concurrent readers        the program's to prevent      take turns
//	an idle connection        holds its buffers             holds none
//	a message's size          no limit by default           32 MiB by default
//	ReadLimit                 bounds what comes             bounds what it inflates to as well,
//	                                                        and counts what is dropped
//	text                      is the program's to check     is checked, in both directions
//	frames                    some rules are left out       all rules (RFC 6455 section 5)
//	a message's frames        any number                    131072 at most, else 1008
//	masking keys              math/rand, and one for all    crypto/rand, and a new one for
//	                          who get a prepared message    each frame
//	window bits               are not negotiated            are kept to (RFC 7692 section 7.1.2)
//	offers of compression     any is accepted               those that RFC 7692 allows
//	a server's answer to one  has both parameters           may have server_no_context_takeover alone
//	a server's response       is read whole                 256 KiB at most
//	the body of a refusal     its first 1024 bytes          64 KiB of what comes within a second
//	WriteJSON that fails      may have sent a message       sends nothing
//	a dial's context          ends some of its steps        ends any of them
//	https proxies             no                            yes
//	a wrapped ResponseWriter  has to have Hijack            may have Unwrap instead
//	NextProtos with "h2"      is an error                   is replaced by "http/1.1"
//
// Any number of goroutines may write: see [Conn.WriteMessage] and [Conn.NextWriter].
//
// These differences show only to a program that looks for them. The error of a peer's violation is
// a *frame.Error with another text. ReadBufferSize and WriteBufferPool have no effect. A message is
// split into fewer frames. At compression level 0 messages are sent plain. An error of a deadline
// has the transport's error in it: errors.Is finds os.ErrDeadlineExceeded. A write deadline that a
// program sets on [Conn.NetConn] is not lifted by the next write. A connection that is cut while
// the rest of a message is dropped gives a [*CloseError] with 1006, as it does elsewhere. The
// writer of a control frame refuses more than 125 bytes in Write, and not in Close. A handler that
// reads the connection for which it was called waits for ever. An error of a proxy that refuses
// the tunnel has more in it than the text of the status, and the request for the tunnel has no
// User-Agent. The code 1014 of a Close frame is valid. Reflection finds other fields in a Conn.
package websocket
