package ending

import "sync/atomic"

// State is the phase of a connection. Its methods may be called concurrently, and need no lock.
type State struct{ phase atomic.Uint32 }

// Phase returns the phase.
func (s *State) Phase() Phase { return Phase(s.phase.Load()) }

// Step moves the phase on by [Next] and returns what the caller has to do.
func (s *State) Step(e Event) Action {
	for {
		before := s.Phase()
		after, action := Next(before, e)
		if s.phase.CompareAndSwap(uint32(before), uint32(after)) {
			return action
		}
	}
}

// TryTake is the step Take, and reports whether the caller has the reading half. Every message is
// read between a TryTake and a TryGive, so they do without the table what it says of the commonest
// phase.
func (s *State) TryTake() bool {
	return s.phase.CompareAndSwap(uint32(Free), uint32(Reading))
}

// TryGive is the step Give for a transport that is not closed. If it reports false, Step has to
// follow.
func (s *State) TryGive() bool {
	return s.phase.CompareAndSwap(uint32(Reading), uint32(Free))
}
