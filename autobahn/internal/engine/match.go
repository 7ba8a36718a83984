package engine

// matches reports whether got are the events of a list. The Autobahn|Testsuite wants exactly
// these, in their order. The second catalogue takes what RFC 6455 allows: a pong may overtake
// messages, and if a testee has several pings to answer it may answer the latest alone
// (section 5.5.3). A pong may not come later than in the list.
func (c *Script) matches(want, got []Event) bool {
	if !c.Strict {
		return sameEvents(want, got)
	}
	wantOther, wantPongs := splitPongs(want)
	gotOther, gotPongs := splitPongs(got)
	return sameEvents(wantOther, gotOther) && pongsAnswer(wantPongs, gotPongs)
}

// pongsAnswer reports whether pongs are those that are due: the latest, and any of those
// before, in their order.
func pongsAnswer(due, got []placedPong) bool {
	if len(due) == 0 || len(got) == 0 {
		return len(due) == len(got)
	}
	d, g := len(due)-1, len(got)-1
	if !got[g].inTime(due[d]) {
		return false
	}
	for d, g = d-1, g-1; g >= 0; d, g = d-1, g-1 {
		for d >= 0 && !got[g].inTime(due[d]) {
			d--
		}
		if d < 0 {
			return false
		}
	}
	return true
}

// placedPong is a pong, and how many other events come before it.
type placedPong struct {
	Event
	after int
}

// inTime reports whether a pong is the one that is due, and comes no later.
func (p placedPong) inTime(due placedPong) bool {
	return p.equal(due.Event) && p.after <= due.after
}

// splitPongs splits a list of events into pongs and others.
func splitPongs(events []Event) (others []Event, pongs []placedPong) {
	for _, e := range events {
		if e.Kind == "pong" {
			pongs = append(pongs, placedPong{e, len(others)})
		} else {
			others = append(others, e)
		}
	}
	return others, pongs
}
