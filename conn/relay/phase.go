package relay

// phase says what becomes of the bytes of one direction.
type phase uint8

const (
	passing phase = iota // they pass as they come
	leaving              // they pass up to the end of the current frame
	silent               // they are dropped: nothing may follow, or nothing can
	ended                // there are no more
)

var phaseNames = [...]string{"passing", "leaving", "silent", "ended"}

func (p phase) String() string { return phaseNames[p] }

// event is what may happen in a direction.
type event uint8

const (
	drainBetween event = iota // Shutdown was called, and no frame is begun
	drainWithin               // Shutdown was called in the midst of a frame
	boundary                  // the current frame has ended
	lost                      // the receiver takes no bytes any more
	stuck                     // the receiver has taken no bytes for WriteTimeout
	finished                  // the sender has ended its direction, as by a FIN
	broken                    // the sender's transport was lost, as by a RST, without a Close frame
)

// action is what is to be done.
type action uint8

const (
	nothing  action = iota
	sayClose        // send a Close frame of the relay's own, 1001
	shut            // end the direction towards the receiver: half-close its transport
	cut             // reset both transports
)

// step is one entry in the table of transitions.
type step struct {
	to phase
	do action
}

// steps holds the step for every phase and every event, in the order of their constants.
//
// A receiver that takes no more bytes may have sent a Close frame, or may have ended its direction.
// So its loss does not end the sender: the sender's bytes are read away, so that no reset overtakes
// what the receiver has said.
var steps = [ended + 1][broken + 1]step{
	passing: {
		{silent, sayClose},
		{leaving, nothing},
		{passing, nothing},
		{silent, nothing},
		{ended, cut},
		{ended, shut},
		{ended, cut},
	},
	leaving: {
		{silent, sayClose},
		{leaving, nothing},
		{silent, sayClose},
		{silent, nothing},
		{ended, cut},
		{ended, shut},
		{ended, cut},
	},
	silent: {
		{silent, nothing},
		{silent, nothing},
		{silent, nothing},
		{silent, nothing},
		{ended, cut},
		{ended, shut},
		{ended, shut},
	},
	ended: {
		{ended, nothing},
		{ended, nothing},
		{ended, nothing},
		{ended, nothing},
		{ended, nothing},
		{ended, nothing},
		{ended, nothing},
	},
}

// next returns the phase after an event, and what is to be done. It is a pure function.
func next(p phase, e event) (phase, action) {
	s := steps[p][e]
	return s.to, s.do
}
