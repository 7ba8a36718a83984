package wsjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
	"github.com/rfc6455/ws/frame"
)

// wire is a stream of what a client has sent.
type wire struct{ bytes.Reader }

func (w *wire) Write(p []byte) (int, error) { return len(p), nil }
func (w *wire) Close() error                { return nil }

// FuzzRead sends text as one message, in two frames, and then a good document. Read has to find in
// it what encoding/json finds, as has ReadStream, and Elements and Members what encoding/json finds in
// an array and in an object. All have to get the good document after that.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", " ", "1", "[1,2]", `{"a":[true,null,"x"]}`, `["a","b\u0000"]`, "[1,2", "[1]]", "[[1],{}] ", `{"a":1}{"b":2}`, "[1,]", "[,1]", "nul", `"\ud800"`,
	} {
		f.Add([]byte(seed), uint16(len(seed)/2), int64(0))
		f.Add([]byte(seed), uint16(1), int64(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint16, max int64) {
		if !utf8.Valid(text) {
			return // the connection ends (RFC 6455 section 8.1)
		}
		at := min(int(cut), len(text))
		good := []byte(`["good"]`)
		enc := frame.Encoder{Role: frame.Client}
		var b []byte
		for _, fr := range []struct {
			h frame.Header
			p []byte
		}{
			{frame.Header{Opcode: frame.Text}, text[:at]},
			{frame.Header{Opcode: frame.Continuation, Fin: true}, text[at:]},
			{frame.Header{Opcode: frame.Text, Fin: true}, good},
		} {
			var err error
			fr.h.Key = 0x01020304
			b, err = enc.AppendFrame(b, fr.h, fr.p)
			check(t, err)
		}
		open := func() *ws.Conn {
			w := new(wire)
			w.Reset(bytes.Clone(b))
			return ws.New(w, ws.RoleServer, ws.Negotiated{}, ws.Config{CloseTimeout: 1})
		}

		c := open()
		var got, want any
		k := wsjson.Codec{MaxSize: max}
		err := k.Read(bg, c, &got)
		wantErr := json.Unmarshal(text, &want)
		tooLarge := max > 0 && int64(len(text)) > max
		if tooLarge != errors.Is(err, wsjson.ErrTooLarge) {
			t.Fatalf("Read of %d B with MaxSize %d: %v", len(text), max, err)
		}
		if !tooLarge && ((err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want)) {
			t.Fatalf("Read of %q = %v, %v, want %v, %v", text, got, err, want, wantErr)
		}
		wantGood(t, c)

		c = open()
		got = nil
		err = k.ReadStream(bg, c, &got)
		if tooLarge != errors.Is(err, wsjson.ErrTooLarge) {
			// What comes after a mistake is dropped, and its length does not matter.
			if _, ok := errors.AsType[*wsjson.DocumentError](err); !ok || !tooLarge {
				t.Fatalf("ReadStream of %d B with MaxSize %d: %v", len(text), max, err)
			}
		}
		wantErr = json.Unmarshal(text, &want)
		if !tooLarge && ((err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want)) {
			t.Fatalf("ReadStream of %q = %v, %v, want %v, %v", text, got, err, want, wantErr)
		}
		wantGood(t, c)

		c = open()
		members := map[string]any{}
		err = nil
		for m, e := range wsjson.Members[any](bg, c) {
			if err = e; e == nil {
				members[m.Name] = m.Value
			}
		}
		var wantMembers map[string]any
		wantErr = json.Unmarshal(text, &wantMembers)
		isObject := wantErr == nil && wantMembers != nil // null is no object
		if (err == nil) != isObject || err == nil && !reflect.DeepEqual(members, wantMembers) {
			t.Fatalf("Members of %q: %v, %v, want %v, %v", text, members, err, wantMembers, wantErr)
		}
		wantGood(t, c)

		c = open()
		list := []any{}
		err = nil
		for v, e := range wsjson.Elements[any](bg, c) {
			if err = e; e == nil {
				list = append(list, v)
			}
		}
		var wantList []any
		wantErr = json.Unmarshal(text, &wantList)
		isArray := wantErr == nil && wantList != nil // null is no array
		if (err == nil) != isArray || err == nil && !reflect.DeepEqual(list, wantList) {
			t.Fatalf("Elements of %q: %v, %v, want %v, %v", text, list, err, wantList, wantErr)
		}
		wantGood(t, c)
	})
}

func wantGood(t *testing.T, c *ws.Conn) {
	t.Helper()
	if got, err := wsjson.Read[[]string](bg, c); err != nil || len(got) != 1 || got[0] != "good" {
		t.Fatalf("the next document: %v, %v", got, err)
	}
	check(t, c.CloseNow())
	<-c.Done()
}
