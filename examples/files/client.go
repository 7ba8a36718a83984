package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
)

// client puts and gets files. If its connection is cut it dials again, and goes on where it was.
type client struct {
	dialer   ws.Dialer
	url      string
	progress func(offset, size int64)
}

// retry calls f with one connection after another until it returns without an error, or with one
// that another attempt would not change.
func (cl *client) retry(ctx context.Context, f func(c *ws.Conn) error) error {
	var last error
	for c, err := range cl.dialer.Reconnect(ctx, cl.url) {
		if last = err; err != nil {
			continue
		}
		if last = f(c); !errors.Is(last, net.ErrClosed) { // the connection is not the reason
			_ = c.Close(ws.CloseNormal, "")
			return last
		}
	}
	return errors.Join(last, ctx.Err())
}

// put sends a file.
func (cl *client) put(ctx context.Context, path string) error {
	return cl.retry(ctx, func(c *ws.Conn) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		t := transfer{conn: c, file: f, size: info.Size(), sum: sha256.New(), progress: cl.progress}
		m := message{Op: "put", Name: filepath.Base(path), Size: t.size}
		if err := wsjson.Write(ctx, c, m); err != nil {
			return err
		}
		begin, err := hear(ctx, c)
		if err != nil {
			return err
		}
		if t.offset = begin.Offset; t.offset < 0 || t.offset > t.size {
			return errors.New("the server wants to go on where the file is not")
		}
		if _, err := io.CopyN(t.sum, f, t.offset); err != nil {
			return err
		}
		if err := t.send(ctx); err != nil {
			return err
		}
		if err := wsjson.Write(ctx, c, message{SHA256: t.hash()}); err != nil {
			return err
		}
		_, err = hear(ctx, c)
		return err
	})
}

// get receives the file name into path. Until it is whole it is path.part.
func (cl *client) get(ctx context.Context, name, path string) error {
	return cl.retry(ctx, func(c *ws.Conn) error {
		f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		t := transfer{conn: c, file: f, sum: sha256.New(), progress: cl.progress}
		if t.offset, err = io.Copy(t.sum, f); err != nil { // to the end, where it goes on
			return err
		}
		if err := wsjson.Write(ctx, c, message{Op: "get", Name: name, Offset: t.offset}); err != nil {
			return err
		}
		begin, err := hear(ctx, c)
		if err != nil && t.offset == 0 {
			err = errors.Join(err, os.Remove(f.Name())) // nothing has come
		}
		if err != nil {
			return err
		}
		t.size = begin.Size
		if err := t.receive(ctx); err != nil {
			return err
		}
		switch end, err := hear(ctx, c); {
		case err != nil:
			return err
		case end.SHA256 != t.hash():
			err := errors.New("the SHA-256 differs: it is another file now; try again")
			return errors.Join(err, os.Remove(f.Name()))
		}
		return errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), path))
	})
}
