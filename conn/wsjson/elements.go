package wsjson

import (
	"context"
	"encoding/json"
	"io"
	"iter"

	ws "github.com/rfc6455/ws/conn"
)

// Elements reads the next message, a JSON array, and yields its elements as they come. It holds one
// element at a time, so that with a large Config.MaxMessageSize an array may be longer than memory.
//
// The second value is nil, or the error that ends the array. That is a [*DocumentError] for a
// message that is no array of T: the rest of the message is dropped, and the connection is
// unharmed. If the loop ends early, the rest is dropped likewise. If ctx ends in the middle, the
// rest of the message stays: [ws.Conn.NextReader] with another context returns it, for Discard.
// Other errors are those of Conn.NextReader and of [ws.MessageReader.Read].
func Elements[T any](ctx context.Context, c *ws.Conn) iter.Seq2[T, error] {
	return parts(ctx, c, '[', errNoArray, func(d *json.Decoder) (v T, err error) {
		err = d.Decode(&v)
		return v, err
	})
}

// Member is a member of a JSON object: "a name/value pair" (RFC 8259 section 4).
type Member[T any] struct {
	Name  string
	Value T
}

// Members reads the next message, a JSON object, and yields its members as they come, in their
// order. A name that the object has twice comes twice. All else is as with [Elements].
func Members[T any](ctx context.Context, c *ws.Conn) iter.Seq2[Member[T], error] {
	return parts(ctx, c, '{', errNoObject, func(d *json.Decoder) (m Member[T], err error) {
		name, err := d.Token()
		if err == nil {
			m.Name, _ = name.(string) // the decoder takes nothing else for a name
			err = d.Decode(&m.Value)
		}
		return m, err
	})
}

// parts yields what next decodes of a message that begins with a bracket, until the other bracket.
func parts[T any](ctx context.Context, c *ws.Conn, bracket json.Delim, no error,
	next func(*json.Decoder) (T, error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		m, err := document(ctx, c)
		if err != nil {
			yield(none, err)
			return
		}
		in := &incoming{m: m}
		d := json.NewDecoder(in)
		err = begin(d, bracket, no)
		for err == nil && d.More() {
			var v T
			if v, err = next(d); err == nil && !yield(v, nil) {
				_ = retry(m.Discard)
				return
			}
		}
		if err == nil {
			err = finish(d)
		}
		if err = in.end(unexpectedEnd(err)); err != nil {
			yield(none, err)
		}
	}
}

// begin reads the opening bracket. If there is another value, its error is no.
func begin(d *json.Decoder, bracket json.Delim, no error) error {
	switch t, err := d.Token(); {
	case err != nil:
		return err
	case t != bracket:
		return no
	}
	return nil
}

// finish reads the closing bracket, and the end of the message.
func finish(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return err
	}
	return ended(d)
}

// WriteElements sends the values of seq as one message, a JSON array. It holds one of them at a
// time. The message is in fragments of at most Config.FragmentSize bytes, and other messages wait
// for its end. ctx bounds it all.
//
// If a value can't be encoded, WriteElements returns the encoder's error and the message is
// abandoned. Unless something of it has left, that harms nothing. Else the connection ends with
// 1011, since its peer could not tell the message from a whole one. Other errors are those of
// [ws.Conn.NextWriter] and its writer.
func WriteElements[T any](ctx context.Context, c *ws.Conn, seq iter.Seq[T]) error {
	return writeParts(ctx, c, "[]", func(yield func(func(*buffer) error) bool) {
		for v := range seq {
			if !yield(func(b *buffer) error { return zero.encode(b, v) }) {
				return
			}
		}
	})
}

// WriteMembers sends the names and values of seq as one message, a JSON object, in their order. The
// names have to differ: nothing checks that. All else is as with [WriteElements].
func WriteMembers[T any](ctx context.Context, c *ws.Conn, seq iter.Seq2[string, T]) error {
	return writeParts(ctx, c, "{}", func(yield func(func(*buffer) error) bool) {
		for name, v := range seq {
			if !yield(func(b *buffer) error {
				if err := zero.encode(b, name); err != nil {
					return err
				}
				b.WriteByte(':')
				return zero.encode(b, v)
			}) {
				return
			}
		}
	})
}

// writeParts sends the parts between two brackets as one message. A part appends itself.
func writeParts(
	ctx context.Context, c *ws.Conn, brackets string, parts iter.Seq[func(*buffer) error],
) error {
	return write(ctx, c, func(w io.Writer) error {
		b := getBuffer()
		defer b.put()
		b.WriteByte(brackets[0])
		between := ""
		for part := range parts {
			b.WriteString(between)
			between = ","
			if err := part(b); err != nil {
				return err
			}
			if _, err := w.Write(b.Bytes()); err != nil {
				return err
			}
			b.Reset()
		}
		b.WriteByte(brackets[1])
		_, err := w.Write(b.Bytes())
		return err
	})
}
