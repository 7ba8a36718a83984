package frame_test

import (
	"testing"

	"github.com/rfc6455/ws/frame"
)

// Stories of a connection: signals, the actions they ask for, and the states that result. The requirements that they are
// taken from are for package conn to show, over a transport.
func TestLifecycle(t *testing.T) {
	type move struct {
		in     frame.Signal
		action frame.Action
		state  frame.Lifecycle
	}
	written := func(s frame.Lifecycle) move { return move{frame.CloseWritten, frame.None, s} }
	end := move{frame.TransportClosed, frame.None, frame.Closed}
	we := move{frame.SendClose, frame.SendCloseFrame, frame.CloseSent}
	they := move{frame.ReceiveClose, frame.ReplyClose, frame.CloseReceived}
	for _, c := range []struct {
		id, name string
		clean    bool
		moves    []move
	}{
		{"CL-5.5-01", "we answer", true, []move{they, {frame.CloseWritten, frame.Shutdown, frame.Closing}, end}},
		{"CL-5.5-09", "we begin", true, []move{
			we, written(frame.CloseSent), {frame.ReceiveClose, frame.Shutdown, frame.Closing}, end,
		}},
		{"CL-5.5-11", "one frame in each direction", true, []move{
			they,
			{frame.ReceiveClose, frame.None, frame.CloseReceived},
			{frame.SendClose, frame.None, frame.CloseReceived},
			{frame.Fail, frame.None, frame.CloseReceived},
			{frame.CloseWritten, frame.Shutdown, frame.Closing},
			{frame.SendClose, frame.None, frame.Closing},
			{frame.ReceiveClose, frame.None, frame.Closing},
			{frame.Fail, frame.None, frame.Closing},
			end,
		}},
		{"CL-5.5-14", "both at once", true, []move{
			we,
			{frame.SendClose, frame.None, frame.CloseSent},
			{frame.ReceiveClose, frame.Shutdown, frame.Closing},
			written(frame.Closing), end,
		}},
		{"CL-5.5-13", "the server does not close TCP", true, []move{
			we, {frame.ReceiveClose, frame.Shutdown, frame.Closing}, {frame.Timeout, frame.Drop, frame.Closing}, end,
		}},
		{"CL-7.1-15", "no answer", false, []move{we, {frame.Timeout, frame.Drop, frame.Failed}, end}},
		{"CL-7.1-19", "closed stays closed", true, []move{
			we,
			{frame.ReceiveClose, frame.Shutdown, frame.Closing},
			{frame.Lost, frame.Drop, frame.Closing},
			end,
			{frame.SendClose, frame.None, frame.Closed},
			{frame.Lost, frame.None, frame.Closed},
		}},
		{"CL-7.1-20", "a rule is broken", false, []move{
			{frame.Fail, frame.SendAndShutdown, frame.Failed},
			{frame.ReceiveClose, frame.None, frame.Failed},
			{frame.SendClose, frame.None, frame.Failed},
			{frame.Fail, frame.None, frame.Failed},
			written(frame.Failed),
			{frame.Timeout, frame.Drop, frame.Failed},
			end,
		}},
		{"CL-7.1-21", "a rule is broken after our Close", false, []move{we, {frame.Fail, frame.Drop, frame.Failed}, end}},
		{"CL-7.2-22", "cut", false, []move{{frame.Lost, frame.Drop, frame.Failed}, end}},
	} {
		t.Run(c.name+", as for "+c.id, func(t *testing.T) {
			var s frame.Lifecycle
			clean := false
			for i, m := range c.moves {
				if m.in == frame.TransportClosed {
					clean = s.Clean()
				}
				var a frame.Action
				if s, a = frame.Next(s, m.in); s != m.state || a != m.action {
					t.Fatalf("move %d: %v, action %d, want %v, %d", i, s, a, m.state, m.action)
				}
			}
			if clean != c.clean {
				t.Errorf("clean %v", clean)
			}
		})
	}
}

// Whatever happens in whatever order: at most one Close frame is asked for, a failed connection is never clean, a clean
// one has seen both frames, and the end is the end.
func TestLifecycleAlways(t *testing.T) {
	var walk func(s frame.Lifecycle, depth, frames int, received, sent bool)
	walk = func(s frame.Lifecycle, depth, frames int, received, sent bool) {
		if frames > 1 {
			t.Fatal("two Close frames are asked for")
		}
		if s.Clean() && (!received || !sent) {
			t.Fatal("clean without both Close frames")
		}
		if depth == 0 {
			return
		}
		for in := frame.SendClose; in <= frame.TransportClosed; in++ {
			next, a := frame.Next(s, in)
			if s == frame.Closed && (next != s || a != frame.None) || s == frame.Failed && next.Clean() {
				t.Fatalf("%v goes on to %v with action %d", s, next, a)
			}
			n := frames
			if a == frame.SendCloseFrame || a == frame.ReplyClose || a == frame.SendAndShutdown {
				n++
			}
			walk(next, depth-1, n, received || in == frame.ReceiveClose, sent || n > 0)
		}
	}
	walk(frame.Open, 6, 0, false, false)
}

func TestLifecycleUnknown(t *testing.T) {
	for s := frame.Open; s <= frame.Closed; s++ {
		if got, a := frame.Next(s, frame.TransportClosed+1); got != s || a != frame.None {
			t.Errorf("an unknown signal takes %v to %v", s, got)
		}
	}
	if got, a := frame.Next(frame.Closed+1, frame.Lost); got != frame.Closed+1 || a != frame.None {
		t.Errorf("an unknown state goes to %v", got)
	}
	if got := (frame.Closed + 1).String() + ", " + frame.CloseReceived.String(); got != "unknown, close received" {
		t.Error(got)
	}
}
