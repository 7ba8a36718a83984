package ending

import "testing"

// TestShortcuts: TryTake and TryGive do what the table says, in every phase in which they do anything.
func TestShortcuts(t *testing.T) {
	for phase := Free; phase <= Closed; phase++ {
		for _, try := range []struct {
			name  string
			do    func(*State) bool
			event Event
		}{
			{"TryTake", (*State).TryTake, Take},
			{"TryGive", (*State).TryGive, Give},
		} {
			var s, slow State
			s.phase.Store(uint32(phase))
			slow.phase.Store(uint32(phase))
			action := slow.Step(try.event)
			if done := try.do(&s); done != (action == Proceed) {
				t.Errorf("%s in %v = %v, and the table says %d", try.name, phase, done, action)
			} else if want := slow.Phase(); done && s.Phase() != want || !done && s.Phase() != phase {
				t.Errorf("%s in %v leads to %v, want %v", try.name, phase, s.Phase(), want)
			}
		}
	}
}
