// Package deflate is the codec of permessage-deflate (RFC 7692 section 7.2): an encoder and a
// decoder of DEFLATE data (RFC 1951) that work on slices of whole messages or of parts of messages.
//
// # Messages
//
// A message is compressed into DEFLATE blocks, the last of which is an empty block without
// compression. Such a block ends with the four bytes 00 00 ff ff, which the sender cuts off and the
// receiver puts back (RFC 7692 sections 7.2.1 and 7.2.2). This package does both: [Encoder.Append]
// returns the payload of the message's frames, and [Decoder.Append] takes that payload. A message
// may be passed whole, as one part that is the [Last], or in any number of parts, each of them
// [More] but the last one.
//
// # Memory
//
// Between messages an Encoder or Decoder with context takeover holds the last bytes of the text
// that it has seen, as many as its window has. Without context takeover it holds nothing. That
// memory grows with the text. [Encoder.Fold] and [Decoder.Fold] compress it until it is used again.
// Everything else (hash tables, Huffman tables and buffers) is borrowed from pools: 280 KiB during a
// call that compresses (64 KiB more at the levels above 1), 32 KiB and a window while a message is
// compressed in parts, 12 KiB while a message with dynamic blocks is inflated, and 12 KiB and a
// window while a message in parts is inflated without takeover.
//
// # How it works
//
// The encoder copies the window, and after it up to 32 KiB of text, into one buffer. There it finds
// repetitions (match.go; chain.go for the levels above 1), and writes each such block in the
// shortest of three forms: stored, with fixed codes or with codes of its own (block.go,
// huffman.go). For each message it makes its table of positions anew from the window, of every
// other position, which takes a microsecond for 4 KiB.
//
// The decoder is a state machine that can stop at any byte of payload and of text (inflate.go),
// with a fast loop for everything that is not near the end of either. Both look up symbols in
// tables (lookup.go).
//
// # Limits and errors
//
// The decoder enforces the negotiated window on every distance. It stops at its limit while it
// inflates, not afterwards. It accepts exactly the streams that RFC 1951 allows, and blocks with
// BFINAL set anywhere (RFC 7692 section 7.2.3.4). Its errors are [ErrCorrupt] and [ErrTooBig].
package deflate
