package wsjson

import (
	"context"

	ws "github.com/rfc6455/ws/conn"
)

// Write sends the document of v as one message. v is encoded before anything is sent, so that a
// value that can't be encoded harms nothing: Write returns the encoder's error. Its other errors
// are those of [ws.Conn.Write]. Any number of goroutines may write.
func Write[T any](ctx context.Context, c *ws.Conn, v T) error { return zero.Write(ctx, c, v) }

// Append queues the document of v, as [ws.Conn.Append] does: within callbacks it is the way to
// answer. Its errors are the encoder's, after which nothing was queued, and those of Conn.Append.
func Append[T any](c *ws.Conn, v T) error { return zero.Append(c, v) }

// Send queues the document of v, which leaves at once, and never blocks, as [ws.Conn.Send] does.
// Its errors are the encoder's, after which nothing was queued, and those of Conn.Send.
func Send[T any](c *ws.Conn, v T) error { return zero.Send(c, v) }

// Prepare encodes v once, for sending it to many connections, as [ws.Prepare] does. Its errors are
// the encoder's and those of ws.Prepare.
func Prepare[T any](v T) (*ws.Prepared, error) { return zero.Prepare(v) }

// Write does what the function [Write] does, with k's settings.
func (k *Codec) Write(ctx context.Context, c *ws.Conn, v any) error {
	return k.with(v, func(p []byte) error { return c.Write(ctx, ws.Text, p) })
}

// Append does what the function [Append] does, with k's settings.
func (k *Codec) Append(c *ws.Conn, v any) error {
	return k.with(v, func(p []byte) error { return c.Append(ws.Text, p) })
}

// Send does what the function [Send] does, with k's settings.
func (k *Codec) Send(c *ws.Conn, v any) error {
	return k.with(v, func(p []byte) error { return c.Send(ws.Text, p) })
}

// Prepare does what the function [Prepare] does, with k's settings.
func (k *Codec) Prepare(v any) (m *ws.Prepared, err error) {
	err = k.with(v, func(p []byte) error { m, err = ws.Prepare(ws.Text, p); return err })
	return m, err
}

// with calls send with the document of v, which is valid until send returns.
func (k *Codec) with(v any, send func([]byte) error) error {
	b := getBuffer()
	defer b.put()
	if err := k.orZero().encode(b, v); err != nil {
		return err
	}
	return send(b.Bytes())
}
