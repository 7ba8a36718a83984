//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package conn

import (
	"testing"
	"time"
)

// TestLoopWriterLate: the timer of a loopWriter has begun to call its function, and is slow. The
// writer goes on meanwhile and is done. The function still finds its own connection.
func TestLoopWriterLate(t *testing.T) {
	url, d := serveLoop(t, "ws", Config{Loop: new(Loop)}, echoEvents)
	c := dialLoop(t, url, d, 1)[0]
	socket := c.transport.LoopSocket()
	w := &loopWriter{owner: owner{c}, limit: time.Hour}
	w.late = func() { w.abort(ErrWriteTimeout) }
	socket.SetTimer(&w.timer, w.limit, w.late)
	if !w.timer.Stop() { // as the wheel does before it calls late
		t.Fatal("the timer is not set")
	}
	w.restart()
	w.end()
	if w.Conn != c {
		t.Fatal("the writer was given away, and its timer finds another connection, or none")
	}
	w.late()
	wantEnd(t, c.Err(), CloseError{Code: CloseAbnormal, Err: ErrWriteTimeout})
	if w.timer.Stop() {
		t.Error("the timer is set after the end")
	}
}
