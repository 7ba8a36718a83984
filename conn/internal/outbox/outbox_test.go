package outbox

import (
	"errors"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// newOutbox returns a server's outbox with a bound.
func newOutbox(bound int) *Outbox {
	o := new(Outbox)
	o.Init(Settings{Bound: bound, Vectors: true})
	return o
}

// want fails the test unless e has been told, once, and has come so far.
func want(t *testing.T, why string, e *Entry, state EntryState, err error) {
	t.Helper()
	if len(e.wake) != 1 || e.State() != state || e.Err() != err {
		t.Errorf("%s: told %d times, state %d, %v; want once, state %d, %v", why, len(e.wake), e.State(), e.Err(), state, err)
	}
}

// TestLeaveSparesOthers: a caller that stops waiting, and leaves nothing of its own behind, does
// not end the connection, however much the batch has of other callers, who still wait.
func TestLeaveSparesOthers(t *testing.T) {
	long := make([]byte, 1000)
	for name, add := range map[string]func(o *Outbox) (*Entry, Action){
		"Write": func(o *Outbox) (*Entry, Action) { return o.Add(2, []byte("own"), nil, false) },
		"Flush": func(o *Outbox) (*Entry, Action) { return o.Flush(false) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutbox(100)
			o.Reserve(1)
			o.Begin(2, []byte("a"), nil)
			own, _ := add(o)
			other, _ := o.Add(2, long, nil, false)
			o.FinishWrite(o.Batch().rest())
			want(t, "the first in the line", own, Owner, nil)
			if _, _, act := o.Withdraw(own); act != Write || o.Wire() != Owned {
				t.Fatalf("Withdraw asks for %d, and the wire is %d; want Write, Owned", act, o.Wire())
			}
			o.FinishWrite(o.Batch().rest())
			want(t, "the second in the line", other, Done, nil)
		})
	}
}

// TestLeaveTooMuch: a message that was begun and that is too long to be kept ends the connection.
// Nothing of it is copied, and nothing is held when the connection has ended.
func TestLeaveTooMuch(t *testing.T) {
	o := newOutbox(100)
	p := make([]byte, vectorMin)
	o.Begin(2, p, nil)
	if left, act := o.Leave(1); !left || act != Cut || o.Wire() != Broken {
		t.Fatalf("Leave = %v, %d, and the wire is %d; want true, Cut, Broken", left, act, o.Wire())
	}
	o.Lose(errors.New("lost"))
	if o.Batch() != nil || o.Held() != 0 {
		t.Errorf("%d bytes are held after the end", o.Held())
	}
}

// TestRestTooMuch: the same for a message of several frames.
func TestRestTooMuch(t *testing.T) {
	o := newOutbox(100)
	m := Message{Type: 2, Whole: true}
	o.TakeTurn(&m)
	o.Piece(&m, make([]byte, 10), false, false)
	o.FinishWrite(o.Batch().rest())
	if act := o.Rest(&m, make([]byte, 101), 10); act != Cut || o.Wire() != Broken {
		t.Errorf("Rest asks for %d, and the wire is %d; want Cut, Broken", act, o.Wire())
	}
}

// TestRefusedFrame: if the encoder refuses a frame, which is a fault of this package's, the wire
// breaks, and everybody who waits is told once.
func TestRefusedFrame(t *testing.T) {
	lost := errors.New("lost")
	broken := func() *Outbox {
		o := newOutbox(100)
		o.enc.AppendFrame(nil, frame.Header{Opcode: frame.Close, Fin: true}, nil) // now it refuses everything
		return o
	}
	for name, passive := range map[string]bool{"Owner": false, "Taken": true} {
		t.Run(name, func(t *testing.T) {
			o := broken()
			e, act := o.Add(2, []byte("a"), nil, passive)
			if act != Cut {
				t.Errorf("Add asks for %d, want Cut", act)
			}
			o.Lose(lost)
			want(t, "the refused message", e, Done, lost)
			if o.Batch() != nil {
				t.Error("there still is a batch")
			}
		})
	}
	t.Run("Piece", func(t *testing.T) {
		o := broken()
		var m Message
		o.TakeTurn(&m)
		e, _ := o.Flush(false)
		if e2, act := o.Piece(&m, []byte("a"), true, false); e2 != nil || act != Write {
			t.Fatalf("Piece = %v, %d; want nil, Write", e2, act)
		}
		if act := o.FinishWrite(0); act != Cut {
			t.Errorf("FinishWrite asks for %d, want Cut", act)
		}
		o.Lose(lost)
		want(t, "the Flush behind it", e, Done, lost)
		if o.Batch() != nil {
			t.Error("there still is a batch")
		}
	})
}
