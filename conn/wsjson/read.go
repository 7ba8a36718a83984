package wsjson

import (
	"context"
	"io"
	"math"
	"runtime"

	ws "github.com/rfc6455/ws/conn"
)

// Read waits for the next message and decodes it into a T. If the document is bad it returns the
// zero T and a [*DocumentError]; the connection is unharmed. Its other errors are those of
// [ws.Conn.Read]. If ctx ends in the middle of a message, the next call goes on there. Until then
// the message is open: [ws.Conn.NextReader] returns the whole of it, and Conn.Read returns
// [ws.ErrMessageOpen]. One goroutine may read a connection at a time.
func Read[T any](ctx context.Context, c *ws.Conn) (T, error) {
	var v T
	if err := zero.Read(ctx, c, &v); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// Read does what the function [Read] does, with k's settings, into v, a pointer. As with
// json.Unmarshal, v may be partly set if the document is bad.
func (k *Codec) Read(ctx context.Context, c *ws.Conn, v any) error {
	k = k.orZero()
	m, err := document(ctx, c)
	if err != nil {
		return err
	}
	b := getBuffer()
	defer b.put()
	if err := k.gather(b, m); err != nil {
		if ctx.Err() != nil {
			_ = m.Unread(b.Bytes()) // the next call begins with them
		}
		return err
	}
	return k.Decode(ws.Text, b.Bytes(), v)
}

// document waits for the next message. It drops one that is not text.
func document(ctx context.Context, c *ws.Conn) (*ws.MessageReader, error) {
	t, m, err := c.NextReader(ctx)
	if err != nil || t == ws.Text {
		return m, err
	}
	if err := retry(m.Discard); err != nil {
		return nil, err // if ctx has ended, the next call finds the rest, of the same type
	}
	return nil, &DocumentError{Err: ErrNotText}
}

// Decode decodes a message that was read by other means into a T. Within Events.Message it is what
// Read is for a loop. If the document is bad it returns the zero T and a [*DocumentError], its only
// error. It does not keep p, and may be called concurrently.
func Decode[T any](t ws.MessageType, p []byte) (T, error) {
	var v T
	if err := zero.Decode(t, p, &v); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// Decode decodes a message that was read by other means, such as that of Events.Message, into v, a
// pointer. Its errors are [*DocumentError]. It does not keep p.
func (k *Codec) Decode(t ws.MessageType, p []byte, v any) error {
	k = k.orZero()
	switch {
	case t != ws.Text:
		return &DocumentError{Err: ErrNotText}
	case k.MaxSize > 0 && int64(len(p)) > k.MaxSize:
		return &DocumentError{Err: ErrTooLarge}
	}
	if err := k.decode(p, v); err != nil {
		return &DocumentError{Err: err}
	}
	return nil
}

// gather reads the message to its end. Of one that is too large it keeps one byte more than
// MaxSize.
func (k *Codec) gather(b *buffer, m *ws.MessageReader) error {
	r := io.Reader(m)
	if k.MaxSize > 0 && k.MaxSize < math.MaxInt64 {
		r = io.LimitReader(m, k.MaxSize+1)
	}
	if err := retry(func() error { _, err := b.ReadFrom(r); return err }); err != nil {
		return err
	}
	return retry(m.Discard) // nothing is left, unless the message is too large
}

// retry calls f until it is not refused because of another reader. The message of this reader is
// open, so that the other one is about to be refused.
func retry(f func() error) error {
	for {
		if err := f(); err != ws.ErrConcurrentRead {
			return err
		}
		runtime.Gosched()
	}
}
