package wsjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/wsjson"
)

// TestStream: what WriteStream sends is what Write sends, and ReadStream gets it.
func TestStream(t *testing.T) {
	squares := map[string]int{}
	for i := range 10_000 {
		squares[strings.Repeat("<&>", i%7)+string(rune('a'+i%26))] = i * i
	}
	for name, v := range map[string]any{
		"struct": point{1, -2, "<a & b>"}, "null": nil, "string": strings.Repeat("ä\"\n ", 50_000),
		"array": make([]point, 20_000), "object": squares, "nested": [][]map[string]any{{{"a": []any{1.5, true, nil}}}},
		"raw": json.RawMessage(`{"a": [1, 2]}`), "empty": struct{}{},
	} {
		for _, mode := range []ws.CompressionMode{ws.CompressionOff, ws.CompressionTakeover} {
			t.Run(name, func(t *testing.T) {
				cfg := ws.Config{MaxMessageSize: -1, Compression: ws.Compression{Mode: mode}}
				s, c := conntest.Pair(t, cfg, cfg)
				done := make(chan error, 1)
				go func() {
					done <- errors.Join(wsjson.WriteStream(bg, s, v), wsjson.Write(bg, s, v), wsjson.Write(bg, s, v))
				}()
				got := reflect.New(reflect.TypeFor[any]())
				if v != nil {
					got = reflect.New(reflect.TypeOf(v))
				}
				_, streamed, err := c.Read(bg)
				check(t, err)
				_, whole, err := c.Read(bg)
				check(t, err)
				if string(streamed) != string(whole) {
					t.Errorf("WriteStream sent %d bytes %.80q, want %d bytes %.80q as Write", len(streamed), streamed, len(whole), whole)
				}
				var k *wsjson.Codec
				check(t, k.ReadStream(bg, c, got.Interface()))
				check(t, <-done)
				want := reflect.New(got.Type().Elem())
				check(t, json.Unmarshal(whole, want.Interface()))
				if !reflect.DeepEqual(got.Interface(), want.Interface()) {
					t.Errorf("ReadStream = %.100v, want %.100v", got.Elem(), want.Elem())
				}
			})
		}
	}
}

// TestStreamBad: a bad document costs nothing but itself.
func TestStreamBad(t *testing.T) {
	k := &wsjson.Codec{MaxSize: 20, DisallowUnknownFields: true}
	for in, want := range map[string]error{
		"": nil, `{"X":1`: nil, `{"X":"a"}`: nil, `{"X":1} 2`: nil, `{"Z":1}`: nil, "nul": nil,
		`{"X":1` + strings.Repeat(" ", 20) + "}": wsjson.ErrTooLarge, `{"X":1}` + strings.Repeat(" ", 20): wsjson.ErrTooLarge,
	} {
		s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
		check(t, s.Write(bg, ws.Text, []byte(in)))
		check(t, s.Write(bg, ws.Binary, []byte("{}")))
		check(t, wsjson.Write(bg, s, point{X: 7}))
		var v point
		err := k.ReadStream(bg, c, &v)
		if _, ok := errors.AsType[*wsjson.DocumentError](err); !ok || want != nil && !errors.Is(err, want) {
			t.Errorf("ReadStream of %q: %v, want a DocumentError with %v", in, err, want)
		}
		if err := k.ReadStream(bg, c, &v); !errors.Is(err, wsjson.ErrNotText) {
			t.Errorf("ReadStream of a binary message: %v, want %v", err, wsjson.ErrNotText)
		}
		if got, err := wsjson.ReadStream[point](bg, c); err != nil || got.X != 7 {
			t.Errorf("after %q: %v, %v, want the next document", in, got, err)
		}
	}
}

// TestStreamNotEncodable: a value that can't be encoded harms nothing if nothing has left.
func TestStreamNotEncodable(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	if err := wsjson.WriteStream(bg, s, []any{1, func() {}}); err == nil {
		t.Error("WriteStream of a function = nil, want the encoder's error")
	}
	check(t, wsjson.Write(bg, s, "next"))
	if got, err := wsjson.Read[string](bg, c); err != nil || got != "next" {
		t.Errorf("Read = %q, %v, want what was sent next", got, err)
	}
}

// TestStreamEnds: errors of the connection and of contexts are not the document's.
func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
		m, err := s.NextWriter(bg, ws.Text)
		check(t, err)
		_, err = io.WriteString(m, `{"X":`+strings.Repeat(" ", 100_000))
		check(t, err)
		ctx, cancel := context.WithCancel(bg)
		got := make(chan error, 1)
		go func() { _, err := wsjson.ReadStream[point](ctx, c); got <- err }()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) || errors.As(err, new(*wsjson.DocumentError)) {
			t.Errorf("ReadStream = %v, want %v and no DocumentError", err, context.Canceled)
		}
		go func() { got <- m.Close() }()
		_, rest, err := c.NextReader(bg)
		check(t, err)
		check(t, rest.Discard())
		check(t, <-got)

		go func() { _, err := wsjson.ReadStream[point](bg, c); got <- err }()
		m, err = s.NextWriter(bg, ws.Text)
		check(t, err)
		_, err = io.WriteString(m, `{"X":`+strings.Repeat(" ", 100_000))
		check(t, err)
		_ = s.CloseNow()
		if err := <-got; !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*wsjson.DocumentError)) {
			t.Errorf("ReadStream of a cut connection = %v, want %v and no DocumentError", err, io.ErrUnexpectedEOF)
		}
		if err, want := wsjson.WriteStream(bg, s, 1), s.Err(); err != want {
			t.Errorf("WriteStream on a connection that has ended = %v, want %v", err, want)
		}
	})
}

// TestMembers: what WriteMembers sends comes out of Members, and of Read.
func TestMembers(t *testing.T) {
	want := map[string]int{}
	for i := range 5_000 {
		want[strings.Repeat("\"k", i)[:i%50]+string(rune('a'+i%26))] = i
	}
	for _, n := range []int{0, 1, len(want)} {
		some := map[string]int{}
		for name, v := range want {
			if len(some) < n {
				some[name] = v
			}
		}
		s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
		done := make(chan error, 1)
		go func() {
			done <- errors.Join(wsjson.WriteMembers(bg, s, maps.All(some)), wsjson.WriteMembers(bg, s, maps.All(some)))
		}()
		got := map[string]int{}
		for m, err := range wsjson.Members[int](bg, c) {
			check(t, err)
			got[m.Name] = m.Value
		}
		if !maps.Equal(got, some) {
			t.Errorf("%d members came, want %d", len(got), len(some))
		}
		if whole, err := wsjson.Read[map[string]int](bg, c); err != nil || !maps.Equal(whole, some) {
			t.Errorf("Read = %d members, %v, want %d", len(whole), err, len(some))
		}
		check(t, <-done)
	}
}

// TestBadObjects: the loop gets what came before, then one error, and the connection goes on.
func TestBadObjects(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "[]": 0, "1": 0, "null": 0, "{": 0, `{"a"`: 0, `{"a":1`: 1, `{"a":1,`: 1, `{"a":1,}`: 1, `{"a":1 "b":2}`: 1,
		`{"a":1,"b":"x","c":3}`: 1, `{"a":1} 2`: 1, `{"a":1}}`: 1, `{"a":1]`: 1, `{1:2}`: 0, `{"a",1}`: 0,
	} {
		s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
		check(t, s.Write(bg, ws.Text, []byte(in)))
		check(t, wsjson.Write(bg, s, map[string]int{"good": 7}))
		got, bad := 0, 0
		for _, err := range wsjson.Members[int](bg, c) {
			if _, ok := errors.AsType[*wsjson.DocumentError](err); ok {
				bad++
			} else if err == nil && bad == 0 {
				got++
			}
		}
		if got != want || bad != 1 {
			t.Errorf("%q: %d members and %d DocumentErrors, want %d and then 1", in, got, bad, want)
		}
		for m, err := range wsjson.Members[int](bg, c) {
			if m.Name != "good" || m.Value != 7 || err != nil {
				t.Errorf("after %q: %v, %v, want the next document", in, m, err)
			}
			break // what is left is dropped
		}
		check(t, c.CloseNow())
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestPartsBounded: arrays and objects pass piece by piece, whatever their length.
func TestPartsBounded(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops what it is given at random under the race detector")
	}
	const n, each = 1000, 10_000 // 10 MB
	text := strings.Repeat("x", each)
	c := connOf(t, "0")
	got := allocated(func() {
		check(t, wsjson.WriteElements(bg, c, func(yield func(*string) bool) {
			for range n {
				if !yield(&text) {
					return
				}
			}
		}))
		check(t, wsjson.WriteMembers(bg, c, func(yield func(string, *string) bool) {
			for range n {
				if !yield("name", &text) {
					return
				}
			}
		}))
	})
	if got > n*each/5 {
		t.Errorf("writing 20 MB allocated %d bytes, want few", got)
	}
}
