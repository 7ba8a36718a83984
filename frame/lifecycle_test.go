package frame_test

import (
	"fmt"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// signalNames and actionNames are for failures.
var (
	signalNames = [...]string{"send close", "receive close", "close written", "fail", "lost", "transport closed", "unknown"}
	actionNames = [...]string{"none", "send close frame", "reply close", "send and shut down", "drop"}
)

// call writes a call of Next, such as "Next(open, fail)".
func call(s frame.Lifecycle, in frame.Signal) string {
	return fmt.Sprintf("Next(%v, %s)", s, signalNames[in])
}

// result writes what Next returns, such as "(failed, drop)".
func result(s frame.Lifecycle, a frame.Action) string {
	return fmt.Sprintf("(%v, %s)", s, actionNames[a])
}

// Stories of a connection: signals, the states that they lead to, and the actions that they ask
// for. Each comes from a requirement, which package conn shows over a transport.
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
		{"CL-5.5-01", "we answer", true, []move{they, {frame.CloseWritten, frame.None, frame.Closing}, end}},
		{"CL-5.5-09", "we begin", true, []move{
			we, written(frame.CloseSent), {frame.ReceiveClose, frame.None, frame.Closing}, end,
		}},
		{"CL-5.5-11", "one frame in each direction", true, []move{
			they,
			{frame.ReceiveClose, frame.None, frame.CloseReceived},
			{frame.SendClose, frame.None, frame.CloseReceived},
			{frame.Fail, frame.None, frame.CloseReceived},
			{frame.CloseWritten, frame.None, frame.Closing},
			{frame.SendClose, frame.None, frame.Closing},
			{frame.ReceiveClose, frame.None, frame.Closing},
			{frame.Fail, frame.None, frame.Closing},
			end,
		}},
		{"CL-5.5-14", "both at once", true, []move{
			we,
			{frame.SendClose, frame.None, frame.CloseSent},
			{frame.ReceiveClose, frame.None, frame.Closing},
			written(frame.Closing), end,
		}},
		{"CL-5.5-13", "the server does not close TCP", true, []move{
			we, {frame.ReceiveClose, frame.None, frame.Closing}, {frame.Lost, frame.Drop, frame.Closing}, end,
		}},
		{"CL-7.1-15", "no answer", false, []move{we, {frame.Lost, frame.Drop, frame.Failed}, end}},
		{"CL-7.1-19", "closed stays closed", true, []move{
			we,
			{frame.ReceiveClose, frame.None, frame.Closing},
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
			{frame.Lost, frame.Drop, frame.Failed},
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
					clean = s == frame.Closing
				}
				next, a := frame.Next(s, m.in)
				if next != m.state || a != m.action {
					t.Fatalf("move %d: %s = %s, want %s", i, call(s, m.in), result(next, a), result(m.state, m.action))
				}
				s = next
			}
			if clean != c.clean {
				t.Errorf("the handshake was complete before TCP was closed: %t, want %t", clean, c.clean)
			}
		})
	}
}

// Whatever happens, in whatever order: at most one Close frame is asked for, a failed connection
// never becomes Closing, both frames have gone in Closing, and nothing follows Closed.
func TestLifecycleAlways(t *testing.T) {
	var walk func(s frame.Lifecycle, depth, frames int, received bool)
	walk = func(s frame.Lifecycle, depth, frames int, received bool) {
		if frames > 1 {
			t.Fatalf("%d Close frames are asked for, want at most one", frames)
		}
		if s == frame.Closing && (!received || frames == 0) {
			t.Fatalf("closing with a Close frame received: %t and %d sent, want one of each", received, frames)
		}
		if depth == 0 {
			return
		}
		for in := frame.SendClose; in <= frame.TransportClosed; in++ {
			next, a := frame.Next(s, in)
			if s == frame.Closed && (next != s || a != frame.None) {
				t.Fatalf("%s = %s, want %s", call(s, in), result(next, a), result(s, frame.None))
			}
			if s == frame.Failed && next != frame.Failed && next != frame.Closed {
				t.Fatalf("%s = %s, want failed or closed", call(s, in), result(next, a))
			}
			n := frames
			if a == frame.SendCloseFrame || a == frame.ReplyClose || a == frame.SendAndShutdown {
				n++
			}
			walk(next, depth-1, n, received || in == frame.ReceiveClose)
		}
	}
	walk(frame.Open, 6, 0, false)
}

func TestLifecycleUnknown(t *testing.T) {
	const signal, state = frame.TransportClosed + 1, frame.Closed + 1
	for s := frame.Open; s <= frame.Closed; s++ {
		if got, a := frame.Next(s, signal); got != s || a != frame.None {
			t.Errorf("%s = %s, want %s", call(s, signal), result(got, a), result(s, frame.None))
		}
	}
	if got, a := frame.Next(state, frame.Lost); got != state || a != frame.None {
		t.Errorf("%s = %s, want %s", call(state, frame.Lost), result(got, a), result(state, frame.None))
	}
	for s, want := range map[frame.Lifecycle]string{state: "unknown", frame.CloseReceived: "close received"} {
		if got := s.String(); got != want {
			t.Errorf("Lifecycle(%d) = %q, want %q", s, got, want)
		}
	}
}
