// Package wsjson sends and receives JSON documents, one in each message.
//
//	in, err := wsjson.Read[Question](ctx, c)
//	err = wsjson.Write(ctx, c, Answer{42})
//
// These are for a loop. In a callback, which may not read, [Decode] and [Append] are in their
// places:
//
//	Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
//		in, err := wsjson.Decode[Question](t, p)
//		if err != nil {
//			_ = c.Close(ws.CloseInvalidPayload, "no question") // or answer, and go on
//			return
//		}
//		_ = wsjson.Append(c, Answer{in.A + in.B})
//	},
//
// A document is one Text message (RFC 6455 section 5.6), as a browser's send(JSON.stringify(v))
// makes it.
//
// # What a bad document does
//
// Nothing to the connection. [Read] and [Decode] return a [*DocumentError] for a message that is no
// JSON, that does not fit the type, or that is longer than [Codec.MaxSize]. The message is consumed
// then, and the next Read gets the next one. Likewise a value that can't be encoded is found before
// anything of it is sent.
//
//	v, err := wsjson.Read[Question](ctx, c)
//	var bad *wsjson.DocumentError
//	switch {
//	case errors.As(err, &bad):
//		err = wsjson.Write(ctx, c, Failure{bad.Error()}) // and read on
//	case err != nil:
//		return err // the connection or ctx has ended
//	}
//
// # Large documents
//
// Config.MaxMessageSize still bounds a message, and to exceed it ends the connection. [Read] and
// [Write] hold the whole document beside the value. What holds less:
//
//   - [Elements] and [WriteElements] read and write an array of any length, of which they hold one
//     element at a time. [Members] and [WriteMembers] do so with an object.
//   - [ReadStream] and [WriteStream] decode and encode any value while the message comes or leaves.
//     That needs encoding/json/v2, which is in Go 1.27. With Go 1.26 they hold the whole document,
//     since encoding/json does.
//
// They give up a promise for it: a value that can't be encoded, after a part of it has left, ends
// the connection, and what was decoded before ctx ended is lost. No function splits a string: it is
// in memory as a whole.
//
// # Which encoding
//
// The functions use encoding/json, except that they don't escape <, > and &. With Go 1.27 or later,
// V2 returns a [Codec] that uses encoding/json/v2 with its options.
package wsjson
