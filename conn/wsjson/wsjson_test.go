package wsjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/conn/wsjson"
	"github.com/rfc6455/ws/frame"
)

var bg = context.Background()

func TestMain(m *testing.M) { wstest.Main(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type point struct {
	X, Y int
	Name string `json:"name,omitempty"`
}

func TestWriteRead(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	want := point{1, -2, "<a & b>"}
	check(t, wsjson.Write(bg, c, want))
	mt, p, err := s.Read(bg)
	check(t, err)
	if mt != ws.Text || string(p) != `{"X":1,"Y":-2,"name":"<a & b>"}` {
		t.Errorf("Write sent %v %s, want the document as text, neither escaped nor with a line feed", mt, p)
	}
	check(t, s.Append(ws.Text, p))
	check(t, s.Flush(bg))
	got, err := wsjson.Read[point](bg, c)
	if err != nil || got != want {
		t.Errorf("Read = %v, %v, want %v", got, err, want)
	}
}

// TestManyValues sends values through every way of writing, in an order that Read has to keep.
func TestManyValues(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	m, err := wsjson.Prepare(4)
	check(t, err)
	check(t, wsjson.Write(bg, s, 1))
	check(t, wsjson.Append(s, 2))
	check(t, wsjson.Send(s, 3))
	check(t, s.WritePrepared(bg, m))
	for want := 1; want <= 4; want++ {
		if got, err := wsjson.Read[int](bg, c); got != want || err != nil {
			t.Errorf("Read = %d, %v, want %d", got, err, want)
		}
	}
}

// TestBadDocuments: each is refused with a DocumentError, and the connection goes on.
func TestBadDocuments(t *testing.T) {
	strict := wsjson.Codec{DisallowUnknownFields: true, MaxSize: 100}
	for _, test := range []struct {
		name, in string
		codec    *wsjson.Codec
		is       error
		text     string // a part of the error's
	}{
		{name: "empty", in: "", text: "unexpected end"},
		{name: "space alone", in: " \n", text: "unexpected end"},
		{name: "no JSON", in: `{"X":1`, text: "unexpected end"},
		{name: "two documents", in: `{} {}`, text: "after top-level value, before byte 4"},
		{name: "another type", in: `{"X":"secret"}`, text: "a value that is no int"},
		{name: "out of range", in: `{"X":12345678901234567890}`, text: "a value that is no int"},
		{name: "empty, strict", in: "", codec: &strict, is: io.ErrUnexpectedEOF},
		{name: "unknown member", in: `{"Z":1}`, codec: &strict, text: `unknown field "Z"`},
		{name: "two, strict", in: `{} 1`, codec: &strict, text: "something follows"},
		{name: "rubbish after, strict", in: `{} ]`, codec: &strict, text: "invalid character"},
		{name: "too large", in: `{"X":1}` + strings.Repeat(" ", 94), codec: &strict, is: wsjson.ErrTooLarge},
		{name: "much too large", in: strings.Repeat("[", 500_000), codec: &strict, is: wsjson.ErrTooLarge},
		{name: "a deep one", in: strings.Repeat("[", 500_000), text: "max depth"},
		{name: "a long name", in: `{"` + strings.Repeat("é", 200) + `":1}`, codec: &wsjson.Codec{DisallowUnknownFields: true}, text: "é..."},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
			go func() {
				_ = c.Write(bg, ws.Text, []byte(test.in))
				_ = c.Write(bg, ws.Text, []byte(`{"X":7}`+strings.Repeat(" ", 93)))
			}()
			var p point
			err := test.codec.Read(bg, s, &p)
			bad, ok := errors.AsType[*wsjson.DocumentError](err)
			if !ok {
				t.Fatalf("Read = %v, want a DocumentError", err)
			}
			if text := bad.Error(); !strings.Contains(text, test.text) || strings.Contains(text, "secret") || len(text) > 300 {
				t.Errorf("error %q (%d B), want a short one with %q and without values", text, len(text), test.text)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("Read = %v, want %v", err, test.is)
			}
			if err := test.codec.Read(bg, s, &p); err != nil || p.X != 7 {
				t.Errorf("the next document: %v, %v, want X to be 7", p, err)
			}
		})
	}
}

// TestZeroOfBad: Read returns nothing of a document that fits in part.
func TestZeroOfBad(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	check(t, c.Write(bg, ws.Text, []byte(`{"Y":3,"X":"a"}`)))
	if got, err := wsjson.Read[point](bg, s); err == nil || got != (point{}) {
		t.Errorf("Read = %v, %v, want the zero value and an error", got, err)
	}
}

func TestBinaryIsNoDocument(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	check(t, c.Write(bg, ws.Binary, []byte("1")))
	check(t, c.Write(bg, ws.Binary, []byte("[1]")))
	check(t, c.Write(bg, ws.Text, []byte("2")))
	if _, err := wsjson.Read[int](bg, s); !errors.Is(err, wsjson.ErrNotText) {
		t.Errorf("Read of a Binary message = %v, want ErrNotText", err)
	}
	for _, err := range wsjson.Elements[int](bg, s) {
		if !errors.Is(err, wsjson.ErrNotText) {
			t.Errorf("Elements of a Binary message: %v, want ErrNotText", err)
		}
	}
	if got, err := wsjson.Read[int](bg, s); got != 2 || err != nil {
		t.Errorf("Read = %d, %v, want 2", got, err)
	}
}

func TestDecode(t *testing.T) {
	k := wsjson.Codec{MaxSize: 3}
	var n int
	if err := k.Decode(ws.Text, []byte("123"), &n); err != nil || n != 123 {
		t.Errorf("Decode: %d, %v, want 123", n, err)
	}
	if err := k.Decode(ws.Text, []byte("1234"), &n); !errors.Is(err, wsjson.ErrTooLarge) {
		t.Errorf("Decode of 4 bytes = %v, want ErrTooLarge", err)
	}
	if err := k.Decode(ws.Binary, []byte("1"), &n); !errors.Is(err, wsjson.ErrNotText) {
		t.Errorf("Decode of Binary = %v, want ErrNotText", err)
	}
	if got, err := wsjson.Decode[point](ws.Text, []byte(`{"X":1,"Y":2}`)); err != nil || got.X != 1 || got.Y != 2 {
		t.Errorf("Decode = %v, %v, want X 1 and Y 2", got, err)
	}
	got, err := wsjson.Decode[point](ws.Text, []byte(`{"Y":3,"X":"a"}`))
	if _, bad := errors.AsType[*wsjson.DocumentError](err); !bad || got != (point{}) {
		t.Errorf("Decode = %v, %v, want the zero value and a DocumentError", got, err)
	}
	if _, err := wsjson.Decode[int](ws.Binary, []byte("1")); !errors.Is(err, wsjson.ErrNotText) {
		t.Errorf("Decode of Binary = %v, want ErrNotText", err)
	}
}

// TestInterruptedRead: a context that ends in the middle of a document costs none of its bytes.
func TestInterruptedRead(t *testing.T) {
	for _, max := range []int64{0, 40} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := conntest.New(t, ws.RoleClient, ws.Negotiated{}, ws.Config{})
			k := wsjson.Codec{MaxSize: max}
			parts := []string{`{"name"`, `:"abc`, `def",`, `"X":5}`}
			var got point
			for i, part := range parts[:3] {
				op := frame.Text
				if i > 0 {
					op = frame.Continuation
				}
				peer.Send(frame.Header{Opcode: op}, []byte(part))
				ctx, cancel := context.WithCancel(bg)
				done := make(chan error)
				go func() { done <- k.Read(ctx, c, &got) }()
				synctest.Wait()
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Fatalf("Read = %v, want that it was cancelled", err)
				}
			}
			if _, _, err := c.Read(bg); !errors.Is(err, ws.ErrMessageOpen) {
				t.Errorf("Conn.Read = %v, want ErrMessageOpen", err)
			}
			peer.Send(frame.Header{Opcode: frame.Continuation, Fin: true}, []byte(parts[3]))
			if err := k.Read(bg, c, &got); err != nil || got != (point{5, 0, "abcdef"}) {
				t.Errorf("Read = %v, %v, want the whole document", got, err)
			}
		})
	}
}

// TestInterruptedTooLarge: a document that is too large stays so if ctx ends while it is dropped.
func TestInterruptedTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := conntest.New(t, ws.RoleClient, ws.Negotiated{}, ws.Config{})
		k := wsjson.Codec{MaxSize: 4}
		peer.Send(frame.Header{Opcode: frame.Text}, []byte("[1,2,3,"))
		ctx, cancel := context.WithCancel(bg)
		done := make(chan error)
		go func() { done <- k.Read(ctx, c, new(any)) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("Read = %v, want that it was cancelled", err)
		}
		peer.Send(frame.Header{Opcode: frame.Continuation, Fin: true}, []byte("4]"))
		peer.Text("[9]")
		if err := k.Read(bg, c, new(any)); !errors.Is(err, wsjson.ErrTooLarge) {
			t.Errorf("Read = %v, want ErrTooLarge", err)
		}
		var got []int
		if err := k.Read(bg, c, &got); err != nil || !slices.Equal(got, []int{9}) {
			t.Errorf("Read = %v, %v, want the next document", got, err)
		}
	})
}

// TestEndIsNoDocumentError: the end of the connection is told apart from a bad document, also in
// the middle of one.
func TestEndIsNoDocumentError(t *testing.T) {
	read := func(c *ws.Conn) error { _, err := wsjson.Read[int](bg, c); return err }
	elements := func(c *ws.Conn) (err error) {
		for _, err = range wsjson.Elements[int](bg, c) {
		}
		return err
	}
	for name, f := range map[string]func(*ws.Conn) error{"Read": read, "Elements": elements} {
		for _, begun := range []bool{false, true} {
			c, peer := conntest.New(t, ws.RoleClient, ws.Negotiated{}, ws.Config{})
			if begun {
				peer.Send(frame.Header{Opcode: frame.Text}, []byte("[1,"))
			}
			peer.Close(ws.CloseGoingAway, "")
			err := f(c)
			if code, ok := ws.CloseStatus(err); !ok || code != ws.CloseGoingAway {
				t.Errorf("%s at the end, within a message %t: %v, want 1001", name, begun, err)
			}
		}
	}
}

// TestNotEncodable: what can't be encoded sends nothing, and the connection goes on.
func TestNotEncodable(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	bad := map[string]any{"a": 1, "f": func() {}}
	_, prepareErr := wsjson.Prepare(bad)
	for name, err := range map[string]error{
		"Write": wsjson.Write(bg, s, bad), "Append": wsjson.Append(s, bad), "Send": wsjson.Send(s, bad),
		"Prepare": prepareErr, "WriteElements": wsjson.WriteElements(bg, s, slices.Values([]any{1, bad})),
	} {
		if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
			t.Errorf("%s = %v, want the encoder's error", name, err)
		}
	}
	check(t, wsjson.Write(bg, s, 1))
	if got, err := wsjson.Read[int](bg, c); got != 1 || err != nil {
		t.Errorf("Read = %d, %v, want 1, the first message", got, err)
	}
}

// count yields 0 to n-1.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestElements(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100_000} {
		for _, mode := range []ws.CompressionMode{ws.CompressionOff, ws.CompressionTakeover} {
			cfg := ws.Config{Compression: ws.Compression{Mode: mode}}
			s, c := conntest.Pair(t, cfg, cfg)
			done := make(chan error, 1)
			go func() {
				err := wsjson.WriteElements(bg, s, count(n))
				done <- errors.Join(err, wsjson.Write(bg, s, "next"))
			}()
			want := 0
			for got, err := range wsjson.Elements[int](bg, c) {
				if err != nil || got != want {
					t.Fatalf("element %d of %d: %d, %v", want, n, got, err)
				}
				want++
			}
			if want != n {
				t.Errorf("%d elements, want %d", want, n)
			}
			if got, err := wsjson.Read[string](bg, c); got != "next" || err != nil {
				t.Errorf("the next message: %q, %v", got, err)
			}
			check(t, <-done)
		}
	}
}

// TestBadArrays: the loop gets what came before, then one error, and the connection goes on.
func TestBadArrays(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "{}": 0, "1": 0, "[": 0, "[1": 1, "[1,": 1, "[1,2": 2, "[1 2]": 1, "[1,]": 1, `[1,"a",3]`: 1, "[1] 2": 1, "[1]]": 1, "[1}": 1,
	} {
		s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
		check(t, s.Write(bg, ws.Text, []byte(in)))
		check(t, wsjson.Write(bg, s, 7))
		got, bad := 0, 0
		for _, err := range wsjson.Elements[int](bg, c) {
			if _, ok := errors.AsType[*wsjson.DocumentError](err); ok {
				bad++
			} else if err == nil && bad == 0 {
				got++
			} else {
				t.Errorf("%q: %v", in, err)
			}
		}
		if got != want || bad != 1 {
			t.Errorf("%q: %d elements and %d errors, want %d and one", in, got, bad, want)
		}
		if got, err := wsjson.Read[int](bg, c); got != 7 || err != nil {
			t.Errorf("after %q: %d, %v, want 7", in, got, err)
		}
	}
}

// TestElementsLeft: a loop that ends early leaves the connection at the next message.
func TestElementsLeft(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	done := make(chan error, 1)
	go func() {
		err := wsjson.WriteElements(bg, s, count(100_000))
		done <- errors.Join(err, wsjson.Write(bg, s, -1))
	}()
	for v, err := range wsjson.Elements[int](bg, c) {
		check(t, err)
		if v == 10 {
			break
		}
	}
	if got, err := wsjson.Read[int](bg, c); got != -1 || err != nil {
		t.Errorf("Read = %d, %v, want -1", got, err)
	}
	check(t, <-done)
}

// TestWriteElementsCut: an element that can't be encoded, after others have left, ends the
// connection, so that nobody takes a part for the whole.
func TestWriteElementsCut(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	done := make(chan error, 1)
	go func() {
		done <- wsjson.WriteElements(bg, s, func(yield func(any) bool) {
			for i := range 100_000 {
				if !yield(i) {
					return
				}
			}
			yield(func() {})
		})
	}()
	var last error
	for _, err := range wsjson.Elements[int](bg, c) {
		last = err
	}
	if code, _ := ws.CloseStatus(last); code != ws.CloseInternalError {
		t.Errorf("the reader got %v, want 1011", last)
	}
	if err := <-done; err == nil {
		t.Error("WriteElements = nil, want the encoder's error")
	}
}

// TestConcurrentReaders: a second reader is refused, and costs the first one nothing.
func TestConcurrentReaders(t *testing.T) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		expired, cancel := context.WithCancel(bg)
		cancel()
		for {
			select {
			case <-stop:
				return
			default:
				_, _, _ = s.NextReader(expired)
				if _, _, err := s.Read(expired); err == nil {
					t.Error("the second reader got a message")
				}
			}
		}
	}()
	for i := range 200 {
		check(t, c.Write(bg, ws.Text, []byte(strings.Repeat(" ", 3000)+"1")))
		if got, err := wsjson.Read[int](bg, s); err != nil || got != 1 {
			t.Fatalf("document %d: %d, %v", i, got, err)
		}
	}
	close(stop)
	<-stopped
}
