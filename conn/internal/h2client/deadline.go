package h2client

import "time"

// deadline is a stream's read deadline. link.mu guards it.
type deadline struct {
	passed bool
	timer  *time.Timer
}

// setLocked sets the deadline of s.
func (d *deadline) setLocked(s *Stream, t time.Time) {
	d.stopLocked()
	d.passed = false
	if t.IsZero() || s.closed {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passLocked(s)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		s.link.mu.Lock()
		defer s.link.mu.Unlock()
		if d.timer == timer { // otherwise another one was set meanwhile
			d.passLocked(s)
		}
	})
	d.timer = timer
}

func (d *deadline) passLocked(s *Stream) {
	d.passed = true
	s.readable.Broadcast()
}

func (d *deadline) stopLocked() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
