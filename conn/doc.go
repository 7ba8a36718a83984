// Package conn is a WebSocket connection (RFC 6455) for servers and clients.
//
//	import ws "github.com/rfc6455/ws/conn"
//
// A server takes a connection over from net/http with [Upgrade], or has callbacks served by
// [Upgrader.Handler]. With [Upgrader.HandlerFunc] a function of yours reads in a loop, on a
// goroutine that net/http does not hold. A client uses [Dial]:
//
//	c, err := ws.Upgrade(w, r)                 // in an http.HandlerFunc
//	c, err := ws.Dial(ctx, "wss://example.com/chat")
//
// # Reading
//
// One goroutine reads, with [Conn.Read] (a slice of its own for each message), [Conn.ReadInto]
// (into a buffer that is used again), [Conn.NextReader] (in pieces) or [Conn.Serve] (callbacks).
// Somebody should always be reading, since the reader handles pings, pongs and the peer's Close
// frame. A read whose context ends harms nothing. The next read goes on where that one stopped.
// Package wsjson, below this one, reads and writes JSON documents.
//
// # Writing
//
// Any number of goroutines may write. [Conn.Write] returns when the transport has taken the
// message. [Conn.NextWriter] sends a message in pieces. [Conn.Append] queues a message. It leaves
// with the next write, or when the reader has nothing left to do, so that many answers share one
// packet. [Conn.Send] queues a message that leaves at once, and never blocks. For broadcasts use it
// with [Prepare] and [Conn.SendPrepared].
//
// Config.Queue bounds what is queued for a peer that does not read. Config.QueuePolicy says what
// happens beyond that bound. By default the connection is closed. Config.WriteTimeout bounds how
// long the peer may take no bytes. [Conn.Drained] reports when the peer has caught up.
//
// # Concurrency
//
//	                      beside the reader   beside itself
//	Read, ReadInto,
//	NextReader, Serve,    ErrConcurrentRead   ErrConcurrentRead
//	Handle
//	Write, NextWriter     yes                 yes, in the order of the calls
//	Append, Send, Flush   yes                 yes
//	Ping                  yes; needs one      yes
//	Close, CloseNow       yes                 yes
//	State, Err, Done,
//	Data, Buffered, ...   yes                 yes
//
// The callbacks of [Conn.Serve] and [Conn.Handle] may call everything except the first row. A
// [MessageReader] or a [MessageWriter] is for one goroutine.
//
// # Closing
//
// [Conn.Close] does the closing handshake and waits for its end, for Config.CloseTimeout at most.
// Within a callback of [Conn.Serve] it can't wait, and returns [ErrClosing]. [Conn.CloseNow] cuts
// the connection. After the end [Conn.Err] and every call return the same [*CloseError]. It says
// who closed, with which code, and which code this side sent. errors.Is finds net.ErrClosed in it.
// If the peer broke a rule, the reason of the Close frame tells it which one.
//
// If the peer ends its direction without a Close frame, what is queued for it still leaves, within
// Config.CloseTimeout. A write that finds the transport lost ends the connection, even if nobody
// reads.
//
// # Many connections
//
// A [Group] (Config.Group) knows its connections. It counts them and sends to all of them.
// [Group.Shutdown] ends them in good order, beside http.Server.Shutdown.
//
// Package hub, below this one, is topics: who gets what, on one machine or on many, and what clients
// get that come back. [Dialer.Reconnect] is for the clients.
//
// # Observation
//
// Config.Trace shows what connections do. [Stats] counts it, for expvar or another kind of metrics,
// and [LogTrace] logs it to a slog.Logger. Two things are logged unless a Trace has the hook for
// them: a panic in a callback, and a fault of this side that refuses every client. The log is the
// http.Server's ErrorLog, or else package log. [Upgrader.Validate] finds such faults when the
// server starts.
//
// No error repeats the value of a header, a subprotocol, user information or the query of a URL.
//
// # HTTP/2
//
// [Upgrade] and [Upgrader.Handler] also take WebSockets over HTTP/2 (RFC 8441), if net/http lets
// them through. Package xconnect, below this one, says how. The connection is then one stream of an
// HTTP/2 connection, which carries other streams too. Three rules are different:
//
//   - The handler must not return before [Conn.Done] is closed.
//   - The stream ends, and TCP does not. END_STREAM ends it after the closing handshake, and
//     RST_STREAM if it is cut. A server's RST_STREAM has the code INTERNAL_ERROR in place of
//     CANCEL, since net/http knows no other code.
//   - A peer that nobody reads from fills the window of its stream, and then the window of all
//     streams: set MaxReceiveBufferPerStream of http.Server.HTTP2 to less than
//     MaxReceiveBufferPerConnection.
//
// To dial over HTTP/2, use package h2, below this one.
//
// # Limits
//
// The zero Config is safe in front of strangers: messages of up to 1 MiB, a queue of 2 MiB, 30 s
// for a write, 5 s for the closing handshake. A negative value switches a limit off. KeepAlive and
// IdleTimeout are off by default.
//
// # Security
//
// A browser sends its cookies with a handshake, whichever page asks for it. [Upgrade] therefore
// refuses pages of other hosts with 403, unless Upgrader.Origins lists their origin or a pattern
// that matches it (RFC 6455 section 10.2). Upgrader.Check is the place for authentication. It runs
// before the connection is taken over. It can keep what it finds out, such as who the client is, in
// the request's Data. [Conn.Data] returns that value, and Events.Open gets the request.
//
// # In a browser
//
// With GOOS=js this package is a client over the WebSocket that JavaScript has: a WebSocketStream if
// there is one, and else a WebSocket. It has neither net/http nor crypto/tls in it. The same source
// compiles for a page and for other platforms, as long as it uses what both have: [Dial], [Dialer],
// [Conn], [Events], [Group], [Prepare], [Stats] and [Trace]. Their meaning is the same, with these
// exceptions:
//
//   - A field of [Dialer] or [Config] that means nothing in a browser, such as Header, TLSConfig,
//     Compression or KeepAlive, is an error of Dial that names the field. So is [Conn.Ping] an error.
//     errors.Is finds errors.ErrUnsupported in it.
//   - Dial returns no response, and its [*HandshakeError] has no status, since a page is not told.
//   - [Conn.Close] takes the codes 1000 and 3000 to 4999, as a browser does. If this side ends the
//     connection for a reason that has another code, such as 1009, the Close frame has none.
//   - [Conn.CloseNow] ends the Conn at once, and the browser does the closing handshake later.
//   - A message leaves and comes as a whole. [Conn.NextWriter] and [Conn.NextReader] hold it, and
//     Config.MaxMessageSize is checked when a message has come.
//   - A message of [Conn.Append] leaves at once, as one of [Conn.Send] does.
//   - A peer that sends faster than the page reads is held back over a WebSocketStream. Over a
//     WebSocket, as in Firefox and Safari, its messages pile up in memory: let it wait for answers.
//
// # Names
//
// "Section" in this package's comments means a section of RFC 6455, unless another RFC is named.
package conn
