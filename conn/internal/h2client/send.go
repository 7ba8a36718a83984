package h2client

import (
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// outWriter collects what the Framer writes. Its user holds link.mu.
type outWriter struct{ l *link }

func (w outWriter) Write(p []byte) (int, error) {
	w.l.out = append(w.l.out, p...)
	w.l.work.Signal()
	return len(p), nil
}

// write is the goroutine that writes what has been collected.
func (l *link) write() {
	var batch []byte
	for {
		batch = l.take(batch)
		if len(batch) == 0 {
			_ = l.nc.Close()
			return
		}
		if _, err := l.nc.Write(batch); err != nil {
			l.leave(err)
			l.cut()
			return
		}
	}
}

// take waits for something to write and returns it. It uses the memory of spare, the batch before,
// again. It returns nothing when the link has ended.
func (l *link) take(spare []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.out) == 0 {
		spare = putOut(spare) // an idle connection holds no large buffer
	}
	for len(l.out) == 0 && l.err == nil {
		l.work.Wait()
	}
	batch := l.out
	l.out, l.answers = spare[:0], 0
	l.room.Broadcast()
	return batch
}

// appendDataLocked collects a DATA frame. l.mu is held.
func (l *link) appendDataLocked(id uint32, p []byte) {
	n := len(p)
	l.makeRoomLocked(frameHeader + n)
	l.out = append(l.out, byte(n>>16), byte(n>>8), byte(n), byte(http2.FrameData), 0,
		byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
	l.out = append(l.out, p...)
	l.work.Signal()
}

// frameHeader is the size of a frame's header: RFC 9113 section 4.1.
const frameHeader = 9

// outs has large buffers for link.out. They have room for everything that streams may put there,
// and for control frames.
var outs = sync.Pool{New: func() any { return new([maxOut + 2*maxFrame]byte) }}

// smallOut is the capacity, in bytes, that a connection keeps for its next frames.
const smallOut = 4 << 10

// makeRoomLocked takes a large buffer for out if n more bytes do not fit. l.mu is held.
func (l *link) makeRoomLocked(n int) {
	if need := len(l.out) + n; need <= cap(l.out) || need <= smallOut {
		return
	}
	b := outs.Get().(*[maxOut + 2*maxFrame]byte)
	l.out = append(b[:0], l.out...)
}

// putOut gives a large buffer back and returns nil, or returns a small one.
func putOut(b []byte) []byte {
	switch {
	case cap(b) <= smallOut:
		return b
	case cap(b) == maxOut+2*maxFrame:
		outs.Put((*[maxOut + 2*maxFrame]byte)(b[:cap(b)]))
	}
	return nil
}

// answerLocked counts a frame that answers one of the server's. It fails if the server asks and
// does not read the answers. l.mu is held.
func (l *link) answerLocked() error {
	if l.answers++; l.answers > maxAnswers {
		return breach(http2.ErrCodeEnhanceYourCalm,
			"SETTINGS and PING frames from a server that does not read the answers")
	}
	return nil
}

// writeRequestLocked collects the HEADERS frame that opens a stream, with CONTINUATION frames if it
// is long. l.mu is held.
func (l *link) writeRequestLocked(id uint32, fields []hpack.HeaderField) {
	l.block.Reset()
	for _, f := range fields {
		_ = l.enc.WriteField(f) // can't fail: it writes to a bytes.Buffer
	}
	first := l.block.Next(maxFrame)
	_ = l.writing.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndHeaders: l.block.Len() == 0})
	for l.block.Len() > 0 {
		next := l.block.Next(maxFrame)
		_ = l.writing.WriteContinuation(id, l.block.Len() == 0, next)
	}
}
