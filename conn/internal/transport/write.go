package transport

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// WriteLimit bounds how long a write may take.
type WriteLimit struct {
	Timeout time.Duration // of each write; 0: there is no limit
	Err     error         // of a write that took longer
}

// writeMax is how much is written within one limit, in bytes. The limit begins again after that,
// since a slow peer may have much to read.
const writeMax = 128 << 10

// Write writes frames, and payload behind them, and returns how many bytes are out. If t is a
// socket, the end of ctx interrupts it. If not, ctx must not be able to end, and payload must be
// nil. An error is final.
func (t *Transport) Write(ctx context.Context, limit WriteLimit, frames, payload []byte) (n int, interrupted bool, err error) {
	switch {
	case t.raw == nil:
		n, err = t.WriteStream(frames)
		return n, false, err
	case payload != nil:
		return t.writeWait(ctx, limit, frames, payload)
	}
	n, err = t.TryWrite(frames) // one system call, as a rule
	if err != nil || n == len(frames) {
		return n, false, err
	}
	m, interrupted, err := t.writeWait(ctx, limit, frames[n:], nil)
	return n + m, interrupted, err
}

// NowWriter writes what a socket takes at once. It does not use the lock of package net for writes,
// since one goroutine at a time writes to the socket, and that goroutine gives way by itself. For a
// small message that is a twentieth of a relay's work.
type NowWriter struct {
	raw syscall.RawConn
	fn  func(fd uintptr) // stored, since a closure for each call would be garbage
	p   []byte
	n   int
	err error
}

// NowWriter returns a writer to l. It is nil if l is no socket.
func (l *Link) NowWriter() *NowWriter {
	if l.raw == nil {
		return nil
	}
	w := &NowWriter{raw: l.raw}
	w.fn = func(fd uintptr) { w.n, w.err = WriteFD(fd, w.p) }
	return w
}

// Write writes as much of p as the socket takes, and returns how many bytes that is.
func (w *NowWriter) Write(p []byte) (n int, err error) {
	w.p, w.n, w.err = p, 0, nil
	err = w.raw.Control(w.fn)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// writeWait writes frames and payload to a socket, and waits for room.
func (t *Transport) writeWait(ctx context.Context, limit WriteLimit, frames, payload []byte) (n int, interrupted bool, err error) {
	w, ok := t.armWrite(ctx)
	if !ok {
		return 0, true, nil
	}
	for part := 0; err == nil && n < len(frames); n += part {
		if limit.Timeout > 0 {
			w.postpone(t, time.Now().Add(limit.Timeout))
		}
		if end := min(len(frames), n+writeMax); payload == nil || end < len(frames) {
			part, err = t.stream.Write(frames[n:end])
		} else {
			part, err = writeBoth(t.stream, frames[n:], payload)
		}
	}
	interrupted = w.disarm(t)
	if limit.Timeout > 0 {
		t.setWriteDeadline(time.Time{})
	}
	switch {
	case err == nil || !errors.Is(err, os.ErrDeadlineExceeded):
		return n, false, err
	case interrupted:
		return n, true, nil
	}
	return n, false, limit.Err
}

// gatherer holds the arguments of a gathering write, which escape to the heap.
type gatherer struct {
	parts [2][]byte
	bufs  net.Buffers
}

var gatherers = sync.Pool{New: func() any { return new(gatherer) }}

// writeBoth writes frames and payload, in one system call if w can do that.
func writeBoth(w io.Writer, frames, payload []byte) (int, error) {
	g := gatherers.Get().(*gatherer)
	g.parts = [2][]byte{frames, payload}
	g.bufs = g.parts[:]
	n, err := g.bufs.WriteTo(w)
	*g = gatherer{}
	gatherers.Put(g)
	return int(n), err
}

// WriteStream writes p to a transport that is no socket, and returns when all of p is out. A timer
// cuts the connection if that takes too long. A write deadline would not do, since in crypto/tls it
// is for good. An error is final.
func (t *Transport) WriteStream(p []byte) (n int, err error) {
	for part := 0; err == nil && n < len(p); n += part {
		part, err = t.writePart(p[n:min(len(p), n+writeMax)])
	}
	return n, err
}

// writePart is one write of WriteStream.
func (t *Transport) writePart(p []byte) (n int, err error) {
	x := t.side.Load()
	if timer := x.startWrite(); timer == nil {
		n, err = t.stream.Write(p)
	} else {
		n, err = t.stream.Write(p)
		if x.endWrite(timer) {
			err = x.limiter.WriteTimedOut()
		}
	}
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// WriteLimiter bounds the writes to a transport that is no socket.
type WriteLimiter interface {
	// WriteTimeout returns how long one write may take; 0: there is no limit.
	WriteTimeout() time.Duration

	// WriteTimedOut is called if a write takes longer. It has to close the transport, and returns
	// the error of the write. It may be called more than once.
	WriteTimedOut() error
}

// writeTimer cuts a connection whose transport takes no bytes. Setting and stopping a timer for
// each write, or looking at the clock, would cost as much as framing the message. So the timer
// stays set as long as there are writes. Now and then it looks whether the current write has taken
// too long. The first write after a pause is timed exactly. Others may be cut a sixteenth of the
// timeout too early. If the timer finds a pause, it is dropped: an idle connection has none.
//
// The writer takes the timer out of side.timer for the time of a write. So look finds it there only
// between writes.
type writeTimer struct {
	side    *side
	timer   *time.Timer
	writes  atomic.Uint32 // that have begun
	expired atomic.Bool   // the current write has taken too long

	// These are used by look alone.
	seen  uint32 // writes at the last look
	looks int    // that have found the same write
}

// writeLooks is how many looks must find the same write to call it too long.
const writeLooks = 16

// startWrite and endWrite enclose a write. Only the owner of the wire calls them. startWrite
// returns nil if there is no limit.
func (x *side) startWrite() *writeTimer {
	t := x.timer.Swap(nil)
	if t == nil {
		t = x.newWriteTimer()
	}
	if t != nil {
		t.writes.Add(1)
	}
	return t
}

// newWriteTimer returns a timer for the write that begins now. It returns nil if there is no limit.
func (x *side) newWriteTimer() *writeTimer {
	if x.limiter == nil || x.limiter.WriteTimeout() <= 0 {
		return nil
	}
	t := &writeTimer{side: x, seen: 1} // the write that begins now
	t.timer = time.AfterFunc(math.MaxInt64, t.look)
	t.reset()
	return t
}

// reset sets the time of the next look.
func (t *writeTimer) reset() { t.timer.Reset(t.side.limiter.WriteTimeout() / writeLooks) }

// endWrite reports whether the write was cut because it took too long.
func (x *side) endWrite(t *writeTimer) (expired bool) {
	expired = t.expired.Load()
	x.timer.Store(t)
	return expired
}

// look is the timer's function.
func (t *writeTimer) look() {
	if t.side.timer.CompareAndSwap(t, nil) {
		return // a pause
	}
	if n := t.writes.Load(); t.seen != n {
		t.seen, t.looks = n, 1 // this write may have begun right after the last look
	} else if t.looks++; t.looks >= writeLooks {
		t.expired.Store(true)
		_ = t.side.limiter.WriteTimedOut()
		return
	}
	t.reset()
}
