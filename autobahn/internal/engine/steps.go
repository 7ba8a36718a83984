package engine

import (
	"time"

	"github.com/rfc6455/ws/frame"
)

// Step is one thing that the tester does in a case.
type Step interface {
	// Do does it, on the goroutine of [Tester.Run].
	Do(t *Tester)
}

// Send sends a frame as it is, legal or not. The tester's state stays the same: a Close
// frame sent this way begins no closing handshake.
type Send struct {
	Op      frame.Opcode
	Payload string
	More    bool  // FIN is clear
	RSV     uint8 // RSV1 is 4, RSV2 is 2, RSV3 is 1
	Length  int   // if not zero, Payload is repeated to that many bytes
	Chop    int   // if not zero, the bytes go out in writes of that many each
	Sync    bool  // the frame goes out in a write of its own
}

// Say sends a message as an application would: compressed, if that was negotiated.
type Say struct {
	Payload  string
	Binary   bool // the message is binary, not text
	Fragment int  // if not zero, frames have at most that many bytes of payload
}

// Begin opens the closing handshake, with any code and reason, legal or not. If the code
// is negative, the Close frame has none: its payload is the reason alone.
type Begin struct {
	Code   int
	Reason string
}

// KillAfter fails the connection with 1001 after a time.
type KillAfter time.Duration

// CloseAfter opens the closing handshake after a time.
type CloseAfter time.Duration

// Later runs more steps after a time, if TCP has not ended by then.
type Later struct {
	Wait   time.Duration
	ToFail bool   // the testee is to fail the connection in that time, which patience multiplies
	Tag    string // if not empty, the steps run only while the connection is open, and the end of the wait is an event
	Steps  []Step
}

// Doing is a step that is a function.
type Doing func(t *Tester)

// Do calls the function.
func (s Doing) Do(t *Tester) { s(t) }

// Do opens the closing handshake.
func (s Begin) Do(t *Tester) { t.CloseFrame(s.Code, s.Reason) }

// Do starts the time.
func (s KillAfter) Do(t *Tester) { t.killAfter(time.Duration(s)) }

// Do starts the time.
func (s CloseAfter) Do(t *Tester) { t.closeAfter(time.Duration(s)) }

// Do sends the message.
func (s Say) Do(t *Tester) { t.Say([]byte(s.Payload), s.Binary, s.Fragment) }

// Do starts the time.
func (s Later) Do(t *Tester) {
	wait := s.Wait
	if s.ToFail {
		wait = t.Allow(wait)
	}
	t.Rec.log("CT", wait.Seconds(), s.Tag)
	t.after(wait, func() {
		if t.state == closed {
			return
		}
		t.Rec.log("CTE", s.Tag)
		if s.Tag != "" {
			if t.state != open {
				return
			}
			t.Received = append(t.Received, Timeout(s.Tag))
		}
		t.Do(s.Steps)
	})
}

// Do runs steps one after the other.
func (t *Tester) Do(steps []Step) {
	for _, s := range steps {
		s.Do(t)
	}
}

// Waits returns how long a case takes at least, on any machine: the time that its steps
// wait.
func (s *Script) Waits() time.Duration {
	wait := waitsIn(s.Steps)
	if s.Hello != nil {
		wait = max(wait, s.Hello.Wait)
	}
	if s.Lazy || s.Mute {
		wait = max(wait, Patient)
	}
	return wait
}

// waitsIn returns how long steps wait.
func waitsIn(steps []Step) time.Duration {
	var wait time.Duration
	for _, s := range steps {
		switch s := s.(type) {
		case Later:
			wait += s.Wait + waitsIn(s.Steps)
		case Compressed:
			wait += waitsIn(s)
		}
	}
	return wait
}

// Compressed runs steps if compression was negotiated. Otherwise it ends the case, which is
// UNIMPLEMENTED then.
type Compressed []Step

// Do runs the steps, or ends the case.
func (s Compressed) Do(t *Tester) {
	if t.Deflate != nil {
		t.Do(s)
		return
	}
	t.unavailable = true
	t.CloseFrame(1000, "")
}

// Raw sends bytes as they are.
type Raw string

// Do sends the bytes.
func (s Raw) Do(t *Tester) {
	t.Rec.Note("%d octets as they are: %s", len(s), hexPreview([]byte(s)))
	t.Write([]byte(s), 0, false)
}
