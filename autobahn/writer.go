package autobahn

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// writer writes to a connection from a goroutine of its own, so that the tester
// never blocks on a testee that does not read: both would wait for each other.
// Each piece is one write, and so on loopback one TCP segment.
type writer struct {
	nc net.Conn

	mu    sync.Mutex
	wake  *sync.Cond
	queue [][]byte
	end   bool // close the connection when the queue is empty
	dead  bool
}

// newWriter starts the writer of a connection. It ends with abort or finish, one
// of which must be called.
func newWriter(nc net.Conn) *writer {
	w := &writer{nc: nc}
	w.wake = sync.NewCond(&w.mu)
	go w.run()
	return w
}

// write queues pieces, which the writer owns from now on.
func (w *writer) write(pieces ...[]byte) {
	w.mu.Lock()
	w.queue = append(w.queue, pieces...)
	w.mu.Unlock()
	w.wake.Signal()
}

// finish closes the connection when all has been written, or after ten seconds.
func (w *writer) finish() {
	w.nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	w.mu.Lock()
	w.end = true
	w.mu.Unlock()
	w.wake.Signal()
}

// abort closes the connection at once, with a reset where that can be done.
func (w *writer) abort() {
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	w.wake.Signal()
	if c, ok := w.nc.(interface{ SetLinger(sec int) error }); ok {
		c.SetLinger(0)
	}
	w.nc.Close()
}

func (w *writer) run() {
	for {
		batch, ok := w.next()
		if !ok {
			return
		}
		for _, piece := range batch {
			if _, err := w.nc.Write(piece); err != nil {
				// A connection that the testee closed is left to the reader, which
				// sees its end when it has taken what was sent before.
				if errors.Is(err, os.ErrDeadlineExceeded) {
					w.nc.Close()
				}
				return
			}
		}
	}
}

// next waits for pieces to write. It closes the connection at the end.
func (w *writer) next() ([][]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.end && !w.dead {
		w.wake.Wait()
	}
	if w.dead {
		return nil, false
	}
	if len(w.queue) == 0 {
		w.nc.Close()
		return nil, false
	}
	batch := w.queue
	w.queue = nil
	return batch, true
}
