package rows

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// everything has every message compressed, whatever its size.
var everything = ws.Compression{Mode: ws.CompressionTakeover, Threshold: -1}

// deflateSending are the rows on what is sent.
func deflateSending(q *requirements) {
	all := ws.Config{Compression: everything}
	pieces := ws.Config{Compression: everything, FragmentSize: 4}
	pieces.Compression.Fragment = true
	q.both("PD-6.1-01", "whole", inZipLink(all, together, oneFrame))
	q.both("PD-6.1-01", "fragments", inZipLink(pieces, together, firstFrameOnly))
	q.both("PD-6-03", "sent", inZipLink(all, together, mixed))
	q.both("PD-7.2.1-05", "", inZipLink(all, apart, helloByEveryWay))
	q.both("PD-7.2.3-12", "sent", inZipLink(all, together, emptyMessages))
	q.both("PD-7.1.1-09", "sent", inZipLink(all, together, shorterAgain))
	q.both("PD-7.1-20", "sent", inZipLink(all, apart, equalMessages))
	q.both("PD-7.1.2-20", "sent", inZipLink(ws.Config{Compression: maxWindows(0, 0)}, together, wholeWindow))
	q.both("PD-7.2-21", "cut off", zippedThin(all, cutOff))
	q.both("PD-7.2-21", "cut off, TCP", cutOffTCP)
	q.both("PD-7.2-21", "withdrawn", zippedThin(pieces, withdrawn))
	q.both("PD-7.2-21", "abandoned", inZipLink(all, together, abandonedEarly))
	q.both("PD-7.2-21", "abandoned half-way", inZipLink(pieces, together, abandonedLate))
	q.both("PD-7.2-22", "", func(t *testing.T, role frame.Role) {
		synctest.Test(t, func(t *testing.T) { broadcast(t, role) })
	})
	for _, c := range []struct {
		name        string
		compression ws.Compression
		agreed      handshake.Deflate
		from        int
	}{
		{"takeover", ws.Compression{Mode: ws.CompressionTakeover}, together, 64},
		{"no takeover", ws.Compression{Mode: ws.CompressionTakeover}, apart, 256},
		{"the program's", ws.Compression{Mode: ws.CompressionNoTakeover, Threshold: 10}, apart, 10},
		{"none", everything, together, 0},
	} {
		q.both("PD-7.2-23", c.name, inZipLink(ws.Config{Compression: c.compression}, c.agreed, func(l *link) { threshold(l, c.from) }))
	}
	q.both("PD-8-24", "", inZipLink(all, together, uncompressed))
	q.both("PD-8-24", "the default", inZipLink(ws.Config{}, together, neverUnasked))
}

// zippedThin is zipped over a pipe that holds little.
func zippedThin(cfg ws.Config, run func(*link)) func(*testing.T, frame.Role) {
	return func(t *testing.T, role frame.Role) {
		throughPipe(t, role, setup{cfg: cfg, deflate: &together}, 1<<10, run)
	}
}

// send sends a message in one of the ways.
func (l *link) send(way int, typ ws.MessageType, s string) {
	l.Helper()
	if err := ways[way].send(l.c, typ, []byte(s)); err != nil {
		l.Fatalf("%s = %v, want nil", ways[way].name, err)
	}
}

// wantWire reads a compressed message, of any number of frames, and returns its
// payload and that number. RSV1 is set on the first frame and on no other
// (section 6.1).
func wantWire(t testing.TB, p *wstest.Peer, op frame.Opcode) (payload []byte, frames int) {
	t.Helper()
	want := frame.Header{Opcode: op, RSV: frame.RSV1}
	for {
		h, b := p.WantFrame()
		if h.Opcode != want.Opcode || h.RSV != want.RSV {
			t.Fatalf("frame %d: %v with RSV %d, want %v with RSV %d", frames, h.Opcode, h.RSV, want.Opcode, want.RSV)
		}
		payload, frames = append(payload, b...), frames+1
		if h.Fin {
			return payload, frames
		}
		want = frame.Header{Opcode: frame.Continuation}
	}
}

// wantZipped reads a compressed message and compares its text.
func (l *link) wantZipped(z *bitInflater, op frame.Opcode, want string) {
	l.Helper()
	payload, _ := wantWire(l.T, l.p, op)
	if got := z.message(payload); got != want {
		l.Fatalf("%d bytes %.100q, want %d bytes %.100q", len(got), got, len(want), want)
	}
}

// oneFrame: a message that is given whole is one frame, with RSV1.
func oneFrame(l *link) {
	z := bitInflater{TB: l.T}
	for way := range ways {
		s := strings.Repeat(ways[way].name, 40)
		l.send(way, ws.Text, s)
		payload, frames := wantWire(l.T, l.p, frame.Text)
		if got := z.message(payload); got != s || frames != 1 {
			l.Errorf("%s: %d frames, %q, want one, %q", ways[way].name, frames, got, s)
		}
	}
}

// firstFrameOnly: 41, 00, 80 if a message is split.
func firstFrameOnly(l *link) {
	z := bitInflater{TB: l.T}
	for i, way := range []int{0, 3} { // Write and NextWriter
		s := string(letters(20, uint64(i)))
		l.send(way, ws.Binary, s)
		payload, frames := wantWire(l.T, l.p, frame.Binary)
		if got := z.message(payload); got != s || frames != (len(payload)+3)/4 {
			l.Errorf("%s: %d frames for %d bytes, %q, want one for 4 bytes each, %q", ways[way].name, frames, len(payload), got, s)
		}
	}
}

// mixed: plain messages and control frames come between, and the window knows
// nothing of them.
func mixed(l *link) {
	z := bitInflater{TB: l.T}
	l.read(reading)
	for i := range 20 {
		s := fmt.Sprintf("message %d of a conversation, by %s", i, ways[i%len(ways)].name)
		l.send(i%len(ways), ws.Text, s)
		l.wantZipped(&z, frame.Text, s)
		l.send(i%len(ways), ws.Text|ws.Uncompressed, "plain: "+s)
		l.p.WantText("plain: " + s)
		l.p.Ping("x")
		l.p.WantPong("x")
	}
	l.finish()
	_, _ = l.outcome()
}

// helloByEveryWay: raw DEFLATE that ends with an empty stored block, whose last
// four bytes are cut off.
func helloByEveryWay(l *link) {
	for way := range ways {
		l.send(way, ws.Text, "Hello")
		if payload, _ := wantWire(l.T, l.p, frame.Text); hex.EncodeToString(payload) != "f248cdc9c90700" {
			l.Errorf("%s: payload %x, want f248cdc9c90700", ways[way].name, payload)
		}
	}
}

// emptyMessages: an empty message is one byte.
func emptyMessages(l *link) {
	for way := range ways {
		l.send(way, ws.Binary, "")
		if payload, _ := wantWire(l.T, l.p, frame.Binary); hex.EncodeToString(payload) != "00" {
			l.Errorf("%s: payload %x, want 00", ways[way].name, payload)
		}
	}
}

// shorterAgain: with takeover the second of two equal messages refers to the
// first. What was prepared stands for itself.
func shorterAgain(l *link) {
	z := bitInflater{TB: l.T}
	for way := range ways {
		s, sizes := string(letters(50, uint64(way))), [2]int{}
		for i := range sizes {
			l.send(way, ws.Text, s)
			payload, _ := wantWire(l.T, l.p, frame.Text)
			if got := z.message(payload); got != s {
				l.Fatalf("%s: got %q, want %q", ways[way].name, got, s)
			}
			sizes[i] = len(payload)
		}
		if prepared := strings.Contains(ways[way].name, "Prepared"); prepared != (sizes[1] == sizes[0]) || !prepared && sizes[1] > 10 {
			l.Errorf("%s: %d bytes, want as many again if prepared, else at most 10", ways[way].name, sizes)
		}
	}
}

// equalMessages: without takeover equal messages have equal bytes, and each can
// be read by itself.
func equalMessages(l *link) {
	s := string(letters(50, 1))
	var first []byte
	for way := range ways {
		for range 2 {
			l.send(way, ws.Text, s)
			payload, _ := wantWire(l.T, l.p, frame.Text)
			if first == nil {
				first = payload
			}
			if !slices.Equal(payload, first) || alone(l.T, payload) != s {
				l.Errorf("%s: %x, want %x", ways[way].name, payload, first)
			}
		}
	}
}

// repetitions is a text that comes again within a window of this size and one
// that comes again beyond it.
func repetitions(size int) string {
	within, beyond := string(letters(size-64, 1)), string(letters(size+64, 2))
	return within + within + beyond + beyond
}

// wantWindow compresses the repetitions for a window of this size: everything
// that is sent refers to that window, and makes use of it.
func wantWindow(t testing.TB, p *wstest.Peer, z *bitInflater, size int) {
	t.Helper()
	payload, _ := wantWire(t, p, frame.Text)
	if got := z.message(payload); got != repetitions(size) {
		t.Fatalf("window %d: got %d bytes, want the text's %d", size, len(got), len(repetitions(size)))
	}
	if z.far > size || z.far < size-64 {
		t.Errorf("window %d: a distance of %d, want almost the window", size, z.far)
	}
}

// wholeWindow: with nothing agreed on, the window has 32 KiB, within a message
// and over messages.
func wholeWindow(l *link) {
	const size = 1 << 15
	for _, way := range []int{0, 1, 3} {
		z := bitInflater{TB: l.T}
		sent := aside(l.T, func() error { return ways[way].send(l.c, ws.Text, []byte(repetitions(size))) })
		if way == 0 {
			wantWindow(l.T, l.p, &z, size)
		} else { // what came before is in the window too
			z.text = []byte(repetitions(size))
			payload, _ := wantWire(l.T, l.p, frame.Text)
			if z.message(payload) != repetitions(size) || z.far > size {
				l.Errorf("%s: a distance of %d, want the text with at most %d", ways[way].name, z.far, size)
			}
		}
		if err := sent(); err != nil {
			l.Fatalf("%s = %v, want nil", ways[way].name, err)
		}
	}
}

// timeOut runs a call whose context ends while the peer does not read.
func (l *link) timeOut(call func(context.Context) error) {
	l.Helper()
	ctx, cancel := context.WithTimeout(bg, time.Second)
	defer cancel()
	if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
		l.Fatalf("the call = %v, want the end of its context", err)
	}
}

// cutOff: of messages whose contexts end, the one that has begun is finished,
// and those behind it are in no window.
func cutOff(l *link) {
	z := bitInflater{TB: l.T}
	begun := string(letters(8000, 1))
	l.timeOut(func(ctx context.Context) error { return l.c.Write(ctx, ws.Text, []byte(begun)) })
	for i := range 3 {
		never := letters(3000, uint64(2+i))
		l.timeOut(func(ctx context.Context) error { return l.c.Write(ctx, ws.Text, never) })
		m, _ := ws.Prepare(ws.Text, never)
		l.timeOut(func(ctx context.Context) error { return l.c.WritePrepared(ctx, m) })
	}
	l.wantZipped(&z, frame.Text, begun)
	l.p.WantNothing()
	for i := range 4 {
		s := string(letters(600, uint64(1+i)))
		l.send(0, ws.Text, s)
		l.wantZipped(&z, frame.Text, s)
	}
}

// cutOffTCP: the same over sockets, which the caller writes to by itself: a
// message that is in the window is sent, if not a byte of it was out either.
func cutOffTCP(t *testing.T, role frame.Role) {
	near, far := wstest.TCP(t)
	_ = near.SetWriteBuffer(4 << 10)
	_ = far.SetReadBuffer(4 << 10)
	l := newLink(t, role, setup{cfg: ws.Config{Compression: everything}, deflate: &together}, near, far)
	defer l.c.CloseNow()
	z := bitInflater{TB: t}
	for round := range uint64(10) {
		var sent []string
		var last string
		for err := error(nil); err == nil; {
			last = string(letters(100+len(sent)%7, round<<20+uint64(len(sent))))
			ctx, cancel := context.WithTimeout(bg, 3*time.Millisecond)
			if err = l.c.Write(ctx, ws.Text, []byte(last)); err == nil {
				sent = append(sent, last)
			}
			cancel()
		}
		marked := aside(t, func() error {
			return errors.Join(l.c.Write(bg, ws.Text|ws.Uncompressed, []byte("mark")), l.c.Write(bg, ws.Text, []byte(last)))
		})
		for _, s := range sent {
			l.wantZipped(&z, frame.Text, s)
		}
		h, payload := l.p.WantFrame()
		if h.RSV == frame.RSV1 {
			if got := z.message(payload); got != last {
				t.Fatalf("got %q, want %q", got, last)
			}
			_, payload = l.p.WantFrame()
		}
		if string(payload) != "mark" {
			t.Fatalf("got %q, want the mark", payload)
		}
		l.wantZipped(&z, frame.Text, last)
		if err := marked(); err != nil {
			t.Fatalf("Write = %v, want nil", err)
		}
	}
}

// withdrawn: a message that was compressed, and of which nothing had left when
// its context ended, is forgotten with all that later ones could refer to.
func withdrawn(l *link) {
	z := bitInflater{TB: l.T}
	begun, never := letters(3000, 1), letters(500, 2)
	l.timeOut(func(ctx context.Context) error { return l.c.Write(ctx, ws.Text, begun) })
	l.timeOut(func(ctx context.Context) error { return l.c.Write(ctx, ws.Text, never) })
	l.wantZipped(&z, frame.Text, string(begun))
	for range 2 {
		l.send(0, ws.Text, string(never))
		l.wantZipped(&z, frame.Text, string(never))
	}
}

// abandonedEarly: so is one that its writer abandons before anything has left.
func abandonedEarly(l *link) {
	z := bitInflater{TB: l.T}
	for i := range 3 {
		s := string(letters(300, uint64(i)))
		l.send(0, ws.Text, s)
		l.wantZipped(&z, frame.Text, s)
		m, err := l.c.NextWriter(bg, ws.Text)
		if err != nil {
			l.Fatalf("NextWriter = %v, want nil", err)
		}
		if _, err := m.Write(append(letters(300, uint64(10+i)), 0xce)); err != nil {
			l.Fatalf("Write = %v, want nil", err)
		}
		if err := m.Close(); !errors.Is(err, frame.ErrInvalidUTF8) {
			l.Fatalf("Close = %v, want %v", err, frame.ErrInvalidUTF8)
		}
		l.p.WantNothing()
		s = string(letters(300, uint64(10+i)))
		l.send(0, ws.Text, s)
		l.wantZipped(&z, frame.Text, s)
	}
}

// abandonedLate: if a part has left, the peer's window can't be known any
// more, and the connection ends.
func abandonedLate(l *link) {
	l.read(reading)
	m, err := l.c.NextWriter(bg, ws.Text)
	if err != nil {
		l.Fatalf("NextWriter = %v, want nil", err)
	}
	if _, err := m.Write(append(letters(33<<10, 1), 0xce)); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	if err := m.Close(); !errors.Is(err, frame.ErrInvalidUTF8) {
		l.Fatalf("Close = %v, want %v", err, frame.ErrInvalidUTF8)
	}
	for {
		h, payload := l.p.WantFrame()
		if h.Opcode == frame.Close {
			if code, _, _ := frame.ParseClose(payload); code != ws.CloseInternalError {
				l.Errorf("close code %v, want %v", code, ws.CloseInternalError)
			}
			break
		}
		if h.Fin {
			l.Fatal("the message was ended, want a Close frame instead")
		}
	}
	if err := l.c.Send(ws.Text, []byte("x")); err == nil {
		l.Error("Send = nil after the Close frame, want an error")
	}
	l.p.WantEOF()
	_, _ = l.outcome()
}

// broadcast: a message that was compressed once is for everybody, whatever they
// agreed on and had before: it refers to nothing before it, and what follows may
// refer to it.
func broadcast(t *testing.T, role frame.Role) {
	type listener struct {
		*link
		bitInflater
		takeover bool
		window   int
	}
	var all []*listener
	plain := 0
	for _, d := range []*handshake.Deflate{&together, &together, &apart, {ServerMaxWindowBits: 9, ClientMaxWindowBits: 9}, nil} {
		near, far := wstest.Pipe(pipeSize)
		l := newLink(t, role, setup{cfg: ws.Config{Compression: everything}, deflate: d}, near, far)
		defer l.c.CloseNow()
		if d == nil {
			plain, d = len(all), &apart
		}
		all = append(all, &listener{l, bitInflater{TB: t}, !d.ServerNoContextTakeover, 1 << d.ServerMaxWindowBits})
	}
	want := func(i int, s string) (payload []byte) {
		t.Helper()
		l := all[i]
		if i == plain {
			l.p.WantText(s)
			return nil
		}
		payload, _ = wantWire(t, l.p, frame.Text)
		if got := l.message(payload); got != s {
			t.Fatalf("connection %d: got %q, want %q", i, got, s)
		}
		if l.bitInflater.far > l.window {
			t.Fatalf("connection %d: a distance of %d, want at most %d", i, l.bitInflater.far, l.window)
		}
		if !l.takeover {
			l.text = nil
		}
		return payload
	}
	for round := range 4 {
		shared := fmt.Sprintf("to all, the %d time: %s", round, repetitions(1<<9))
		m, err := ws.Prepare(ws.Text, []byte(shared))
		if err != nil {
			t.Fatalf("ws.Prepare = %v, want nil", err)
		}
		for i, l := range all {
			own := fmt.Sprintf("to connection %d: %s", i, letters(100*i, uint64(i)))
			l.send(0, ws.Text, own)
			want(i, own)
			if err := errors.Join(l.c.WritePrepared(bg, m), l.c.SendPrepared(m)); err != nil {
				t.Fatalf("WritePrepared and SendPrepared = %v, want nil", err)
			}
			for range 2 {
				if payload := want(i, shared); i != plain && alone(t, payload) != shared {
					t.Fatal("what is shared refers to what is not, want it to stand by itself")
				}
			}
			l.send(0, ws.Text, shared)
			if payload := want(i, shared); l.takeover && i < 2 && len(payload) > 60 {
				t.Errorf("connection %d: %d bytes for what is in the window, want at most 60", i, len(payload))
			}
		}
	}
}

// threshold: messages below it are sent as they are. A writer of pieces does
// not know the size, and compresses.
func threshold(l *link, from int) {
	z := bitInflater{TB: l.T}
	for way := range ways {
		if ways[way].name == "NextWriter" {
			continue
		}
		if from > 0 {
			l.send(way, ws.Text, bulk(from-1))
			l.p.WantText(bulk(from - 1))
		}
		l.send(way, ws.Text, bulk(from))
		l.wantZipped(&z, frame.Text, bulk(from))
	}
}

// uncompressed: a message can be kept from compression, and from the window.
func uncompressed(l *link) {
	z := bitInflater{TB: l.T}
	for way := range ways {
		secret := string(letters(200, uint64(way)))
		l.send(way, ws.Text|ws.Uncompressed, secret)
		l.p.WantText(secret)
		l.send(way, ws.Binary|ws.Uncompressed, secret)
		l.p.WantBinary([]byte(secret))
		l.send(way, ws.Text, secret)
		l.wantZipped(&z, frame.Text, secret)
	}
}

// neverUnasked: a connection whose configuration says nothing of compression
// sends none, whatever was agreed on for it.
func neverUnasked(l *link) {
	for way := range ways {
		l.send(way, ws.Text, bulk(1000))
		l.p.WantText(bulk(1000))
	}
}
