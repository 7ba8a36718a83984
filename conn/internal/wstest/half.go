package wstest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// half is one direction of a pipe: a bounded queue of bytes with a reading and a writing end. The
// mutex is held for a copy at most. Whoever has to wait does so in cond.Wait, which is durably
// blocking under synctest.
type half struct {
	mu       sync.Mutex
	cond     sync.Cond // broadcast at every change of the fields below
	buf      []byte    // bytes written and not read yet, at most capacity
	capacity int

	busy      bool  // a Write is under way, and the next one waits for its turn
	finished  bool  // CloseWrite or Close at the writing end; EOF follows buf
	shut      bool  // CloseRead at the reading end; what comes is thrown away
	rdClosed  bool  // Close at the reading end
	wrClosed  bool  // Close at the writing end
	strict    bool  // the reading end answers lost bytes with a reset
	cutErr    error // the transport was lost
	rdTimeout deadline
	wrTimeout deadline

	written int64 // bytes accepted
	writes  int   // calls of Write
}

func newHalf(capacity int) *half {
	h := &half{capacity: max(capacity, 1)}
	h.cond.L = &h.mu
	return h
}

// deadline is the state of SetReadDeadline or SetWriteDeadline. The half's mutex guards it.
type deadline struct {
	passed bool
	timer  *time.Timer
	turn   int // tells the current timer from one that was stopped too late
}

// setLocked sets the deadline d to t, as [net.Conn] describes it. The zero time means no deadline.
// A time that is not in the future has passed already, which wakes a blocked call.
func (h *half) setLocked(d *deadline, t time.Time) {
	d.stopLocked()
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		h.cond.Broadcast()
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if d.turn == turn {
			d.passed = true
			h.cond.Broadcast()
		}
	})
}

// stopLocked clears the deadline and retires its timer.
func (d *deadline) stopLocked() {
	d.turn++
	d.passed = false
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// read takes bytes from the queue and waits for at least one. A closed end and a passed deadline
// come first, even if bytes are waiting, as in package net.
func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.rdClosed:
			return 0, net.ErrClosed
		case h.rdTimeout.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case h.cutErr != nil:
			return 0, h.cutErr
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[:copy(h.buf, h.buf[n:])]
			h.cond.Broadcast()
			return n, nil
		case h.finished || h.shut:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

// write puts all of p into the queue, piece by piece as the reader makes room. If an error ends it,
// it returns how much of p was accepted.
func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	for h.busy && h.writeErrLocked() == nil {
		h.cond.Wait()
	}
	if err := h.writeErrLocked(); err != nil {
		return 0, err
	}
	h.busy = true
	defer func() {
		h.busy = false
		h.cond.Broadcast()
	}()
	return h.fillLocked(p)
}

// fillLocked is the loop of write. Only the Write whose turn it is runs it.
func (h *half) fillLocked(p []byte) (n int, err error) {
	for n < len(p) {
		room := min(h.capacity-len(h.buf), len(p)-n)
		if h.shut {
			room = len(p) - n
		}
		if room == 0 {
			h.cond.Wait()
			if err := h.writeErrLocked(); err != nil {
				return n, err
			}
			continue
		}
		if !h.shut {
			h.buf = append(h.buf, p[n:n+room]...)
		}
		n += room
		h.written += int64(room)
		h.cond.Broadcast()
	}
	return n, nil
}

// writeErrLocked returns the reason why nothing can be written now, or nil if something can.
func (h *half) writeErrLocked() error {
	switch {
	case h.wrClosed:
		return net.ErrClosed
	case h.wrTimeout.passed:
		return os.ErrDeadlineExceeded
	case h.cutErr != nil:
		return h.cutErr
	case h.finished || h.rdClosed:
		return io.ErrClosedPipe
	}
	return nil
}

// change runs f with the half locked, and then wakes everyone who waits.
func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.cond.Broadcast()
}

// counts returns how many bytes are in the queue, how many were ever accepted, and how many Writes
// there were.
func (h *half) counts() (buffered int, written int64, writes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.buf), h.written, h.writes
}

// cutLocked loses the transport, and with it the bytes on their way.
func (h *half) cutLocked(err error) {
	if h.cutErr == nil {
		h.cutErr = err
		h.buf = nil
	}
}
