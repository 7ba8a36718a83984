// Package conn is a WebSocket connection (RFC 6455) for servers and clients.
//
//	import ws "github.com/rfc6455/ws/conn"
//
// A server takes a connection over from net/http with Upgrade, or serves
// callbacks with Upgrader.Handler; a client uses Dial:
//
//	c, err := ws.Upgrade(w, r)                 // in an http.HandlerFunc
//	c, err := ws.Dial(ctx, "wss://example.com/chat")
//
// # Reading
//
// One goroutine reads, with Read (a slice of its own for each message), ReadInto
// (into a buffer that is used again), NextReader (in pieces) or Serve
// (callbacks). Somebody should always be reading: pings, pongs and the peer's
// Close frame are handled by the reader. A read that ends by its context harms
// nothing; the next one goes on where it stopped.
//
// # Writing
//
// Any number of goroutines write. Write returns when the transport has taken
// the message, NextWriter sends one in pieces. Append queues a message for the
// next write, or for the moment when the reader has nothing left to do, so that
// many answers leave in one packet. Send queues one that leaves at once, and
// never blocks: for broadcasts, with Prepare and SendPrepared. What is queued
// for a peer that does not read is bounded by Config.Queue, and its patience by
// Config.WriteTimeout; Config.QueuePolicy says what happens beyond the bound, and
// Drained tells when the peer has caught up.
//
// # Concurrency
//
//	                      beside the reader   beside itself
//	Read, ReadInto,
//	NextReader, Serve     ErrConcurrentRead   ErrConcurrentRead
//	Write, NextWriter     yes                 yes, in the order of the calls
//	Append, Send, Flush   yes                 yes
//	Ping                  yes; needs one      yes
//	Close, CloseNow       yes                 yes
//	State, Err, Done,
//	Data, Buffered, ...   yes                 yes
//
// The callbacks of Serve may call everything but the first row. A MessageReader
// and a MessageWriter are for one goroutine each.
//
// # Closing
//
// Close does the closing handshake and waits for its end, within
// Config.CloseTimeout; CloseNow cuts the connection. After either end Err and
// every call return a *CloseError, which says who closed and with which code,
// and which errors.Is finds to be net.ErrClosed. A peer that broke a rule is told
// which one, in the reason of the Close frame.
//
// # Many connections
//
// A Group (Config.Group) knows its connections: it counts them, sends to all of
// them, and its Shutdown ends them in good order beside http.Server.Shutdown.
//
// # Observation
//
// Config.Trace shows what connections do. Stats counts it, for expvar or another
// kind of metrics; LogTrace logs it to a slog.Logger.
//
// # HTTP/2
//
// Upgrade and Handler also take WebSockets over HTTP/2 (RFC 8441), where net/http
// lets them through: see package xconnect below this one. The connection is then
// a stream of one that carries others, and has three rules of its own. The
// handler must not return before Done. The stream is ended in place of TCP, by
// END_STREAM after the closing handshake and by RST_STREAM where it is cut, with
// INTERNAL_ERROR for CANCEL, since net/http knows no other. And a peer that is
// not read from fills its stream's window, and then that of all streams: have
// http.Server.HTTP2 bound MaxReceiveBufferPerStream below
// MaxReceiveBufferPerConnection. Package h2 below this one dials.
//
// # Limits
//
// The zero Config is safe in front of strangers: messages up to 1 MiB, a queue
// of 2 MiB, 30 s for a write, 5 s for the closing handshake. Each limit is off
// when negative. KeepAlive and IdleTimeout are off by default.
//
// # Security
//
// Browsers send cookies with a handshake from any page. Upgrade therefore
// refuses pages of other hosts with 403, unless Upgrader.Origins lists them (RFC
// 6455 section 10.2). Upgrader.Check is the place for authentication: it runs
// before the connection is taken over.
//
// # Names
//
// "Section" in this package's comments is one of RFC 6455 unless another RFC is
// named.
package conn
