package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// record is a line of JSON: one event of a connection. The same form is read from standard input.
type record struct {
	Time  *time.Time `json:"time,omitempty"`
	Event string     `json:"event,omitempty"` // open, in, out, close, frame-in, frame-out
	Text  *string    `json:"text,omitempty"`  // of a text message
	Data  *[]byte    `json:"data,omitempty"`  // of a binary message, in base64

	URL         string  `json:"url,omitempty"`
	Subprotocol string  `json:"subprotocol,omitempty"`
	Code        int     `json:"code,omitempty"`
	Reason      string  `json:"reason,omitempty"`
	Opcode      string  `json:"opcode,omitempty"`
	Fin         *bool   `json:"fin,omitempty"`
	Length      *int64  `json:"length,omitempty"`
	Seconds     float64 `json:"seconds,omitempty"`
}

// header returns the record of a frame's header.
func header(event string, h frame.Header) record {
	return record{Event: event, Opcode: h.Opcode.String(), Fin: &h.Fin, Length: &h.Length}
}

// message returns the record of a message.
func message(event string, t ws.MessageType, p []byte) record {
	r := record{Event: event}
	if t == ws.Text {
		s := string(p)
		r.Text = &s
	} else {
		data := append([]byte{}, p...)
		r.Data = &data
	}
	return r
}

// content returns the message that a record holds. It is not ok if the record holds none.
func (r *record) content() (t ws.MessageType, p []byte, ok bool) {
	switch {
	case r.Text != nil:
		return ws.Text, []byte(*r.Text), true
	case r.Data != nil:
		return ws.Binary, *r.Data, true
	}
	return 0, nil, false
}

// jsonWriter writes records, each with the time.
type jsonWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (j *jsonWriter) write(r record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	r.Time = &now
	e := json.NewEncoder(j.w)
	e.SetEscapeHTML(false)
	_ = e.Encode(r)
}

// maxLine bounds a line of input, in bytes.
const maxLine = 128 << 20

// lines calls f for each line of r, until f returns an error.
func lines(r io.Reader, f func(line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if err := f(s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}

// parseRecord reads a line.
func parseRecord(line []byte) (record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("not a line of JSON such as {\"text\":\"hello\"} or {\"data\":\"aGVsbG8=\"}: %w", err)
	}
	return r, nil
}

// recordCmd is ws record.
type recordCmd struct {
	dialFlags
	URL   string        `arg:"" help:"The server."`
	Send  []string      `placeholder:"TEXT" help:"Send this text at the beginning. May be repeated."`
	Limit time.Duration `name:"for" help:"Stop after this time. Default: when the server closes."`
}

// Run records until the connection ends.
func (c *recordCmd) Run(a *app) error {
	d, err := c.dialer(nil)
	if err != nil {
		return err
	}
	defer d.close()
	conn, err := d.dial(a.ctx, c.URL)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	out := &jsonWriter{w: a.stdout}
	out.write(record{Event: "open", URL: complete(c.URL), Subprotocol: conn.Subprotocol()})
	if c.Limit > 0 {
		stop := time.AfterFunc(c.Limit, func() { _ = conn.Close(ws.CloseNormal, "") })
		defer stop.Stop()
	}
	for _, text := range c.Send {
		if err := conn.Write(a.ctx, ws.Text, []byte(text)); err != nil {
			return err
		}
		out.write(message("out", ws.Text, []byte(text)))
	}
	var p []byte
	for {
		var t ws.MessageType
		if t, p, err = conn.ReadInto(a.ctx, p[:0]); err != nil {
			break
		}
		out.write(message("in", t, p))
	}
	if a.ctx.Err() != nil {
		_ = conn.Close(ws.CloseNormal, "")
	}
	return recordEnd(out, conn)
}

// recordEnd writes how a connection has ended, and returns the exit status for that.
func recordEnd(out *jsonWriter, conn *ws.Conn) error {
	<-conn.Done()
	e, ok := errors.AsType[*ws.CloseError](conn.Err())
	if !ok {
		return nil
	}
	out.write(record{Event: "close", Code: int(e.Code), Reason: e.Reason})
	return exitFor(e.Code)
}

// exitFor returns the exit status for a close code: none for an end in good order, the code less
// 1000 for the others of RFC 6455, 30 for those of libraries and 40 for those of applications.
func exitFor(code ws.CloseCode) error {
	switch {
	case code == ws.CloseNormal || code == ws.CloseGoingAway || code == ws.CloseNoStatus:
		return nil
	case code < 3000:
		return exitError(code - 1000)
	case code < 4000:
		return exitError(30)
	}
	return exitError(40)
}

// replayCmd is ws replay.
type replayCmd struct {
	dialFlags
	File  string        `arg:"" help:"What ws record or ws connect --jsonl has written; - is standard input."`
	URL   string        `arg:"" help:"The server."`
	Event string        `default:"out" enum:"in,out" help:"Send what was received (in) or what was sent (out)."`
	Speed float64       `default:"1" help:"How many times as fast as recorded; 0: without pauses."`
	Wait  time.Duration `default:"1s" help:"How long the server must be silent at the end, before the connection is closed."`
}

// Run sends the messages of the file and writes what comes.
func (c *replayCmd) Run(a *app) error {
	list, err := c.read(a)
	if err != nil {
		return err
	}
	d, err := c.dialer(nil)
	if err != nil {
		return err
	}
	defer d.close()
	conn, err := d.dial(a.ctx, c.URL)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	out := &jsonWriter{w: a.stdout}
	out.write(record{Event: "open", URL: complete(c.URL), Subprotocol: conn.Subprotocol()})
	heard := receive(a, conn, func(t ws.MessageType, p []byte) { out.write(message("in", t, p)) })
	began := time.Now()
	for _, r := range list {
		if c.Speed > 0 && r.Time != nil && list[0].Time != nil {
			after := time.Duration(float64(r.Time.Sub(*list[0].Time)) / c.Speed)
			if !pause(a, conn, time.Until(began.Add(after))) {
				break
			}
		}
		t, p, _ := r.content()
		out.write(message("out", t, p))
		if err := conn.Write(a.ctx, t, p); err != nil {
			break // the end says why
		}
	}
	heard.wait(c.Wait)
	_ = conn.Close(ws.CloseNormal, "")
	return recordEnd(out, conn)
}

// read returns the messages to send.
func (c *replayCmd) read(a *app) (list []record, err error) {
	in := a.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	n := 0
	err = lines(in, func(line []byte) error {
		if n++; strings.TrimSpace(string(line)) == "" {
			return nil
		}
		r, err := parseRecord(line)
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", c.File, n, err)
		}
		if _, _, ok := r.content(); ok && (r.Event == c.Event || r.Event == "") {
			list = append(list, r)
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s has no messages with the event %q: try --event in or --event out", c.File, c.Event)
	}
	return list, err
}

// pause waits. It returns false if the connection or the program ends.
func pause(a *app, conn *ws.Conn, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-conn.Done():
	case <-a.ctx.Done():
	}
	return false
}

// hearing is a goroutine that receives messages.
type hearing struct {
	conn  *ws.Conn
	heard chan struct{} // something has come
}

// receive calls f for each message, from a goroutine of its own, until the connection ends.
func receive(a *app, conn *ws.Conn, f func(t ws.MessageType, p []byte)) *hearing {
	h := &hearing{conn: conn, heard: make(chan struct{}, 1)}
	go func() {
		var p []byte
		for {
			var t ws.MessageType
			var err error
			if t, p, err = conn.ReadInto(a.ctx, p[:0]); err != nil {
				if a.ctx.Err() != nil {
					_ = conn.Close(ws.CloseGoingAway, "")
				}
				return
			}
			f(t, p)
			select {
			case h.heard <- struct{}{}:
			default:
			}
		}
	}()
	return h
}

// wait returns when nothing has come for d, or at the end of the connection. With d = 0 it waits for
// that end alone.
func (h *hearing) wait(d time.Duration) {
	for {
		var silent <-chan time.Time
		if d > 0 {
			silent = time.After(d)
		}
		select {
		case <-h.heard:
		case <-silent:
			return
		case <-h.conn.Done():
			return
		}
	}
}
