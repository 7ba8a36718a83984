package conn

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// FuzzConnWriting feeds hostile bytes to a connection while it sends, pings and
// closes in every way, between reads and within callbacks. What it wrote are
// legal frames whose messages are those that it took, in their order, and all
// of those whose writing returned nil.
func FuzzConnWriting(f *testing.F) {
	for i, b := range requirementBytes(f) {
		f.Add(b, uint64(i), uint8(i))
	}
	for kind := range uint8(4) {
		role := frame.Role(kind & 1)
		f.Add(frames(role, 40, frame.Header{Opcode: frame.Binary, Fin: true}, "echo"), uint64(kind), kind)
		f.Add(frames(role, 200, frame.Header{Opcode: frame.Ping, Fin: true}, "ping"), uint64(kind), kind)
		f.Add(append(frames(role, 9, frame.Header{Opcode: frame.Text, Fin: true}, "a"), frames(role, 1, frame.Header{Opcode: frame.Close, Fin: true}, "")...), uint64(kind), kind)
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64, kind uint8) {
		watchdog(t)
		s := newFeed(b, rand.New(rand.NewPCG(seed, 0)))
		var n Negotiated
		cfg := Config{MaxMessageSize: fuzzLimit, MaxFragments: 200, FragmentSize: 100}
		if kind&2 != 0 {
			n.Deflate = deflated(8 + int(kind>>2)%8)
			cfg.Compression = Compression{Mode: CompressionTakeover, Threshold: 30, Fragment: kind&64 != 0}
		}
		s.c = New(s, frame.Role(kind&1), n, cfg)
		w := &writing{c: s.c, r: rand.New(rand.NewPCG(seed, 1))}
		for err := error(nil); !isEnd(err); {
			w.act(t)
			err = s.readOnce(s.c, func(MessageType, []byte) { w.act(t) })
		}
		<-s.c.Done()
		w.act(t)
		w.check(t, s, frame.Role(kind&1).Peer())
	})
}

// writing is a writer with what it wrote.
type writing struct {
	c     *Conn
	r     *rand.Rand
	taken []takenMessage
}

// outcome is what a nil error says of a message.
type outcome uint8

const (
	noMessage outcome = iota // it was another call
	queued                   // it leaves unless the connection ends first
	written                  // it has left
)

// takenMessage is one that the connection took.
type takenMessage struct {
	t  MessageType
	p  []byte
	to outcome
}

// act does some things.
func (w *writing) act(t *testing.T) {
	for range w.r.IntN(4) {
		mt := []MessageType{Text, Binary, Text | Uncompressed, Binary | Uncompressed}[w.r.IntN(4)]
		p := someText(w.r, w.r.IntN(1<<w.r.IntN(11)))
		to, err := w.one(mt, p)
		switch {
		case err == nil && to != noMessage:
			w.taken = append(w.taken, takenMessage{mt &^ Uncompressed, p, to})
		case err == nil, err == errClosing, err == ErrClosing, errors.Is(err, context.Canceled), isEnd(err):
		default:
			t.Fatalf("writing: %v", err)
		}
	}
}

// one does one thing.
func (w *writing) one(mt MessageType, p []byte) (to outcome, err error) {
	switch w.r.IntN(40) {
	case 0:
		return noMessage, w.c.Close(4000, "enough")
	case 1:
		return noMessage, w.c.CloseNow()
	case 2, 3:
		_, err := w.c.Ping(cancelled())
		return noMessage, err
	case 4, 5:
		return noMessage, w.c.Flush(bg)
	}
	switch w.r.IntN(7) {
	case 0:
		return queued, w.c.Append(mt, p)
	case 1:
		return queued, w.c.Send(mt, p)
	case 2, 3:
		m, err := Prepare(mt, p)
		if err != nil {
			return noMessage, err
		}
		if w.r.IntN(2) == 0 {
			return queued, w.c.SendPrepared(m)
		}
		return written, w.c.WritePrepared(bg, m)
	case 4:
		return written, w.pieces(mt, p)
	case 5:
		return written, w.c.Write(cancelled(), mt, p)
	}
	return written, w.c.Write(bg, mt, p)
}

// pieces writes p through a MessageWriter.
func (w *writing) pieces(mt MessageType, p []byte) error {
	m, err := w.c.NextWriter(bg, mt)
	if err != nil {
		return err
	}
	for rest := p; len(rest) > 0 && err == nil; {
		n := min(len(rest), 1+w.r.IntN(300))
		_, err = m.Write(rest[:n])
		rest = rest[n:]
	}
	return errors.Join(err, m.Close())
}

// check reads what was written as the peer, role, does.
func (w *writing) check(t *testing.T, s *feed, role frame.Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := frame.Decoder{Role: role, AllowRSV1: w.c.z != nil}
	z := new(inflater)
	var p []byte
	var op frame.Opcode
	next := 0
	for in := s.out; len(in) > 0; {
		ev, n, err := d.Step(in)
		if err != nil {
			t.Fatalf("wrote %x: %v", s.out, err)
		}
		if in = in[n:]; ev.Kind == frame.NeedData || ev.Kind == frame.Control {
			continue
		}
		if ev.Opcode != frame.Continuation {
			op = ev.Opcode
		}
		if p = append(p, ev.Data...); !ev.Fin {
			continue
		}
		if ev.Compressed {
			p = z.message(t, p)
		}
		if next == len(w.taken) || MessageType(op) != w.taken[next].t || !bytes.Equal(p, w.taken[next].p) {
			t.Fatalf("wrote a message of %d bytes that is not number %d of %d", len(p), next, len(w.taken))
		}
		next++
		p = nil
	}
	for i := next; i < len(w.taken); i++ {
		if w.taken[i].to == written {
			t.Fatalf("message %d of %d, whose writing returned nil, was not written", i, len(w.taken))
		}
	}
}
