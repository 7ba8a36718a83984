package ending

import "testing"

// TestNext is the table of transitions once more, by what each phase is for.
func TestNext(t *testing.T) {
	for _, x := range []struct {
		phase  Phase
		event  Event
		next   Phase
		action Action
		why    string
	}{
		{Free, Take, Reading, Proceed, "nobody reads"},
		{Free, End, Ending, Spawn, "nobody would bring the end about"},
		{Free, Cut, Closed, CloseAll, "nobody else holds memory"},
		{Reading, Take, Reading, Refuse, "there is one reader"},
		{Reading, Give, Free, Proceed, "the call is over"},
		{Reading, Met, Ending, Proceed, "who meets the end brings it about"},
		{Reading, End, Reading, None, "the reader will meet the end"},
		{Reading, Cut, Deserted, CloseNow, "the reader still uses its memory"},
		{Inside, End, Inside, None, "the reader will meet the end"},
		{Inside, Cut, ShutDown, Shut, "a Close would wait for the reader"},
		{Inside, Leave, Reading, Proceed, "the reader has come out"},
		{ShutDown, Leave, Deserted, CloseNow, "the reader closes what was shut down"},
		{ShutDown, Cut, ShutDown, None, "it is shut down already"},
		{Ending, Take, Ending, Refuse, "the ender reads"},
		{Ending, Cut, Deserted, CloseNow, "the ender still uses its memory"},
		{Ending, Finish, Closed, CloseInOrder, "the ender is done"},
		{Deserted, Enter, Deserted, Refuse, "the descriptor is closed"},
		{Deserted, Give, Closed, Release, "the call is over"},
		{Deserted, Met, Deserted, Proceed, "the call goes on as the ender"},
		{Deserted, Finish, Closed, Release, "somebody was quicker to close"},
		{Closed, Take, Closed, Refuse, "it is over"},
		{Closed, Cut, Closed, None, "it is over"},
		{Closed + 1, Take, Closed + 1, Refuse, "there is no such phase"},
		{Free, Finish + 1, Free, Refuse, "there is no such event"},
	} {
		next, action := Next(x.phase, x.event)
		if next != x.next || action != x.action {
			t.Errorf("Next(%v, %d) = %v, %d, want %v, %d: %s", x.phase, x.event, next, action, x.next, x.action, x.why)
		}
	}
}
