package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
)

// The client says what it wants, and from where it goes on:
//
//	client  {"op":"put","name":"a","size":5000000}  client  {"op":"get","name":"a","offset":0}
//	server  {"offset":0}                            server  {"offset":0,"size":5000000}
//	client  pieces of the file, binary messages     server  pieces of the file, binary messages
//	server  {"offset":1048576} after each piece     client  {"offset":1048576} after each piece
//	client  {"sha256":"..."} of the whole file      server  {"sha256":"..."} of the whole file
//	server  {"done":true}
//
// Instead of any of these the server may say {"error":"..."}. A piece is a message, since a browser
// can neither send nor get a message in parts. Both sides stream it all the same, and hold no
// more than a buffer.
type message struct {
	Op     string `json:"op,omitempty"`
	Name   string `json:"name,omitempty"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Done   bool   `json:"done,omitempty"`
	Error  string `json:"error,omitempty"`
}

const (
	piece  = 1 << 20  // bytes, at most: the limit of a message that package conn has by default
	window = 4        // pieces that are under way: with more the sender waits
	buffer = 32 << 10 // bytes
)

// refusal is what the server says why not. To try again would not help.
type refusal string

func (r refusal) Error() string { return "the server says: " + string(r) }

// hear reads a message that is no piece.
func hear(ctx context.Context, c *ws.Conn) (message, error) {
	m, err := wsjson.Read[message](ctx, c)
	if err == nil && m.Error != "" {
		err = refusal(m.Error)
	}
	return m, err
}

// transfer is one file on its way.
type transfer struct {
	conn     *ws.Conn
	file     io.ReadWriter
	sum      hash.Hash // of the file up to offset
	offset   int64
	size     int64
	progress func(offset, size int64) // or nil
}

func (t *transfer) hash() string { return hex.EncodeToString(t.sum.Sum(nil)) }

func (t *transfer) tell() {
	if t.progress != nil {
		t.progress(t.offset, t.size)
	}
}

// send sends what is left of the file. It is never more than a window ahead of the receiver.
func (t *transfer) send(ctx context.Context) error {
	buf := make([]byte, buffer)
	sent := t.offset
	for t.tell(); t.offset < t.size; t.tell() {
		for sent < t.size && sent < t.offset+window*piece {
			n := min(piece, t.size-sent)
			if err := t.sendPiece(ctx, n, buf); err != nil {
				return err
			}
			sent += n
		}
		m, err := hear(ctx, t.conn)
		if err != nil {
			return err
		}
		if m.Offset <= t.offset || m.Offset > sent {
			_ = t.conn.Close(ws.ClosePolicyViolation, "you have not been sent that much")
			return errors.New("the other side has got what was not sent")
		}
		t.offset = m.Offset
	}
	return nil
}

// sendPiece sends n bytes of the file, which are read as they leave.
func (t *transfer) sendPiece(ctx context.Context, n int64, buf []byte) error {
	w, err := t.conn.NextWriter(ctx, ws.Binary)
	if err != nil {
		return err
	}
	defer w.Abandon() // if it can't be finished, as when the file has become shorter
	copied, err := io.CopyBuffer(io.MultiWriter(w, t.sum), io.LimitReader(t.file, n), buf)
	switch {
	case err != nil:
		return err
	case copied < n:
		return errors.New("the file has become shorter")
	}
	return w.Close()
}

// receive receives what is left of the file. What has come before an error is in the file.
func (t *transfer) receive(ctx context.Context) error {
	buf := make([]byte, buffer)
	for t.tell(); t.offset < t.size; t.tell() {
		kind, r, err := t.conn.NextReader(ctx)
		if err != nil {
			return err
		}
		if kind != ws.Binary {
			return t.text(r)
		}
		n, err := io.CopyBuffer(io.MultiWriter(t.file, t.sum), io.LimitReader(r, t.size-t.offset), buf)
		if t.offset += n; err != nil {
			return err
		}
		if more, _ := r.Read(buf[:1]); more > 0 || n == 0 {
			_ = t.conn.Close(ws.ClosePolicyViolation, "a piece is empty, or goes beyond the end of the file")
			return errors.New("a piece is empty, or goes beyond the end of the file")
		}
		if err := wsjson.Write(ctx, t.conn, message{Offset: t.offset}); err != nil {
			return err
		}
	}
	return nil
}

// text is a message in place of a piece.
func (t *transfer) text(r io.Reader) error {
	var m message
	if err := json.NewDecoder(r).Decode(&m); err == nil && m.Error != "" {
		return refusal(m.Error)
	}
	_ = t.conn.Close(ws.CloseUnsupportedData, "want a piece of the file")
	return errors.New("a text message in place of a piece of the file")
}
