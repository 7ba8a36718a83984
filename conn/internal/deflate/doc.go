// Package deflate is the codec of permessage-deflate (RFC 7692 section 7.2):
// an encoder and a decoder of DEFLATE data (RFC 1951) that work on slices of
// whole messages or of parts of messages.
//
// # Messages
//
// A message is compressed into DEFLATE blocks, the last of which is an empty
// block without compression; the four bytes 00 00 ff ff that such a block
// ends with are cut off by the sender and put back by the receiver (RFC 7692
// sections 7.2.1 and 7.2.2). Both happens in here: what [Encoder.Append]
// returns is the payload of the message's frames, and [Decoder.Append] takes
// that payload. A message may be handed over whole, as one part that is the
// [Last], or in any number of parts, each of them [More] but the last one.
//
// # Memory
//
// Between messages an Encoder or Decoder holds the last bytes of the text it
// has seen, as many as its window has, where context takeover is in use, and
// nothing where it is not. That memory grows with the text. Everything else, hash
// tables, Huffman tables and buffers, is borrowed from pools: 280 KiB for the
// length of a call that compresses (64 KiB more at the levels above 1), 32 KiB
// and a window while a message is compressed in parts, 12 KiB while a message
// with dynamic blocks is inflated, and 12 KiB and a window while a message in
// parts is inflated without takeover.
//
// # How it works
//
// The encoder copies the window and up to 32 KiB of text behind it into one
// buffer, finds repetitions there (match.go; chain.go for the levels above 1)
// and writes each such block in the shortest of the three forms: stored, with
// fixed codes or with codes of its own (block.go, huffman.go). Its table of
// positions is made anew from the window for each message, of every other
// position, which takes a microsecond for 4 KiB.
//
// The decoder is a state machine that can stop at any byte of payload and of
// text (inflate.go), with a fast loop for what is not near either's end. Both
// look up symbols in tables (lookup.go).
//
// # Limits and errors
//
// The decoder enforces the negotiated window on every distance, stops at its
// limit while it inflates, not afterwards, and accepts exactly the streams
// that RFC 1951 allows, with blocks that have BFINAL set in any place
// (RFC 7692 section 7.2.3.4). Its errors are [ErrCorrupt] and [ErrTooBig].
package deflate
