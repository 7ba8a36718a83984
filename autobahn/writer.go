package autobahn

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rfc6455/ws/frame"
)

// writer writes to a connection from a goroutine of its own, so that the tester
// never blocks on a testee that does not read: both would wait for each other.
type writer struct {
	to io.WriteCloser

	mu    sync.Mutex
	wake  *sync.Cond
	queue []piece
	free  [][]byte // buffers of written pieces
	held  bool     // gather, and write nothing, until it is let go
	end   bool     // close the connection when the queue is empty
	dead  bool
}

// piece is what goes out in one write. If it is alone, nothing is put together with
// it, so that on loopback it is one TCP segment.
type piece struct {
	b     []byte
	alone bool
}

// maxTogether bounds what is put together in one write.
const maxTogether = 64 << 10

// newWriter starts the writer of a connection. It ends with abort or finish, one
// of which must be called.
func newWriter(to io.WriteCloser) *writer {
	w := &writer{to: to}
	w.wake = sync.NewCond(&w.mu)
	go w.run()
	return w
}

// write queues bytes, which the writer owns from now on. What is queued while the
// writer is busy goes out together, but for what is to be alone.
func (w *writer) write(b []byte, alone bool) {
	w.mu.Lock()
	last := len(w.queue) - 1
	if !alone && last >= 0 && !w.queue[last].alone && len(w.queue[last].b)+len(b) <= maxTogether {
		w.queue[last].b = append(w.queue[last].b, b...)
	} else {
		w.queue = append(w.queue, piece{b, alone})
	}
	w.mu.Unlock()
	w.wake.Signal()
}

// frame queues a frame, and returns how long it is on the wire.
func (w *writer) frame(h frame.Header, payload []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.wake.Signal()
	last := len(w.queue) - 1
	if size := frame.MaxHeaderSize + len(payload); last < 0 || w.queue[last].alone || cap(w.queue[last].b)-len(w.queue[last].b) < size {
		w.queue = append(w.queue, piece{b: w.buffer(size)})
		last++
	}
	b := w.queue[last].b
	before := len(b)
	b = appendFrame(b, h, payload)
	w.queue[last].b = b
	return len(b) - before
}

// buffer returns an empty buffer for size bytes, and for more if these are few.
func (w *writer) buffer(size int) []byte {
	if n := len(w.free) - 1; n >= 0 && size <= maxTogether {
		b := w.free[n]
		w.free = w.free[:n]
		return b
	}
	return make([]byte, 0, max(size, maxTogether))
}

// reuse keeps the buffers of pieces that have been written, if they are of the size
// that serves again.
func (w *writer) reuse(batch []piece) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range batch {
		if cap(p.b) == maxTogether && len(w.free) < 4 {
			w.free = append(w.free, p.b[:0])
		}
	}
}

// hold has what is written from now on wait for release, so that it goes out together.
func (w *writer) hold() {
	w.mu.Lock()
	w.held = true
	w.mu.Unlock()
}

// release is described with hold.
func (w *writer) release() {
	w.mu.Lock()
	w.held = false
	w.mu.Unlock()
	w.wake.Signal()
}

// finish closes the connection when all has been written, or after ten seconds.
func (w *writer) finish() {
	if c, ok := w.to.(interface{ SetWriteDeadline(t time.Time) error }); ok {
		c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	}
	w.mu.Lock()
	w.end = true
	w.mu.Unlock()
	w.wake.Signal()
}

// abort closes the connection at once, with a reset where that can be done: TCP has
// SetLinger for it, other streams may have Abort.
func (w *writer) abort() {
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	w.wake.Signal()
	switch c := w.to.(type) {
	case interface{ SetLinger(sec int) error }:
		c.SetLinger(0)
	case interface{ Abort() error }:
		c.Abort()
	}
	w.to.Close()
}

func (w *writer) run() {
	for {
		batch, ok := w.next()
		if !ok {
			return
		}
		for _, p := range batch {
			if _, err := w.to.Write(p.b); err != nil {
				// A connection that the testee closed is left to the reader, which
				// sees its end when it has taken what was sent before.
				if errors.Is(err, os.ErrDeadlineExceeded) {
					w.to.Close()
				}
				return
			}
		}
		w.reuse(batch)
	}
}

// next waits for pieces to write. It closes the connection at the end.
func (w *writer) next() ([]piece, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for (w.held || len(w.queue) == 0 && !w.end) && !w.dead {
		w.wake.Wait()
	}
	if w.dead {
		return nil, false
	}
	if len(w.queue) == 0 {
		w.to.Close()
		return nil, false
	}
	batch := w.queue
	w.queue = nil
	return batch, true
}
