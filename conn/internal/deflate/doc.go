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
// tables, Huffman tables and buffers, is borrowed from pools while a message
// is at work.
//
// # Limits and errors
//
// The decoder enforces the negotiated window on every distance, stops at its
// limit while it inflates, not afterwards, and accepts exactly the streams
// that RFC 1951 allows, with blocks that have BFINAL set in any place
// (RFC 7692 section 7.2.3.4). Its errors are [ErrCorrupt] and [ErrTooBig].
package deflate
