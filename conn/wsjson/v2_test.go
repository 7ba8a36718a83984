//go:build go1.27 && goexperiment.jsonv2

package wsjson_test

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/wsjson"
)

func TestV2(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	k := wsjson.V2(json.StringifyNumbers(true))
	check(t, k.Write(bg, s, point{X: 1}))
	_, p, err := c.Read(bg)
	check(t, err)
	if string(p) != `{"X":"1","Y":"0"}` {
		t.Errorf("Write sent %s, want numbers as strings", p)
	}
	strict := wsjson.V2()
	strict.DisallowUnknownFields = true
	for in, want := range map[string]string{
		`{"X":1,"X":2}`:     "duplicate",
		`{"Z":1}`:           "does not have",
		`{"X":"secret"}`:    "a value that is no int",
		`{"X":1} 2`:         "invalid character",
		"":                  "unexpected EOF",
		`{"X":` + "\t\x01}": "invalid character",
	} {
		check(t, c.Write(bg, ws.Text, []byte(in)))
		var got point
		err := strict.Read(bg, s, &got)
		if _, ok := errors.AsType[*wsjson.DocumentError](err); !ok || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
	check(t, c.Write(bg, ws.Text, []byte(`{"X":3}`)))
	var got point
	if err := strict.Read(bg, s, &got); err != nil || got.X != 3 {
		t.Errorf("Read = %v, %v, want X to be 3", got, err)
	}
	if _, ok := errors.AsType[*jsontext.SyntacticError](strict.Decode(ws.Text, []byte("x"), &got)); !ok {
		t.Error("Decode: want the error of jsontext as the cause")
	}
}

// TestStreamBounded: WriteStream and ReadStream hold a piece of the document, whatever its length.
func TestStreamBounded(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops what it is given at random under the race detector")
	}
	const n, each = 1000, 10_000 // 10 MB
	text := strings.Repeat("x", each)
	many := make([]*string, n)
	for i := range many {
		many[i] = &text
	}
	c := connOf(t, "[{}"+strings.Repeat(`,{"a":"a string"}`, n*each/17)+"]")
	c.SetMaxMessageSize(-1)
	for name, k := range map[string]*wsjson.Codec{"encoding/json": {}, "v2": wsjson.V2()} {
		got := allocated(func() {
			check(t, k.WriteStream(bg, c, many))
			check(t, k.WriteStream(bg, c, map[string]any{"many": many}))
		})
		if got > n*each/5 {
			t.Errorf("%s: writing 20 MB allocated %d bytes, want few", name, got)
		}
		var v []struct{}
		if got := allocated(func() { check(t, k.ReadStream(bg, c, &v)) }); got > n*each/5 {
			t.Errorf("%s: reading 10 MB allocated %d bytes, want few", name, got)
		}
	}
}

// TestStreamCut: a value that can't be encoded, after a part has left, ends the connection.
func TestStreamCut(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	done := make(chan error, 1)
	many := make([]any, 100_000)
	many[len(many)-1] = func() {}
	go func() { done <- wsjson.WriteStream(bg, s, many) }()
	_, err := wsjson.ReadStream[[]any](bg, c)
	if code, _ := ws.CloseStatus(err); code != ws.CloseInternalError {
		t.Errorf("the reader got %v, want 1011", err)
	}
	if err := <-done; err == nil {
		t.Error("WriteStream = nil, want the encoder's error")
	}
}
