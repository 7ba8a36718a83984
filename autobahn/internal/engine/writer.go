package engine

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rfc6455/ws/frame"
)

// writer writes to a connection from a goroutine of its own, so that the tester always reads.
// If it did not, it and a testee that does not read while it writes would wait for each other.
type writer struct {
	to io.WriteCloser

	mu    sync.Mutex
	wake  *sync.Cond
	queue []piece
	free  [][]byte // buffers of written pieces
	held  bool     // nothing is written before release
	end   bool     // the connection is to be closed when the queue is empty
	dead  bool     // the connection is closed
}

// piece is what goes out in one write. If it is alone, nothing else is put into that write: on
// loopback it is one TCP segment then.
type piece struct {
	b     []byte
	alone bool
}

// maxTogether is how many bytes are put together in one write at most.
const maxTogether = 64 << 10

// newWriter starts the writer of a connection. Its goroutine ends after abort or finish.
func newWriter(to io.WriteCloser) *writer {
	w := &writer{to: to}
	w.wake = sync.NewCond(&w.mu)
	go w.run()
	return w
}

// write queues bytes, which the writer owns from now on. What is queued while the writer is
// busy goes out together, unless it is to be alone.
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

// buffer returns an empty buffer for size bytes, or for maxTogether if these are more.
func (w *writer) buffer(size int) []byte {
	if n := len(w.free) - 1; n >= 0 && size <= maxTogether {
		b := w.free[n]
		w.free = w.free[:n]
		return b
	}
	return make([]byte, 0, max(size, maxTogether))
}

// reuse keeps some buffers of pieces that have been written, if they have room for
// maxTogether bytes.
func (w *writer) reuse(batch []piece) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range batch {
		if cap(p.b) == maxTogether && len(w.free) < 4 {
			w.free = append(w.free, p.b[:0])
		}
	}
}

// hold keeps back what is written from now on until release, so that it goes out together.
func (w *writer) hold() {
	w.mu.Lock()
	w.held = true
	w.mu.Unlock()
}

// release ends what hold has begun.
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

// abort closes the connection at once, with a reset if it can: by SetLinger as TCP has it, or
// by Abort.
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

// run writes what is queued, until the connection ends.
func (w *writer) run() {
	for {
		batch, ok := w.next()
		if !ok {
			return
		}
		for _, p := range batch {
			if _, err := w.to.Write(p.b); err != nil {
				// If the testee has closed the connection, the reader sees that when it
				// has read what was sent before.
				if errors.Is(err, os.ErrDeadlineExceeded) {
					w.to.Close()
				}
				return
			}
		}
		w.reuse(batch)
	}
}

// next waits for pieces to write. It reports false if there will be no more, and then closes
// the connection.
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
