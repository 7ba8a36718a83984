package hub

import "testing"

// TestFeedSkipsWhatItHas: a broker may return messages from before the position that it was asked
// for.
func TestFeedSkipsWhatItHas(t *testing.T) {
	at := func(n uint64) Position { return Position{"e", n} }
	f := feed{phase: filling, at: at(2)}
	o := f.step(&event{kind: read, history: History{After: at(1), Messages: []Message{{Position: at(2)}, {Position: at(3)}}}})
	if len(o.deliver) != 1 || o.deliver[0].Position != at(3) || f.at != at(3) || f.phase != live {
		t.Errorf("delivers %v and is at %v, want message 3 alone", o.deliver, f.at)
	}
}

// TestFeedHoldsLittle: a feed that can't read the history for long holds a bounded number of
// messages, and reads again.
func TestFeedHoldsLittle(t *testing.T) {
	at := func(n uint64) Position { return Position{"e", n} }
	f := feed{phase: live, at: at(1)}
	if o := f.step(&event{kind: interrupted}); !o.read {
		t.Fatal("an interrupted feed does not read")
	}
	for n := uint64(2); n < 5*maxHeld; n++ {
		f.step(&event{kind: arrived, message: Message{Position: at(n), Previous: n - 1}})
	}
	if len(f.held) > maxHeld {
		t.Errorf("the feed holds %d messages, want at most %d", len(f.held), maxHeld)
	}
	o := f.step(&event{kind: read, history: History{After: at(1)}})
	if !o.read || len(o.deliver) != 0 {
		t.Errorf("after an early reading: %d messages delivered, read %t; want another reading", len(o.deliver), o.read)
	}
}

// TestFeedWithoutHistory: messages without positions are delivered as they come.
func TestFeedWithoutHistory(t *testing.T) {
	f := feed{}
	f.step(&event{kind: arrived, message: Message{Data: []byte("held")}})
	o := f.step(&event{kind: read})
	if len(o.deliver) != 1 || o.read || f.phase != live {
		t.Fatalf("joining delivers %d messages in phase %d, want the one that came meanwhile", len(o.deliver), f.phase)
	}
	if o := f.step(&event{kind: interrupted}); o.read || o.lost || f.phase != live {
		t.Error("an interruption without history asks for something; want nothing")
	}
	for range 2 {
		if o := f.step(&event{kind: arrived, message: Message{}}); len(o.deliver) != 1 {
			t.Error("a message without a position was not delivered")
		}
	}
}
