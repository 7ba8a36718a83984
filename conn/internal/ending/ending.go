// Package ending says who reads a connection, and who closes its transport. It is one enum and one
// pure transition function, in the manner of [frame.Lifecycle]: that knows what the frames mean for
// the end of a connection, this knows which goroutine brings the end about.
//
// One goroutine has the reading half at a time: a call of the user's, or the ender, which reads
// until the end, lets the last bytes leave and closes the transport in good order. Anybody may cut
// the transport at any time. If a goroutine is inside a function of a syscall.RawConn, closing the
// descriptor would wait for it: then the socket is only shut down, which wakes that goroutine, and
// it closes the descriptor when it has left.
//
//	          Take            Enter
//	  Free ---------> Reading -------> Inside
//	   |  <---------    |  |  <-------    |
//	   |      Give      |  |    Leave     | Cut: Shut
//	   | End: Spawn     |  |              v
//	   |           Met  |  |          ShutDown
//	   v                |  |              | Leave: CloseNow
//	Ending <------------+  | Cut:         |
//	   |  |                | CloseNow     |
//	   |  |  Cut: CloseNow v              |
//	   |  +-----------> Deserted <--------+
//	   | Finish:           | Give, Met, Finish:
//	   v CloseInOrder      v Release
//	Closed <---------------+
package ending

// Phase is who has the reading half, and whether the transport is closed. The zero value is Free.
type Phase uint32

// The phases.
const (
	Free     Phase = iota // nobody reads
	Reading               // a call reads
	Inside                // a call is inside a function of a syscall.RawConn
	ShutDown              // as Inside, and the socket is shut down: the call closes it when it has left
	Ending                // the ender has the reading half, for good
	Deserted              // the transport is closed, and who has the reading half has yet to notice
	Closed                // the transport is closed, and nobody has the reading half
)

var phaseNames = [...]string{"free", "reading", "inside", "shut down", "ending", "deserted", "closed"}

// String returns the name of the phase, such as "shut down".
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "unknown"
}

// Event is something that a goroutine does, or wants to do.
type Event uint8

// The events.
const (
	Take   Event = iota // a call wants to read
	Enter               // the call that reads goes inside a RawConn's function
	Leave               // it has come out
	Give                // the call that reads returns, and the connection goes on
	Met                 // the call that reads has met the end of the connection: it is the ender now
	End                 // somebody who does not read wants the end: the closing handshake, or a failure
	Cut                 // somebody wants the transport closed at once
	Finish              // the ender has done its work
)

// Action is what the goroutine of the event has to do. It does it once.
type Action uint8

// The actions.
const (
	None         Action = iota // nothing
	Refuse                     // somebody else has the reading half, or the transport is closed
	Proceed                    // the event has happened
	Spawn                      // start a goroutine: it is the ender
	Shut                       // shut the socket down without closing the descriptor
	CloseNow                   // close the transport at once, and leave the memory to who has the reading half
	CloseAll                   // the same, and release the memory of the reading half
	CloseInOrder               // close the transport after an orderly end, and release the memory
	Release                    // release the memory of the reading half
)

// step is one entry of the table of transitions.
type step struct {
	phase  Phase
	action Action
}

// transitions holds the answer for every phase and every event, in the order of their constants:
// Take, Enter, Leave, Give, Met, End, Cut, Finish. The entries that no caller reaches leave the
// phase as it is, and refuse.
var transitions = [Closed + 1][Finish + 1]step{
	Free: {
		{Reading, Proceed},
		{Free, Refuse},
		{Free, Refuse},
		{Free, Refuse},
		{Free, Refuse},
		{Ending, Spawn},
		{Closed, CloseAll},
		{Free, Refuse},
	},
	Reading: {
		{Reading, Refuse},
		{Inside, Proceed},
		{Reading, Refuse},
		{Free, Proceed},
		{Ending, Proceed},
		{Reading, None},
		{Deserted, CloseNow},
		{Reading, Refuse},
	},
	Inside: {
		{Inside, Refuse},
		{Inside, Refuse},
		{Reading, Proceed},
		{Inside, Refuse},
		{Inside, Refuse},
		{Inside, None},
		{ShutDown, Shut},
		{Inside, Refuse},
	},
	ShutDown: {
		{ShutDown, Refuse},
		{ShutDown, Refuse},
		{Deserted, CloseNow},
		{ShutDown, Refuse},
		{ShutDown, Refuse},
		{ShutDown, None},
		{ShutDown, None},
		{ShutDown, Refuse},
	},
	Ending: {
		{Ending, Refuse},
		{Ending, Refuse},
		{Ending, Refuse},
		{Ending, Refuse},
		{Ending, Refuse},
		{Ending, None},
		{Deserted, CloseNow},
		{Closed, CloseInOrder},
	},
	// The transport can't be entered any more. Whoever has the reading half finds that it is
	// closed.
	Deserted: {
		{Deserted, Refuse},
		{Deserted, Refuse},
		{Deserted, Refuse},
		{Closed, Release},
		{Deserted, Proceed},
		{Deserted, None},
		{Deserted, None},
		{Closed, Release},
	},
	Closed: {
		{Closed, Refuse},
		{Closed, Refuse},
		{Closed, Refuse},
		{Closed, Refuse},
		{Closed, Refuse},
		{Closed, None},
		{Closed, None},
		{Closed, Refuse},
	},
}

// Next returns the phase after an event and what its goroutine has to do. It is a pure function and
// total: an event that can't be in a phase, or is unknown, leaves the phase as it is.
func Next(p Phase, e Event) (Phase, Action) {
	if p > Closed || e > Finish {
		return p, Refuse
	}
	t := transitions[p][e]
	return t.phase, t.action
}
