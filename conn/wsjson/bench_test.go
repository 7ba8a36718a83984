package wsjson_test

import (
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/conn/wsjson"
	"github.com/rfc6455/ws/frame"
)

// endless gives the same bytes again and again, and takes everything. It has deadlines, so that a
// connection reads it without a goroutine.
type endless struct {
	wire []byte
	pos  int
}

func (e *endless) SetReadDeadline(time.Time) error { return nil }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.wire[e.pos:])
	e.pos = (e.pos + n) % len(e.wire)
	return n, nil
}
func (e *endless) Write(p []byte) (int, error) { return len(p), nil }
func (e *endless) Close() error                { return nil }

// document is a message of a chat, as it might be.
type document struct {
	ID   int64  `json:"id"`
	Text string `json:"text"`
}

// connOf returns a client's connection on which the document comes again and again. Servers don't
// mask, so that nothing changes the bytes that are read twice.
func connOf(tb testing.TB, doc string) *ws.Conn {
	enc := frame.Encoder{Role: frame.Server}
	b, err := enc.AppendFrame(nil, frame.Header{Opcode: frame.Text, Fin: true}, []byte(doc))
	check(tb, err)
	c := ws.New(&endless{wire: b}, ws.RoleClient, ws.Negotiated{}, ws.Config{})
	tb.Cleanup(func() { c.CloseNow(); <-c.Done() })
	return c
}

var docs = map[string]string{
	"short": `{"id":1,"text":"hello"}`,
	"16KiB": `{"id":1,"text":"` + strings.Repeat("x", 16<<10) + `"}`,
}

// TestAllocs: beside what encoding/json allocates, reading costs the MessageReader, and writing
// nothing, however long the document is.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops what it is given at random under the race detector")
	}
	var k wsjson.Codec
	for name, doc := range docs {
		c := connOf(t, doc)
		v := new(document)
		decode := wstest.Allocs(100, 0, func() { check(t, k.Decode(ws.Text, []byte(doc), v)) })
		read := wstest.Allocs(100, decode+1, func() { check(t, k.Read(bg, c, v)) })
		// []byte(doc) is one of Decode's here.
		if read > decode+1 {
			t.Errorf("%s: Read costs %v allocations, want at most those of Decode, %v, and one", name, read, decode)
		}
		if n := wstest.Allocs(100, 0, func() { check(t, k.Write(bg, c, v)) }); n > 0 {
			t.Errorf("%s: Write of a pointer costs %v allocations, want none", name, n)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for name, doc := range docs {
		b.Run(name, func(b *testing.B) {
			c := connOf(b, doc)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wsjson.Read[document](bg, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, doc := range docs {
		b.Run(name, func(b *testing.B) {
			c := connOf(b, doc)
			v, err := wsjson.Read[document](bg, c)
			check(b, err)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if err := wsjson.Write(bg, c, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
