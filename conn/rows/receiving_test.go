package rows

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// receivingRows are the rows on receiving that a table of frames can't show.
func receivingRows(q *requirements) {
	for _, d := range drivers {
		for _, tr := range []transport{overPipe, overTCP} {
			q.both("RX-5.4-04", "order, "+d.name+" over "+tr.name, func(t *testing.T, role frame.Role) {
				tr.run(t, role, setup{}, func(l *link) { pongFirst(l, d) })
			})
		}
	}
	for _, d := range drivers {
		q.both("RX-5.2-10", d.name, inLinkWith(ws.Config{MaxMessageSize: 1 << 40}, func(l *link) { announceMuch(l, d) }))
	}
	q.both("RX-5.4-06", "pipe", func(t *testing.T, role frame.Role) { smallFragments(t, role, overPipe, drivers[0]) })
	q.both("RX-5.4-06", "TCP", func(t *testing.T, role frame.Role) { smallFragments(t, role, overTCP, drivers[3]) })
	q.links("RX-7.4-14", "", otherType)
	q.links("RX-5.5-06", "", pingAfterClose)
	q.both("RX-5.5-07", "nobody reads the pongs", inThinLink(ws.Config{WriteTimeout: 5 * time.Second}, pingFlood))
	q.both("RX-5.5-07", "the latest is answered", inThinLink(ws.Config{}, latestPong))
	q.both("RX-5.5-07", "while a long message waits", inThinLink(ws.Config{}, readWhileWriting))
}

// pongFirst: a ping between fragments is answered at once, before the message
// is delivered, also if both come together (section 5.4): the program, which
// stays with its message for a while, does not hold it up.
func pongFirst(l *link, d driver) {
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	l.readAnd(d, func(ws.MessageType, []byte) { <-held })
	l.p.Frame(frame.Text, wstest.More, []byte("a"))
	l.p.Ping("x")
	l.p.WantPong("x")
	l.p.SendBytes(wire(l.role, "89 01 k 79|80 01 k 62"))
	l.p.WantPong("y")
	release()
	l.finish()
	l.wantOutcome([]string{text("ab")}, *remote(1000, "done"))
}

// announceMuch: a header that announces 2 GiB allocates nothing of the kind
// (section 10.4).
func announceMuch(l *link, d driver) {
	l.read(d)
	synctest.Wait()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l.p.SendBytes(wire(l.role, "82 7f 000000007fffffff k "+strings.Repeat("61", 100)))
	synctest.Wait()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
		l.Errorf("a header that announces 2 GiB allocated %d bytes, want at most 256 KiB", n)
	}
	if err := l.c.Err(); err != nil {
		l.Errorf("Err() = %v, want nil", err)
	}
	_ = l.c.CloseNow()
	_, _ = l.outcome()
}

// smallFragments: 4 MiB in fragments of 64 bytes are one message.
func smallFragments(t *testing.T, role frame.Role, tr transport, d driver) {
	const size, piece = 4 << 20, 64
	var b []byte
	for i := 0; i < size; i += piece {
		first := 0x00
		switch i {
		case 0:
			first = 0x02
		case size - piece:
			first = 0x80
		}
		b = append(b, wire(role, long(first, piece))...)
	}
	tr.run(t, role, setup{cfg: ws.Config{MaxMessageSize: size}}, func(l *link) {
		var got []byte
		l.readAnd(d, func(_ ws.MessageType, p []byte) { got = bytes.Clone(p) })
		l.p.SendBytes(b)
		l.finish()
		if _, end := l.outcome(); !isEnd(*end, *remote(1000, "done")) || string(got) != bulk(size) {
			t.Errorf("%d bytes, ended with %v; want %d", len(got), end, size)
		}
	})
}

// otherType: a stream takes messages of one type and refuses others with 1003
// (section 7.4.1).
func otherType(l *link) {
	s := ws.Stream(bg, l.c, ws.Binary)
	l.p.Binary([]byte("taken"))
	b := make([]byte, 5)
	if _, err := io.ReadFull(s, b); err != nil || string(b) != "taken" {
		l.Fatalf("Read = %q, %v, want taken", b, err)
	}
	l.p.Text("refused")
	if n, err := s.Read(b); err == nil {
		l.Errorf("Read = %q of a text message, want an error", b[:n])
	}
	l.p.WantClose(ws.CloseUnsupportedData)
	l.p.WantEOF()
}

// pingAfterClose: a ping between our Close frame and the peer's changes nothing
// about the close; it is not answered.
func pingAfterClose(l *link) {
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	l.p.Ping("x")
	l.p.WantNothing()
	l.p.Close(ws.CloseNormal, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// pings is 1000 pings, numbered from n.
func pings(role frame.Role, n int) []byte {
	var b []byte
	for i := range 1000 {
		b = append(b, wire(role, fmt.Sprintf("89 7d k %0250x", n+i))...)
	}
	return b
}

// pingFlood: a peer that pings without end and never reads neither stops the
// reader nor costs memory, and loses its connection to the write timeout.
func pingFlood(l *link) {
	l.read(reading)
	for i := range 20 {
		l.p.SendBytes(pings(l.role, 1000*i)) // would block if the reader did
		if n := l.c.Buffered(); n > 16<<10 {
			l.Fatalf("%d bytes wait to be sent after %d pings, want at most 16 KiB", n, 1000*(i+1))
		}
	}
	l.p.Text("still reading")
	messages, end := l.outcome()
	if len(messages) != 1 || end.Err != ws.ErrWriteTimeout {
		l.Errorf("messages %q, end %v; want one and ErrWriteTimeout", messages, end)
	}
}

// latestPong: of more pings than the peer reads answers, some are left out,
// which section 5.5.3 allows: those that are answered are in order, and the
// latest is among them.
func latestPong(l *link) {
	l.read(reading)
	l.p.SendBytes(pings(l.role, 0))
	synctest.Wait()
	answered, last := 0, int64(-1)
	for last < 999 {
		h, payload := l.p.WantFrame()
		n := new(big.Int).SetBytes(payload).Int64()
		if h.Opcode != frame.Pong || n <= last || n > 999 {
			l.Fatalf("got %v %d after pong %d, want a later pong", h.Opcode, n, last)
		}
		if answered++; answered < 8 && n != last+1 { // these fit the pipe
			l.Fatalf("pong %d after pong %d, want the next one", n, last)
		}
		last = n
	}
	if answered == 1000 {
		l.Error("all pings were answered, want some left out")
	}
	l.p.WantNothing()
	l.finish()
	_, _ = l.outcome()
}

// readWhileWriting: messages and pings are taken while a Write waits for the
// peer to read.
func readWhileWriting(l *link) {
	l.read(reading)
	result := aside(l.T, func() error { return l.c.Write(bg, ws.Binary, make([]byte, 100<<10)) })
	synctest.Wait()
	for range 100 {
		l.p.Text(bulk(1000))
		l.p.Ping("x")
	}
	l.p.WantMessage(frame.Binary, string(make([]byte, 100<<10)))
	for range 100 {
		l.p.WantPong("x")
	}
	if err := result(); err != nil {
		l.Errorf("Write = %v, want nil", err)
	}
	l.finish()
	if messages, _ := l.outcome(); len(messages) != 100 {
		l.Errorf("%d messages, want 100", len(messages))
	}
}
