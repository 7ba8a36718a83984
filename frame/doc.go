// Package frame is the WebSocket protocol of RFC 6455 sections 5 to 8 without any input or output:
// bytes go in and events come out, frames go in and bytes come out. The package opens no socket,
// starts no goroutine, reads no clock and takes no lock. So the same code serves a blocking
// connection, an event loop, an HTTP/2 stream, a proxy, a fuzzer or a test tool.
//
// # The wire (RFC 6455 section 5.2)
//
//	 bit   0   1 2 3   4 5 6 7     8     9 ... 15
//	     +-----+-------+---------+------+----------+--------------------+-----------+---------+
//	     | FIN | RSV   | opcode  | MASK | length   | extended length    | masking   | payload |
//	     |     | 1 2 3 |         |      | 7 bits   | 0, 16 or 64 bits,  | key, 0 or | ...     |
//	     |     |       |         |      |          | network byte order | 32 bits   |         |
//	     +-----+-------+---------+------+----------+--------------------+-----------+---------+
//	bytes          0                   1              2..3 or 2..9        4 bytes
//
// A message is one frame with opcode Text or Binary. Unless that frame has FIN set, Continuation
// frames follow until one has. Control frames (Close, Ping, Pong) are never split and may stand
// between the frames of a message.
//
// # What is here
//
//   - [Header], [Parse] and [Append]: the encoding of one frame header, and nothing else.
//   - [Decoder]: turns a peer's bytes into events. It enforces every rule of the RFC that can be
//     seen in the bytes.
//   - [Encoder]: turns headers and payloads into bytes. It refuses to send what a peer would have
//     to refuse.
//   - [CloseCode], [ParseClose], [AppendClose], [TruncateReason]: the payload of a Close frame.
//   - [UTF8]: validates text that comes in pieces, and fails at the first impossible byte. It uses
//     vector instructions if the piece is long enough and the machine has them: AVX2 or AVX-512 on
//     amd64, NEON on arm64.
//   - [Lifecycle] and [Next]: the closing handshake as a state and one pure transition function.
//   - [Error]: one value for each rule, with its close code and its section of the RFC.
//
// # Contract
//
// The result does not depend on how the input is split. A Decoder that is fed one byte at a time
// reports the same payload bytes, the same control frames and the same error as one that is fed
// everything at once. It allocates nothing, except for a control frame that arrives in pieces (125
// bytes at most). A length that a peer announces is never a reason to allocate.
//
// [Event].Data aliases the input, which the Decoder unmasks in place. It is valid until the next
// call of Step.
//
// Nothing in this package panics on what a peer sends. The zero value of every type is ready for
// use. Values are not safe for concurrent use, but the two directions are independent: one
// goroutine may own the Decoder of a connection and another its Encoder.
package frame
