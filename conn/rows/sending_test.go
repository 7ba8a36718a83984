package rows

import (
	"errors"
	"fmt"
	"math/bits"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// sendingRows are the rows on what is sent. The peer holds every frame that it
// reads to the masking of section 5.1 and to the shortest form of its length.
func sendingRows(q *requirements) {
	q.client("TX-5.1-13", "", func(t *testing.T) { inLink(everyFrame)(t, frame.Client) })
	q.client("TX-5.1-13", "empty close", func(t *testing.T) { inLink(emptyClose)(t, frame.Client) })
	q.server("TX-5.1-14", "", func(t *testing.T) { inLink(everyFrame)(t, frame.Server) })
	q.client("TX-5.3-15", "", func(t *testing.T) { inLinkWith(ws.Config{FragmentSize: 1}, keysDiffer)(t, frame.Client) })
	q.client("TX-10.3-16", "", func(t *testing.T) { inLinkWith(ws.Config{FragmentSize: 4}, unchanged)(t, frame.Client) })
	q.links("TX-5.2-17", "", everyLength)
	q.both("TX-5.4-09", "", inLinkWith(ws.Config{FragmentSize: 4}, fragmented))
	q.both("TX-5.4-09", "nothing between", inLinkWith(ws.Config{FragmentSize: 4}, notInterleaved))
	q.both("TX-5.4-10", "", inThinLink(ws.Config{FragmentSize: 1 << 10}, pongBetween))
	q.links("TX-6.1-11", "after our Close", writeAfterClose)
	q.links("TX-6.1-11", "after the peer's", writeAfterPeersClose)
	q.both("TX-6.1-11", "an open writer", inLinkWith(ws.Config{FragmentSize: 4}, writerAndClose))
	q.links("TX-5.5-08", "", longControl)
	q.links("TX-5.5-09", "Ping", pingAnytime)
	q.both("TX-5.5-09", "keepalive", inLinkWith(ws.Config{KeepAlive: time.Minute}, keepAlive))
	q.links("U8-8.1-08", "", invalidText)
}

// everyFrame has every kind of frame sent: the peer looks at the masking.
func everyFrame(l *link) {
	l.read(reading)
	for _, way := range ways {
		for _, p := range []string{"", "x", bulk(200)} {
			if err := way.send(l.c, ws.Text, []byte(p)); err != nil {
				l.Fatalf("%s = %v, want nil", way.name, err)
			}
			l.p.WantText(p)
		}
	}
	l.p.Ping("ping")
	l.p.WantPong("ping")
	rtt := aside(l.T, func() error { _, err := l.c.Ping(bg); return err })
	h, payload := l.p.WantFrame()
	if h.Opcode != frame.Ping {
		l.Fatalf("got %v, want a ping", h.Opcode)
	}
	l.p.Pong(string(payload))
	if err := rtt(); err != nil {
		l.Errorf("Ping = %v, want nil", err)
	}
	l.finish()
	_, _ = l.outcome()
}

// emptyClose: a client's Close frame without a code is 88 80 and a key.
func emptyClose(l *link) {
	result := aside(l.T, func() error { return l.c.Close(0, "") })
	synctest.Wait()
	if n := l.far.Buffered(); n != 6 {
		l.Errorf("a Close frame of %d bytes, want 6", n)
	}
	l.p.WantHex("88 80")
	l.p.NetConn().Close()
	_ = result()
}

// keysDiffer: each frame has a key of its own that tells nothing of the next:
// across messages, fragments and control frames (sections 5.3 and 10.3).
func keysDiffer(l *link) {
	const messages, perMessage = 500, 4
	var keys []uint32
	for range messages {
		if err := l.c.Write(bg, ws.Binary, make([]byte, perMessage)); err != nil {
			l.Fatalf("Write = %v, want nil", err)
		}
		for range perMessage {
			h, _ := l.p.WantFrame()
			keys = append(keys, h.Key)
		}
	}
	for name, of := range map[string]func(i int) uint32{
		"key":            func(i int) uint32 { return keys[i] },
		"difference":     func(i int) uint32 { return keys[i] - keys[i-1] },
		"XOR with next":  func(i int) uint32 { return keys[i] ^ keys[i-1] },
		"big-endian gap": func(i int) uint32 { return bits.ReverseBytes32(keys[i]) - bits.ReverseBytes32(keys[i-1]) },
	} {
		// Of 2000 random values of 32 bits a pair is equal in one run of 2000,
		// three in none.
		seen := map[uint32]bool{}
		for i := 1; i < len(keys); i++ {
			seen[of(i)] = true
		}
		if repeated := len(keys) - 1 - len(seen); repeated > 2 {
			l.Errorf("%s: %d of %d values come again, want at most 2", name, repeated, len(keys))
		}
	}
	for bit := range 32 {
		n := 0
		for _, k := range keys {
			n += int(k >> bit & 1)
		}
		if n < len(keys)*4/10 || n > len(keys)*6/10 {
			l.Errorf("bit %d is set in %d of %d keys, want about half", bit, n, len(keys))
		}
	}
}

// unchanged: what is on the wire never changes, and neither do the caller's
// bytes: what comes later is another frame with another key (section 10.3).
func unchanged(l *link) {
	p := []byte("abcdefghij")
	m, err := l.c.NextWriter(bg, ws.Text)
	if err != nil {
		l.Fatalf("NextWriter = %v, want nil", err)
	}
	if _, err := m.Write(p); err != nil || string(p) != "abcdefghij" {
		l.Fatalf("Write = %v, the caller's bytes are %q, want nil and abcdefghij", err, p)
	}
	copy(p, "XXXXXXXXXX") // they are the caller's again
	first, payload := l.p.WantFrame()
	if string(payload) != "abcd" || first.Fin {
		l.Errorf("first frame %q, FIN %t, want abcd and false", payload, first.Fin)
	}
	if _, err := m.Write([]byte("klm")); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	if err := m.Close(); err != nil {
		l.Fatalf("Close = %v, want nil", err)
	}
	rest, keys := "", []uint32{first.Key}
	for fin := false; !fin; {
		h, payload := l.p.WantFrame()
		rest, fin, keys = rest+string(payload), h.Fin, append(keys, h.Key)
	}
	slices.Sort(keys)
	if n := len(slices.Compact(slices.Clone(keys))); rest != "efghijklm" || n != len(keys) {
		l.Errorf("then %q, %d keys of %d frames, want efghijklm and a key each", rest, n, len(keys))
	}
	for _, way := range ways {
		p := []byte("caller's")
		if err := way.send(l.c, ws.Binary, p); err != nil || string(p) != "caller's" {
			l.Errorf("%s = %v, the caller's bytes are %q, want nil and caller's", way.name, err, p)
		}
		l.p.WantMessage(frame.Binary, "caller's")
	}
}

// everyLength sends the boundaries of the three forms of the length.
func everyLength(l *link) {
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 70000} {
		p := []byte(bulk(n))
		for _, way := range ways {
			sent := aside(l.T, func() error { return way.send(l.c, ws.Binary, p) })
			l.p.WantBinary(p) // in one frame, its header in the shortest form, no reserved bit
			if err := sent(); err != nil {
				l.Fatalf("%s of %d bytes = %v, want nil", way.name, n, err)
			}
		}
	}
}

// fragmented: the first frame has the opcode, the others 0, the last one FIN.
func fragmented(l *link) {
	for _, way := range []int{0, 3} { // Write and NextWriter; the others send one frame
		for _, test := range []struct{ message, frames string }{
			{"", "text, FIN: "},
			{"abcd", "text, FIN: abcd"},
			{"abcde", "text: abcd; continuation, FIN: e"},
			{"abcdefghij", "text: abcd; continuation: efgh; continuation, FIN: ij"},
		} {
			if err := ways[way].send(l.c, ws.Text, []byte(test.message)); err != nil {
				l.Fatalf("%s = %v, want nil", ways[way].name, err)
			}
			var got []string
			for fin := false; !fin; {
				h, p := l.p.WantFrame()
				fin = h.Fin
				end := map[bool]string{true: ", FIN"}[fin]
				got = append(got, fmt.Sprintf("%v%s: %s", h.Opcode, end, p))
			}
			if s := strings.Join(got, "; "); s != test.frames {
				l.Errorf("%s of %q sent %q, want %q", ways[way].name, test.message, s, test.frames)
			}
		}
	}
}

// notInterleaved: no other message comes between the fragments of one.
func notInterleaved(l *link) {
	m, err := l.c.NextWriter(bg, ws.Text)
	if err != nil {
		l.Fatalf("NextWriter = %v, want nil", err)
	}
	if _, err := m.Write([]byte("first message")); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	var sent []func() error
	for _, way := range ways {
		if way.name == "Append" {
			continue // its Flush would wait for m too
		}
		sent = append(sent, aside(l.T, func() error { return way.send(l.c, ws.Binary, []byte("second")) }))
	}
	synctest.Wait()
	if _, err := m.Write([]byte(" goes on")); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	if err := m.Close(); err != nil {
		l.Fatalf("Close = %v, want nil", err)
	}
	l.p.WantMessage(frame.Text, "first message goes on")
	for range sent {
		l.p.WantMessage(frame.Binary, "second")
	}
	for _, result := range sent {
		if err := result(); err != nil {
			l.Errorf("sending the second message: %v, want nil", err)
		}
	}
}

// pongBetween: while a long message is on its way, the answer to a ping leaves
// between its fragments (section 5.4).
func pongBetween(l *link) {
	l.read(reading)
	result := aside(l.T, func() error { return l.c.Write(bg, ws.Binary, make([]byte, 64<<10)) })
	synctest.Wait() // it waits for the peer to read
	l.p.Ping("x")
	synctest.Wait()
	size, after := 0, -1
	for fin := false; !fin; {
		h, payload := l.p.WantFrame()
		if h.Opcode == frame.Pong {
			after = size
			continue
		}
		size, fin = size+len(payload), h.Fin
	}
	if after < 0 || after > 32<<10 || size != 64<<10 {
		l.Errorf("pong after %d bytes of %d, want it in the first half of 64 KiB", after, size)
	}
	if err := result(); err != nil {
		l.Errorf("Write = %v, want nil", err)
	}
	l.finish()
	_, _ = l.outcome()
}

// wantRefused tries every way to send and wants net.ErrClosed.
func (l *link) wantRefused() {
	l.Helper()
	for _, way := range ways {
		if err := way.send(l.c, ws.Text, []byte("x")); !errors.Is(err, net.ErrClosed) {
			l.Errorf("%s = %v, want an error that is net.ErrClosed", way.name, err)
		}
	}
	if _, err := l.c.Ping(bg); !errors.Is(err, net.ErrClosed) {
		l.Errorf("Ping = %v, want an error that is net.ErrClosed", err)
	}
}

// writeAfterClose: nothing follows our Close frame (section 5.5.1).
func writeAfterClose(l *link) {
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	l.wantRefused()
	l.p.WantNothing()
	l.p.Close(ws.CloseNormal, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
	l.wantRefused()
}

// writeAfterPeersClose: nothing follows our answer to the peer's Close frame.
func writeAfterPeersClose(l *link) {
	l.read(reading)
	l.p.Close(ws.CloseNormal, "")
	l.p.WantClose(ws.CloseNormal)
	l.wantRefused()
	l.hangUp()
	l.wantEnd(*remote(ws.CloseNormal, ""))
	l.wantRefused()
}

// writerAndClose: a message that was begun can't be finished after our Close
// frame.
func writerAndClose(l *link) {
	m, err := l.c.NextWriter(bg, ws.Binary)
	if err != nil {
		l.Fatalf("NextWriter = %v, want nil", err)
	}
	if _, err := m.Write([]byte("abcdef")); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	if h, payload := l.p.WantFrame(); h.Fin || string(payload) != "abcd" {
		l.Fatalf("FIN %t, %q, want a first fragment abcd", h.Fin, payload)
	}
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	if _, err := m.Write([]byte("ghijkl")); !errors.Is(err, net.ErrClosed) {
		l.Errorf("Write = %v, want net.ErrClosed", err)
	}
	if err := m.Close(); !errors.Is(err, net.ErrClosed) {
		l.Errorf("Close = %v, want net.ErrClosed", err)
	}
	l.p.WantNothing()
	l.p.Close(ws.CloseNormal, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// longControl: a control frame's payload has 125 bytes at most; only a reason
// of Close can be longer here, and it is refused.
func longControl(l *link) {
	if err := l.c.Close(ws.CloseNormal, bulk(124)); err != error(frame.ErrReasonTooLong) {
		l.Errorf("Close with 124 bytes = %v, want %v", err, frame.ErrReasonTooLong)
	}
	l.p.WantNothing()
	if l.c.State() != ws.StateOpen {
		l.Errorf("State() = %v after a Close that was refused, want open", l.c.State())
	}
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, bulk(123)) })
	if reason := l.p.WantClose(ws.CloseNormal); reason != bulk(123) {
		l.Errorf("reason %q, want the 123 bytes", reason)
	}
	l.p.Close(ws.CloseNormal, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// pingAnytime: Ping takes the time until its Pong, and until then messages
// pass.
func pingAnytime(l *link) {
	l.read(reading)
	var rtt time.Duration
	result := aside(l.T, func() (err error) { rtt, err = l.c.Ping(bg); return err })
	h, payload := l.p.WantFrame()
	if h.Opcode != frame.Ping || len(payload) == 0 || len(payload) > 125 {
		l.Fatalf("got %v of %d bytes, want a ping", h.Opcode, len(payload))
	}
	l.p.Text("meanwhile")
	l.p.Pong("another")
	synctest.Wait()
	pass(3 * time.Second)
	l.p.Pong(string(payload))
	if err := result(); err != nil || rtt != 3*time.Second {
		l.Errorf("Ping = %v, %v; want 3s", rtt, err)
	}
	l.finish()
	if messages, _ := l.outcome(); !slices.Equal(messages, []string{text("meanwhile")}) {
		l.Errorf("messages %q, want meanwhile", messages)
	}
}

// keepAlive: a silent peer is pinged and, if it stays silent, dropped.
func keepAlive(l *link) {
	l.read(reading)
	l.p.Timeout = time.Hour
	for range 3 {
		start := time.Now()
		l.p.WantPing("")
		if d := time.Since(start); d != time.Minute {
			l.Errorf("pinged after %v, want 1m", d)
		}
		l.p.Pong("")
		synctest.Wait()
	}
	l.p.WantPing("")
	l.p.WantEOF()
	l.wantEnd(ws.CloseError{Code: ws.CloseAbnormal, Err: ws.ErrPongTimeout})
}

// invalidText: bytes that are no UTF-8 are not sent as text; nothing of them
// leaves, and the connection goes on.
func invalidText(l *link) {
	for _, way := range ways {
		if way.name == "NextWriter" {
			continue
		}
		for _, s := range []string{"\xff", "a\xce", "\xed\xa0\x80"} {
			if err := way.send(l.c, ws.Text, []byte(s)); !errors.Is(err, frame.ErrInvalidUTF8) {
				l.Errorf("%s of %q = %v, want %v", way.name, s, err, frame.ErrInvalidUTF8)
			}
		}
	}
	m, err := l.c.NextWriter(bg, ws.Text)
	if err != nil {
		l.Fatalf("NextWriter = %v, want nil", err)
	}
	for _, s := range []string{"\xff", "\xed\xa0", "a\xce"} { // the last is the beginning of something
		want := map[bool]error{true: frame.ErrInvalidUTF8}[s != "a\xce"]
		if _, err := m.Write([]byte(s)); err != want {
			l.Errorf("MessageWriter.Write of %q = %v, want %v", s, err, want)
		}
	}
	if err := m.Close(); err != error(frame.ErrInvalidUTF8) {
		l.Errorf("MessageWriter.Close = %v, want %v", err, frame.ErrInvalidUTF8)
	}
	l.p.WantNothing()
	if err := l.c.Write(bg, ws.Binary, []byte("\xff")); err != nil {
		l.Errorf("Write = %v, want nil", err)
	}
	l.p.WantBinary([]byte("\xff"))
}
