package wsjson

import (
	"context"
	"io"

	ws "github.com/rfc6455/ws/conn"
)

// ReadStream is [Read] for large documents: it decodes a document while it comes. With Go 1.27 or
// later it holds no more of it than its longest string, name or number, or the value of a type with
// an UnmarshalJSON method. encoding/json of Go 1.26 holds the whole document, in one piece.
//
// The errors are those of Read, and a bad document harms the connection as little. If ctx ends in
// the middle, what was decoded is lost, and the rest of the message stays: [ws.Conn.NextReader]
// with another context returns it, for Discard.
func ReadStream[T any](ctx context.Context, c *ws.Conn) (T, error) {
	var v T
	if err := zero.ReadStream(ctx, c, &v); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// ReadStream does what the function [ReadStream] does, with k's settings, into v, a pointer. v may
// be partly set if there is an error.
func (k *Codec) ReadStream(ctx context.Context, c *ws.Conn, v any) error {
	k = k.orZero()
	m, err := document(ctx, c)
	if err != nil {
		return err
	}
	in := &incoming{m: m, most: k.MaxSize}
	return in.end(unexpectedEnd(k.decodeFrom(in, v)))
}

// WriteStream is [Write] for large values: it encodes v while the message leaves, in fragments of
// at most Config.FragmentSize bytes. Other messages wait for its end. With Go 1.27 or later it holds
// no more of the document than its longest string, name or number, or the value of a type with a
// MarshalJSON method. encoding/json of Go 1.26 holds the whole document.
//
// ctx bounds it all. If v can't be encoded, WriteStream returns the encoder's error and the message
// is abandoned. Unless something of it has left, that harms nothing. Else the connection ends with
// 1011, since its peer could not tell the message from a whole one. Other errors are those of
// [ws.Conn.NextWriter] and its writer. Any number of goroutines may write.
func WriteStream[T any](ctx context.Context, c *ws.Conn, v T) error {
	return zero.WriteStream(ctx, c, v)
}

// WriteStream does what the function [WriteStream] does, with k's settings.
func (k *Codec) WriteStream(ctx context.Context, c *ws.Conn, v any) error {
	return write(ctx, c, func(w io.Writer) error { return k.orZero().encodeTo(w, v) })
}

// write sends what f writes as one message. An error of f abandons it.
func write(ctx context.Context, c *ws.Conn, f func(io.Writer) error) error {
	m, err := c.NextWriter(ctx, ws.Text)
	if err != nil {
		return err
	}
	out := &outgoing{m: m}
	if err := f(out); err != nil {
		m.Abandon()
		if out.broken != nil {
			return out.broken
		}
		return err
	}
	return m.Close()
}

// outgoing is a message that is written in pieces.
type outgoing struct {
	m      *ws.MessageWriter
	broken error // why the message could not be written: an encoder wraps it
}

func (o *outgoing) Write(p []byte) (n int, err error) {
	n, err = o.m.Write(p)
	if err != nil {
		o.broken = err
	}
	return n, err
}

// incoming is a message that is decoded while it comes.
type incoming struct {
	m       *ws.MessageReader
	most    int64 // of its bytes, if it is greater than 0
	size    int64 // what has come
	broken  error // why the message could not be read on; it is not the document's
	tooLong bool
}

// Read is that of the message. It remembers errors that are not the document's.
func (in *incoming) Read(p []byte) (n int, err error) {
	err = retry(func() error { n, err = in.m.Read(p); return err })
	if err != nil && err != io.EOF {
		in.broken = err
	}
	if in.size += int64(n); in.most > 0 && in.size > in.most {
		in.tooLong = true
		return 0, ErrTooLarge
	}
	return n, err
}

// end drops what is left of the message, and returns the error that the caller gets. err is what
// the document's decoder has found.
func (in *incoming) end(err error) error {
	if in.broken != nil {
		return in.broken
	}
	if dropErr := retry(in.m.Discard); dropErr != nil {
		return dropErr
	}
	switch {
	case in.tooLong:
		return &DocumentError{Err: ErrTooLarge}
	case err != nil:
		return &DocumentError{Err: err}
	}
	return nil
}
